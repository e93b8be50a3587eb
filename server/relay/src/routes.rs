//! Every endpoint, and how a request becomes a call.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG};
use http::{HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::timeout;
use warp::filters::BoxedFilter;
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Reply};

use crate::api::{self, Problem};
use crate::guard::{Denied, Head};
use crate::relay::{Relay, Slot};
use crate::server::LocalAddr;
use crate::traces::Live;
use crate::{agent, assets, limits, metrics, viewer};

/// Everything the relay answers to, apart from the page itself. `openapi.json` describes those
/// below `/api`, and a test holds it to this list.
pub(crate) const ENDPOINTS: &[(Method, &str)] = &[
    (Method::GET, "/api/v1/services"),
    (Method::GET, "/api/v1/summary"),
    (Method::GET, "/api/v1/profile"),
    (Method::GET, "/api/v1/source"),
    (Method::POST, "/api/v1/reset"),
    (Method::POST, "/api/v1/trace"),
    (Method::GET, "/api/v1/trace"),
    (Method::GET, "/api/v1/traces"),
    (Method::GET, "/api/v1/openapi.json"),
    (Method::GET, "/healthz"),
    (Method::GET, "/metrics"),
    (Method::GET, "/ws"),
    (Method::GET, "/agent"),
];

const OPENAPI: &str = include_str!("openapi.json");

/// All routes. They answer every request: what fits none of them gets a sentence.
pub(crate) fn routes(relay: Arc<Relay>) -> BoxedFilter<(Response,)> {
    let api = || warp::path!("api" / "v1" / ..);
    let with = {
        let relay = Arc::clone(&relay);
        move || {
            let relay = Arc::clone(&relay);
            warp::any().map(move || Arc::clone(&relay))
        }
    };

    let services = api().and(warp::path!("services")).and(warp::get()).and(with()).and(head());
    let services = services.then(|relay, head| {
        answer(read(relay, head, &[], |relay, scope, _| {
            api::services(&relay, &scope).map(|value| json_reply(&value))
        }))
    });

    let summary = api().and(warp::path!("summary")).and(warp::get()).and(with()).and(head());
    let summary = summary.then(|relay, head| {
        answer(read(relay, head, &[], |relay, scope, _| {
            api::summary(&relay, &scope).map(|value| json_reply(&value))
        }))
    });

    let profile = api().and(warp::path!("profile")).and(warp::get()).and(with()).and(head());
    let profile = profile.then(|relay, head| {
        answer(read(relay, head, &["format"], |relay, scope, others| {
            match others.first().cloned().flatten().as_deref() {
                None | Some("go-text") => {}
                Some(format) => {
                    let message = format!("there is no format {format:?}; there is go-text");
                    return Err(Problem::new(StatusCode::BAD_REQUEST, message));
                }
            }
            api::go_text(&relay, &scope).map(|text| text_reply(text.into()))
        }))
    });

    let source = api().and(warp::path!("source")).and(warp::get()).and(with()).and(head());
    let source = source.then(|relay, head| answer(send_source(relay, head)));

    let reset = api().and(warp::path!("reset")).and(warp::post()).and(with()).and(head());
    let reset = reset.and(warp::body::stream()).then(|relay, head, body| {
        answer(write(relay, head, body, |relay, request| api::reset(&relay, request)))
    });

    let trace = api().and(warp::path!("trace")).and(warp::post()).and(with()).and(head());
    let trace = trace.and(warp::body::stream()).then(|relay, head, body| {
        answer(write(relay, head, body, |relay, request| api::trace(&relay, request)))
    });

    let traces = api().and(warp::path!("traces")).and(warp::get()).and(with()).and(head());
    let traces = traces.then(|relay, head| {
        answer(read(relay, head, &[], |relay, _, _| Ok(json_reply(&api::traces(&relay)))))
    });

    let live = api().and(warp::path!("trace")).and(warp::get()).and(with()).and(head());
    let live = live.then(|relay, head| answer(send_trace(relay, head)));

    let openapi = api().and(warp::path!("openapi.json")).and(warp::get()).and(with()).and(head());
    let openapi = openapi.then(|relay: Arc<Relay>, head: Head| async move {
        answer(async move {
            relay.guard.host(&head)?;
            let mut response = text_reply(Bytes::from_static(OPENAPI.as_bytes()));
            set(&mut response, CONTENT_TYPE, "application/json");
            Ok(response)
        })
        .await
    });

    let health = warp::path!("healthz").and(warp::get()).and(with()).and(head());
    let health = health.then(|relay: Arc<Relay>, head: Head| {
        answer(async move {
            relay.guard.host(&head)?;
            Ok(json_reply(&api::health()))
        })
    });

    let metrics = warp::path!("metrics").and(warp::get()).and(with()).and(head());
    let metrics = metrics.then(|relay: Arc<Relay>, head: Head| {
        answer(async move {
            relay.guard.host(&head)?;
            relay.guard.token(&head)?;
            let mut response = text_reply(metrics::text(&relay).into());
            set(&mut response, CONTENT_TYPE, "text/plain; version=0.0.4");
            Ok(response)
        })
    });

    let viewers = warp::path!("ws").and(with()).and(head());
    let viewers = viewers.and(warp::ws()).then(|relay, head, ws| answer(view(relay, head, ws)));

    let agents = warp::path!("agent").and(with()).and(head());
    let agents = agents.and(warp::ws()).then(|relay, head, ws| answer(watch(relay, head, ws)));

    let rest = warp::method().and(warp::path::full()).and(with()).and(head());
    let rest = rest.then(|method, path, relay, head| answer(rest_of(method, path, relay, head)));

    let api = services.or(summary).unify().or(profile).unify().or(source).unify().boxed();
    let api = api.or(reset).unify().or(trace).unify().or(openapi).unify().boxed();
    let api = api.or(traces).unify().or(live).unify().boxed();
    let own = health.or(metrics).unify().or(viewers).unify().or(agents).unify().boxed();
    api.or(own).unify().or(rest).unify().map(guarded).boxed()
}

