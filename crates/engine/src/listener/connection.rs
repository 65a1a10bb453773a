//! One connection of a listener.

use std::error::Error as _;
use std::future::Future as _;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::Sleep;
use tower_service::Service;

use super::farewell;
use super::guard::RawHeads;
use super::metrics::{Metrics, Place};
use crate::http::{BodyError, PeerAddr, Secure};

/// A connection until it is upgraded: its bytes are recorded, so that heads can be checked as they were sent, and a client
/// that takes nothing of its answer breaks it.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    heads: RawHeads,
    place: Place,
    write_timeout: Duration,
    /// Runs while the client takes nothing of what is written to it.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Connection<S> {
    /// The connection below, and its place, to be kept as long as that is open.
    pub(crate) fn into_parts(self) -> (S, Place) {
        (self.stream, self.place)
    }

    /// Limits how long a write may wait.
    fn limit<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let write_timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(write_timeout)));
        stalled.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.heads.record(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.limit(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_flush(cx);
        self.limit(cx, written)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let written = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.limit(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.limit(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Serves connections, all in the same way.
#[derive(Clone)]
pub(super) struct Serving<S> {
    service: S,
    http: http1::Builder,
    timeouts: Timeouts,
    metrics: Metrics,
    ending: watch::Receiver<bool>,
}

/// How long a client may keep a connection waiting.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// For a request head.
    pub(super) head: Duration,
    /// To take anything of an answer.
    pub(super) write: Duration,
}

impl<S> Serving<S> {
    pub(super) fn new(service: S, timeouts: Timeouts, metrics: Metrics, ending: watch::Receiver<bool>) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(timeouts.head)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD_BYTES)
            .max_buf_size(MAX_HEAD_BYTES);
        Self { service, http, timeouts, metrics, ending }
    }

    pub(super) fn head_timeout(&self) -> Duration {
        self.timeouts.head
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

impl<S, B> Serving<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BodyError>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    /// Serves one connection to its end, or until it is upgraded.
    pub(super) async fn serve<T>(mut self, stream: T, place: Place, peer: SocketAddr, secure: bool)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let heads = RawHeads::default();
        let write_timeout = self.timeouts.write;
        let io = TokioIo::new(Connection { stream, heads: heads.clone(), place, write_timeout, stalled: None });
        let (service, metrics) = (self.service, self.metrics.clone());
        let answer = hyper::service::service_fn({
            let heads = heads.clone();
            move |request| respond(service.clone(), request, heads.clone(), metrics.clone(), peer, secure)
        });
        let mut connection = self.http.serve_connection(io, answer).with_upgrades();
        let ended = tokio::select! {
            ended = &mut connection => ended,
            () = super::shutdown(&mut self.ending) => {
                Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        };
        let answer = ended.err().and_then(|error| failed(&error, &heads, &self.metrics, peer));
        if let Some(parts) = connection.into_parts() {
            let Connection { stream, place: _place, .. } = parts.io.into_inner();
            farewell::say(stream, answer.unwrap_or_default(), heads.is_mid_request()).await;
        }
    }
}

/// Checks a request and lets the service answer it.
async fn respond<S, B>(
    mut service: S,
    mut request: Request<Incoming>,
    heads: RawHeads,
    metrics: Metrics,
    peer: SocketAddr,
    secure: bool,
) -> Result<Response<UnsyncBoxBody<B::Data, BodyError>>, BodyError>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BodyError>,
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BodyError>,
{
    let is_last = match heads.check(&request) {
        Ok(checked) => checked.is_last,
        Err(kind) => {
            metrics.failed(kind);
            let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response.headers_mut().insert(CONNECTION, CLOSE);
            return Ok(response);
        }
    };
    request.extensions_mut().insert(PeerAddr(peer));
    if secure {
        request.extensions_mut().insert(Secure);
    }
    std::future::poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
    let mut response = service.call(request).await.map_err(Into::into)?;
    if is_last {
        response.headers_mut().entry(CONNECTION).or_insert(CLOSE);
    }
    Ok(response.map(|body| body.map_err(Into::into).boxed_unsync()))
}

/// Counts how a connection has failed; returns what hyper closes it without, and its client should hear.
fn failed(error: &hyper::Error, heads: &RawHeads, metrics: &Metrics, peer: SocketAddr) -> Option<&'static [u8]> {
    if error.is_timeout() && !heads.is_mid_head() {
        // Nobody wants anything any more.
        return None;
    }
    metrics.failed(kind(error));
    tracing::debug!(%peer, %error, "connection failed");
    if error.is_timeout() {
        return Some(b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    }
    // It has answered all other heads that make no sense by itself; this one is the beginning of HTTP/2.
    (error.is_parse() && heads.starts_with(b"PRI * HTTP/2.0"))
        .then_some(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
}

fn kind(error: &hyper::Error) -> &'static str {
    if error.is_timeout() {
        "head_timeout"
    } else if error.is_parse() {
        "malformed"
    } else if is_write_timeout(error) {
        "write_timeout"
    } else {
        "broken"
    }
}

fn is_write_timeout(error: &hyper::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// Source: `limits.md`.
const MAX_HEADERS: usize = 100;
const MAX_HEAD_BYTES: usize = 16 << 10;

const CLOSE: HeaderValue = HeaderValue::from_static("close");
