//! A relay to test, agents and viewers to test it with.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use coverage::{Mode, Span};
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tests::PATIENCE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};
use wire::frame::{Counts, Frame, PackageCounts, Process, State};
use wire::table::{TableFile, TableFunction, TableUnit};
use wire::{AgentToRelay, RelayToAgent, RelayToViewer, SourceId, Table, TableId};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A relay that serves until it is dropped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Served {
    pub(crate) async fn start() -> Self {
        Self::with(relay::Config::default()).await
    }

    pub(crate) async fn with(config: relay::Config) -> Self {
        Self::on("127.0.0.1:0".parse().unwrap(), config).await
    }

    /// Takes the port as soon as it is free.
    pub(crate) async fn on(address: SocketAddr, config: relay::Config) -> Self {
        let listener = timeout(PATIENCE, async {
            loop {
                let socket = TcpSocket::new_v4().unwrap();
                socket.set_reuseaddr(true).unwrap();
                if socket.bind(address).is_ok()
                    && let Ok(listener) = socket.listen(1024)
                {
                    return listener;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let listener: TcpListener = listener.await.expect("the port is free");
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            relay::run(listener, config, shutdown).await.unwrap();
        });
        Self { address, stop: Some(stop), task }
    }

    /// Stops in an orderly way, and waits for it.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        timeout(PATIENCE, &mut self.task).await.expect("the relay stops").unwrap();
    }

    pub(crate) async fn agent(&self) -> Agent {
        let mut agent = self.stranger().await;
        agent.say(&[hello()]).await;
        agent
    }

    /// An agent that has not greeted.
    pub(crate) async fn stranger(&self) -> Agent {
        let (socket, _) = connect_async(format!("ws://{}/agent", self.address)).await.unwrap();
        Agent { socket }
    }

    pub(crate) async fn viewer(&self) -> Viewer {
        let (socket, _) = connect_async(format!("ws://{}/ws", self.address)).await.unwrap();
        Viewer { socket, page: Page::default(), n_messages: 0 }
    }

    /// A viewer for whom the kernel keeps little that it hasn't read.
    pub(crate) async fn narrow_viewer(&self) -> Viewer {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(256 << 10).unwrap();
        let stream = MaybeTlsStream::Plain(socket.connect(self.address).await.unwrap());
        let (socket, _) = client_async(format!("ws://{}/ws", self.address), stream).await.unwrap();
        Viewer { socket, page: Page::default(), n_messages: 0 }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.raw(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            self.address
        ))
        .await
    }

    /// One of its counters of itself.
    pub(crate) async fn metric(&self, name: &str) -> usize {
        let metrics = self.get("/metrics").await.body;
        let mut lines = metrics.lines().filter_map(|line| line.split_once(' '));
        let found = lines.find(|(found, _)| *found == name).and_then(|(_, n)| n.parse().ok());
        found.unwrap_or_else(|| panic!("no {name} in {metrics}"))
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Reply {
        let (address, length) = (self.address, body.len());
        self.raw(&format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    /// Sends bytes as they are and reads to the end.
    pub(crate) async fn raw(&self, request: &str) -> Reply {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer").unwrap();
        Reply::parse(&bytes)
    }
}

/// An answer to a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What a refusal says.
    pub(crate) fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error: {self:?}")).to_owned()
    }
}

pub(crate) struct Agent {
    pub(crate) socket: Socket,
}

impl Agent {
    pub(crate) async fn say(&mut self, frames: &[AgentToRelay]) {
        let mut message = Vec::new();
        for frame in frames {
            frame.encode(&mut message);
        }
        self.socket.send(Message::binary(message)).await.unwrap();
    }

    /// The next request.
    pub(crate) async fn asked(&mut self) -> RelayToAgent {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("a request");
            if let Message::Binary(bytes) = message.unwrap().unwrap() {
                return RelayToAgent::decode(&bytes).unwrap().remove(0);
            }
        }
    }

    /// How the relay ends the connection: the code and reason of its close frame.
    pub(crate) async fn refused(&mut self) -> (u16, String) {
        loop {
            let message = timeout(PATIENCE, self.socket.next()).await.expect("the connection ends");
            match message {
                Some(Ok(Message::Close(Some(close)))) => {
                    return (close.code.into(), close.reason.to_string());
                }
                Some(Ok(_)) => {}
                other => panic!("no reason given: {other:?}"),
            }
        }
    }
}

pub(crate) struct Viewer {
    pub(crate) socket: Socket,
    pub(crate) page: Page,
    pub(crate) n_messages: usize,
}

impl Viewer {
    /// Takes messages until the page is as wanted.
    pub(crate) async fn until(&mut self, what: &str, ready: impl Fn(&Page) -> bool) {
        let wait = async {
            while !ready(&self.page) {
                self.take_one().await;
            }
        };
        if timeout(PATIENCE, wait).await.is_err() {
            panic!("waited for {what}, has {:?}", self.page.totals());
        }
    }

    async fn take_one(&mut self) {
        let message = self.socket.next().await.expect("the relay is there").unwrap();
        if let Message::Binary(bytes) = message {
            self.n_messages += 1;
            self.page.take(&bytes);
        }
    }

    /// Takes messages until the counts of all processes add up to this.
    pub(crate) async fn until_total(&mut self, total: u64) {
        self.until(&format!("{total} in all"), |page| page.total() == total).await;
    }
}

