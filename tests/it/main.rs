//! Integration tests, by boundary.

mod archive;
mod build;
mod collector;
mod damage;
mod laws;
mod page;
mod relay;
mod report;
mod survival;
mod tidy;
mod wire;
