//! Frames, by direction. Kinds, with the fields of their bodies in order:
//!
//! ```text
//! agent → relay (and most of them on to the viewers)
//!   1 hello      version uleb · name str
//!   2 process    handle uleb · key [16] · pid uleb · host str · service str · n uleb · argument str*
//!                · started uleb (Unix ms) · go version str
//!   3 table      an encoded table (`table.rs`)
//!   4 packages   handle uleb · n uleb · table id [16]*          appended to the process's list
//!   5 counts     handle uleb · at uleb (Unix ms) · ages u8 · n uleb · package*
//!                package := position uleb · n uleb · unit*
//!                unit    := unit uleb (from the previous, first from 0) · count uleb
//!                           · age uleb (ms before `at`; only where ages is 1)
//!   6 flow       handle uleb · at uleb · lost uleb · n uleb · event*
//!                event   := package uleb · unit uleb · goroutine uleb · label uleb · age uleb
//!   7 state      handle uleb · at uleb · state u8
//!   8 source     source id [16] · found u8 · bytes
//!   9 tracing    handle uleb · entries switched on uleb
//!  10 begin      trace uleb · pid uleb (0 where unknown) · host str · name str · header bytes
//!  11 piece      trace uleb · begins u8 · lost uleb (bytes in front of it) · bytes
//!  12 end        trace uleb                                     nothing more follows
//! relay → agent
//!  16 want       source id [16]
//!  17 trace      handle uleb · on u8 · package uleb (position + 1; 0 for all) · n uleb
//!                · unit uleb*  (entries' units; none for all of the package)
//! relay → viewer
//!  32 welcome    version uleb · relay uleb · now uleb (Unix ms) · release str
//!  33 reset      at uleb · n uleb · handle uleb*                 counts start again from 0
//!  34 forget     handle uleb                                     the relay dropped the process
//!  35 details    handle uleb · lines u8 · n uleb · metric* · n uleb · file*   appended to those known
//!                (`details.rs`)
//! ```
//!
//! A handle names a process within one connection; the relay gives its own to the viewers. So does
//! the number of a trace, which is an execution trace of Go as it is written: its header, and then
//! pieces of whole batches, each of one generation. The relay gives viewers the bytes, by HTTP.

use crate::codec::{Reader, WireError, Writer};
use crate::details::Details;
use crate::table::{SourceId, TableId};
use crate::{VERSION, limits};

/// A process that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// Names the process within this connection.
    pub handle: u32,
    /// Names the process everywhere and for ever, so that one announced twice is known again.
    pub key: [u8; 16],
    /// Process id where it runs.
    pub pid: u32,
    /// Host where it runs.
    pub host: String,
    /// What replicas have in common: the name of the program.
    pub service: String,
    /// Its command line, the program first; cut after [`limits::ARGUMENTS`].
    pub arguments: Vec<String>,
    /// When it started, in Unix milliseconds.
    pub started_ms: u64,
    /// Go version that it was built with, such as `go1.26.8`; empty where unknown.
    pub go_version: String,
}

/// The counts of one package that changed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageCounts {
    /// Position of the package in the process's list.
    pub package: u32,
    /// Units in counter order, ascending.
    pub units: Vec<u32>,
    /// Their counts since the start or the last reset, one for each unit.
    pub counts: Vec<u64>,
    /// How long before the frame's time each changed last, in milliseconds; empty for "just now".
    pub ages_ms: Vec<u64>,
}

/// Counts of a process that changed. Cumulative: the newest frame is the truth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// The process.
    pub handle: u32,
    /// When they were read, in Unix milliseconds.
    pub at_ms: u64,
    /// By package, in the order given.
    pub packages: Vec<PackageCounts>,
}

/// One traced entry into a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FlowEvent {
    /// Position of the package in the process's list.
    pub package: u32,
    /// First unit of the function that was entered.
    pub unit: u32,
    /// Goroutine that entered it.
    pub goroutine: u64,
    /// Identity of the goroutine's pprof labels; 0 for none.
    pub label: u64,
    /// How long before the frame's time, in milliseconds, as coarse as the collector polls.
    pub age_ms: u64,
}

/// Traced function entries of a process, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flow {
    /// The process.
    pub handle: u32,
    /// When they were read, in Unix milliseconds.
    pub at_ms: u64,
    /// Events that were overwritten before they could be read, since the last frame.
    pub lost: u64,
    /// The events.
    pub events: Vec<FlowEvent>,
}