/// What a page knows that was told these messages; panics on what a page could not understand.
#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub(crate) struct Page {
    pub(crate) relay: u64,
    pub(crate) tables: BTreeSet<TableId>,
    pub(crate) processes: BTreeMap<u32, Shown>,
    pub(crate) events: u64,
    pub(crate) lost: u64,
}

#[derive(Debug, Default, PartialEq, Eq, Clone)]
pub(crate) struct Shown {
    pub(crate) about: Process,
    pub(crate) packages: Vec<TableId>,
    pub(crate) counts: BTreeMap<(u32, u32), u64>,
    pub(crate) state: Option<State>,
    pub(crate) tracing: u32,
}

impl Page {
    pub(crate) fn take(&mut self, message: &[u8]) {
        for frame in RelayToViewer::decode(message).unwrap() {
            match frame {
                RelayToViewer::Welcome { relay, .. } => *self = Page { relay, ..Page::default() },
                RelayToViewer::Process(about) => {
                    let handle = about.handle;
                    let shown = Shown { about, ..Shown::default() };
                    let service = shown.about.service.clone();
                    let before = self.processes.insert(handle, shown);
                    // Only one that is renamed appears again, and everything of it.
                    assert!(before.is_none_or(|one| one.about.service != service), "told twice");
                }
                RelayToViewer::Table(bytes) => {
                    self.tables.insert(TableId::of(&bytes));
                }
                RelayToViewer::Packages { handle, tables } => {
                    assert!(tables.iter().all(|id| self.tables.contains(id)), "table missing");
                    self.shown(handle).packages.extend(tables);
                }
                RelayToViewer::Counts(counts) => {
                    let shown = self.shown(counts.handle);
                    for package in &counts.packages {
                        assert!((package.package as usize) < shown.packages.len());
                        for (unit, count) in package.units.iter().zip(&package.counts) {
                            shown.counts.insert((package.package, *unit), *count);
                        }
                    }
                }
                RelayToViewer::Flow(flow) => {
                    self.lost += flow.lost;
                    self.events += flow.events.len() as u64;
                }
                RelayToViewer::State { handle, state, .. } => {
                    self.shown(handle).state = Some(state);
                }
                RelayToViewer::Details(_) => {}
                RelayToViewer::Tracing { handle, entries } => self.shown(handle).tracing = entries,
                RelayToViewer::Reset { handles, .. } => {
                    handles.into_iter().for_each(|handle| self.shown(handle).counts.clear());
                }
                RelayToViewer::Forget { handle } => {
                    self.processes.remove(&handle);
                }
            }
        }
    }

    fn shown(&mut self, handle: u32) -> &mut Shown {
        self.processes.get_mut(&handle).unwrap_or_else(|| panic!("process {handle} not told"))
    }

    pub(crate) fn total(&self) -> u64 {
        self.totals().values().sum()
    }

    pub(crate) fn totals(&self) -> BTreeMap<u32, u64> {
        let total = |shown: &Shown| shown.counts.values().sum();
        self.processes.iter().map(|(&handle, shown)| (handle, total(shown))).collect()
    }

    pub(crate) fn states(&self, state: State) -> usize {
        self.processes.values().filter(|shown| shown.state == Some(state)).count()
    }
}

pub(crate) fn hello() -> AgentToRelay {
    AgentToRelay::Hello { version: wire::VERSION, name: "test".into() }
}

/// A package with one function of so many units of two statements each.
pub(crate) fn table(package: &str, n_units: u32) -> Table {
    let unit = |line| TableUnit { span: Span::new(line, 2, line, 9), statements: 2 };
    let source = source(package);
    Table {
        package: package.into(),
        name: "p".into(),
        module: "example.com".into(),
        mode: Mode::Count,
        files: vec![TableFile {
            path: format!("{package}/a.go"),
            source: SourceId::of(source.as_bytes()),
        }],
        functions: vec![TableFunction {
            name: "F".into(),
            file: 0,
            literal: false,
            units: (1..=n_units).map(unit).collect(),
        }],
        entries: vec![0],
        ..Table::default()
    }
}

/// The source that the table of this package names.
pub(crate) fn source(package: &str) -> String {
    format!("package p // {package}\n")
}

pub(crate) fn process(handle: u32, key: u8, service: &str) -> AgentToRelay {
    AgentToRelay::Process(Process {
        handle,
        key: [key; 16],
        pid: u32::from(key),
        host: "here".into(),
        service: service.into(),
        started_ms: 1000 + u64::from(key),
        go_version: "go1.26.8".into(),
        ..Process::default()
    })
}

pub(crate) fn packages(handle: u32, tables: &[&Table]) -> AgentToRelay {
    let tables = tables.iter().map(|table| TableId::of(&table.encode())).collect();
    AgentToRelay::Packages { handle, tables }
}

/// Counts of a process's first package.
pub(crate) fn counts(handle: u32, pairs: &[(u32, u64)]) -> AgentToRelay {
    let (units, counts) = pairs.iter().copied().unzip();
    let package = PackageCounts { package: 0, units, counts, ages_ms: Vec::new() };
    AgentToRelay::Counts(Counts { handle, at_ms: 1, packages: vec![package] })
}

pub(crate) fn state(handle: u32, state: State) -> AgentToRelay {
    AgentToRelay::State { handle, at_ms: 1, state }
}

/// All it takes to announce a process with one package.
pub(crate) fn announce(handle: u32, key: u8, service: &str, table: &Table) -> Vec<AgentToRelay> {
    let bytes = AgentToRelay::Table(table.encode());
    vec![process(handle, key, service), bytes, packages(handle, &[table])]
}
