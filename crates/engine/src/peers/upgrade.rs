//! A WebSocket that has come here for a session of another node.

use std::sync::Arc;

use fanfare_proto::engine::peer::{Message, Open, TakeOver};
use fanfare_proto::engine::{Closed, Refusal};
use fanfare_proto::ids::Sid;
use http::{Extensions, Response};
use hyper::upgrade::OnUpgrade;
use prometheus::IntGauge;

use super::Exchange;
use super::channel::{Channel, Role};
use super::convert::{headers_from, headers_to, response_from};
use super::pump::{Handover, Pump};
use crate::http::{Body, busy};
use crate::websocket::{Acceptance, Driver, Stream};
use crate::{Engine, Handshake};

/// A WebSocket, and what is known of it.
pub(crate) struct Arrival {
    pub(crate) sid: Sid,
    pub(crate) acceptance: Acceptance,
    /// The client takes binary messages as base64 text only.
    pub(crate) base64: bool,
    /// What layers in front of the engine have added to its request.
    pub(crate) extensions: Extensions,
}

/// Asks the owner of the session what to do with a WebSocket, and does it.
pub(crate) async fn upgrade(
    engine: &Engine,
    exchange: &Arc<Exchange>,
    arrival: Arrival,
) -> Result<Response<Body>, Refusal> {
    if engine.0.is_closed() {
        return Ok(busy());
    }
    let Arrival { sid, mut acceptance, base64, extensions } = arrival;
    let open = Open { sid, base64, headers: headers_to(acceptance.headers()) };
    let asking = exchange.ask(sid.node(), "websocket", Message::Open(open)).ok_or(Refusal::SessionUnknown)?;
    let socket = Socket(exchange.channel(sid.node(), asking.id(), Role::Asker));
    let (headers, is_accepted) = match asking.answer(engine.0.config.session.upgrade_timeout).await {
        Some(Message::Accepted(headers)) => (headers, true),
        Some(Message::Occupied(headers)) => (headers, false),
        Some(Message::Response(response)) => return response_from(response).ok_or(Refusal::SessionUnknown),
        _ => return Err(Refusal::SessionUnknown),
    };
    acceptance.set_headers(headers_from(headers).ok_or(Refusal::SessionUnknown)?);
    if !is_accepted {
        return Ok(acceptance.turn_away(engine));
    }
    let (response, on_upgrade) = acceptance.into_parts();
    tokio::spawn(relay(engine.clone(), on_upgrade, socket, Relayed { base64, extensions }));
    Ok(response)
}

struct Relayed {
    base64: bool,
    extensions: Extensions,
}

/// Relays the bytes of a WebSocket until it closes, or its session comes here.
async fn relay(engine: Engine, on_upgrade: OnUpgrade, socket: Socket, relayed: Relayed) {
    let counted = (engine.0.count_websocket(), Gauge::new(&engine.0.metrics.relays));
    let handover = match on_upgrade.await {
        Ok(upgraded) => {
            let (stream, early) = Stream::from_upgraded(upgraded);
            Pump::new(stream, early.into(), socket.0.clone(), &engine.0.config).run().await
        }
        Err(_) => None,
    };
    let unread = handover.as_ref().and_then(|handover| socket.0.take_back(handover.session.consumed));
    let left = socket.0.close();
    drop(counted);
    match (handover, left) {
        (Some(Handover { session, client: Some((stream, behind)) }), _) if let Some(unread) = unread => {
            take_over(&engine, relayed, *session, stream, [&unread[..], &behind].concat()).await;
        }
        (Some(Handover { session, .. }), _) | (None, Some(session)) => take_over_without_socket(&engine, *session),
        (None, None) => {}
    }
}

/// Goes on with a session that has been another node's until now.
async fn take_over(engine: &Engine, relayed: Relayed, session: TakeOver, stream: Stream, early: Vec<u8>) {
    let handshake = Handshake::moved(session.handshake, relayed.extensions);
    let Some(taken) = engine.0.take_over(session.sid, handshake) else { return };
    taken.resume(session.messages, session.waiting);
    Driver::open(taken, relayed.base64).run(stream, early).await;
}

/// Ends a session whose WebSocket has broken while it moved. Its application still hears what the client has said.
pub(super) fn take_over_without_socket(engine: &Engine, session: TakeOver) {
    tracing::debug!(sid = ?session.sid, "a WebSocket broke while its session moved");
    if session.messages.is_empty() {
        return;
    }
    let handshake = Handshake::moved(session.handshake, Extensions::new());
    let Some(taken) = engine.0.take_over(session.sid, handshake) else { return };
    engine.0.spawn(async move {
        taken.resume(session.messages, session.waiting);
        taken.handle_error(Closed::transport_error("the connection broke while the session moved"));
    });
}

/// The asker's end of a relay. Whoever drops it closes it.
struct Socket(Arc<Channel>);

impl Drop for Socket {
    fn drop(&mut self) {
        drop(self.0.close());
    }
}

/// Counts something that is there.
struct Gauge(IntGauge);

impl Gauge {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.0.dec();
    }
}
