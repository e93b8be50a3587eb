//! Bytes to profiles and back, one file per format.
//!
//! Readers take `&[u8]` or `&str` and give values; they do no IO, trust no length, and say where
//! and why they stopped ([`ReadError`]). What they put up with they write into [`Notes`].
//!
//! [`FORMATS`] lists what can be read; [`Reading`] takes files as they come, finds out what each
//! is, joins those that belong together, and gives the profiles.

#![deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]
#![cfg_attr(test, allow(clippy::indexing_slicing))]

pub mod archive;
mod bytes;
mod error;
pub mod go_counters;
pub mod go_cov;
pub mod go_meta;
pub mod go_source;
pub mod go_text;
pub mod go_write;
pub mod limits;
mod notes;
pub mod pods;
mod reading;
mod ulebs;

use coverage::Profile;

pub use error::{Fault, Place, ReadError};
pub use notes::{Note, Notes};
pub use reading::{Opened, Outcome, Reading};

/// A format: data and functions, one `const` in its own file.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// Short and stable: for options, tests and file names.
    pub id: &'static str,
    /// As people call it.
    pub name: &'static str,
    /// What file names usually end in, without the dot; only breaks ties.
    pub extensions: &'static [&'static str],
    /// Whether the first bytes of a file, up to [`HEAD_BYTES`], are of this format.
    pub sniff: fn(&[u8]) -> bool,
    /// How files become profiles.
    pub read: Read,
    /// The files that hold a profile, as name and bytes.
    pub write: Option<fn(&Profile) -> Files>,
}

/// Files to be written: name and bytes of each.
pub type Files = Vec<(String, Vec<u8>)>;

/// How files of a format become profiles.
#[derive(Debug, Clone, Copy)]
pub enum Read {
    /// Each file is a profile. Notes are about the file whose name is given.
    File(fn(&str, &[u8], &mut Notes) -> Result<Profile, ReadError>),
    /// Files are grouped by name first, as [`pods`] says.
    Pods,
}

/// How much of a file [`Format::sniff`] wants to see.
pub const HEAD_BYTES: usize = 4_096;

macro_rules! formats {
    ($($module:ident),* $(,)?) => {
        /// Every format, in the order of the documentation.
        pub static FORMATS: &[&Format] = &[$(&$module::FORMAT),*];
    };
}

formats! { go_text, go_cov }

/// The format of this id.
pub fn by_id(id: &str) -> Option<&'static Format> {
    FORMATS.iter().copied().find(|format| format.id == id)
}

/// The format of a file by its first bytes.
pub fn sniff(head: &[u8]) -> Option<&'static Format> {
    FORMATS.iter().copied().find(|format| (format.sniff)(head))
}
