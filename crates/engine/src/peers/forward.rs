//! A polling request that has come here and belongs to another node: it goes there in one message, and its answer comes
//! back in one.

use std::sync::Arc;

use bytes::Bytes;
use fanfare_proto::engine::Refusal;
use fanfare_proto::engine::peer::Message;
use fanfare_proto::ids::Sid;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};

use super::convert::{request_to, response_from};
use super::{Exchange, patience};
use crate::Engine;
use crate::http::{Body, RequestBody, Unreadable, closing, collect, declares_too_much, empty, noop};

/// Has the owner of the session answer a request.
pub(crate) async fn forward(
    engine: &Engine,
    exchange: &Arc<Exchange>,
    sid: Sid,
    request: Request<RequestBody>,
) -> Result<Response<Body>, Refusal> {
    let (parts, body) = request.into_parts();
    let (kind, body) = match parts.method {
        // It would be dropped when this node stops, which would end its session.
        Method::GET if engine.0.is_closed() => return Ok(noop()),
        Method::GET => ("get", Bytes::new()),
        Method::POST => match receive(engine, exchange, sid, &parts, body).await {
            Ok(body) => ("post", body),
            Err(status) => return Ok(closing(status)),
        },
        _ => return Ok(empty(StatusCode::METHOD_NOT_ALLOWED)),
    };
    let request = Message::Request(request_to(sid, &parts, Some(body)));
    let asking = exchange.ask(sid.node(), kind, request).ok_or(Refusal::SessionUnknown)?;
    match asking.answer(patience(&engine.0.config)).await {
        Some(Message::Response(response)) => response_from(response).ok_or(Refusal::SessionUnknown),
        _ => Err(Refusal::SessionUnknown),
    }
}

/// Receives a body; the error is the answer where that fails. The owner hears of one whose connection breaks.
async fn receive(
    engine: &Engine,
    exchange: &Arc<Exchange>,
    sid: Sid,
    parts: &Parts,
    body: RequestBody,
) -> Result<Bytes, StatusCode> {
    let config = &engine.0.config;
    if declares_too_much(config, &parts.headers) {
        return Err(refuse(engine, Unreadable::TooLarge));
    }
    let receiving = Receiving { exchange, sid, parts };
    let collected = collect(config, body).await;
    if collected != Err(Unreadable::Broken) {
        std::mem::forget(receiving);
    }
    collected.map_err(|reason| refuse(engine, reason))
}

fn refuse(engine: &Engine, reason: Unreadable) -> StatusCode {
    reason.name().into_iter().for_each(|name| engine.0.metrics.error(name));
    reason.status()
}

/// Notices when a client drops its connection in the middle of a body, and tells the owner so.
struct Receiving<'a> {
    exchange: &'a Arc<Exchange>,
    sid: Sid,
    parts: &'a Parts,
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        let request = Message::Request(request_to(self.sid, self.parts, None));
        drop(self.exchange.tell(self.sid.node(), self.exchange.next_id(), request));
    }
}
