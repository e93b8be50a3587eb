//! `coverglass demo`: the page with a program worth watching. The program is built, instrumented,
//! by this very binary; where there is no Go, a recorded session is played instead.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use relay::AgentEnd;
use relay::recording::{Recorder, Recording};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use wire::frame::State;
use wire::{AgentToRelay, RelayToAgent, SourceId};

use crate::embedded::{DEMO, RECORDING};
use crate::serve::{Door, runtime, start_collector};
use crate::stop::Signs;
use crate::{DemoArgs, complain, port};

/// How long the program may take to end when it is asked to.
const END: Duration = Duration::from_secs(4);
/// A program that ran this long is started again at once.
const LIVED: Duration = Duration::from_secs(10);
/// Pause before a program that died young is started again.
const RETRY: Duration = Duration::from_secs(2);
/// Long enough for the collector to notice that the program has ended.
const NOTICE: Duration = Duration::from_millis(300);
/// Pause between the end of the recording and its next beginning.
const ENCORE: Duration = Duration::from_secs(3);

/// `coverglass demo`.
pub(crate) fn demo(args: DemoArgs) -> Result<ExitCode> {
    runtime()?.block_on(async {
        let stop = Signs::listen()?;
        match &args.record {
            Some(path) => record(path, Duration::from_secs(args.seconds), &stop).await,
            None => show(&args, &stop).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn show(args: &DemoArgs, stop: &Signs) -> Result<()> {
    let listener = port::bind(&args.listen.listen).await?;
    let door = Door::new(&args.listen, &listener)?;
    let (local, end) = relay::local_agent();
    let go = !args.recorded && has_go().await;
    if !go {
        let recording = Recording::read(RECORDING).ok();
        let recording = recording.filter(|recording| !recording.records.is_empty());
        let Some(recording) = recording else {
            bail!(
                "the demo needs Go, from https://go.dev/dl, and this binary carries no recording"
            );
        };
        if !args.recorded {
            complain("no Go found, so this is a recorded session");
        }
        let player = std::thread::Builder::new().name("player".into());
        player.spawn(move || play(&recording, &end)).context("cannot start a thread")?;
        door.open()?;
        return door.run(listener, Some(local), stop.first()).await;
    }
    let program = build(stop).await?;
    let collector = start_collector(end)?;
    let (over, ending) = watch::channel(false);
    let first = start(&program, None)?;
    let keeper = tokio::spawn(keep(program, first, ending));
    door.open()?;
    let shutdown = async {
        stop.first().await;
        over.send_replace(true);
        let _ = keeper.await;
        // For the collector to see that the program has ended, and to clean up after it.
        tokio::time::sleep(NOTICE).await;
    };
    let served = door.run(listener, Some(local), shutdown).await;
    let _ = tokio::task::spawn_blocking(move || collector.join()).await;
    served
}

async fn has_go() -> bool {
    let mut go = Command::new("go");
    go.arg("version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    go.status().await.is_ok_and(|status| status.success())
}

/// Builds the program in the cache; where nothing changed that takes a moment.
async fn build(stop: &Signs) -> Result<PathBuf> {
    let folder = extract().context("cannot write the demo program to the cache")?;
    let program = folder.join(format!("bookshop{}", std::env::consts::EXE_SUFFIX));
    complain("building the demo program; the first time it takes a while");
    let this = std::env::current_exe().context("cannot find this program's own file")?;
    let mut command = Command::new(this);
    command.args(["build", "-o"]).arg(&program).arg(".").current_dir(&folder);
    // A workspace or flags of the user's are not about this module.
    command.env("GOWORK", "off").env_remove("GOFLAGS").env_remove("GOOS").env_remove("GOARCH");
    command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
    let status = tokio::select! {
        status = command.status() => status.context("cannot start the build")?,
        () = stop.first() => bail!("stopped while building the demo program"),
    };
    if !status.success() {
        bail!(
            "the demo program can't be built (see above); `coverglass demo --recorded` needs no Go"
        );
    }
    Ok(program)
}

/// Puts the program's files into the cache, in a folder of their own for each version of them.
fn extract() -> Result<PathBuf> {
    let mut all = Vec::new();
    for (name, bytes) in DEMO {
        all.extend_from_slice(name.as_bytes());
        all.push(0);
        all.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        all.extend_from_slice(bytes);
    }
    let version = SourceId::of(&all).hex();
    let folder = instrument::cache::directory().join("demo").join(&version[..16]);
    for (name, bytes) in DEMO {
        let path = folder.join(name);
        if std::fs::read(&path).ok().as_deref() != Some(*bytes) {
            std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
            let partial = path.with_extension(format!("{}.partial", std::process::id()));
            std::fs::write(&partial, bytes)?;
            std::fs::rename(&partial, &path)?;
        }
    }
    Ok(folder)
}

/// The program, for as long as this is held.
struct Shop {
    child: Child,
    /// Nothing is ever written to it: it ends when we do, by whatever signal, and the program with
    /// it. Apart from the child, which closes its own end where it is waited for.
    _tie: Option<ChildStdin>,
}

/// Starts the program and its load generator. Its counters go to `counters`, if given.
fn start(program: &Path, counters: Option<&Path>) -> Result<Shop> {
    let mut command = Command::new(program);
    command.args(["-load", "-tied"]).stdin(Stdio::piped()).stdout(Stdio::null());
    command.kill_on_drop(true);
    // It has nothing to tell over the network: the collector reads its memory.
    command.env_remove("COVERGLASS_URL");
    if let Some(counters) = counters {
        command.env("COVERGLASS_DIR", counters);
    }
    #[cfg(unix)]
    // Ctrl-C in the terminal is for us; we pass it on when the relay has said goodbye.
    command.process_group(0);
    let child = command.spawn();
    let mut child = child.with_context(|| format!("cannot start {}", program.display()))?;
    let tie = child.stdin.take();
    Ok(Shop { child, _tie: tie })
}

/// Starts the program again when it dies, until it is over.
async fn keep(program: PathBuf, mut shop: Shop, mut over: watch::Receiver<bool>) {
    loop {
        let began = Instant::now();
        let ended = tokio::select! {
            status = shop.child.wait() => Some(status),
            () = closing(&mut over) => None,
        };
        let Some(status) = ended else {
            end(&mut shop.child).await;
            return;
        };
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        complain(&format!("the demo program ended ({status}); starting it again"));
        if began.elapsed() < LIVED {
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                () = closing(&mut over) => return,
            }
        }
        shop = match start(&program, None) {
            Ok(shop) => shop,
            Err(error) => {
                complain(&format!("{error:#}"));
                return;
            }
        };
    }
}

/// Returns when it is over.
async fn closing(over: &mut watch::Receiver<bool>) {
    let _ = over.wait_for(|&over| over).await;
}

/// Asks the program to end, and ends it if it doesn't.
async fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok())
        && let Some(pid) = rustix::process::Pid::from_raw(pid)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        if tokio::time::timeout(END, child.wait()).await.is_ok() {
            return;
        }
    }
    let _ = child.kill().await;
}

/// Records a session of the program, and of nothing else that runs here.
async fn record(path: &Path, length: Duration, stop: &Signs) -> Result<()> {
    if !has_go().await {
        bail!("recording the demo needs Go, from https://go.dev/dl");
    }
    let program = build(stop).await?;
    let id = std::process::id();
    let counters = std::env::temp_dir().join(format!("coverglass-recording-{id}"));
    std::fs::create_dir(&counters)
        .with_context(|| format!("cannot make {}", counters.display()))?;
    let recording = record_in(&program, &counters, length, stop).await;
    let _ = std::fs::remove_dir_all(&counters);
    let bytes = recording?.write();
    std::fs::write(path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
    complain(&format!("{} has {} bytes", path.display(), bytes.len()));
    Ok(())
}

async fn record_in(
    program: &Path,
    counters: &Path,
    length: Duration,
    stop: &Signs,
) -> Result<Recording> {
    let config = instrument::collector::Config {
        directory: counters.to_owned(),
        ..instrument::collector::Config::default()
    };
    // Dropping the sender ends the collector.
    let (requests, asked) = std::sync::mpsc::sync_channel(1);
    let collector = std::thread::spawn(move || {
        let mut recorder = Recorder::new(now_ms());
        instrument::collector::run(config, asked, |frames| {
            recorder.take(now_ms(), frames.into_iter().map(anonymous).collect());
            ControlFlow::Continue(())
        });
        recorder.finish(now_ms(), instrument::cache::source)
    });
    let mut shop = start(program, Some(counters))?;
    tokio::select! {
        () = tokio::time::sleep(length) => {}
        status = shop.child.wait() => bail!("the demo program ended ({})", status?),
        () = stop.first() => {}
    }
    end(&mut shop.child).await;
    tokio::time::sleep(NOTICE).await;
    drop(requests);
    let recording = tokio::task::spawn_blocking(move || collector.join()).await?;
    recording.map_err(|_| anyhow!("the collector failed"))
}

/// Leaves out of a process what tells of this machine.
fn anonymous(mut frame: AgentToRelay) -> AgentToRelay {
    if let AgentToRelay::Process(process) = &mut frame {
        "recorded".clone_into(&mut process.host);
        if let Some(program) = process.arguments.first_mut() {
            let name = program.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
            *program = name;
        }
    }
    frame
}

/// Plays the recording to the relay, over and over, until the relay is gone.
fn play(recording: &Recording, end: &AgentEnd) {
    for round in 0u64.. {
        if play_once(recording, round, end).is_break() {
            return;
        }
    }
}

fn play_once(recording: &Recording, round: u64, end: &AgentEnd) -> ControlFlow<()> {
    let sources: BTreeMap<SourceId, &Vec<u8>> = recording
        .records
        .iter()
        .flat_map(|record| &record.frames)
        .filter_map(|frame| match frame {
            AgentToRelay::Source { id, bytes: Some(bytes) } => Some((*id, bytes)),
            _ => None,
        })
        .collect();
    let (began, began_ms) = (Instant::now(), now_ms());
    let mut alive = BTreeSet::new();
    for record in &recording.records {
        wait(began + Duration::from_millis(record.at_ms), &sources, end)?;
        let mut frames = Vec::new();
        for frame in &record.frames {
            frames.push(match frame {
                AgentToRelay::Source { .. } => continue,
                AgentToRelay::Process(process) => {
                    alive.insert(process.handle);
                    let mut process = process.clone();
                    // Another round is another run of the program, started just now.
                    for (byte, round) in process.key.iter_mut().zip(round.to_le_bytes()) {
                        *byte ^= round;
                    }
                    let age_ms = recording.began_ms.saturating_sub(process.started_ms);
                    process.started_ms = (began_ms + record.at_ms).saturating_sub(age_ms);
                    AgentToRelay::Process(process)
                }
                AgentToRelay::State { handle, state, .. } => {
                    if *state == State::Ended {
                        alive.remove(handle);
                    }
                    AgentToRelay::State { handle: *handle, at_ms: now_ms(), state: *state }
                }
                other => other.clone(),
            });
        }
        send(end, frames)?;
    }
    let at_ms = now_ms();
    let ends = alive.into_iter();
    let ends = ends.map(|handle| AgentToRelay::State { handle, at_ms, state: State::Ended });
    send(end, ends.collect())?;
    wait(Instant::now() + ENCORE, &sources, end)
}

fn send(end: &AgentEnd, frames: Vec<AgentToRelay>) -> ControlFlow<()> {
    match end.frames.blocking_send(frames) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

/// Answers requests until it is time to go on.
fn wait(until: Instant, sources: &BTreeMap<SourceId, &Vec<u8>>, end: &AgentEnd) -> ControlFlow<()> {
    loop {
        match end.requests.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(RelayToAgent::Want(id)) => {
                let bytes = sources.get(&id).map(|bytes| (*bytes).clone());
                send(end, vec![AgentToRelay::Source { id, bytes }])?;
            }
            // A recording can't be traced.
            Ok(RelayToAgent::Trace { handle, .. }) => {
                send(end, vec![AgentToRelay::Tracing { handle, entries: 0 }])?;
            }
            Err(RecvTimeoutError::Timeout) => return ControlFlow::Continue(()),
            Err(RecvTimeoutError::Disconnected) => return ControlFlow::Break(()),
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
