//! The words of coverage: what was measured ([`Shape`]) and how often it ran ([`Profile`]).
//!
//! A *profile* is the coverage of one body of source. Its structure, the packages, files,
//! functions, units and branches, is a [`Shape`]: columns with typed indexes, immutable once built
//! and shared by every profile of the same build. A [`Profile`] adds a count for each unit, for
//! each arm of a branch, and for functions that are counted themselves.
//!
//! A unit is of one [`UnitKind`]: Go counts blocks, most others lines; some have statements or
//! regions too. Each kind is a metric of its own ([`Metrics`]), and none is made of another here.
//!
//! The crate does no IO and knows no file format: bytes belong to `formats` and `wire`.
//!
//! ```
//! use coverage::{Mode, Profile, ShapeBuilder, Span};
//!
//! let mut builder = ShapeBuilder::default();
//! let package = builder.package("example.com/a", "a", "example.com");
//! let file = builder.file(package, "example.com/a/a.go");
//! let function = builder.function(file, "Add", false);
//! builder.unit(function, Span::new(3, 24, 5, 2), 2);
//! let profile = Profile::new(Mode::Count, builder.build().into(), vec![7]);
//! assert_eq!(profile.totals().statements.covered, 2);
//! ```
//!
//! Not here: reading and writing (`formats`), set operations (`algebra`), transport (`wire`).

mod builder;
pub mod dump;
mod metrics;
mod profile;
mod shape;
mod span;
mod totals;
mod units;

pub use builder::ProfileBuilder;
pub use metrics::Metrics;
pub use profile::{Context, Mode, Profile};
pub use shape::{
    Branch, BranchIdx, BranchKind, File, FileIdx, Function, FunctionIdx, LabelIdx, Package,
    PackageIdx, Shape, ShapeBuilder, SourcePath, Unit, UnitIdx, UnitKind,
};
pub use span::{Position, Span};
pub use totals::{Fraction, Totals, Tree};
