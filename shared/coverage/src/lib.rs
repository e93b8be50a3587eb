//! The words of coverage: what was measured ([`Shape`]) and how often it ran ([`Profile`]).
//!
//! A *profile* is the coverage of one body of source. Its structure, the packages, files,
//! functions and units, is a [`Shape`]: columns with typed indexes, immutable once built and
//! shared by every profile of the same build. A [`Profile`] adds one count for each unit.
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

pub mod dump;
mod profile;
mod shape;
mod span;
mod totals;

pub use profile::{Mode, Profile};
pub use shape::{
    File, FileIdx, Function, FunctionIdx, Package, PackageIdx, Shape, ShapeBuilder, SourcePath,
    Unit, UnitIdx,
};
pub use span::{Position, Span};
pub use totals::{Fraction, Totals, Tree};
