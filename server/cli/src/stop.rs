//! The signs to stop: Ctrl-C, and on Unix SIGTERM and SIGHUP.

use anyhow::{Context, Result};
use tokio::sync::watch;

/// The signs, listened to for as long as the program runs. Whoever says that it is ready listens
/// before it says so: a sign that nobody listens to ends the program where it stands.
#[derive(Debug)]
pub(crate) struct Signs(watch::Receiver<bool>);

impl Signs {
    /// Listens from now on. The first sign is remembered for whoever asks; a second one ends the
    /// program at once, as if nobody listened. Must be called inside the runtime.
    pub(crate) fn listen() -> Result<Self> {
        let mut signs = Source::listen().context("cannot listen for signals")?;
        let (seen, first) = watch::channel(false);
        tokio::spawn(async move {
            signs.next().await;
            seen.send_replace(true);
            signs.next().await;
            std::process::exit(130);
        });
        Ok(Self(first))
    }

    /// Returns when there was a sign, also one from before the call.
    pub(crate) async fn first(&self) {
        let mut first = self.0.clone();
        // It fails when the runtime ends, which is a sign as well.
        let _ = first.wait_for(|&seen| seen).await;
    }
}

#[cfg(unix)]
struct Source {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Source {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let outlives_terminal = ignores_hangup();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: (!outlives_terminal).then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Whether whoever started this program wants it to outlive the terminal, as `nohup` does: it
/// starts with SIGHUP ignored. Only Linux tells without unsafe code.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Bit 0 is signal 1, SIGHUP.
    ignored
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .is_some_and(|bits| bits & 1 > 0)
}

#[cfg(windows)]
struct Source(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Source {
    fn listen() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
