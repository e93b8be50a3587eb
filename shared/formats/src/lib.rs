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
pub mod clover;
pub mod cobertura;
pub mod codecov;
mod companions;
pub mod coveragepy_db;
pub mod coveragepy_json;
pub mod coveralls;
pub mod dotcover;
mod dotnet;
mod draft;
mod error;
pub mod gcno;
mod gcno_file;
mod gcno_lines;
pub mod gcov_json;
pub mod gcov_text;
pub mod gcovr_json;
pub mod go_counters;
pub mod go_cov;
pub mod go_meta;
pub mod go_source;
pub mod go_text;
pub mod go_write;
pub mod istanbul;
mod istanbul_summary;
pub mod jacoco_exec;
mod jacoco_filters;
mod jacoco_flow;
mod jacoco_inline;
mod jacoco_kotlin;
mod jacoco_kotlin_code;
mod jacoco_suspend;
mod jacoco_view;
pub mod jacoco_xml;
mod java_class;
mod java_code;
mod json;
pub mod lcov;
pub mod limits;
mod llvm_binary;
mod llvm_counts;
mod llvm_indexed;
pub mod llvm_json;
mod llvm_lines;
mod llvm_mapping;
mod llvm_mcdc;
pub mod llvm_profile;
mod llvm_raw;
mod llvm_report;
mod llvm_segments;
mod notes;
pub mod opencover;
mod outline;
pub mod pods;
mod python;
mod reading;
pub mod simplecov;
pub mod sonar;
mod source_map;
mod sqlite;
mod symbols;
mod text;
#[cfg(test)]
mod told;
mod ulebs;
pub mod v8;
mod v8_ranges;
pub mod visualstudio;
pub mod xccov;
mod xml;

use coverage::Profile;

pub use error::{Fault, Place, ReadError};
pub use notes::{Note, Notes};
pub use reading::{Opened, Outcome, Reading, Unpacked};

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
    /// How profiles become files, if they do.
    pub write: Option<Write>,
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
    /// Files only say something together, with others that are no coverage data themselves.
    Together(Together),
}

/// Profiles and errors, each with the name of the file that it is of.
pub type Results = Vec<(String, Result<Profile, ReadError>)>;

/// How files that belong together become profiles.
#[derive(Debug, Clone, Copy)]
pub struct Together {
    /// Whether a file, by its name and first bytes, is one of the others: a source, a class, a
    /// binary. They are only looked at where files of the format are there.
    pub companion: fn(&str, &[u8]) -> bool,
    /// Reads all files of the format and all companions.
    pub read: fn(&[&Member], &mut Notes) -> Results,
}

/// A file among several that are read together.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name, with slashes and whatever folders lead to it.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Whether it is a companion.
    pub is_companion: bool,
}

/// How profiles become files.
#[derive(Debug, Clone, Copy)]
pub struct Write {
    /// The files that hold a profile, as name and bytes. What the format has no place for is left
    /// out.
    pub files: fn(&Profile) -> Files,
    /// Whether it has a place for blocks. What has none for the units of a profile is given its
    /// lines instead, by who calls.
    pub blocks: bool,
    /// Metrics whose totals are the same when the files are read again, by their name in output.
    pub keeps: &'static [&'static str],
}

/// Why a file is not read that nothing here knows.
pub const UNKNOWN: &str = "no coverage data of a known format";

/// How much of a file [`Format::sniff`] wants to see.
pub const HEAD_BYTES: usize = 4_096;

macro_rules! formats {
    ($($module:ident),* $(,)?) => {
        /// Every format, in the order of the documentation.
        pub static FORMATS: &[&Format] = &[$(&$module::FORMAT),*];
    };
}

formats! {
    go_text, go_cov, lcov, cobertura, clover, jacoco_xml, jacoco_exec, istanbul, v8, coveragepy_json, coveragepy_db, llvm_json, llvm_profile, gcov_json, gcov_text, gcno, gcovr_json, sonar, opencover, dotcover, visualstudio, simplecov, coveralls, codecov, xccov,
}

/// The format of this id.
pub fn by_id(id: &str) -> Option<&'static Format> {
    FORMATS.iter().copied().find(|format| format.id == id)
}

/// Whether a file, by its name and first bytes, may belong to files of a format that is read
/// [`Read::Together`]; the formats of which that is so.
pub fn companion_of(name: &str, head: &[u8]) -> impl Iterator<Item = &'static Format> {
    FORMATS.iter().copied().filter(
        move |format| matches!(format.read, Read::Together(together) if (together.companion)(name, head)),
    )
}

/// The format of a file by its first bytes.
pub fn sniff(head: &[u8]) -> Option<&'static Format> {
    FORMATS.iter().copied().find(|format| (format.sniff)(head))
}
