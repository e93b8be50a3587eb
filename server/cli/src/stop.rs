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
struct Source([tokio::signal::unix::Signal; 3]);

#[cfg(unix)]
impl Source {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        let hangup = signal(SignalKind::hangup())?;
        Ok(Self([interrupt, terminate, hangup]))
    }

    async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
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
