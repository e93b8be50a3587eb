//! Integration tests, by boundary.

mod attach;
mod build;
mod collector;
mod damage;
mod laws;
mod page;
mod relay;
mod survival;
mod tidy;
mod wire;
