//! Profile in, profile out.
//!
//! Units are the same when package, file, function name, span and statement count are: so the
//! same source in different binaries unifies, and an edited one does not. That is the rule of
//! `go tool covdata`, whose verbs these are:
//!
//! - [`merge()`]: everything, counts added;
//! - [`subtract`]: `a` without what `b` hit;
//! - [`intersect`]: of `a` only what `b` hit too;
//!
//! and one of our own for counts that grow, [`since`]: what ran between two readings.
//!
//! Nothing here reads or writes; results are new profiles, arguments stay as they are. Profiles
//! that share their [`Shape`](coverage::Shape) are combined column by column, others by a hash of
//! their units; the order of the result is that of the first profile that has the unit.

pub mod columns;
mod merge;
mod pair;

pub use merge::merge;
pub use pair::{intersect, since, subtract};
