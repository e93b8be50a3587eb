//! Accepts connections and hands them to the routes, within bounds.
//!
//! warp's own loop has neither a limit of connections nor one for slow request headers, and leaves
//! small messages to Nagle's algorithm, which costs a viewer up to 40 ms.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, warn};
use warp::filters::BoxedFilter;
use warp::reply::Response;

use crate::limits;
use crate::relay::Relay;
use crate::routes::Streamed;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The address that a connection came in on; requests carry it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LocalAddr(pub(crate) SocketAddr);

/// Serves until the relay stops, then gives connections a moment to end.
pub(crate) async fn run(
    relay: Arc<Relay>,
    listener: TcpListener,
    routes: BoxedFilter<(Response,)>,
) {
    let slots = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = relay.stopped() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (relay, routes) = (Arc::clone(&relay), routes.clone());
                connections.spawn(async move {
                    connection(relay, stream, routes).await;
                    drop(slot);
                });
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                // Such as too many open files: others must close before it gets better.
                warn!("cannot accept connections for the moment: {error}");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(limits::SHUTDOWN, ended).await.is_err() {
        connections.shutdown().await;
    }
}

async fn connection(relay: Arc<Relay>, stream: TcpStream, routes: BoxedFilter<(Response,)>) {
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().ok();
    let service = warp::service(routes);
    let service = hyper::service::service_fn(move |mut request: http::Request<_>| {
        if let Some(local) = local {
            request.extensions_mut().insert(LocalAddr(local));
        }
        let answer =
            hyper::service::Service::call(&TowerToHyperService::new(service.clone()), request);
        async move { answer.await.map(with_stream) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits::HEADER_TIMEOUT);
    let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = relay.stopped() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!("a connection ended: {error}");
    }
}

/// The answer, with the stream in it that it announces.
fn with_stream(mut response: Response) -> http::Response<BoxBody<Bytes, BoxError>> {
    let Some(streamed) = response.extensions_mut().remove::<Streamed>() else {
        return response.map(|body| body.map_err(Into::into).boxed());
    };
    let frames = Arc::clone(&streamed.live).read().map(move |bytes| {
        let _place = &streamed;
        bytes.map(Frame::data).map_err(Into::into)
    });
    response.map(|_| BodyExt::boxed(StreamBody::new(frames)))
}

fn is_the_peers(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
