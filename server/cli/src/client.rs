//! What is asked of a relay that runs: profile, summary, reset.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::{DEFAULT_LISTEN, ProfileArgs, RelayArgs, ResetArgs, ScopeArgs, SummaryArgs};

/// Longest answer.
const ANSWER_BYTES: usize = 1 << 30;
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may take: a large profile takes a while to write.
const ANSWER: Duration = Duration::from_secs(120);

/// Asks one relay.
#[derive(Debug)]
pub(crate) struct Client {
    authority: String,
    token: Option<String>,
}

/// What it says.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The body.
    pub(crate) body: Bytes,
}

impl Client {
    /// A client for the relay at this address. A token may be part of it, as `serve` prints it.
    pub(crate) fn new(url: &str, token: Option<&str>) -> Result<Self> {
        let with_scheme =
            if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let uri: Uri = with_scheme
            .parse()
            .with_context(|| format!("{url:?} is not the address of a relay"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some(scheme) => bail!("relays are reached by http, not {scheme}: {url:?}"),
            None => bail!("{url:?} is not the address of a relay"),
        }
        let authority = uri.authority().ok_or_else(|| anyhow!("{url:?} names no host"))?;
        let port = authority.port_u16().unwrap_or(80);
        let in_url = uri.query().into_iter().flat_map(|query| query.split('&'));
        let in_url = in_url.filter_map(|pair| pair.strip_prefix("token=")).next_back();
        let token = token.or(in_url).map(str::to_owned);
        Ok(Self { authority: format!("{}:{port}", authority.host()), token })
    }

    fn from_args(args: &RelayArgs) -> Result<Self> {
        let url = args.url.clone().or_else(|| crate::variable("COVERGLASS_URL"));
        let token = args.token.clone().or_else(|| crate::variable("COVERGLASS_TOKEN"));
        Self::new(&url.unwrap_or_else(|| format!("http://{DEFAULT_LISTEN}")), token.as_deref())
    }

    /// A GET.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer> {
        self.send(Method::GET, path, query, None).await
    }

    /// A POST of JSON.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(Method::POST, path, &[], Some(body.to_string())).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<String>,
    ) -> Result<Answer> {
        let query: Vec<_> =
            query.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let mut target = path.to_owned();
        if !query.is_empty() {
            target = format!("{path}?{}", query.join("&"));
        }
        let mut request =
            Request::builder().method(method).uri(target).header(HOST, &self.authority);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .context("the token can't be sent")?;

        let authority = &self.authority;
        let nobody = || format!("no relay at {authority}; start one with `coverglass serve`");
        let stream = tokio::time::timeout(CONNECT, TcpStream::connect(authority)).await;
        let stream = stream.with_context(nobody)?.with_context(nobody)?;
        let not_http = || format!("what listens on {authority} does not answer like a relay");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .with_context(not_http)?;
        let connection = tokio::spawn(connection);
        let answer = async {
            let response = sender.send_request(request).await.with_context(not_http)?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
            let body = body.map_err(|error| anyhow!("the answer broke off: {error}"))?;
            Ok(Answer { status, body: body.to_bytes() })
        };
        let answer = tokio::time::timeout(ANSWER, answer).await;
        connection.abort();
        answer.with_context(|| format!("{authority} takes too long to answer"))?
    }
}

impl Answer {
    /// The body of an answer that is yes; else what the relay says is the error.
    fn ok(self) -> Result<Bytes> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let said = serde_json::from_slice::<Value>(&self.body).ok();
        let said = said.and_then(|said| said["error"].as_str().map(str::to_owned));
        Err(anyhow!("{}", said.unwrap_or_else(|| format!("the relay answers {}", self.status))))
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(byte.into());
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

fn query(scope: &ScopeArgs) -> Vec<(&'static str, String)> {
    let process = scope.process.map(|process| process.to_string());
    [("service", &scope.service), ("build", &scope.build), ("process", &process)]
        .into_iter()
        .filter_map(|(name, value)| value.clone().map(|value| (name, value)))
        .collect()
}

fn fetch(args: &RelayArgs, path: &str, scope: &ScopeArgs) -> Result<Bytes> {
    let client = Client::from_args(args)?;
    let query = query(scope);
    let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    block_on(client.get(path, &query))?.ok()
}

fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start")?.block_on(future)
}

/// `coverglass profile`.
pub(crate) fn profile(args: ProfileArgs) -> Result<ExitCode> {
    let text = fetch(&args.relay, "/api/v1/profile", &args.scope)?;
    match args.output.as_deref().filter(|path| *path != Path::new("-")) {
        Some(path) => {
            write_whole(path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        None => crate::print(std::str::from_utf8(&text).context("the profile is no text")?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes beside the file, then moves: nobody reads half a profile, and a failure leaves the old
/// one. What is no regular file, such as a pipe, is written as it is.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let special = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    let name = path.file_name().filter(|_| !special && !path.is_symlink());
    let Some(name) = name else { return std::fs::write(path, bytes) };
    let mut beside = name.to_owned();
    beside.push(format!(".{}.partial", std::process::id()));
    let beside = path.with_file_name(beside);
    let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}

/// `coverglass summary`.
pub(crate) fn summary(args: SummaryArgs) -> Result<ExitCode> {
    let body = fetch(&args.relay, "/api/v1/summary", &args.scope)?;
    let summary: Value = serde_json::from_slice(&body).context("the summary is no JSON")?;
    if args.json {
        crate::print_json(&summary)?;
        return Ok(ExitCode::SUCCESS);
    }
    crate::print(&table(&summary))?;
    Ok(ExitCode::SUCCESS)
}

/// Packages and their statements, one per line, as `go tool covdata percent` lays them out.
fn table(summary: &Value) -> String {
    let row = |path: &str, value: &Value| {
        let part = |part: &str| value["statements"][part].as_u64().unwrap_or(0);
        let fraction = coverage::Fraction { covered: part("covered"), total: part("total") };
        (path.to_owned(), fraction)
    };
    let packages = summary["packages"].as_array().cloned().unwrap_or_default();
    let mut rows: Vec<_> = packages
        .iter()
        .map(|package| row(package["path"].as_str().unwrap_or_default(), package))
        .collect();
    rows.push(row("total", &summary["total"]));
    crate::table(&rows)
}

/// `coverglass reset`.
pub(crate) fn reset(args: ResetArgs) -> Result<ExitCode> {
    let client = Client::from_args(&args.relay)?;
    let mut body = serde_json::Map::new();
    if let Some(service) = args.service {
        body.insert("service".into(), service.into());
    }
    if let Some(process) = args.process {
        body.insert("process".into(), process.into());
    }
    block_on(client.post("/api/v1/reset", &Value::Object(body)))?.ok()?;
    Ok(ExitCode::SUCCESS)
}
