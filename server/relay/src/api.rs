//! What REST answers, as values: no sockets here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use coverage::{Fraction, Profile, ShapeBuilder, Totals, Tree};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;
use wire::frame::State;
use wire::{RelayToAgent, SourceId};

use crate::hub::{Row, Scope, ScopeError};
use crate::limits;
use crate::relay::{Relay, now_ms};
use crate::source::Wanted;
use crate::traces::{End, Live};

/// An answer that is no: a status and a sentence.
#[derive(Debug)]
pub(crate) struct Problem {
    /// The status.
    pub(crate) status: StatusCode,
    /// The sentence.
    pub(crate) message: String,
}

impl Problem {
    /// A problem.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

impl From<ScopeError> for Problem {
    fn from(error: ScopeError) -> Self {
        let status = match error {
            ScopeError::NotAHandle(_) => StatusCode::BAD_REQUEST,
            ScopeError::Nothing(_) | ScopeError::Empty => StatusCode::NOT_FOUND,
        };
        Self::new(status, error.to_string())
    }
}

/// The scope in a request's parameters, and the values of those in `others`.
///
/// # Errors
/// A parameter that isn't known: a mistyped one would answer another question.
pub(crate) fn scope(
    query: &[(String, String)],
    others: &[&str],
) -> Result<(Scope, Vec<Option<String>>), Problem> {
    let mut scope = Scope::default();
    let mut found = vec![None; others.len()];
    for (name, value) in query {
        match name.as_str() {
            "token" => {}
            "service" => scope.service = Some(value.clone()),
            "build" => scope.build = Some(value.clone()),
            "process" => scope.process = Some(value.clone()),
            name => match others.iter().position(|&other| other == name) {
                Some(position) => found[position] = Some(value.clone()),
                None => {
                    let message = format!("there is no parameter {name:?} here");
                    return Err(Problem::new(StatusCode::BAD_REQUEST, message));
                }
            },
        }
    }
    Ok((scope, found))
}

/// All services, their builds and processes.
pub(crate) fn services(relay: &Relay, scope: &Scope) -> Result<Value, Problem> {
    let hub = relay.hub();
    let selected = match hub.select_all(scope) {
        Ok(selected) => selected,
        Err(ScopeError::Empty) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let latest = crate::hub::latest_builds(hub.processes());
    let mut services: BTreeMap<&str, BTreeMap<&str, Vec<Value>>> = BTreeMap::new();
    for process in selected {
        let about = &process.about;
        let (covered, total) = process.statements();
        let builds = services.entry(&about.service).or_default();
        builds.entry(process.build()).or_default().push(json!({
            "handle": about.handle,
            "pid": about.pid,
            "host": about.host,
            "state": state_word(process.state),
            "started_ms": about.started_ms,
            "arguments": about.arguments,
            "go_version": about.go_version,
            "tracing": process.tracing,
            "folded": process.folded,
            "statements": {"covered": covered, "total": total},
        }));
    }
    let services: Vec<Value> = services
        .into_iter()
        .map(|(name, builds)| {
            let newest = latest.get(name).map(|latest| latest.build.as_str());
            let builds: Vec<Value> = builds
                .into_iter()
                .map(|(id, processes)| {
                    json!({"id": id, "latest": newest == Some(id), "processes": processes})
                })
                .collect();
            json!({"name": name, "builds": builds})
        })
        .collect();
    Ok(json!({"services": services}))
}

/// Covered and total of everything in scope, by package and file.
pub(crate) fn summary(relay: &Relay, scope: &Scope) -> Result<Value, Problem> {
    let rows = relay.hub().rows(scope)?;
    let profile = profile(&rows);
    let shape = profile.shape();
    let tree = Tree::of(shape, profile.counts());
    let mut packages: Vec<(&str, Value)> = shape
        .packages()
        .iter()
        .zip(&tree.packages)
        .map(|(package, totals)| {
            let mut value = metrics(totals);
            value["path"] = json!(package.path);
            value["name"] = json!(package.name);
            value["module"] = json!(package.module);
            (package.path.as_str(), value)
        })
        .collect();
    packages.sort_by(|a, b| a.0.cmp(b.0));
    let mut files: Vec<(&str, Value)> = shape
        .files()
        .iter()
        .zip(&tree.files)
        .map(|(file, totals)| {
            let mut value = metrics(totals);
            value["path"] = json!(file.path.as_str());
            (file.path.as_str(), value)
        })
        .collect();
    files.sort_by(|a, b| a.0.cmp(b.0));
    let values = |pairs: Vec<(&str, Value)>| -> Vec<Value> {
        pairs.into_iter().map(|(_, value)| value).collect()
    };
    Ok(json!({
        "format": "live",
        "packages": values(packages),
        "files": values(files),
        "total": metrics(&tree.total),
    }))
}

/// The profile of everything in scope, as Go's text form.
pub(crate) fn go_text(relay: &Relay, scope: &Scope) -> Result<String, Problem> {
    let rows = relay.hub().rows(scope)?;
    Ok(formats::go_text::write(&profile(&rows)))
}

/// One profile of all rows. Packages whose tables differ are merged unit by unit, the others just
/// stand side by side.
fn profile(rows: &[Row]) -> Profile {
    let mut layers: Vec<Vec<&Row>> = Vec::new();
    let mut previous = None;
    let mut depth = 0;
    for row in rows {
        // Rows come sorted by package.
        depth = if previous == Some(&row.table.package) { depth + 1 } else { 0 };
        previous = Some(&row.table.package);
        if layers.len() <= depth {
            layers.push(Vec::new());
        }
        layers[depth].push(row);
    }
    let mut profiles: Vec<Profile> = layers.into_iter().map(layer).collect();
    if profiles.len() == 1
        && let Some(only) = profiles.pop()
    {
        return only;
    }
    algebra::merge(&profiles.iter().collect::<Vec<_>>())
}

/// A profile of packages with different paths.
fn layer(rows: Vec<&Row>) -> Profile {
    let mut builder = ShapeBuilder::default();
    let mut counts = Vec::new();
    let mut mode = coverage::Mode::Set;
    for row in rows {
        let table = row.table.table();
        table.add_to(&mut builder);
        mode = mode.max(table.mode);
        counts.extend_from_slice(&row.counts);
    }
    Profile::new(mode, builder.build().into(), counts)
}

/// The source that a file in scope was built from. The path is looked up among those of packages,
/// and opens nothing.
pub(crate) fn source_id(relay: &Relay, scope: &Scope, path: &str) -> Result<String, Problem> {
    let rows = relay.hub().rows(scope)?;
    let found = rows.iter().find_map(|row| {
        let files = row.table.table().files;
        files.iter().find(|file| file.path == path).map(|file| file.source.hex())
    });
    found.ok_or_else(|| {
        let message = format!("no program that is being watched has a file {path:?}");
        Problem::new(StatusCode::NOT_FOUND, message)
    })
}

/// A source's bytes.
pub(crate) async fn source(relay: &Arc<Relay>, id: &str) -> Result<Bytes, Problem> {
    let nobody = || {
        let message = "nobody who is connected has this source";
        Problem::new(StatusCode::NOT_FOUND, message)
    };
    let id = SourceId::from_hex(id)
        .ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "id is not 32 hex digits"))?;
    if !relay.hub().names_source(id) {
        let message = "no program that is being watched was built from this source";
        return Err(Problem::new(StatusCode::NOT_FOUND, message));
    }
    let agents = relay.agents_with(id);
    let wanted = relay.sources().want(id, &agents);
    let mut answer = match wanted {
        Wanted::Here(bytes) => return Ok(bytes),
        Wanted::Nowhere => return Err(nobody()),
        Wanted::Busy => {
            let message = "too many sources are being fetched; try again";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, message));
        }
        Wanted::Wait(answer) => answer,
        Wanted::Ask(answer) => {
            for agent in agents {
                if !relay.ask(agent, RelayToAgent::Want(id)) {
                    relay.sources().without(agent, id);
                }
            }
            answer
        }
    };
    let answered = timeout(limits::SOURCE_TIMEOUT, answer.wait_for(Option::is_some)).await;
    match answered {
        Ok(Ok(answer)) => answer.clone().flatten().ok_or_else(nobody),
        Ok(Err(_)) => Err(nobody()),
        Err(_) => {
            relay.sources().give_up(id);
            let message = "no agent answered for this source in time";
            Err(Problem::new(StatusCode::GATEWAY_TIMEOUT, message))
        }
    }
}

