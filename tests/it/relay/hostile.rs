//! Peers that mean harm, or are broken. Whatever they send, what others loaded stays and goes on.

use futures_util::{SinkExt, StreamExt};
use tests::PATIENCE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use wire::codec::Writer;
use wire::frame::{Counts, Flow, FlowEvent, Frame, PackageCounts};
use wire::{AgentToRelay, Table, TableId};

use super::peers::{Agent, Served, Viewer, announce, counts, hello, packages, process, table};

/// A relay with a well-behaved agent and viewer, who must not notice anything.
struct House {
    relay: Served,
    viewer: Viewer,
    agent: Agent,
    total: u64,
}

impl House {
    async fn new() -> Self {
        Self::with(relay::Config::default()).await
    }

    async fn with(config: relay::Config) -> Self {
        let relay = Served::with(config).await;
        let mut viewer = relay.viewer().await;
        let mut agent = relay.agent().await;
        agent.say(&announce(1, 1, "good", &table("example.com/good", 4))).await;
        agent.say(&[counts(1, &[(0, 1)])]).await;
        viewer.until_total(1).await;
        Self { relay, viewer, agent, total: 1 }
    }

    /// Everything still works, and nothing was added.
    async fn is_well(&mut self) {
        self.total += 1;
        self.agent.say(&[counts(1, &[(0, self.total)])]).await;
        self.viewer
            .until("good news", |page| page.totals().values().next() == Some(&self.total))
            .await;
        assert_eq!(self.relay.get("/healthz").await.status, 200);
    }

    /// Sends a message as a greeted agent and says how it was refused.
    async fn refuses(&mut self, message: Vec<u8>) -> (u16, String) {
        let mut bad = self.relay.agent().await;
        bad.say(&announce(1, 99, "bad", &table("example.com/bad", 4))).await;
        bad.socket.send(Message::binary(message)).await.unwrap();
        bad.refused().await
    }
}

fn message(frames: &[AgentToRelay]) -> Vec<u8> {
    let mut message = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut message));
    message
}

fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.byte(kind);
    writer.uleb(body.len() as u64);
    writer.raw(body);
    writer.into_bytes()
}

#[tokio::test]
async fn frames_cut_anywhere_are_refused() {
    let mut house = House::new().await;
    let p = table("example.com/p", 3);
    let mut frames = vec![hello()];
    frames.extend(announce(1, 50, "cut", &p));
    frames.push(counts(1, &[(0, 300), (2, 70_000)]));
    let mut ends = std::collections::BTreeSet::from([0]);
    let mut whole = Vec::new();
    for frame in &frames {
        frame.encode(&mut whole);
        ends.insert(whole.len());
    }
    for length in 0..whole.len() {
        let mut bad = house.relay.stranger().await;
        bad.socket.send(Message::binary(whole[..length].to_vec())).await.unwrap();
        if ends.contains(&length) {
            // Whole frames: nothing to complain about.
            continue;
        }
        assert_eq!(bad.refused().await, (1008, "malformed frame".into()), "{length} bytes");
    }
    house.is_well().await;
}

#[tokio::test]
async fn kinds_that_are_not_known_are_skipped() {
    let mut house = House::new().await;
    let mut news = frame(200, b"from the future");
    news.extend(message(&[counts(1, &[(1, 5)])]));
    house.agent.socket.send(Message::binary(news)).await.unwrap();
    house.viewer.until_total(6).await;
}

