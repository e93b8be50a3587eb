//! What the binary carries; `build.rs` makes it.

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