/// All execution traces that are kept, oldest first.
pub(crate) fn traces(relay: &Relay) -> Value {
    let all = relay.traces().all();
    let traces: Vec<Value> = all
        .iter()
        .map(|live| {
            let summary = live.summary();
            json!({
                "id": live.id,
                "process": handle_of(relay, live),
                "pid": live.pid,
                "host": live.host,
                "name": live.name,
                "began_ms": live.began_ms,
                "state": match summary.end {
                    None => "live",
                    Some(End::Whole) => "whole",
                    Some(End::Broken) => "broken off",
                },
                "generations": summary.generations,
                "bytes": summary.n_bytes,
                "lost": {"generations": summary.lost.generations, "bytes": summary.lost.bytes},
            })
        })
        .collect();
    json!({"traces": traces})
}

/// The newest execution trace of a process, or else the newest of that name.
pub(crate) fn live_trace(relay: &Relay, wanted: &str) -> Result<Arc<Live>, Problem> {
    let all = relay.traces().all();
    let handle = wanted.parse().ok();
    let of_process =
        |live: &&Arc<Live>| handle.is_some() && handle_of(relay, live.as_ref()) == handle;
    let found = all.iter().rev().find(of_process);
    let found = found.or_else(|| all.iter().rev().find(|live| live.name == wanted));
    found.cloned().ok_or_else(|| {
        let message = format!("there is no execution trace of {wanted:?}");
        Problem::new(StatusCode::NOT_FOUND, message)
    })
}

