//! Taking a port, or saying who has it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::net::{TcpListener, TcpSocket, lookup_host};

use crate::client::Client;

/// Binds before anything else is started, so that a port which is taken costs nothing.
pub(crate) async fn bind(listen: &str) -> Result<TcpListener> {
    let address = resolve(listen).await?;
    match socket(address) {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(taken(address).await),
        Err(error) => Err(error).with_context(|| format!("cannot listen on {address}")),
    }
}

fn socket(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A relay that is started again gets its port back at once.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn resolve(listen: &str) -> Result<SocketAddr> {
    // A bare port is on loopback, never on all addresses.
    let listen = match listen.strip_prefix(':').unwrap_or(listen).parse::<u16>() {
        Ok(port) => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port).to_string(),
        Err(_) => listen.to_owned(),
    };
    if !listen.contains(':') {
        bail!("--listen {listen:?} has no port; say {listen}:7777");
    }
    let found = lookup_host(&listen).await;
    let found = found.with_context(|| format!("--listen {listen:?} is no address with a port"))?;
    let mut found: Vec<_> = found.collect();
    // The name localhost means both; browsers try IPv4 as well, other programs may not try IPv6.
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(|| anyhow!("--listen {listen:?} names no address"))
}

async fn taken(address: SocketAddr) -> anyhow::Error {
    let mut here = address;
    if here.ip().is_unspecified() {
        here.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let url = format!("http://{here}");
    let asked = async { Client::new(&url, None).ok()?.get("/healthz", &[]).await.ok() };
    let answer = tokio::time::timeout(Duration::from_secs(1), asked).await.ok().flatten();
    let is_ours = answer.is_some_and(|answer| {
        serde_json::from_slice::<serde_json::Value>(&answer.body)
            .is_ok_and(|health| health["name"] == "coverglass")
    });
    if is_ours {
        anyhow!("coverglass is running on {address} already: {url}/")
    } else {
        anyhow!("another program has taken {address}; choose another port with --listen")
    }
}
