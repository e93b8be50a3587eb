//! Execution traces: what each goroutine did, when, and who woke whom.
//!
//! Traces have a document of their own, `static/trace.html`, that the page loads when there is
//! one to show. Two programs share this module: `bin/trace` binds the document's markup, and
//! `bin/tracer`, a worker, reads traces, keeps them and draws both views, each on a canvas that
//! was handed to it. So there is one copy of the data, and the document's own thread never waits.
//!
//! - [`messages`]: what the two tell each other;
//! - [`address`]: what is looked at, as it stands in the address;
//! - [`colors`]: of what goroutines do, for both views;
//! - [`time`]: lengths, points and rulers of it;
//! - [`rows`], [`filter`]: which goroutines are shown, and where;
//! - [`window`]: what part of them is looked at;
//! - [`raster`], [`overview`]: their pixels in the flat view;
//! - [`space`]: goroutines in space;
//! - [`joined`], [`lines`], [`flow`]: goroutines and source, how often it ran, and what each entered;
//! - [`detail`], [`tables`]: what is told of one of them, and of all;
//! - [`passed`]: what they sent to each other, where the program recorded it.
//!
//! What computes lies here, knows no browser, and is tested natively.

pub mod address;
pub mod colors;
pub mod detail;
pub mod filter;
pub mod flow;
pub mod joined;
pub mod lines;
pub mod live;
pub mod messages;
pub mod overview;
pub mod passed;
pub mod raster;
pub mod rows;
pub mod space;
pub mod tables;
pub mod time;
pub mod window;

#[cfg(test)]
mod testing;