/// What a request is judged by.
fn head() -> impl Filter<Extract = (Head,), Error = std::convert::Infallible> + Clone {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::header::headers_cloned().and(query).and(warp::ext::optional::<LocalAddr>()).map(
        |headers, query: String, local: Option<LocalAddr>| Head {
            headers,
            query: serde_urlencoded::from_str(&query).unwrap_or_default(),
            local: local.map(|LocalAddr(address)| address),
        },
    )
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        Problem::new(denied.status(), denied.to_string())
    }
}

/// Answers a question about what is remembered. It may take a while, so it gets its own thread.
async fn read(
    relay: Arc<Relay>,
    head: Head,
    others: &[&str],
    call: impl FnOnce(Arc<Relay>, crate::hub::Scope, Vec<Option<String>>) -> Result<Response, Problem>
    + Send
    + 'static,
) -> Result<Response, Problem> {
    relay.guard.host(&head)?;
    relay.guard.token(&head)?;
    let (scope, others) = api::scope(&head.query, others)?;
    let call = tokio::task::spawn_blocking(move || call(relay, scope, others));
    call.await.unwrap_or_else(|_| {
        let message = "the relay failed to answer; its log says why";
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, message))
    })
}

async fn send_source(relay: Arc<Relay>, head: Head) -> Result<Response, Problem> {
    relay.guard.host(&head)?;
    relay.guard.token(&head)?;
    let (scope, others) = api::scope(&head.query, &["id", "path"])?;
    let mut others = others.into_iter();
    let id = match (others.next().flatten(), others.next().flatten()) {
        (Some(id), _) => id,
        (None, Some(path)) => {
            let id = api::source_id(&relay, &scope, &path)?;
            return Ok(text_reply(api::source(&relay, &id).await?));
        }
        (None, None) => {
            let message = "the parameter id is missing, a source's hash, or path, its name";
            return Err(Problem::new(StatusCode::BAD_REQUEST, message));
        }
    };
    let mut response = text_reply(api::source(&relay, &id).await?);
    let age = format!("private, max-age={}, immutable", api::SOURCE_AGE.as_secs());
    set(&mut response, CACHE_CONTROL, &age);
    set(&mut response, ETAG, &format!("\"{id}\""));
    Ok(response)
}

