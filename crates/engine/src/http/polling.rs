//! HTTP long-polling: the GET that waits for packets, and the POST that brings them.
//! Source: Engine.IO v4, "HTTP long-polling".

use std::future::poll_fn;
use std::time::Duration;

use bytes::Bytes;
use fanfare_proto::engine::{self as proto, Closed, Packet, Post, Refusal, payload};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};

use super::compression::Coding;
use super::receive::{Unreadable, collect, declares_too_much};
use super::service::RequestBody;
use super::{Body, response};
use crate::session::{self, Session};

/// Answers a polling request of an open session.
pub(super) async fn answer(session: &Session, request: Request<RequestBody>) -> Result<Response<Body>, Refusal> {
    let (parts, body) = request.into_parts();
    let mut response = match parts.method {
        Method::GET => get(session, &parts.headers).await?,
        Method::POST => post(session, &parts, body).await?,
        _ => {
            session.engine().metrics.error("method");
            response::wrong_method()
        }
    };
    session.engine().metrics.polled(&parts.method, response.status());
    if let Some(hook) = &session.engine().config.headers {
        hook(response.headers_mut(), session.handshake());
    }
    Ok(response)
}

/// Answers the GET that has opened a session: the handshake, and whatever has been sent behind it.
pub(super) async fn first_answer(session: &Session, headers: &HeaderMap) -> Response<Body> {
    match get(session, headers).await {
        Ok(response) => response,
        // The application has closed it already.
        Err(refusal) => response::refusal(&refusal),
    }
}

async fn get(session: &Session, headers: &HeaderMap) -> Result<Response<Body>, Refusal> {
    session.await_upgrade().await;
    match session.handle_poll() {
        proto::Poll::Wait => {}
        proto::Poll::Overlap => {
            session.engine().metrics.error("overlapping_get");
            return Ok(response::empty(StatusCode::BAD_REQUEST));
        }
        proto::Poll::Refuse(refusal) => return Err(refusal),
    }
    let waiting = Waiting { session, what: Session::handle_poll_aborted };
    let body = poll_fn(|cx| session.poll_body(cx)).await;
    waiting.done();
    session.engine().metrics.bytes_sent.inc_by(body.bytes.len() as u64);
    let coding = Coding::accepted(headers).filter(|_| {
        let threshold = session.engine().config.http_compression_threshold_bytes;
        body.compress && threshold.is_some_and(|threshold| body.bytes.len() >= threshold)
    });
    let mut response = match coding {
        Some(coding) => {
            let mut response = response::polling(response::PAYLOAD_TYPE, coding.compress(&body.bytes));
            response.headers_mut().insert(CONTENT_ENCODING, coding.header_value());
            response
        }
        None => response::polling(response::PAYLOAD_TYPE, body.bytes),
    };
    protect_old_browsers(headers, &mut response);
    Ok(response)
}