/// An execution trace that is being written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TraceBegin {
    /// Names it within this connection.
    pub trace: u32,
    /// Process id of the program where it runs; 0 where that is not known.
    pub pid: u32,
    /// Host where it runs.
    pub host: String,
    /// What people call it: the program's name.
    pub name: String,
    /// What the trace begins with, before its first generation.
    pub header: Vec<u8>,
}

/// Bytes of an execution trace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TracePiece {
    /// Of which.
    pub trace: u32,
    /// Whether a generation begins with it: a reader may start here.
    pub begins: bool,
    /// Bytes that were left out between it and what came before.
    pub lost: u64,
    /// Whole batches of one generation.
    pub bytes: Vec<u8>,
}

/// What is known of a process's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// It runs and is watched.
    #[default]
    Running,
    /// It has ended and its last counts are read.
    Ended,
    /// Its agent is gone; it may still run.
    Unreachable,
}

/// What an agent tells the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentToRelay {
    /// First frame of a connection.
    Hello {
        /// Protocol version; anything but [`VERSION`] ends the connection.
        version: u32,
        /// What the agent calls itself, for messages.
        name: String,
    },
    /// A process appeared.
    Process(Process),
    /// Structure of a package, once per connection; the bytes of a [`Table`](crate::Table).
    Table(Vec<u8>),
    /// Packages of a process, appended to those that it has.
    Packages {
        /// The process.
        handle: u32,
        /// Tables sent before on this connection.
        tables: Vec<TableId>,
    },
    /// Counts that changed.
    Counts(Counts),
    /// Traced function entries.
    Flow(Flow),
    /// A process's life changed.
    State {
        /// The process.
        handle: u32,
        /// When, in Unix milliseconds.
        at_ms: u64,
        /// To what.
        state: State,
    },
    /// Answer to [`RelayToAgent::Want`].
    Source {
        /// The source asked for.
        id: SourceId,
        /// Its bytes; `None` where the agent doesn't have it.
        bytes: Option<Vec<u8>>,
    },
    /// How many entries of a process are traced now.
    Tracing {
        /// The process.
        handle: u32,
        /// Entries switched on.
        entries: u32,
    },
    /// An execution trace begins.
    TraceBegin(TraceBegin),
    /// It goes on.
    TracePiece(TracePiece),
    /// It has come to its end.
    TraceEnd {
        /// Which.
        trace: u32,
    },
}

/// What the relay asks of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayToAgent {
    /// Send this source, if it is there.
    Want(SourceId),
    /// Switch flow tracing.
    Trace {
        /// The process.
        handle: u32,
        /// On or off.
        on: bool,
        /// Position of the package; `None` for the whole process.
        package: Option<u32>,
        /// First units of the functions; empty for the whole package.
        units: Vec<u32>,
    },
}

/// What the relay tells a viewer. Handles are the relay's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayToViewer {
    /// First frame of a connection. All that a viewer knew of another relay is void.
    Welcome {
        /// Protocol version.
        version: u32,
        /// Drawn at random when the relay started.
        relay: u64,
        /// The relay's clock, in Unix milliseconds.
        now_ms: u64,
        /// The relay's release.
        release: String,
    },
    /// A process appeared, or is known again.
    Process(Process),
    /// Structure of a package, before the first list that names it.
    Table(Vec<u8>),
    /// Packages of a process, appended to those that it has.
    Packages {
        /// The process.
        handle: u32,
        /// Tables sent before.
        tables: Vec<TableId>,
    },
    /// Counts that changed.
    Counts(Counts),
    /// Traced function entries.
    Flow(Flow),
    /// A process's life changed.
    State {
        /// The process.
        handle: u32,
        /// When, in Unix milliseconds.
        at_ms: u64,
        /// To what.
        state: State,
    },
    /// How many entries of a process are traced now.
    Tracing {
        /// The process.
        handle: u32,
        /// Entries switched on.
        entries: u32,
    },
    /// All counts of these processes start again from 0.
    Reset {
        /// When, in Unix milliseconds.
        at_ms: u64,
        /// The processes.
        handles: Vec<u32>,
    },
    /// The relay dropped a process; its counts are in no total any more.
    Forget {
        /// The process.
        handle: u32,
    },
    /// What is known of a profile that is no counts; of those from files only.
    Details(Details),
}

