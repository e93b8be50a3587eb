//! Integration tests, by boundary.

mod build;
mod collector;
mod covdata;
mod damage;
mod laws;
mod page;
mod relay;
mod survival;
mod tidy;
mod wire;
