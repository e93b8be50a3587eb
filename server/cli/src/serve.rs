//! `coverglass serve`: the relay, the page, and the collector of this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::thread::JoinHandle;

use anyhow::{Context, Result, bail};
use relay::{AgentEnd, LocalAgent};
use tokio::net::TcpListener;

use crate::agent::Relay;
use crate::embedded::{ASSETS, SCRIPT_HASHES};
use crate::stop::Signs;
use crate::{ListenArgs, ServeArgs, port};

/// `coverglass serve`.
pub(crate) fn serve(args: ServeArgs) -> Result<ExitCode> {
    runtime()?.block_on(async {
        let stop = Signs::listen()?;
        let listener = port::bind(&args.listen.listen).await?;
        let (local, end) = match args.no_collector {
            true => (None, None),
            false => {
                let (local, end) = relay::local_agent();
                (Some(local), Some(end))
            }
        };
        let door = Door::new(&args.listen, &listener)?;
        let collector = end.map(start_collector).transpose()?;
        door.open()?;
        let url = door.url();
        for source in args.pprof {
            let url = url.clone();
            source.watch(move || {
                let (token, host) = (None, String::new());
                Relay { url: url.clone(), token, host, greeting: "a program's trace is at".into() }
            })?;
        }
        door.run(listener, local, stop.first()).await?;
        if let Some(collector) = collector {
            // It sees that the relay is gone, and switches tracing off before it ends.
            let _ = tokio::task::spawn_blocking(move || collector.join()).await;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The threads that everything runs on.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")
}

/// Who may come in, and by which address.
#[derive(Debug)]
pub(crate) struct Door {
    bound: SocketAddr,
    token: Option<String>,
    allowed_hosts: Vec<String>,
}

impl Door {
    /// The door of a relay that listens.
    pub(crate) fn new(args: &ListenArgs, listener: &TcpListener) -> Result<Self> {
        let bound = listener.local_addr().context("the listener has no address")?;
        let token = args.token.clone().or_else(|| crate::variable("COVERGLASS_TOKEN"));
        if let Some(token) = &token {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            if token.len() < 8 || !token.chars().all(plain) {
                bail!("the token must be 8 or more letters, digits and -._~");
            }
        }
        let token = match token {
            None if !bound.ip().is_loopback() => Some(relay::new_token()?),
            token => token,
        };
        Ok(Self { bound, token, allowed_hosts: args.allow_host.clone() })
    }

    /// What to open in a browser.
    pub(crate) fn url(&self) -> String {
        let mut address = self.bound;
        if address.ip().is_unspecified() {
            address.set_ip(IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
        match &self.token {
            Some(token) => format!("http://{address}/?token={token}"),
            None => format!("http://{address}/"),
        }
    }

    /// Prints the one line that everybody waits for.
    pub(crate) fn open(&self) -> Result<()> {
        crate::print(&format!("{}\n", self.url()))?;
        if cfg!(page_missing) {
            crate::complain("this binary was built without its page");
        }
        if self.bound.ip().is_unspecified() {
            let port = self.bound.port();
            crate::complain(&format!("other machines reach it by this one's address, port {port}"));
        }
        Ok(())
    }

    /// Serves until the sign to stop.
    pub(crate) async fn run(
        self,
        listener: TcpListener,
        local: Option<LocalAgent>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<()> {
        let config = relay::Config {
            assets: ASSETS,
            script_hashes: SCRIPT_HASHES,
            token: self.token,
            allowed_hosts: self.allowed_hosts,
            local,
        };
        relay::run(listener, config, shutdown).await.context("the relay can't run")
    }
}

/// Watches this machine's programs for the relay, in a thread of its own.
pub(crate) fn start_collector(end: AgentEnd) -> Result<JoinHandle<()>> {
    let AgentEnd { frames, requests } = end;
    let collect = move || {
        let config = instrument::collector::Config::default();
        instrument::collector::run(config, requests, |batch| match frames.blocking_send(batch) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        });
    };
    let thread = std::thread::Builder::new().name("collector".into());
    thread.spawn(collect).context("cannot start the collector's thread")
}
