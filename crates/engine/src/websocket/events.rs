//! What a message on a WebSocket leads to, before and after its session is on it.

use std::sync::Arc;

use fanfare_proto::buffer::Buffer;
use fanfare_proto::engine::{CloseReason, Packet};
use fastwebsockets::OpCode;

use super::decoder::Event;
use crate::outgoing::prepend_header;
use crate::session::{Attempt, Moving, Probed, Session, WebSocketLink};
use crate::{Connection, Message};

/// What a message has led to.
#[derive(Debug)]
pub(super) enum Next {
    Continue,
    /// The socket has taken the session over.
    Upgraded,
    /// The session goes to the node that holds the socket.
    Moved(Moving),
    /// The attempt to do so has failed; the session goes on without the socket.
    Abandoned,
    /// The session is over.
    Closed,
}

/// A message on the socket of a session, whose application's side is kept at hand.
pub(super) fn handle_event(session: &Session, known: &mut Option<Arc<dyn Connection>>, event: &Event<'_>) -> Next {
    if session.awaits_pong() && matches!(event, Event::Text(_) | Event::Binary(_)) {
        session.handle_activity();
    }
    match event {
        Event::Text(text) => handle_text(session, known, text),
        Event::Binary(data) => deliver(session, known, Message::Binary(data)),
        Event::Ping(payload) => session.pong(payload),
        Event::Pong => {}
        Event::Close(code) => session.handle_client_close(*code),
    }
    if session.is_open() { Next::Continue } else { Next::Closed }
}

fn handle_text(session: &Session, known: &mut Option<Arc<dyn Connection>>, text: &str) {
    // Nearly all packets are messages, which need no look at the state of the session.
    if let Some(text) = text.strip_prefix('4') {
        return deliver(session, known, Message::Text(text));
    }
    match Packet::parse(text) {
        Ok(packet) => session.handle_packet(&packet, None),
        Err(error) => {
            session.engine().metrics.error("packet");
            tracing::debug!(sid = ?session.sid(), %error, "packet refused");
            session.handle_error(CloseReason::ParseError.into());
        }
    }
}

fn deliver(session: &Session, known: &mut Option<Arc<dyn Connection>>, message: Message<'_>) {
    let metrics = &session.engine().metrics;
    metrics.messages_received.inc();
    metrics.bytes_received.inc_by(match message {
        Message::Text(text) => text.len() as u64,
        Message::Binary(data) => data.len() as u64,
    });
    session.deliver_along(known, message);
}

/// A message on a probing socket.
pub(super) fn handle_probe(
    session: &Session,
    event: &Event<'_>,
    mut attempt: Attempt<'_>,
    link: impl FnOnce() -> WebSocketLink,
) -> Next {
    let packet = match event {
        Event::Text(text) => Packet::parse(text),
        Event::Binary(data) => Ok(Packet::Binary((*data).into())),
        Event::Ping(_) | Event::Pong => return Next::Continue,
        Event::Close(_) => return Next::Abandoned,
    };
    let Ok(packet) = packet else { return Next::Abandoned };
    match session.handle_probe(&packet, &mut attempt, link) {
        Probed::Pong => {
            let mut frame = Buffer::from(Packet::Pong("probe").encode().as_bytes());
            prepend_header(&mut frame, OpCode::Text);
            attempt.answers.extend_from_slice(frame.as_slice());
            Next::Continue
        }
        Probed::Upgraded => Next::Upgraded,
        Probed::Moved(moving) => Next::Moved(moving),
        Probed::Abort => Next::Abandoned,
    }
}
