//! `coverglass agent`: watches this machine's programs for a relay elsewhere.
//!
//! The collector runs in a thread of its own, for as long as there is a connection. Each new
//! connection is told everything, so a relay that was restarted has true numbers at once. While
//! there is none, nothing is read: counters are cumulative, and what dead programs leave stays
//! where it is. It is removed once the relay has confirmed, by its answer to a ping, that it has
//! read up to there.

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::mpsc as sync;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use instrument::collector::{Collector, Config, Watch, drive, drive_unheard};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use wire::frame::{Frame, State};
use wire::{AgentToRelay, RelayToAgent};

use crate::stop::Signs;
use crate::{AgentArgs, DEFAULT_LISTEN, RelayArgs};

/// Batches that wait for the network. More would only be older: what changes meanwhile is told by
/// a later poll.
const BATCHES: usize = 4;
/// Requests that wait for the collector.
const REQUESTS: usize = 256;
/// Size from which a message is continued in another.
const MESSAGE_BYTES: usize = 1 << 20;
/// Longest message that the relay may send.
const REQUEST_BYTES: usize = 8 << 20;
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long the relay may take to accept a message.
pub(crate) const SEND: Duration = Duration::from_secs(20);
/// Silence after which the relay is asked for a sign of life.
const PING: Duration = Duration::from_secs(20);
/// Silence after which it is given up.
const SILENCE: Duration = Duration::from_secs(60);
/// How long a relay is awaited by what has ended and wasn't told.
const FAREWELL: Duration = Duration::from_secs(3);
/// Pauses between attempts to connect double from here…
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// … up to here.
const LAST_RETRY: Duration = Duration::from_secs(10);