async fn send_trace(relay: Arc<Relay>, head: Head) -> Result<Response, Problem> {
    relay.guard.host(&head)?;
    relay.guard.token(&head)?;
    let (scope, _) = api::scope(&head.query, &[])?;
    let wanted = scope.process.ok_or_else(|| {
        let message = "the parameter process is missing: a handle, or the name of a trace";
        Problem::new(StatusCode::BAD_REQUEST, message)
    })?;
    let live = api::live_trace(&relay, &wanted)?;
    let slot = Slot::take(&relay, |relay| &relay.viewer_slots, limits::VIEWERS);
    let slot = slot.ok_or_else(|| too_many("viewers", limits::VIEWERS))?;
    let mut response = text_reply(Bytes::new());
    set(&mut response, CONTENT_TYPE, "application/octet-stream");
    // Bodies of this library are whole; the server puts the stream in.
    response.extensions_mut().insert(Streamed { live, _slot: Arc::new(slot) });
    Ok(response)
}

/// An answer whose body is an execution trace as it is written.
#[derive(Debug, Clone)]
pub(crate) struct Streamed {
    /// The trace.
    pub(crate) live: Arc<Live>,
    /// The reader's place among the viewers.
    _slot: Arc<Slot>,
}

/// Does what a request's body says.
async fn write<T: DeserializeOwned>(
    relay: Arc<Relay>,
    head: Head,
    body: impl Stream<Item = Result<impl Buf, warp::Error>> + Send,
    call: impl FnOnce(Arc<Relay>, T) -> Result<Value, Problem>,
) -> Result<Response, Problem> {
    relay.guard.host(&head)?;
    relay.guard.origin(&head)?;
    relay.guard.token(&head)?;
    // A form can't send this type, and a script of another site not without asking first.
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let message = "the body must be JSON, with Content-Type: application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message));
    }
    let body = collect(body).await?;
    let request = serde_json::from_slice(&body).map_err(|error| {
        Problem::new(StatusCode::BAD_REQUEST, format!("cannot read the body: {error}"))
    })?;
    call(relay, request).map(|value| json_reply(&value))
}

async fn collect(
    body: impl Stream<Item = Result<impl Buf, warp::Error>> + Send,
) -> Result<BytesMut, Problem> {
    let all = async {
        let mut body = std::pin::pin!(body);
        let mut bytes = BytesMut::new();
        while let Some(chunk) = body.next().await {
            let mut chunk = chunk
                .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "the body is cut short"))?;
            if bytes.len() + chunk.remaining() > limits::BODY_BYTES {
                let message = format!("the body is longer than {} bytes", limits::BODY_BYTES);
                return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message));
            }
            while chunk.has_remaining() {
                let part = chunk.chunk();
                bytes.extend_from_slice(part);
                let n = part.len();
                chunk.advance(n);
            }
        }
        Ok(bytes)
    };
    timeout(limits::BODY_TIMEOUT, all).await.unwrap_or_else(|_| {
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body took too long"))
    })
}

async fn view(relay: Arc<Relay>, head: Head, ws: warp::ws::Ws) -> Result<Response, Problem> {
    relay.guard.host(&head)?;
    relay.guard.origin(&head)?;
    relay.guard.token(&head)?;
    let slot = Slot::take(&relay, |relay| &relay.viewer_slots, limits::VIEWERS);
    let slot = slot.ok_or_else(|| too_many("viewers", limits::VIEWERS))?;
    let ws = ws.max_message_size(limits::VIEWER_MESSAGE_BYTES);
    let ws = ws.max_frame_size(limits::VIEWER_MESSAGE_BYTES);
    Ok(ws.on_upgrade(move |socket| viewer::run(relay, socket, slot)).into_response())
}