async fn post(session: &Session, parts: &Parts, body: RequestBody) -> Result<Response<Body>, Refusal> {
    let metrics = &session.engine().metrics;
    if let Some(response) = refuse_head(session, &parts.headers) {
        return Ok(response);
    }
    match session.handle_post() {
        Post::Accept => {}
        Post::Ignore => return Ok(ignore(session, parts, body).await),
        Post::Overlap => {
            metrics.error("overlapping_post");
            return Ok(response::closing(StatusCode::BAD_REQUEST));
        }
        Post::Refuse(refusal) => return Err(refusal),
    }
    let body = match receive(session, body).await {
        Ok(body) => body,
        Err(status) => return Ok(response::closing(status)),
    };
    metrics.bytes_received.inc_by(body.len() as u64);
    let handling = Waiting { session, what: Session::handle_post_aborted };
    if body.split(|&byte| byte == payload::SEPARATOR).any(|packet| packet == b"1") {
        session.await_poll().await;
    }
    let accepted = handle_payload(session, parts, &body).await;
    handling.done();
    session.handle_post_end();
    // Until this is answered, the client sends no more.
    while let Some(wait) = session.throttle().filter(|_| session.is_open()) {
        tokio::time::sleep(wait).await;
    }
    // What it has asked for waits in its outbox: it is not asked for more until it has taken some. One that posts and
    // polls by turns can take nothing before it has its answer.
    let _ = tokio::time::timeout(CONGESTION_PAUSE, has_taken(session)).await;
    let status = if accepted { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let mut response = response::polling(response::OK_TYPE, if accepted { "ok" } else { "" });
    *response.status_mut() = status;
    protect_old_browsers(&parts.headers, &mut response);
    Ok(response)
}

/// Waits until the client has taken most of what waits for it. One that is about to move to a WebSocket does not poll any
/// more, but waits for the answer to its POST: it takes what waits when it has moved.
async fn has_taken(session: &Session) {
    while session.is_open() && session.is_congested() && !session.is_probed() {
        let _ = tokio::time::timeout(GLANCE, session.ready()).await;
    }
}

/// How often a client that is waited for is looked at: it may begin to move meanwhile.
const GLANCE: Duration = Duration::from_millis(100);

/// Answers a POST to a session that the server is closing. The client may be closing it too.
async fn ignore(session: &Session, parts: &Parts, body: RequestBody) -> Response<Body> {
    let body = collect(&session.engine().config, body).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let packets = payload::decode(&text, session.engine().config.limits.packets_per_payload);
    for packet in packets.into_iter().flatten().flatten() {
        session.handle_packet(&packet, Some(session::Post { head: parts, is_farewell: false }));
    }
    response::polling(response::OK_TYPE, "ok")
}

/// Receives the body of a POST; the error is the answer where that fails, or is no longer wanted.
async fn receive(session: &Session, body: RequestBody) -> Result<Bytes, StatusCode> {
    let receiving = Waiting { session, what: Session::handle_post_aborted };
    let collected = tokio::select! {
        collected = collect(&session.engine().config, body) => collected,
        () = poll_fn(|cx| session.poll_post_unwanted(cx)) => Err(Unreadable::Unwanted),
    };
    if collected != Err(Unreadable::Broken) {
        receiving.done();
    }
    match collected {
        Ok(body) if session.handle_post_received() => Ok(body),
        unusable => {
            session.handle_post_end();
            let reason = unusable.err().unwrap_or(Unreadable::Unwanted);
            reason.name().into_iter().for_each(|name| session.engine().metrics.error(name));
            Err(reason.status())
        }
    }
}

/// Turns away a POST by its head.
fn refuse_head(session: &Session, headers: &HeaderMap) -> Option<Response<Body>> {
    let metrics = &session.engine().metrics;
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if content_type.is_some_and(|kind| kind.starts_with(b"application/octet-stream")) {
        metrics.error("content_type");
        session.handle_error(Closed::transport_error("invalid content"));
        return Some(response::closing(StatusCode::BAD_REQUEST));
    }
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        metrics.error("content_encoding");
        return Some(response::closing(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    if declares_too_much(&session.engine().config, headers) {
        metrics.error("body_too_large");
        return Some(response::closing(StatusCode::PAYLOAD_TOO_LARGE));
    }
    None
}

/// Handles the packets of a body one after the other; says whether all of them made sense.
async fn handle_payload(session: &Session, parts: &Parts, body: &[u8]) -> bool {
    let metrics = &session.engine().metrics;
    let Ok(text) = std::str::from_utf8(body) else {
        metrics.error("invalid_utf8");
        session.handle_error(proto::CloseReason::ParseError.into());
        return false;
    };
    // Leaves what the packets ask for in one piece, so that one GET takes it.
    let mut cork = session.cork();
    let packets = match payload::decode(text, session.engine().config.limits.packets_per_payload) {
        Ok(packets) => packets,
        Err(error) => return refuse_payload(session, &error),
    };
    let post = session::Post { head: parts, is_farewell: text.ends_with("\x1e1") };
    for packet in packets {
        if session.is_congested() {
            // What the client asks for next is answered when it has taken what it has asked for before.
            drop(cork);
            has_taken(session).await;
            cork = session.cork();
        }
        if !session.is_open() {
            break;
        }
        match packet {
            Ok(packet) => {
                session.count_message();
                metrics.messages_received.inc_by(u64::from(matches!(packet, Packet::Message(_) | Packet::Binary(_))));
                session.handle_packet(&packet, Some(post));
            }
            Err(error) => return refuse_payload(session, &error),
        }
    }
    true
}

fn refuse_payload(session: &Session, error: &proto::DecodeError) -> bool {
    session.engine().metrics.error("payload");
    tracing::debug!(sid = ?session.sid(), %error, "payload refused");
    session.handle_error(proto::CloseReason::ParseError.into());
    false
}

/// How long a client with a full outbox waits for the answer to its POST.
const CONGESTION_PAUSE: Duration = Duration::from_secs(1);

/// Old Internet Explorers take an answer for a script unless they are told not to.
fn protect_old_browsers(headers: &HeaderMap, response: &mut Response<Body>) {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    if agent.contains(";MSIE") || agent.contains("Trident/") {
        response.headers_mut().insert("x-xss-protection", HeaderValue::from_static("0"));
    }
}

/// Notices when a client drops its connection: the request's future is dropped then.
struct Waiting<'a> {
    session: &'a Session,
    what: fn(&Session),
}

impl Waiting<'_> {
    fn done(self) {
        std::mem::forget(self);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        (self.what)(self.session);
    }
}