#[tokio::test]
async fn frames_that_contradict_are_refused_whole() {
    let mut house = House::new().await;
    let bad = table("example.com/bad", 4);
    let other = table("example.com/other", 4);
    let flow = |package, unit| {
        let events = vec![FlowEvent { package, unit, ..FlowEvent::default() }];
        AgentToRelay::Flow(Flow { handle: 1, at_ms: 0, lost: 0, events })
    };
    let package = |package, units: Vec<u32>| {
        let counts = vec![1; units.len()];
        let columns = PackageCounts { package, units, counts, ages_ms: Vec::new() };
        AgentToRelay::Counts(Counts { handle: 1, at_ms: 0, packages: vec![columns] })
    };
    let cases = [
        ("a unit beyond the table", package(0, vec![0, 4])),
        ("a unit far beyond", package(0, vec![u32::MAX])),
        ("a package not announced", package(1, vec![0])),
        ("a process not announced", counts(2, &[(0, 1)])),
        ("flow in a unit beyond the table", flow(0, 4)),
        ("flow in a package not announced", flow(7, 0)),
        ("a table never sent", packages(1, &[&other])),
        ("packages of nobody", packages(9, &[&bad])),
        ("tracing of nobody", AgentToRelay::Tracing { handle: 9, entries: 1 }),
    ];
    for (what, frame) in cases {
        assert_eq!(
            house.refuses(message(&[frame])).await,
            (1008, "protocol error".into()),
            "{what}"
        );
        house.is_well().await;
    }
    assert_eq!(house.viewer.page.total(), house.total, "a refused frame was counted");
    // The same process with other packages than it announced before.
    let mut liar = house.relay.agent().await;
    liar.say(&[AgentToRelay::Table(other.encode()), process(1, 1, "good"), packages(1, &[&other])])
        .await;
    assert_eq!(liar.refused().await.1, "protocol error");
    house.is_well().await;
}

#[tokio::test]
async fn bytes_that_are_no_frames_are_refused() {
    let mut house = House::new().await;
    let huge = {
        let mut writer = Writer::default();
        writer.byte(5);
        writer.uleb(1 << 40);
        writer.into_bytes()
    };
    let many_units = {
        let mut writer = Writer::default();
        for value in [1, 1, 0, 1, 0, 1 << 40] {
            writer.uleb(value);
        }
        frame(5, &writer.into_bytes())
    };
    let descending = {
        let mut writer = Writer::default();
        for value in [1, 1, 0, 1, 0, 2, 1, 1, 0, 1] {
            writer.uleb(value);
        }
        frame(5, &writer.into_bytes())
    };
    let mut broken_table = table("example.com/p", 3).encode();
    broken_table.truncate(20);
    let mut trailing = table("example.com/p", 3).encode();
    trailing.push(0);
    let utf8 = frame(1, &[1, 2, 0xff, 0xfe]);
    for (what, bytes, code) in [
        ("a frame longer than the message", huge, "frame too large"),
        ("more units than bytes", many_units, "frame too large"),
        ("units that do not ascend", descending, "malformed frame"),
        ("a broken table", frame(3, &broken_table), "malformed frame"),
        ("a table with more after it", frame(3, &trailing), "malformed frame"),
        ("a table that is none", frame(3, b"hello"), "malformed frame"),
        ("a name that is no text", utf8, "malformed frame"),
        ("a table of another version", frame(3, b"CGT\x09"), "other version"),
        ("an unknown state", frame(7, &[1, 1, 9]), "malformed frame"),
        ("a number without end", frame(9, &[0xff; 12]), "malformed frame"),
    ] {
        assert_eq!(house.refuses(bytes).await.1, code, "{what}");
        house.is_well().await;
    }
}

#[tokio::test]
async fn text_and_messages_beyond_the_limit_are_refused() {
    let mut house = House::new().await;
    let mut bad = house.relay.agent().await;
    bad.socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(bad.refused().await, (1008, "protocol error".into()));

    // A frame header that announces more than the relay takes; the bytes never have to come.
    let mut stream = handshake(&house.relay, "/agent", "").await;
    let mut header = vec![0x82, 0x80 | 127];
    header.extend((wire::limits::MESSAGE_BYTES as u64 + 1).to_be_bytes());
    header.extend([0; 4]);
    stream.write_all(&header).await.unwrap();
    let mut answer = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the relay hangs up").unwrap();
    assert_eq!(answer[..4], [0x88, answer[1], 0x03, 0xf1], "close, code 1009: {answer:?}");
    house.is_well().await;

    // Viewers have nothing to say.
    for said in [Message::text("hi"), Message::binary(vec![1, 2, 3])] {
        let mut viewer = house.relay.viewer().await;
        viewer.socket.send(said).await.unwrap();
        loop {
            match timeout(PATIENCE, viewer.socket.next()).await.expect("an end").unwrap().unwrap() {
                Message::Close(close) => {
                    assert_eq!(u16::from(close.unwrap().code), 1008);
                    break;
                }
                _ => continue,
            }
        }
    }
    house.is_well().await;
}

