//! The relay over real sockets: agents, viewers, REST, and those who mean it harm.
#![expect(
    clippy::unwrap_used,
    reason = "a peer that can't go on fails the test that it is part of"
)]

mod agents;
mod hostile;
pub(crate) mod peers;
mod recorded;
mod rest;
mod viewers;