async fn watch(relay: Arc<Relay>, head: Head, ws: warp::ws::Ws) -> Result<Response, Problem> {
    relay.guard.host(&head)?;
    relay.guard.origin(&head)?;
    relay.guard.token(&head)?;
    let slot = Slot::take(&relay, |relay| &relay.agent_slots, limits::AGENTS);
    let slot = slot.ok_or_else(|| too_many("agents", limits::AGENTS))?;
    let ws = ws.max_message_size(wire::limits::MESSAGE_BYTES);
    let ws = ws.max_frame_size(wire::limits::MESSAGE_BYTES);
    Ok(ws.on_upgrade(move |socket| agent::run(relay, socket, slot)).into_response())
}

fn too_many(what: &str, limit: usize) -> Problem {
    let message = format!("there are {limit} {what} already");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, message)
}

/// The page; and for what looks like an endpoint, why it isn't one.
async fn rest_of(
    method: Method,
    path: FullPath,
    relay: Arc<Relay>,
    head: Head,
) -> Result<Response, Problem> {
    relay.guard.host(&head)?;
    let path = path.as_str();
    let methods: Vec<&str> = ENDPOINTS
        .iter()
        .filter(|(_, endpoint)| *endpoint == path)
        .map(|(method, _)| method.as_str())
        .collect();
    if methods.iter().any(|&known| known == method.as_str()) {
        // Only these want more than method and path.
        let message = format!("{path} is for WebSockets");
        return Err(Problem::new(StatusCode::UPGRADE_REQUIRED, message));
    }
    if !methods.is_empty() {
        let allowed = methods.join(", ");
        let mut response = problem_reply(&Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{path} takes {allowed}, not {method}"),
        ));
        set(&mut response, ALLOW, &allowed);
        return Ok(response);
    }
    if path == "/api" || path.starts_with("/api/") {
        let message = "there is no such endpoint; see /api/v1/openapi.json";
        return Err(Problem::new(StatusCode::NOT_FOUND, message));
    }
    if method != Method::GET && method != Method::HEAD {
        let mut response = problem_reply(&Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{path} takes GET, HEAD, not {method}"),
        ));
        set(&mut response, ALLOW, "GET, HEAD");
        return Ok(response);
    }
    assets::reply(&relay, path, &head.headers)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no such file"))
}

async fn answer(result: impl Future<Output = Result<Response, Problem>>) -> Response {
    result.await.unwrap_or_else(|problem| problem_reply(&problem))
}

fn problem_reply(problem: &Problem) -> Response {
    let mut response = json_reply(&json!({"error": problem.message}));
    *response.status_mut() = problem.status;
    response
}

fn json_reply(value: &Value) -> Response {
    let mut response = text_reply(value.to_string().into());
    set(&mut response, CONTENT_TYPE, "application/json");
    response
}

fn text_reply(text: Bytes) -> Response {
    let mut response = Response::new(text.into());
    set(&mut response, CONTENT_TYPE, "text/plain; charset=utf-8");
    set(&mut response, CACHE_CONTROL, "no-store");
    response
}

/// Headers that every answer carries. The page brings its own policy.
fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    response
}