/// Frames of one direction.
pub trait Frame: Sized {
    /// Appends the frame to a message.
    fn encode(&self, message: &mut Vec<u8>);

    /// The frame of this kind; `None` for a kind that this build doesn't know.
    ///
    /// # Errors
    /// Where and why the body is not what its kind says.
    fn decode_body(kind: u8, body: &[u8]) -> Result<Option<Self>, WireError>;

    /// The frames of a message, in order, unknown kinds left out.
    ///
    /// # Errors
    /// The first frame that can't be read; offsets count from the start of its body.
    fn decode(message: &[u8]) -> Result<Vec<Self>, WireError> {
        let mut reader = Reader::new(message);
        let mut frames = Vec::new();
        while reader.remaining() > 0 {
            let kind = reader.byte("frame kind")?;
            let length = reader.length("frame", limits::MESSAGE_BYTES, 1)?;
            frames.extend(Self::decode_body(kind, reader.raw(length, "frame body")?)?);
        }
        Ok(frames)
    }
}

impl Frame for AgentToRelay {
    fn encode(&self, message: &mut Vec<u8>) {
        let mut body = Writer::default();
        let kind = match self {
            AgentToRelay::Hello { version, name } => {
                body.uleb(u64::from(*version));
                body.string(name);
                1
            }
            AgentToRelay::Process(process) => write_process(&mut body, process),
            AgentToRelay::Table(bytes) => write_table(&mut body, bytes),
            AgentToRelay::Packages { handle, tables } => write_packages(&mut body, *handle, tables),
            AgentToRelay::Counts(counts) => write_counts(&mut body, counts),
            AgentToRelay::Flow(flow) => write_flow(&mut body, flow),
            AgentToRelay::State { handle, at_ms, state } => {
                write_state(&mut body, *handle, *at_ms, *state)
            }
            AgentToRelay::Source { id, bytes } => {
                body.raw(&id.0);
                body.byte(u8::from(bytes.is_some()));
                body.raw(bytes.as_deref().unwrap_or_default());
                8
            }
            AgentToRelay::Tracing { handle, entries } => {
                write_tracing(&mut body, *handle, *entries)
            }
            AgentToRelay::TraceBegin(trace) => {
                body.uleb(u64::from(trace.trace));
                body.uleb(u64::from(trace.pid));
                body.string(&trace.host);
                body.string(&trace.name);
                body.raw(&trace.header);
                10
            }
            AgentToRelay::TracePiece(piece) => {
                body.uleb(u64::from(piece.trace));
                body.byte(u8::from(piece.begins));
                body.uleb(piece.lost);
                body.raw(&piece.bytes);
                11
            }
            AgentToRelay::TraceEnd { trace } => {
                body.uleb(u64::from(*trace));
                12
            }
        };
        append(message, kind, body);
    }

    fn decode_body(kind: u8, body: &[u8]) -> Result<Option<Self>, WireError> {
        let mut reader = Reader::new(body);
        Ok(Some(match kind {
            1 => {
                let version = read_version(&mut reader)?;
                AgentToRelay::Hello { version, name: reader.string("agent name")?.to_owned() }
            }
            2 => AgentToRelay::Process(read_process(&mut reader)?),
            3 => AgentToRelay::Table(read_table(body)?),
            4 => {
                let (handle, tables) = read_packages(&mut reader)?;
                AgentToRelay::Packages { handle, tables }
            }
            5 => AgentToRelay::Counts(read_counts(&mut reader)?),
            6 => AgentToRelay::Flow(read_flow(&mut reader)?),
            7 => {
                let (handle, at_ms, state) = read_state(&mut reader)?;
                AgentToRelay::State { handle, at_ms, state }
            }
            8 => {
                let id = SourceId(reader.array("source id")?);
                let found = reader.byte("found flag")? != 0;
                if reader.remaining() > limits::SOURCE_BYTES {
                    let (offset, limit) = (reader.offset(), limits::SOURCE_BYTES);
                    return Err(WireError::Limit { offset, what: "source", limit });
                }
                let bytes = reader.raw(reader.remaining(), "source")?;
                AgentToRelay::Source { id, bytes: found.then(|| bytes.to_vec()) }
            }
            9 => {
                let handle = reader.uleb32("process")?;
                AgentToRelay::Tracing { handle, entries: reader.uleb32("entries")? }
            }
            10 => {
                let trace = reader.uleb32("trace")?;
                let pid = reader.uleb32("process id")?;
                let host = reader.string("host")?.to_owned();
                let name = reader.string("name")?.to_owned();
                let header = rest(&mut reader, "header", limits::TRACE_HEADER)?;
                AgentToRelay::TraceBegin(TraceBegin { trace, pid, host, name, header })
            }
            11 => {
                let trace = reader.uleb32("trace")?;
                let begins = reader.byte("begins flag")? != 0;
                let lost = reader.uleb("lost bytes")?;
                let bytes = rest(&mut reader, "piece", limits::TRACE_PIECE)?;
                AgentToRelay::TracePiece(TracePiece { trace, begins, lost, bytes })
            }
            12 => AgentToRelay::TraceEnd { trace: reader.uleb32("trace")? },
            _ => return Ok(None),
        }))
    }
}

