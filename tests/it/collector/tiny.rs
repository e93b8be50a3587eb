//! A relay of a few lines: accepts agents, keeps what they say, and hangs up when told to.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, accept_hdr};
use wire::frame::Frame as _;
use wire::{AgentToRelay, RelayToAgent};

/// What happened on a connection, which is named by its number.
#[derive(Debug)]
pub(super) enum Event {
    /// An agent is there; its path and `Authorization`.
    Opened(usize, String, Option<String>),
    /// It said this.
    Said(usize, Vec<AgentToRelay>),
    /// It answered a ping.
    Answered,
    /// It is gone; whether it took leave.
    Closed(usize, bool),
}

/// What is to be done on a connection.
enum Order {
    Ask(RelayToAgent),
    Ping,
    HangUp,
}

/// The relay. Stops when dropped.
pub(super) struct Tiny {
    pub(super) address: SocketAddr,
    pub(super) events: mpsc::Receiver<Event>,
    orders: Arc<Mutex<Vec<mpsc::Sender<Order>>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tiny {
    /// A relay on a port that is free.
    pub(super) fn start() -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"))
    }

    /// A relay at this address.
    pub(super) fn start_at(address: SocketAddr) -> Self {
        Self::listen(address, false)
    }

    /// A relay that hangs up as soon as it has heard of the end of a process.
    pub(super) fn start_deaf() -> Self {
        Self::listen("127.0.0.1:0".parse().expect("an address"), true)
    }

    fn listen(address: SocketAddr, deaf: bool) -> Self {
        let listener = tests::until("the port", || TcpListener::bind(address).ok());
        let address = listener.local_addr().expect("it has an address");
        listener.set_nonblocking(true).expect("it can be asked");
        let (told, events) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let orders = Arc::new(Mutex::new(Vec::new()));
        let (stopped, queues) = (Arc::clone(&stop), Arc::clone(&orders));
        let thread = std::thread::spawn(move || {
            let mut connections = Vec::new();
            while !stopped.load(Ordering::Relaxed) {
                let Ok((stream, _)) = listener.accept() else {
                    std::thread::sleep(Duration::from_millis(2));
                    continue;
                };
                let (order, orders) = mpsc::channel();
                let mut queues = queues.lock().expect("no thread panics with it");
                let number = queues.len();
                queues.push(order);
                let (told, stopped) = (told.clone(), Arc::clone(&stopped));
                connections.push(std::thread::spawn(move || {
                    talk(number, stream, &told, &orders, &stopped, deaf);
                }));
            }
            for connection in connections {
                connection.join().expect("a connection ends");
            }
        });
        Self { address, events, orders, stop, thread: Some(thread) }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn ask(&self, number: usize, request: RelayToAgent) {
        self.order(number, Order::Ask(request));
    }

    pub(super) fn ping(&self, number: usize) {
        self.order(number, Order::Ping);
    }

    pub(super) fn hang_up(&self, number: usize) {
        self.order(number, Order::HangUp);
    }

    fn order(&self, number: usize, order: Order) {
        let orders = self.orders.lock().expect("no thread panics with it");
        let _ = orders[number].send(order);
    }

    /// The next event; panics when there is none for long.
    pub(super) fn event(&self, what: &str) -> Event {
        let event = self.events.recv_timeout(tests::PATIENCE);
        event.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn talk(
    number: usize,
    stream: TcpStream,
    told: &mpsc::Sender<Event>,
    orders: &mpsc::Receiver<Order>,
    stopped: &AtomicBool,
    deaf: bool,
) {
    stream.set_nonblocking(false).expect("it can wait");
    let (mut path, mut token) = (String::new(), None);
    #[expect(clippy::result_large_err, reason = "the library's signature")]
    let look = |request: &Request, response: Response| {
        path = request.uri().path().to_owned();
        let header = request.headers().get("authorization");
        token = header.and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(response)
    };
    let Ok(mut socket) = accept_hdr(stream, look) else { return };
    let _ = told.send(Event::Opened(number, path, token));
    let timeout = Some(Duration::from_millis(5));
    socket.get_ref().set_read_timeout(timeout).expect("it can be set");
    let mut took_leave = false;
    while !stopped.load(Ordering::Relaxed) {
        if let Ok(order) = orders.try_recv() {
            let message = match order {
                Order::Ask(request) => {
                    let mut bytes = Vec::new();
                    request.encode(&mut bytes);
                    Message::binary(bytes)
                }
                Order::Ping => Message::Ping(vec![1, 2, 3].into()),
                Order::HangUp => break,
            };
            let _ = socket.send(message);
        }
        match read(&mut socket) {
            Ok(None) => {}
            Ok(Some(Message::Binary(bytes))) => {
                let frames = AgentToRelay::decode(&bytes).expect("frames can be read");
                let ended = |frame: &AgentToRelay| matches!(frame, AgentToRelay::State { .. });
                let enough = deaf && frames.iter().any(ended);
                let _ = told.send(Event::Said(number, frames));
                if enough {
                    break;
                }
            }
            Ok(Some(Message::Pong(payload))) if payload.as_ref() == [1, 2, 3] => {
                let _ = told.send(Event::Answered);
            }
            Ok(Some(Message::Close(_))) => took_leave = true,
            Ok(Some(_)) => {}
            Err(_) => break,
        }
    }
    let _ = told.send(Event::Closed(number, took_leave));
}

fn read(socket: &mut WebSocket<TcpStream>) -> Result<Option<Message>, Error> {
    use std::io::ErrorKind;
    match socket.read() {
        Ok(message) => Ok(Some(message)),
        Err(Error::Io(error))
            if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