/// Sets a header; a value that can't be one is left out.
pub(crate) fn set(response: &mut Response, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::guard::Guard;

    fn page() -> BoxedFilter<(Response,)> {
        static ASSETS: &[crate::Asset] = &[crate::Asset {
            path: "index.html",
            mime: "text/html; charset=utf-8",
            raw: b"<p>page",
            br: Some(b"packed"),
            gz: None,
        }];
        let guard = Guard::new(None, Vec::new(), "127.0.0.1:7777".parse().unwrap());
        routes(Relay::new(1, guard, ASSETS, "'sha256-x'"))
    }

    fn request(method: &str, path: &str) -> warp::test::RequestBuilder {
        warp::test::request().method(method).path(path).header("host", "localhost:7777")
    }

    #[tokio::test]
    async fn every_endpoint_answers_to_its_method_only() {
        let routes = page();
        for (method, path) in ENDPOINTS {
            let reply = request("PUT", path).reply(&routes).await;
            assert_eq!(reply.status(), 405, "PUT {path}");
            let allowed = reply.headers()["allow"].to_str().unwrap();
            assert!(allowed.split(", ").any(|allowed| allowed == method.as_str()), "{path}");
            let reply = request(method.as_str(), path).reply(&routes).await;
            assert_ne!(reply.status(), 405, "{method} {path}");
            assert_ne!(reply.body(), "<p>page", "{method} {path} fell through to the page");
            for name in ["x-content-type-options", "referrer-policy", "content-security-policy"] {
                assert!(reply.headers().contains_key(name), "{method} {path} has no {name}");
            }
        }
    }

    #[test]
    fn the_description_lists_every_endpoint_and_no_other() {
        let description: Value = serde_json::from_str(OPENAPI).unwrap();
        let described: BTreeSet<(String, String)> = description["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods.map(|method| (method.to_uppercase(), path.clone()))
            })
            .collect();
        let there: BTreeSet<(String, String)> = ENDPOINTS
            .iter()
            .filter(|(_, path)| path.starts_with("/api/"))
            .map(|(method, path)| (method.to_string(), (*path).to_owned()))
            .collect();
        assert_eq!(described, there);
    }

    #[tokio::test]
    async fn parameters_of_the_description_are_the_ones_that_are_taken() {
        let description: Value = serde_json::from_str(OPENAPI).unwrap();
        let routes = page();
        for (path, methods) in description["paths"].as_object().unwrap() {
            for parameter in methods["get"]["parameters"].as_array().into_iter().flatten() {
                let reference = parameter["$ref"].as_str();
                let name = reference
                    .and_then(|reference| reference.rsplit('/').next())
                    .or(parameter["name"].as_str())
                    .unwrap();
                let asked = format!("{path}?{name}=1");
                let reply = request("GET", &asked).reply(&routes).await;
                let body = String::from_utf8_lossy(reply.body()).into_owned();
                assert!(!body.contains("no parameter"), "{asked}: {body}");
            }
        }
        let reply = request("GET", "/api/v1/services?color=1").reply(&routes).await;
        assert_eq!(reply.status(), 400);
    }

    #[tokio::test]
    async fn the_page_is_packed_tagged_and_guarded() {
        let routes = page();
        let reply =
            request("GET", "/live/1").header("accept-encoding", "gzip, br").reply(&routes).await;
        assert_eq!(reply.body(), "packed");
        assert_eq!(reply.headers()["content-encoding"], "br");
        let policy = reply.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval' 'sha256-x';"), "{policy}");
        assert!(!policy.contains("unsafe-inline"));
        let tag = reply.headers()["etag"].clone();
        let again = request("GET", "/live/1")
            .header("accept-encoding", "gzip, br")
            .header("if-none-match", tag)
            .reply(&routes)
            .await;
        assert_eq!((again.status().as_u16(), again.body().len()), (304, 0));
        let raw = request("GET", "/").reply(&routes).await;
        assert_eq!(raw.body(), "<p>page");
    }

    #[tokio::test]
    async fn a_viewer_is_welcomed_in_binary() {
        let mut client = warp::test::ws()
            .path("/ws")
            .header("host", "localhost")
            .handshake(page())
            .await
            .unwrap();
        let message = client.recv().await.unwrap();
        assert!(message.is_binary());
        let frames =
            <wire::RelayToViewer as wire::frame::Frame>::decode(message.as_bytes()).unwrap();
        assert!(matches!(frames[0], wire::RelayToViewer::Welcome { relay: 1, .. }));
    }
}