/// Opens a WebSocket by hand, for what no library would send.
async fn handshake(relay: &Served, path: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(relay.address).await.unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n",
        relay.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, stream.read_u8()).await.expect("an answer").unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let mut house = House::new().await;
    let address = house.relay.address;
    let reset = |headers: &str| {
        format!(
            "POST /api/v1/reset HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             {headers}Content-Length: 2\r\n\r\n{{}}"
        )
    };
    let json = "Content-Type: application/json\r\n";
    for (headers, status) in [
        (format!("{json}Origin: http://evil.example\r\n"), 403),
        (format!("{json}Origin: null\r\n"), 403),
        (format!("{json}Origin: http://127.0.0.1:1\r\n"), 403),
        // What a form can send.
        ("Content-Type: text/plain\r\n".to_owned(), 415),
        ("Content-Type: application/x-www-form-urlencoded\r\n".to_owned(), 415),
        (String::new(), 415),
    ] {
        let reply = house.relay.raw(&reset(&headers)).await;
        assert_eq!(reply.status, status, "{headers}: {reply:?}");
        assert!(!reply.head.contains("access-control"), "{}", reply.head);
    }
    // Names that others can point at this machine.
    for path in ["/", "/api/v1/services", "/api/v1/profile", "/healthz", "/metrics", "/ws", "/x.js"]
    {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: evil.example:{}\r\nConnection: close\r\n\r\n",
            address.port()
        );
        let reply = house.relay.raw(&request).await;
        assert_eq!(reply.status, 421, "{path}: {reply:?}");
        let request = format!("GET {path} HTTP/1.0\r\n\r\n");
        assert_eq!(house.relay.raw(&request).await.status, 400, "{path}");
    }
    for path in ["/ws", "/agent"] {
        for (header, value) in [("origin", "http://evil.example"), ("host", "evil.example")] {
            let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
            request.headers_mut().insert(header, value.parse().unwrap());
            let error = tokio_tungstenite::connect_async(request).await.unwrap_err().to_string();
            assert!(error.contains("403") || error.contains("421"), "{path} {header}: {error}");
        }
    }
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    request.headers_mut().insert("origin", format!("http://{address}").parse().unwrap());
    tokio_tungstenite::connect_async(request).await.unwrap();
    assert_eq!(house.viewer.page.total(), 1, "nothing was reset");
    house.is_well().await;
}

#[tokio::test]
async fn without_its_token_a_relay_says_nothing() {
    let config = || relay::Config { token: Some("sesame-open".into()), ..Default::default() };
    let relay = Served::with(config()).await;
    let address = relay.address;
    for path in ["/api/v1/services", "/api/v1/profile", "/api/v1/source?id=1", "/metrics"] {
        let reply = relay.get(path).await;
        assert_eq!(reply.status, 401, "{path}: {reply:?}");
        assert!(reply.error().contains("token"));
        let joint = if path.contains('?') { '&' } else { '?' };
        let wrong = relay.get(&format!("{path}{joint}token=sesame")).await;
        assert_eq!(wrong.status, 401);
    }
    assert_eq!(relay.post("/api/v1/reset", "{}").await.status, 401);
    assert_eq!(relay.get("/healthz").await.status, 200);
    assert_eq!(relay.get("/api/v1/services?token=sesame-open").await.status, 200);
    let bearer = format!(
        "GET /api/v1/services HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer sesame-open\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(relay.raw(&bearer).await.status, 200);
    for path in ["/ws", "/agent"] {
        let url = format!("ws://{address}{path}");
        let error = tokio_tungstenite::connect_async(&url).await.unwrap_err().to_string();
        assert!(error.contains("401"), "{path}: {error}");
        tokio_tungstenite::connect_async(format!("{url}?token=sesame-open")).await.unwrap();
    }
    // And one that others can reach doesn't start without.
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let error = relay::run(listener, relay::Config::default(), std::future::pending()).await;
    assert!(error.unwrap_err().to_string().contains("needs a token"));
}

static ASSETS: &[relay::Asset] = &[
    relay::Asset { path: "index.html", mime: "text/html", raw: b"<p>page", br: None, gz: None },
    relay::Asset {
        path: "app-0123456789abcdef.js",
        mime: "text/javascript",
        raw: b"raw",
        br: Some(b"br"),
        gz: Some(b"gz"),
    },
];

#[tokio::test]
async fn no_path_leads_out_of_the_page() {
    let relay = Served::with(relay::Config { assets: ASSETS, ..Default::default() }).await;
    for path in [
        "/../../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "//etc/passwd.txt",
        "/static/../../etc/passwd.",
        "/app-0123456789abcdef.js/../../x.js",
        "/%2e%2e/x.js",
        "/..\\..\\x.js",
        "/.git/config",
        "/index.html%00.js",
        "/Cargo.toml",
    ] {
        let reply = relay.get(path).await;
        assert!(!reply.body.contains("root:"), "{path}: {reply:?}");
        assert!(reply.status == 404 || reply.body == "<p>page", "{path}: {reply:?}");
    }
    for path in ["/", "/live/42", "/index.html"] {
        let reply = relay.get(path).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "<p>page"), "{path}");
        assert!(reply.head.contains("cache-control: no-cache"), "{}", reply.head);
        assert!(reply.head.contains("script-src 'self' 'wasm-unsafe-eval'"), "{}", reply.head);
        assert!(reply.head.contains("x-content-type-options: nosniff"), "{}", reply.head);
        assert!(reply.head.contains("referrer-policy: no-referrer"), "{}", reply.head);
    }
    let script = relay.get("/app-0123456789abcdef.js").await;
    assert_eq!(script.body, "raw");
    assert!(script.head.contains("immutable"), "{}", script.head);
    let head = format!("HEAD / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", relay.address);
    let reply = relay.raw(&head).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    let put = format!(
        "PUT / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        relay.address
    );
    assert_eq!(relay.raw(&put).await.status, 405);
}