/// All bytes that are left.
fn rest(reader: &mut Reader<'_>, what: &'static str, limit: usize) -> Result<Vec<u8>, WireError> {
    if reader.remaining() > limit {
        return Err(WireError::Limit { offset: reader.offset(), what, limit });
    }
    Ok(reader.raw(reader.remaining(), what)?.to_vec())
}

impl Frame for RelayToAgent {
    fn encode(&self, message: &mut Vec<u8>) {
        let mut body = Writer::default();
        let kind = match self {
            RelayToAgent::Want(id) => {
                body.raw(&id.0);
                16
            }
            RelayToAgent::Trace { handle, on, package, units } => {
                body.uleb(u64::from(*handle));
                body.byte(u8::from(*on));
                body.uleb(package.map_or(0, |position| u64::from(position) + 1));
                body.uleb(units.len() as u64);
                for &unit in units {
                    body.uleb(u64::from(unit));
                }
                17
            }
        };
        append(message, kind, body);
    }

    fn decode_body(kind: u8, body: &[u8]) -> Result<Option<Self>, WireError> {
        let mut reader = Reader::new(body);
        Ok(Some(match kind {
            16 => RelayToAgent::Want(SourceId(reader.array("source id")?)),
            17 => {
                let handle = reader.uleb32("process")?;
                let on = reader.byte("on flag")? != 0;
                let package = reader.uleb32("package")?.checked_sub(1);
                let n_units = reader.length("unit list", limits::UNITS, 1)?;
                let mut units = Vec::with_capacity(n_units);
                for _ in 0..n_units {
                    units.push(reader.uleb32("unit")?);
                }
                RelayToAgent::Trace { handle, on, package, units }
            }
            _ => return Ok(None),
        }))
    }
}

impl Frame for RelayToViewer {
    fn encode(&self, message: &mut Vec<u8>) {
        let mut body = Writer::default();
        let kind = match self {
            RelayToViewer::Welcome { version, relay, now_ms, release } => {
                body.uleb(u64::from(*version));
                body.uleb(*relay);
                body.uleb(*now_ms);
                body.string(release);
                32
            }
            RelayToViewer::Process(process) => write_process(&mut body, process),
            RelayToViewer::Table(bytes) => write_table(&mut body, bytes),
            RelayToViewer::Packages { handle, tables } => {
                write_packages(&mut body, *handle, tables)
            }
            RelayToViewer::Counts(counts) => write_counts(&mut body, counts),
            RelayToViewer::Flow(flow) => write_flow(&mut body, flow),
            RelayToViewer::State { handle, at_ms, state } => {
                write_state(&mut body, *handle, *at_ms, *state)
            }
            RelayToViewer::Tracing { handle, entries } => {
                write_tracing(&mut body, *handle, *entries)
            }
            RelayToViewer::Reset { at_ms, handles } => {
                body.uleb(*at_ms);
                body.uleb(handles.len() as u64);
                for &handle in handles {
                    body.uleb(u64::from(handle));
                }
                33
            }
            RelayToViewer::Forget { handle } => {
                body.uleb(u64::from(*handle));
                34
            }
            RelayToViewer::Details(details) => {
                details.write(&mut body);
                35
            }
        };
        append(message, kind, body);
    }

