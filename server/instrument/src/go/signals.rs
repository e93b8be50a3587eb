//! Signals on their way through us to a program that we started.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::backend::Handle;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin, Sent};

const FORWARDED: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

/// Passes signals on, from before the program starts until it has ended.
pub(super) struct Forwarder {
    shared: Arc<Mutex<Shared>>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    program: Option<Pid>,
    /// Signals that came before the program was there.
    early: Vec<Signal>,
}

impl Forwarder {
    /// Begins to catch signals.
    pub(super) fn install() -> io::Result<Self> {
        let mut signals = SignalsInfo::<WithOrigin>::new(FORWARDED)?;
        let handle = signals.handle();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let theirs = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for origin in &mut signals {
                let Some(signal) = Signal::from_named_raw(origin.signal) else { continue };
                if reached_the_program_too(&origin) {
                    continue;
                }
                let mut shared = theirs.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                match shared.program {
                    Some(program) => drop(kill_process(program, signal)),
                    None => shared.early.push(signal),
                }
            }
        });
        Ok(Self { shared, handle, thread: Some(thread) })
    }

    /// Passes signals to this program until it ends.
    pub(super) fn wait(mut self, child: &mut Child) -> io::Result<ExitStatus> {
        let program = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        {
            let mut shared = self.shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            shared.program = program;
            for signal in std::mem::take(&mut shared.early) {
                if let Some(program) = program {
                    let _ = kill_process(program, signal);
                }
            }
        }
        let status = child.wait();
        self.shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).program = None;
        self.handle.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        status
    }
}

/// A key at the terminal signals the whole foreground group, and so the program as well.
fn reached_the_program_too(origin: &Origin) -> bool {
    matches!(origin.signal, SIGINT | SIGQUIT | SIGHUP)
        && !matches!(origin.cause, Cause::Sent(Sent::User))
}

/// The signal's name as Go's `os.ProcessState` prints it.
pub(super) fn name(signal: i32) -> String {
    let names = [
        "hangup",
        "interrupt",
        "quit",
        "illegal instruction",
        "trace/breakpoint trap",
        "aborted",
        "bus error",
        "floating point exception",
        "killed",
        "user defined signal 1",
        "segmentation fault",
        "user defined signal 2",
        "broken pipe",
        "alarm clock",
        "terminated",
    ];
    let index = usize::try_from(signal).ok().and_then(|signal| signal.checked_sub(1));
    match index.and_then(|index| names.get(index)) {
        Some(name) => (*name).to_owned(),
        None => format!("signal {signal}"),
    }
}
