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
//! - what computes lies here too, knows no browser, and is tested natively.

pub mod address;
pub mod colors;
pub mod messages;