#[tokio::test]
async fn bodies_are_bounded_in_length_and_time() {
    let mut house = House::new().await;
    let address = house.relay.address;
    let head = |rest: &str| {
        format!(
            "POST /api/v1/reset HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/json\r\n{rest}\r\n\r\n"
        )
    };
    // A body that never comes holds up nobody else, and is given up.
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(head("Content-Length: 100").as_bytes()).await.unwrap();
    let mut crawling = TcpStream::connect(address).await.unwrap();
    crawling.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    house.is_well().await;

    for (body, status) in
        [("", 400), ("[]", 400), ("{", 400), (r#"{"x":1}"#, 400), ("nonsense", 400)]
    {
        let reply = house.relay.post("/api/v1/reset", body).await;
        assert_eq!(reply.status, status, "{body}: {reply:?}");
        assert!(reply.error().starts_with("cannot read the body"), "{reply:?}");
    }
    let large = format!(r#"{{"service":"{}"}}"#, "x".repeat(relay::limits::BODY_BYTES));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = format!("Content-Length: {}", large.len());
    stream.write_all(head(&length).as_bytes()).await.unwrap();
    let _ = stream.write_all(large.as_bytes()).await;
    let mut answer = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");

    let mut bytes = Vec::new();
    timeout(PATIENCE, slow.read_to_end(&mut bytes)).await.expect("it is given up").unwrap();
    assert!(bytes.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&bytes));
    let mut bytes = Vec::new();
    timeout(PATIENCE, crawling.read_to_end(&mut bytes)).await.expect("it is given up").unwrap();
    house.is_well().await;
}

#[tokio::test]
async fn a_relay_that_is_full_says_so_and_serves_on() {
    let mut house = House::new().await;
    let mut greedy = house.relay.agent().await;
    // Announced alone, a process costs little; its units are what is bounded.
    let large = table("example.com/large", 1 << 20);
    let id = TableId::of(&large.encode());
    greedy.say(&[AgentToRelay::Table(large.encode())]).await;
    let n_fit = relay::limits::UNITS / (1 << 20);
    for key in 0..n_fit {
        let handle = key as u32 + 1;
        greedy.say(&[process(handle, 100 + key as u8, "greedy")]).await;
        greedy.say(&[AgentToRelay::Packages { handle, tables: vec![id] }]).await;
    }
    assert_eq!(greedy.refused().await, (1013, "relay is full".into()));
    house.is_well().await;
    assert_eq!(Table::decode(&large.encode()).unwrap().n_units(), 1 << 20);
}
