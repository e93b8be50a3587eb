//! Integration tests, by boundary.

mod archive;
mod attach;
mod build;
mod channels;
mod collector;
mod covdata;
mod damage;
mod formats;
mod laws;
mod livetrace;
mod offline;
mod page;
mod relay;
mod report;
mod salvage;
mod survival;
mod tidy;
mod trace;
mod trace_cli;
mod union;
mod wire;
