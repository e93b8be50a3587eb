//! Bytes to profiles and back, one file per format.
//!
//! Readers take `&[u8]` or `&str` and give values; they do no IO, trust no length, and say where
//! and why they stopped.

#![deny(clippy::indexing_slicing, clippy::cast_possible_truncation)]
#![cfg_attr(test, allow(clippy::indexing_slicing))]

pub mod go_meta;
pub mod go_text;
