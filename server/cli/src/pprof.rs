//! `serve --pprof NAME=URL`: execution traces of programs that offer `net/http/pprof`, asked for
//! again and again and shown as one.
//!
//! Only what the command line names is ever asked. Between two answers some milliseconds of the
//! program's life are missing; where it can't be reached, the trace begins anew once it can.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use http::header::HOST;
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::agent::Relay;
use crate::livetrace::{Forward, Of};

/// How long each answer is asked to be.
const SECONDS: u64 = 30;
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// Silence after which a program is given up: its trace is told at least once a second.
const SILENCE: Duration = Duration::from_secs(20);
/// Pause after a failure.
const RETRY: Duration = Duration::from_secs(2);

/// A program that offers `net/http/pprof`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    name: String,
    /// Host and port.
    authority: String,
    /// Path of the trace, with its query.
    target: String,
}

impl std::str::FromStr for Source {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, url) =
            text.split_once('=').ok_or_else(|| anyhow!("expected NAME=http://HOST:PORT"))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            bail!("the name {name:?} must be letters, digits and -._");
        }
        if name.bytes().all(|byte| byte.is_ascii_digit()) {
            bail!("the name {name:?} would be taken for a process");
        }
        let uri: Uri = url.parse().with_context(|| format!("{url:?} is no address"))?;
        if uri.scheme_str() != Some("http") {
            bail!("{url:?}: programs are asked by http");
        }
        let authority = uri.authority().ok_or_else(|| anyhow!("{url:?} names no host"))?;
        if authority.as_str().contains('@') || uri.query().is_some() {
            bail!("{url:?}: only a host, a port and a path");
        }
        let path = uri.path().trim_end_matches('/');
        let path = path.strip_suffix("/debug/pprof").unwrap_or(path);
        Ok(Self {
            name: name.to_owned(),
            authority: format!("{}:{}", authority.host(), authority.port_u16().unwrap_or(80)),
            target: format!("{path}/debug/pprof/trace?seconds={SECONDS}"),
        })
    }
}

impl Source {
    /// Asks the program for its trace from now on, for this relay, in a thread of its own.
    pub(crate) fn watch(self, relay: impl Fn() -> Relay + Send + 'static) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || runtime.block_on(self.run(relay));
        std::thread::Builder::new()
            .name("pprof".into())
            .spawn(run)
            .context("cannot start a thread")?;
        Ok(())
    }

    async fn run(self, relay: impl Fn() -> Relay) {
        let mut told = String::new();
        loop {
            let reason = match Forward::start(relay(), Of { pid: 0, name: self.name.clone() }) {
                Ok(mut forward) => loop {
                    if let Err(error) = self.fetch(&mut forward).await {
                        break format!("{error:#}");
                    }
                    told.clear();
                    forward.restart();
                },
                Err(error) => format!("{error:#}"),
            };
            if reason != told {
                crate::complain(&format!("no execution trace of {}: {reason}", self.name));
                told = reason;
            }
            sleep(RETRY).await;
        }
    }

    /// Passes one answer on.
    async fn fetch(&self, forward: &mut Forward) -> Result<()> {
        let Self { authority, target, .. } = self;
        let stream = timeout(CONNECT, TcpStream::connect(authority)).await;
        let stream = stream.with_context(|| format!("{authority} does not answer"))?;
        let stream = stream.with_context(|| format!("nobody listens on {authority}"))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = Request::get(target).header(HOST, authority).body(Empty::<Bytes>::new())?;
        let answer = async {
            let response = timeout(SILENCE, sender.send_request(request)).await;
            let response = response.map_err(|_| anyhow!("{authority} is silent"))??;
            if !response.status().is_success() {
                bail!("http://{authority}{target} answers {}", response.status());
            }
            let mut body = response.into_body();
            loop {
                let frame = timeout(SILENCE, body.frame()).await;
                let frame = frame.map_err(|_| anyhow!("{authority} is silent"))?;
                let Some(frame) = frame else { return Ok(()) };
                if let Ok(bytes) = frame.context("the answer broke off")?.into_data() {
                    forward.push(&bytes);
                }
            }
        };
        let answered = answer.await;
        connection.abort();
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_understood_or_refused_with_a_reason() {
        let source: Source = "api=http://127.0.0.1:6060".parse().unwrap();
        assert_eq!((&*source.name, &*source.authority), ("api", "127.0.0.1:6060"));
        assert_eq!(source.target, "/debug/pprof/trace?seconds=30");
        let source: Source = "a=http://host/base/debug/pprof/".parse().unwrap();
        assert_eq!(source.authority, "host:80");
        assert_eq!(source.target, "/base/debug/pprof/trace?seconds=30");
        let error = |text: &str| text.parse::<Source>().unwrap_err().to_string();
        assert!(error("http://127.0.0.1:6060").contains("NAME=http"));
        assert!(error("a b=http://h:1").contains("must be letters"));
        assert!(error("7=http://h:1").contains("taken for a process"));
        assert!(error("a=https://h:1").contains("by http"));
        assert!(error("a=http://u@h:1").contains("only a host"));
        assert!(error("a=http://h:1/?x=y").contains("only a host"));
    }
}