/// The process that writes a trace, as far as it is watched: numbers are used again, so the newest.
fn handle_of(relay: &Relay, live: &Live) -> Option<u32> {
    let hub = relay.hub();
    let mut processes = hub.processes().filter(|process| {
        live.pid != 0 && process.about.pid == live.pid && process.about.host == live.host
    });
    processes.next_back().map(|process| process.about.handle)
}

/// Zeroes counts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetRequest {
    service: Option<String>,
    process: Option<Handle>,
}

/// A handle, as a number or as text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Handle {
    Number(u32),
    Text(String),
}

impl Handle {
    fn text(self) -> String {
        match self {
            Handle::Number(number) => number.to_string(),
            Handle::Text(text) => text,
        }
    }
}

/// Zeroes the counts of what the request names, or of everything.
pub(crate) fn reset(relay: &Relay, request: ResetRequest) -> Result<Value, Problem> {
    let process = request.process.map(Handle::text);
    let scope = Scope { service: request.service, process, build: None };
    let whole = scope == Scope::default();
    let n_processes = match relay.hub().reset(&scope, now_ms()) {
        // There is nothing to zero, and that is what was asked for.
        Err(ScopeError::Empty) if whole => 0,
        result => result?,
    };
    relay.wake();
    Ok(json!({"processes": n_processes}))
}

/// Switches flow tracing.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TraceRequest {
    process: Handle,
    on: bool,
    package: Option<String>,
    #[serde(default)]
    units: Vec<u32>,
}

/// Passes a wish to trace on to the process's agent.
pub(crate) fn trace(relay: &Relay, request: TraceRequest) -> Result<Value, Problem> {
    let bad = |message: String| Problem::new(StatusCode::BAD_REQUEST, message);
    let text = request.process.text();
    let agents = {
        let hub = relay.hub();
        let handle = text.parse().map_err(|_| ScopeError::NotAHandle(text.clone()))?;
        let process =
            hub.process(handle).ok_or_else(|| ScopeError::Nothing(format!("process={handle}")))?;
        if process.state != State::Running {
            let message = format!("process {handle} is {}", state_word(process.state));
            return Err(Problem::new(StatusCode::CONFLICT, message));
        }
        let package = match &request.package {
            None if request.units.is_empty() => None,
            None => return Err(bad("units need the package that they are in".into())),
            Some(path) => {
                let named = |package: &crate::hub::Package| package.table.package == *path;
                let position = process.packages.iter().position(named).ok_or_else(|| {
                    let message = format!("process {handle} has no package {path:?}");
                    Problem::new(StatusCode::NOT_FOUND, message)
                })?;
                let entries = &process.packages[position].table.entries;
                let alien = request.units.iter().find(|unit| entries.binary_search(unit).is_err());
                if let Some(unit) = alien {
                    return Err(bad(format!(
                        "unit {unit} of {path} is not the entry of a function"
                    )));
                }
                Some(u32::try_from(position).unwrap_or(u32::MAX))
            }
        };
        let ask = |&(agent, theirs): &(u32, u32)| {
            let (on, units) = (request.on, request.units.clone());
            (agent, RelayToAgent::Trace { handle: theirs, on, package, units })
        };
        process.agents.iter().map(ask).collect::<Vec<_>>()
    };
    // All that watch the process are asked: one that pushes its counts itself can't do it, and for
    // two collectors it is the same as for one.
    let n_asked = agents.into_iter().filter(|(agent, wish)| relay.ask(*agent, wish.clone()));
    if n_asked.count() > 0 {
        return Ok(json!({"asked": true}));
    }
    let message = "the agent that watches this process does not take requests now";
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, message))
}

/// Sign of life.
pub(crate) fn health() -> Value {
    json!({"name": "coverglass", "version": env!("CARGO_PKG_VERSION"), "ok": true})
}

/// How long a browser may keep a source: its address is a hash of its content.
pub(crate) const SOURCE_AGE: Duration = Duration::from_secs(365 * 24 * 3600);

fn state_word(state: State) -> &'static str {
    match state {
        State::Running => "running",
        State::Ended => "ended",
        State::Unreachable => "unreachable",
    }
}

fn metrics(totals: &Totals) -> Value {
    let fraction =
        |fraction: Fraction| json!({"covered": fraction.covered, "total": fraction.total});
    json!({
        "statements": fraction(totals.statements),
        "functions": fraction(totals.functions),
    })
}
