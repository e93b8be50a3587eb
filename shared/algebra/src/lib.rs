//! Profile in, profile out.
//!
//! Units are the same when package, file, function name, kind, span and statement count are: so the
//! same source in different binaries unifies, and an edited one does not. That is the rule of
//! `go tool covdata`, whose verbs these are:
//!
//! - [`merge()`]: everything, counts added;
//! - [`subtract`]: `a` without what `b` hit;
//! - [`intersect`]: of `a` only what `b` hit too;
//!
//! and one of our own for counts that grow, [`since`]: what ran between two readings.
//!
//! Parts of a profile: [`filter`] by file, [`select()`] by unit, [`ignore`] by what the sources say,
//! [`in_contexts`] by the tests that ran it, [`origin()`] by whose code it is, with [`Pattern`]s as people write them. [`remap()`] renames, and
//! [`with_names`] names functions where a format has none.
//! [`by_line`] gives the lines of any profile, which is what profiles of several tools have in
//! common. [`patch()`] says of the lines that a diff changes whether they ran.
//!
//! [`doubts()`] finds files whose numbers mislead, as where builds of different versions were
//! merged.
//!
//! Nothing here reads or writes; results are new profiles, arguments stay as they are. Profiles
//! that share their [`Shape`](coverage::Shape) are combined column by column, others by a hash of
//! their units; the order of the result is that of the first profile that has the unit.

mod alike;
pub mod columns;
pub mod contexts;
mod doubts;
pub mod extents;
mod functions;
pub mod ignore;
pub mod lines;
mod merge;
mod origin;
mod pair;
pub mod patch;
pub mod paths;
mod pattern;
mod remap;
pub mod roots;
mod select;
mod union;
mod unite;

pub use contexts::in_contexts;
pub use doubts::{Doubt, doubts};
pub use functions::{with_functions, with_names};
pub use lines::{by_line, units_for};
pub use merge::merge;
pub use origin::{Origin, main_modules, origin};
pub use pair::{intersect, since, subtract};
pub use patch::patch;
pub use pattern::Pattern;
pub use remap::{Remap, remap};
pub use select::{filter, select};
pub use unite::{in_common, unite};
