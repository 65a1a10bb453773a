//! Requests of sessions of this node that have come to other nodes.

use std::sync::Arc;

use fanfare_proto::engine::peer::{self, Message};
use fanfare_proto::engine::{Closed, Refusal, Upgrade};
use fanfare_proto::ids::{NodeId, Sid};
use http::{Method, Request, Response, StatusCode};

use super::channel::Role;
use super::convert::{headers_from, headers_to, request_from, response_to};
use super::relay::RelayStream;
use super::{Exchange, Fate};
use crate::Engine;
use crate::engine::Whereabouts;
use crate::http::{Body, RequestBody, answer_polling, closing, empty, refuse};
use crate::session::Session;
use crate::websocket::{Driver, Stream};

/// Another node, and the number that it has given to the conversation.
type Asker = (NodeId, u64);

/// Answers a polling request as if it had come here.
pub(super) fn request(engine: &Engine, exchange: &Arc<Exchange>, asker: Asker, request: peer::Request) {
    let sid = request.sid;
    let session = match find(engine, sid) {
        Ok(session) => session,
        Err(refusal) => return respond(exchange, asker, refuse(engine, &refusal)),
    };
    let Some(request) = request_from(request) else {
        engine.0.metrics.malformed_peer_messages.inc();
        return respond(exchange, asker, refuse(engine, &Refusal::BadRequest));
    };
    let kind = if request.method() == Method::GET { "get" } else { "post" };
    engine.0.metrics.answered_for_peers.with_label_values(&[kind]).inc();
    let (engine, answering) = (engine.clone(), exchange.clone());
    exchange.answering(asker.0, asker.1, sid, || engine.0.spawn(poll(answering, asker, session, request)));
}

async fn poll(exchange: Arc<Exchange>, asker: Asker, session: Session, request: Request<RequestBody>) {
    let is_get = request.method() == Method::GET;
    let answering = Answering { exchange: &exchange, asker };
    let response = answer_polling(&session, request).await;
    let has_packets = is_get && response.status() == StatusCode::OK;
    let sending = exchange.tell(asker.0, asker.1, Message::Response(response_to(response)));
    // Not before the answer is on its way: it must not be taken for one that nobody knows.
    drop(answering);
    if sending.await != Fate::Received {
        if has_packets {
            session.handle_error(Closed::transport_error("the answer to a poll was lost"));
        }
        // Its node may be there and could not take so much.
        respond(&exchange, asker, empty(StatusCode::SERVICE_UNAVAILABLE));
    }
}

/// A request while it is being answered. Where the application panics, whoever has asked does not wait in vain.
struct Answering<'a> {
    exchange: &'a Exchange,
    asker: Asker,
}

impl Drop for Answering<'_> {
    fn drop(&mut self) {
        self.exchange.answered(self.asker.0, self.asker.1);
        if std::thread::panicking() {
            respond(self.exchange, self.asker, closing(StatusCode::INTERNAL_SERVER_ERROR));
        }
    }
}

/// Probes a WebSocket that another node holds.
pub(super) fn open(engine: &Engine, exchange: &Arc<Exchange>, asker: Asker, open: peer::Open) {
    match find(engine, open.sid) {
        Ok(session) => {
            engine.0.metrics.answered_for_peers.with_label_values(&["websocket"]).inc();
            // Not here, where a hook that panics would harm others.
            engine.0.spawn(probe(engine.clone(), exchange.clone(), asker, session, open));
        }
        // The session has its WebSocket, on another node.
        Err(Refusal::BadRequest) => drop(exchange.tell(asker.0, asker.1, Message::Occupied(open.headers))),
        Err(refusal) => respond(exchange, asker, refuse(engine, &refusal)),
    }
}

async fn probe(engine: Engine, exchange: Arc<Exchange>, asker: Asker, session: Session, open: peer::Open) {
    let Some(mut headers) = headers_from(open.headers) else {
        engine.0.metrics.malformed_peer_messages.inc();
        return respond(&exchange, asker, refuse(&engine, &Refusal::BadRequest));
    };
    let answering = Answering { exchange: &exchange, asker };
    if let Some(hook) = &engine.0.config.headers {
        hook(&mut headers, session.handshake());
    }
    let upgrade = match engine.0.may_upgrade() {
        true => session.handle_upgrade(),
        false => Upgrade::Refuse(Refusal::BadRequest),
    };
    drop(answering);
    match upgrade {
        Upgrade::Probe => {
            let channel = exchange.channel(asker.0, asker.1, Role::Owner);
            channel.tell(Message::Accepted(headers_to(&headers)));
            let stream = Stream::other(RelayStream::new(channel.clone()), None);
            Driver::probe_relayed(session, open.base64, channel).run(stream, Vec::new()).await;
        }
        Upgrade::Occupied => drop(exchange.tell(asker.0, asker.1, Message::Occupied(headers_to(&headers)))),
        Upgrade::Refuse(refusal) => respond(&exchange, asker, refuse(&engine, &refusal)),
    }
}

/// The session; one that has moved refuses as one that has upgraded.
fn find(engine: &Engine, sid: Sid) -> Result<Session, Refusal> {
    match engine.0.find(sid) {
        Whereabouts::Here(session) => Ok(session),
        Whereabouts::Moved => Err(Refusal::BadRequest),
        Whereabouts::Elsewhere(_) | Whereabouts::Unknown => Err(Refusal::SessionUnknown),
    }
}

fn respond(exchange: &Exchange, asker: Asker, response: Response<Body>) {
    drop(exchange.tell(asker.0, asker.1, Message::Response(response_to(response))));
}