    fn decode_body(kind: u8, body: &[u8]) -> Result<Option<Self>, WireError> {
        let mut reader = Reader::new(body);
        Ok(Some(match kind {
            2 => RelayToViewer::Process(read_process(&mut reader)?),
            3 => RelayToViewer::Table(read_table(body)?),
            4 => {
                let (handle, tables) = read_packages(&mut reader)?;
                RelayToViewer::Packages { handle, tables }
            }
            5 => RelayToViewer::Counts(read_counts(&mut reader)?),
            6 => RelayToViewer::Flow(read_flow(&mut reader)?),
            7 => {
                let (handle, at_ms, state) = read_state(&mut reader)?;
                RelayToViewer::State { handle, at_ms, state }
            }
            9 => {
                let handle = reader.uleb32("process")?;
                RelayToViewer::Tracing { handle, entries: reader.uleb32("entries")? }
            }
            32 => RelayToViewer::Welcome {
                version: read_version(&mut reader)?,
                relay: reader.uleb("relay")?,
                now_ms: reader.uleb("clock")?,
                release: reader.string("release")?.to_owned(),
            },
            33 => {
                let at_ms = reader.uleb("time")?;
                let n_handles = reader.length("process list", limits::UNITS, 1)?;
                let mut handles = Vec::with_capacity(n_handles);
                for _ in 0..n_handles {
                    handles.push(reader.uleb32("process")?);
                }
                RelayToViewer::Reset { at_ms, handles }
            }
            34 => RelayToViewer::Forget { handle: reader.uleb32("process")? },
            35 => RelayToViewer::Details(Details::read(&mut reader)?),
            _ => return Ok(None),
        }))
    }
}

fn append(message: &mut Vec<u8>, kind: u8, body: Writer) {
    let body = body.into_bytes();
    let mut head = Writer::default();
    head.byte(kind);
    head.uleb(body.len() as u64);
    message.extend_from_slice(&head.into_bytes());
    message.extend_from_slice(&body);
}

#[inline(never)]
fn read_version(reader: &mut Reader<'_>) -> Result<u32, WireError> {
    let found = reader.uleb("version")?;
    if found == u64::from(VERSION) {
        Ok(VERSION)
    } else {
        Err(WireError::Version { found, expected: VERSION })
    }
}

fn write_process(body: &mut Writer, process: &Process) -> u8 {
    body.uleb(u64::from(process.handle));
    body.raw(&process.key);
    body.uleb(u64::from(process.pid));
    body.string(&process.host);
    body.string(&process.service);
    let kept = process.arguments.len().min(limits::ARGUMENTS);
    body.uleb(kept as u64);
    for argument in process.arguments.iter().take(kept) {
        body.string(argument);
    }
    body.uleb(process.started_ms);
    body.string(&process.go_version);
    2
}

#[inline(never)]
fn read_process(reader: &mut Reader<'_>) -> Result<Process, WireError> {
    let mut process = Process {
        handle: reader.uleb32("process")?,
        key: reader.array("process key")?,
        pid: reader.uleb32("pid")?,
        host: reader.string("host")?.to_owned(),
        service: reader.string("service")?.to_owned(),
        ..Process::default()
    };
    for _ in 0..reader.length("argument list", limits::ARGUMENTS, 1)? {
        process.arguments.push(reader.string("argument")?.to_owned());
    }
    process.started_ms = reader.uleb("start time")?;
    process.go_version = reader.string("Go version")?.to_owned();
    Ok(process)
}

fn write_table(body: &mut Writer, bytes: &[u8]) -> u8 {
    body.raw(bytes);
    3
}

#[inline(never)]
fn read_table(body: &[u8]) -> Result<Vec<u8>, WireError> {
    if body.len() > limits::TABLE_BYTES {
        let limit = limits::TABLE_BYTES;
        return Err(WireError::Limit { offset: 0, what: "unit table", limit });
    }
    Ok(body.to_vec())
}

fn write_packages(body: &mut Writer, handle: u32, tables: &[TableId]) -> u8 {
    body.uleb(u64::from(handle));
    body.uleb(tables.len() as u64);
    for table in tables {
        body.raw(&table.0);
    }
    4
}

#[inline(never)]
fn read_packages(reader: &mut Reader<'_>) -> Result<(u32, Vec<TableId>), WireError> {
    let handle = reader.uleb32("process")?;
    let n_tables = reader.length("package list", limits::PACKAGES, 16)?;
    let mut tables = Vec::with_capacity(n_tables);
    for _ in 0..n_tables {
        tables.push(TableId(reader.array("table id")?));
    }
    Ok((handle, tables))
}

