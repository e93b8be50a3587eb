//! The signs to stop: Ctrl-C, and on Unix SIGTERM and SIGHUP.

/// Returns at the first sign. A second one ends the program at once, as if nobody listened.
pub(crate) async fn sign() {
    first().await;
    tokio::spawn(async {
        first().await;
        std::process::exit(130);
    });
}

#[cfg(unix)]
async fn first() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signals = Vec::new();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        signals.extend(signal(kind));
    }
    let waits: Vec<_> = signals.iter_mut().map(|signal| Box::pin(signal.recv())).collect();
    if waits.is_empty() {
        return std::future::pending().await;
    }
    futures_util::future::select_all(waits).await;
}

#[cfg(not(unix))]
async fn first() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
