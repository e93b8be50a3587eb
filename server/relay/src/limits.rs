//! Bounds on what the relay keeps and accepts. A peer that passes one is refused with a short
//! code; what is loaded stays. Bounds on single frames are in `wire::limits`.

use std::time::Duration;

/// Most processes remembered, ended ones included.
pub const PROCESSES: usize = 4096;
/// Most packages' tables remembered.
pub const TABLES: usize = 1 << 16;
/// Most bytes of all tables together.
pub const TABLE_BYTES: usize = 512 << 20;
/// Most units of all processes together; each takes 16 bytes, 24 after a reset.
pub const UNITS: usize = 32 << 20;
/// Most bytes of sources kept; the least recently asked for go first.
pub const SOURCE_BYTES: usize = 256 << 20;
/// Most sources that are being asked for at once.
pub const SOURCES_PENDING: usize = 1024;
/// How long an agent may take to answer for a source.
pub const SOURCE_TIMEOUT: Duration = Duration::from_secs(5);

/// Ended processes that are kept apart, for each build of a service; older ones become one.
pub const ENDED_PER_BUILD: usize = 64;
/// How long a process may be unreachable before it is taken for ended.
pub const UNREACHABLE: Duration = Duration::from_secs(3600);
/// Keys of processes that were folded away, so that they aren't counted twice.
pub const FOLDED_KEYS: usize = 1 << 16;

/// Most execution traces kept.
pub const TRACES: usize = 8;
/// Most bytes kept of an execution trace: its newest generations.
pub const TRACE_BYTES: usize = 32 << 20;
/// Most execution traces that one agent may send at once.
pub const AGENT_TRACES: usize = 8;

/// Most viewers connected at once.
pub const VIEWERS: usize = 1024;
/// Most agents connected at once.
pub const AGENTS: usize = 1024;
/// Most connections of any kind at once.
pub const CONNECTIONS: usize = 4096;

/// Shortest time between two messages to a viewer: 60 a second.
pub const TICK: Duration = Duration::from_millis(16);
/// Messages that a viewer may be behind before it is sent everything that changed in one.
pub const BATCHES: usize = 8;
/// Most bytes of those messages.
pub const BATCH_BYTES: usize = 8 << 20;
/// Size from which a message to a viewer is continued in another.
pub const PART_BYTES: usize = 1 << 20;
/// Most bytes of flow events that wait for the next message; those beyond are counted as lost.
pub const FLOW_BYTES: usize = 1 << 20;
/// How long a peer may take to accept a message.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// Silence after which a peer is asked for a sign of life.
pub const PING: Duration = Duration::from_secs(20);
/// Silence after which a peer is given up.
pub const SILENCE: Duration = Duration::from_secs(60);
/// Requests that wait for an agent.
pub const REQUESTS: usize = 256;
/// Batches of frames that wait between the local collector and the relay.
pub const LOCAL_BATCHES: usize = 64;
/// Longest message that a viewer may send; it has nothing to say.
pub const VIEWER_MESSAGE_BYTES: usize = 4 << 10;

/// Longest request body.
pub const BODY_BYTES: usize = 1 << 20;
/// How long a request's body may take.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request's headers may take.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long connections may take to end when the relay stops.
pub const SHUTDOWN: Duration = Duration::from_secs(2);

/// Longest recording, packed.
pub const RECORDING_BYTES: usize = 16 << 20;
/// Longest recording, unpacked.
pub const RECORDING_UNPACKED: usize = 128 << 20;