/// A connection to the relay.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// `coverglass agent`.
pub(crate) fn agent(args: AgentArgs) -> Result<ExitCode> {
    let config = Config { sources: args.source, ..Config::default() };
    let relay = Relay::new(&args.relay, config.host.clone(), "connected to".to_owned());
    crate::serve::runtime()?.block_on(async {
        let stop = Signs::listen()?;
        relay.forward(move || Collector::new(config), stop.first()).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Where to forward to.
#[derive(Debug)]
pub(crate) struct Relay {
    /// Its address, perhaps with the token.
    pub(crate) url: String,
    /// Its token.
    pub(crate) token: Option<String>,
    /// What this agent calls itself there.
    pub(crate) host: String,
    /// What is said, in front of the address, once there is a connection.
    pub(crate) greeting: String,
}

/// How it came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is nothing left to tell, and all of it has arrived.
    Told,
    /// There is nothing left to happen, but no relay to be told.
    Untold,
    /// It was asked to stop.
    Stopped,
}

impl Relay {
    /// The relay of these arguments, or of the environment.
    pub(crate) fn new(args: &RelayArgs, host: String, greeting: String) -> Self {
        let url = args.url.clone().or_else(|| crate::variable("COVERGLASS_URL"));
        let url = url.unwrap_or_else(|| format!("http://{DEFAULT_LISTEN}"));
        let token = args.token.clone().or_else(|| crate::variable("COVERGLASS_TOKEN"));
        Self { url, token, host, greeting }
    }

    /// Whether address and token can be used.
    pub(crate) fn check(&self) -> Result<()> {
        request(&self.url, self.token.as_deref()).map(|_| ())
    }

    /// Makes a connection.
    ///
    /// # Errors
    /// Why there is none, in a few words.
    pub(crate) async fn connect(&self) -> Result<Socket, String> {
        let request = request(&self.url, self.token.as_deref()).map_err(|e| e.to_string())?;
        match timeout(CONNECT, connect(&request)).await {
            Ok(connected) => connected.map_err(|error| say(&error)),
            Err(_) => Err("no answer".to_owned()),
        }
    }

    /// Tells the relay what is watched, until `shutdown` or until that is over. A connection that
    /// is lost is made again, for ever; both is said on standard error.
    ///
    /// # Errors
    /// The address or the token is none that can be used, or there is no thread for the collector.
    pub(crate) async fn forward<W: Watch>(
        &self,
        watch: impl FnOnce() -> W + Send + 'static,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Outcome> {
        let request = request(&self.url, self.token.as_deref())?;
        // What follows may be the token.
        let shown = self.url.split('?').next().unwrap_or(&self.url);
        let (links, over, collector) = start(watch)?;
        let shutdown = async {
            tokio::select! {
                () = shutdown => Outcome::Stopped,
                outcome = over => outcome.unwrap_or(Outcome::Stopped),
            }
        };
        let mut shutdown = std::pin::pin!(shutdown);
        let mut retry = FIRST_RETRY;
        let mut told = String::new();
        let outcome = loop {
            let attempt = tokio::select! {
                attempt = timeout(CONNECT, connect(&request)) => attempt,
                outcome = &mut shutdown => break outcome,
            };
            let lost = match attempt {
                Ok(Ok(socket)) => {
                    crate::complain(&format!("{} {shown}", self.greeting));
                    told.clear();
                    let begun = Instant::now();
                    match talk(socket, &self.host, &links, shutdown.as_mut()).await {
                        Ended::Shutdown(outcome) => break outcome,
                        Ended::Lost(reason) => {
                            // A relay that hangs up at once is not asked again at once.
                            if begun.elapsed() > LAST_RETRY {
                                retry = FIRST_RETRY;
                            }
                            format!("lost {shown} ({reason}); connecting again")
                        }
                    }
                }
                Ok(Err(error)) => {
                    format!("cannot connect to {shown} ({}); trying again", say(&error))
                }
                Err(_) => format!("cannot connect to {shown} (no answer); trying again"),
            };
            if lost != told {
                crate::complain(&lost);
                told = lost;
            }
            tokio::select! {
                () = sleep(retry) => retry = (retry * 2).min(LAST_RETRY),
                outcome = &mut shutdown => break outcome,
            }
        };
        // Without a link to come the collector ends, and switches tracing off before it does.
        drop(links);
        let _ = tokio::task::spawn_blocking(move || collector.join()).await;
        Ok(outcome)
    }
}

/// The request that opens the connection.
fn request(url: &str, token: Option<&str>) -> Result<Request> {
    let with_scheme = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let (scheme, rest) = with_scheme.split_once("://").unwrap_or_default();
    match scheme {
        "http" | "ws" => {}
        "https" | "wss" => bail!(
            "{url:?}: agents don't speak TLS yet; use http:// in a network you trust, or a tunnel"
        ),
        _ => bail!("{url:?}: agents connect by http or ws, not {scheme}"),
    }
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let in_url = query.split('&').filter_map(|pair| pair.strip_prefix("token=")).next_back();
    let mut request = format!("ws://{}/agent", rest.trim_end_matches('/'))
        .into_client_request()
        .with_context(|| format!("{url:?} is not the address of a relay"))?;
    if let Some(token) = token.or(in_url) {
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        request.headers_mut().insert(AUTHORIZATION, value.context("the token can't be sent")?);
    }
    Ok(request)
}

async fn connect(request: &Request) -> Result<Socket, Error> {
    let config = WebSocketConfig::default().max_message_size(Some(REQUEST_BYTES));
    let (socket, _) = connect_async_with_config(request.clone(), Some(config), true).await?;
    Ok(socket)
}

/// Why it failed, in a few words.
pub(crate) fn say(error: &Error) -> String {
    match error {
        Error::Http(response) if response.status() == http::StatusCode::UNAUTHORIZED => {
            "it needs its token".to_owned()
        }
        Error::Http(response) => format!("it answers {}", response.status()),
        Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// One connection, as the collector sees it.
struct Link {
    frames: mpsc::Sender<Batch>,
    requests: sync::Receiver<RelayToAgent>,
}

/// What one poll told, encoded.
struct Batch {
    messages: Vec<Vec<u8>>,
    /// Where to say that the relay has read it; there when a program's files are removed then.
    arrived: Option<sync::Sender<()>>,
}

/// Starts the collector's thread. It serves one link after the other, and says when all is over.
fn start<W: Watch>(
    watch: impl FnOnce() -> W + Send + 'static,
) -> Result<(sync::Sender<Link>, oneshot::Receiver<Outcome>, JoinHandle<()>)> {
    let (links, next_link) = sync::channel::<Link>();
    let (say_over, over) = oneshot::channel();
    let collect = move || {
        let mut watch = watch();
        while let Some(Link { frames, requests }) = await_link(&mut watch, &next_link) {
            watch.announce();
            drive(&mut watch, &requests, |batch| deliver(&frames, &batch));
            if watch.is_over() {
                let _ = say_over.send(Outcome::Told);
                return;
            }
        }
        let _ = say_over.send(Outcome::Untold);
    };
    let thread = std::thread::Builder::new().name("collector".into());
    let thread = thread.spawn(collect).context("cannot start the collector's thread")?;
    Ok((links, over, thread))
}

/// The next connection; `None` when there will be none, or none came in time.
fn await_link(watch: &mut impl Watch, links: &sync::Receiver<Link>) -> Option<Link> {
    if !watch.fades() {
        return links.recv().ok();
    }
    let mut found = None;
    drive_unheard(watch, |pause, ended| match links.recv_timeout(pause) {
        Ok(link) => {
            found = Some(link);
            ControlFlow::Break(())
        }
        Err(sync::RecvTimeoutError::Disconnected) => ControlFlow::Break(()),
        Err(sync::RecvTimeoutError::Timeout) if ended.is_some_and(|at| at.elapsed() > FAREWELL) => {
            ControlFlow::Break(())
        }
        Err(sync::RecvTimeoutError::Timeout) => ControlFlow::Continue(()),
    });
    found
}

/// Hands a batch to the connection. It has arrived when this goes on.
fn deliver(frames: &mpsc::Sender<Batch>, batch: &[AgentToRelay]) -> ControlFlow<()> {
    let ends = |frame| matches!(frame, &AgentToRelay::State { state: State::Ended, .. });
    let (arrived, confirmed) = match batch.iter().any(ends) {
        true => {
            let (sender, receiver) = sync::channel();
            (Some(sender), Some(receiver))
        }
        false => (None, None),
    };
    let batch = Batch { messages: encode(batch), arrived };
    let sent = frames.blocking_send(batch).is_ok();
    if sent && confirmed.is_none_or(|confirmed| confirmed.recv().is_ok()) {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(())
    }
}

/// The frames in as many messages as it takes to keep them short.
fn encode(batch: &[AgentToRelay]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let mut message = Vec::new();
    for frame in batch {
        frame.encode(&mut message);
        if message.len() >= MESSAGE_BYTES {
            messages.push(std::mem::take(&mut message));
        }
    }
    if !message.is_empty() {
        messages.push(message);
    }
    messages
}

enum Ended {
    Shutdown(Outcome),
    Lost(String),
}

/// Serves one connection until it breaks.
async fn talk(
    socket: Socket,
    host: &str,
    links: &sync::Sender<Link>,
    shutdown: std::pin::Pin<&mut impl Future<Output = Outcome>>,
) -> Ended {
    let (mut sink, mut stream) = socket.split();
    let mut hello = Vec::new();
    AgentToRelay::Hello { version: wire::VERSION, name: host.to_owned() }.encode(&mut hello);
    if let Err(reason) = send(&mut sink, Message::binary(hello)).await {
        return Ended::Lost(reason);
    }
    // The queues belong to this connection: nothing is sent that the relay before was told.
    let (frames, batches) = mpsc::channel(BATCHES);
    let (asked, requests) = sync::sync_channel(REQUESTS);
    if links.send(Link { frames, requests }).is_err() {
        return Ended::Lost("the collector has stopped".to_owned());
    }
    let mut talk =
        Talk { sink: &mut sink, stream: &mut stream, batches, asked, confirmations: Vec::new() };
    tokio::select! {
        biased;
        outcome = shutdown => {
            drop(talk);
            let _ = send(&mut sink, Message::Close(None)).await;
            Ended::Shutdown(outcome)
        }
        reason = talk.run() => Ended::Lost(reason),
    }
}

struct Talk<'a> {
    sink: &'a mut SplitSink<Socket, Message>,
    stream: &'a mut SplitStream<Socket>,
    batches: mpsc::Receiver<Batch>,
    asked: sync::SyncSender<RelayToAgent>,
    /// Pings that are not answered yet, by number, and who waits for the answer.
    confirmations: Vec<(u64, sync::Sender<()>)>,
}

impl Talk<'_> {
    /// Runs until the connection breaks, and says why it did.
    async fn run(&mut self) -> String {
        let mut n_pings = 0u64;
        let mut heard = Instant::now();
        let mut asked_for_life = false;
        loop {
            let patience = if asked_for_life { SILENCE } else { PING };
            tokio::select! {
                message = self.stream.next() => {
                    heard = Instant::now();
                    asked_for_life = false;
                    if let Err(reason) = self.hear(message) {
                        return reason;
                    }
                }
                batch = self.batches.recv() => {
                    let Some(batch) = batch else { return "the collector has stopped".to_owned() };
                    for message in batch.messages {
                        if let Err(reason) = send(self.sink, Message::binary(message)).await {
                            return reason;
                        }
                    }
                    if let Some(arrived) = batch.arrived {
                        n_pings += 1;
                        self.confirmations.push((n_pings, arrived));
                        let ping = Message::Ping(n_pings.to_le_bytes().to_vec().into());
                        if let Err(reason) = send(self.sink, ping).await {
                            return reason;
                        }
                    }
                }
                () = sleep_until(heard + patience) => {
                    if asked_for_life {
                        return "it is silent".to_owned();
                    }
                    asked_for_life = true;
                    if let Err(reason) = send(self.sink, Message::Ping(Vec::new().into())).await {
                        return reason;
                    }
                }
            }
        }
    }

    fn hear(&mut self, message: Option<Result<Message, Error>>) -> Result<(), String> {
        let message = message.ok_or("it hung up")?.map_err(|error| say(&error))?;
        match message {
            Message::Binary(bytes) => {
                let requests = RelayToAgent::decode(&bytes).map_err(|error| error.to_string())?;
                for request in requests {
                    // A relay that asks faster than the collector answers is not answered.
                    let _ = self.asked.try_send(request);
                }
            }
            Message::Pong(number) => {
                let number: [u8; 8] = number.as_ref().try_into().unwrap_or_default();
                let number = u64::from_le_bytes(number);
                let (arrived, waiting) =
                    self.confirmations.drain(..).partition(|(ping, _)| *ping <= number);
                self.confirmations = waiting;
                let arrived: Vec<(u64, sync::Sender<()>)> = arrived;
                for (_, confirmed) in arrived {
                    let _ = confirmed.send(());
                }
            }
            Message::Close(Some(close)) if !close.reason.is_empty() => {
                return Err(close.reason.to_string());
            }
            Message::Close(_) => return Err("it hung up".to_owned()),
            Message::Text(_) | Message::Ping(_) | Message::Frame(_) => {}
        }
        Ok(())
    }
}

async fn send(sink: &mut SplitSink<Socket, Message>, message: Message) -> Result<(), String> {
    match timeout(SEND, sink.send(message)).await {
        Ok(sent) => sent.map_err(|error| say(&error)),
        Err(_) => Err("it takes nothing any more".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood_or_refused_with_a_reason() {
        let uri = |url| request(url, None).unwrap().uri().to_string();
        assert_eq!(uri("http://relay:7777"), "ws://relay:7777/agent");
        assert_eq!(uri("relay:7777"), "ws://relay:7777/agent");
        assert_eq!(uri("ws://[::1]:80/base/"), "ws://[::1]:80/base/agent");
        assert_eq!(uri("http://relay/?token=abc"), "ws://relay/agent");
        let error = |url| request(url, None).unwrap_err().to_string();
        assert!(error("https://relay").contains("agents don't speak TLS yet"));
        assert!(error("ftp://relay").contains("not ftp"));
        assert!(error("http://").contains("is not the address of a relay"));
        assert!(request("relay", Some("a\nb")).is_err());
    }

    #[test]
    fn tokens_are_taken_from_the_address_or_given() {
        let token = |url, token| {
            let request = request(url, token).unwrap();
            request.headers()[AUTHORIZATION].to_str().unwrap().to_owned()
        };
        assert_eq!(token("http://relay/?token=abc", None), "Bearer abc");
        assert_eq!(token("http://relay/?token=abc", Some("def")), "Bearer def");
    }

    #[test]
    fn long_batches_become_several_messages() {
        let table = AgentToRelay::Table(vec![0; MESSAGE_BYTES]);
        let state = AgentToRelay::State { handle: 1, at_ms: 0, state: State::Running };
        let messages = encode(&[table.clone(), table, state.clone(), state]);
        assert_eq!(messages.len(), 3);
        assert_eq!(AgentToRelay::decode(&messages[2]).unwrap().len(), 2);
        assert!(encode(&[]).is_empty());
    }
}