fn write_counts(body: &mut Writer, counts: &Counts) -> u8 {
    let ages = counts.packages.iter().any(|package| !package.ages_ms.is_empty());
    body.uleb(u64::from(counts.handle));
    body.uleb(counts.at_ms);
    body.byte(u8::from(ages));
    body.uleb(counts.packages.len() as u64);
    for package in &counts.packages {
        body.uleb(u64::from(package.package));
        body.uleb(package.units.len() as u64);
        let mut previous = 0;
        for (i, &unit) in package.units.iter().enumerate() {
            body.uleb(u64::from(unit.wrapping_sub(previous)));
            previous = unit;
            body.uleb(package.counts.get(i).copied().unwrap_or(0));
            if ages {
                body.uleb(package.ages_ms.get(i).copied().unwrap_or(0));
            }
        }
    }
    5
}

#[inline(never)]
fn read_counts(reader: &mut Reader<'_>) -> Result<Counts, WireError> {
    let mut counts = Counts {
        handle: reader.uleb32("process")?,
        at_ms: reader.uleb("time")?,
        packages: Vec::new(),
    };
    let ages = reader.byte("ages flag")? != 0;
    let unit_bytes = if ages { 3 } else { 2 };
    for _ in 0..reader.length("package list", limits::PACKAGES, 2)? {
        let package = reader.uleb32("package")?;
        let n_units = reader.length("unit list", limits::UNITS, unit_bytes)?;
        let mut columns = PackageCounts {
            package,
            units: Vec::with_capacity(n_units),
            counts: Vec::with_capacity(n_units),
            ages_ms: Vec::with_capacity(if ages { n_units } else { 0 }),
        };
        let mut unit = 0u32;
        for i in 0..n_units {
            let step = reader.uleb32("unit")?;
            unit = unit.checked_add(step).ok_or_else(|| reader.malformed("unit overflows"))?;
            if i > 0 && step == 0 {
                return Err(reader.malformed("units are not ascending"));
            }
            columns.units.push(unit);
            columns.counts.push(reader.uleb("count")?);
            if ages {
                columns.ages_ms.push(reader.uleb("age")?);
            }
        }
        counts.packages.push(columns);
    }
    Ok(counts)
}

fn write_flow(body: &mut Writer, flow: &Flow) -> u8 {
    body.uleb(u64::from(flow.handle));
    body.uleb(flow.at_ms);
    body.uleb(flow.lost);
    body.uleb(flow.events.len() as u64);
    for event in &flow.events {
        body.uleb(u64::from(event.package));
        body.uleb(u64::from(event.unit));
        body.uleb(event.goroutine);
        body.uleb(event.label);
        body.uleb(event.age_ms);
    }
    6
}

#[inline(never)]
fn read_flow(reader: &mut Reader<'_>) -> Result<Flow, WireError> {
    let mut flow = Flow {
        handle: reader.uleb32("process")?,
        at_ms: reader.uleb("time")?,
        lost: reader.uleb("lost events")?,
        events: Vec::new(),
    };
    let n_events = reader.length("event list", limits::FLOW_EVENTS, 5)?;
    flow.events.reserve_exact(n_events);
    for _ in 0..n_events {
        flow.events.push(FlowEvent {
            package: reader.uleb32("package")?,
            unit: reader.uleb32("unit")?,
            goroutine: reader.uleb("goroutine")?,
            label: reader.uleb("label")?,
            age_ms: reader.uleb("age")?,
        });
    }
    Ok(flow)
}

fn write_state(body: &mut Writer, handle: u32, at_ms: u64, state: State) -> u8 {
    body.uleb(u64::from(handle));
    body.uleb(at_ms);
    body.byte(state as u8);
    7
}

#[inline(never)]
fn read_state(reader: &mut Reader<'_>) -> Result<(u32, u64, State), WireError> {
    let handle = reader.uleb32("process")?;
    let at_ms = reader.uleb("time")?;
    let state = match reader.byte("state")? {
        0 => State::Running,
        1 => State::Ended,
        2 => State::Unreachable,
        _ => return Err(reader.malformed("unknown state")),
    };
    Ok((handle, at_ms, state))
}

fn write_tracing(body: &mut Writer, handle: u32, entries: u32) -> u8 {
    body.uleb(u64::from(handle));
    body.uleb(u64::from(entries));
    9
}
