//! Builds, runs and reads instrumented Go programs.

pub mod cache;
pub mod collector;
pub mod go;
