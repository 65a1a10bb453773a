//! How a session moves to a WebSocket, and with it to the node that holds the WebSocket.

use bytes::Bytes;
use fanfare_proto::engine::peer::Kept;
use fanfare_proto::engine::{Packet, Probe};

use super::{Session, State, WebSocketLink};
use crate::budget::Budget;
use crate::clock::now;
use crate::outgoing::Outgoing;

/// A WebSocket that wants to take a session over.
pub(crate) struct Attempt<'a> {
    /// Frames that it has still to be sent, the answers to its probes.
    pub(crate) answers: &'a mut Vec<u8>,
    /// The client takes binary messages as base64 text only.
    pub(crate) base64: bool,
    /// Another node holds it.
    pub(crate) is_relayed: bool,
}

/// What a packet of a probing WebSocket has led to.
#[derive(Debug)]
pub(crate) enum Probed {
    /// It is answered.
    Pong,
    /// The session is on it now.
    Upgraded,
    /// The session is no longer here: it goes on on the node of the WebSocket.
    Moved(Moving),
    /// It is closed; the session goes on over polling.
    Abort,
}

/// What goes with a session that moves.
#[derive(Debug)]
pub(crate) struct Moving {
    /// What the client has sent and nobody has heard.
    pub(crate) messages: Vec<Kept>,
    /// What waits for the client, as WebSocket frames.
    pub(crate) waiting: Vec<u8>,
}

impl Session {
    /// A packet has come over the probing WebSocket. Once it has taken over, it is the link of the session, and what
    /// it has still to answer to probes leaves first.
    pub(crate) fn handle_probe(
        &self,
        packet: &Packet<'_>,
        attempt: &mut Attempt<'_>,
        link: impl FnOnce() -> WebSocketLink,
    ) -> Probed {
        let mut known = false;
        let probed = self.update(|state| match state.core.handle_probe(now(), packet) {
            Probe::Pong => Probed::Pong,
            Probe::Abort => Probed::Abort,
            Probe::Upgraded => {
                state.push_answers(attempt.answers, &self.0.engine.budget);
                if let Some(moving) = state.move_away(attempt) {
                    return Probed::Moved(moving);
                }
                state.link(link());
                known = state.handle_upgraded();
                Probed::Upgraded
            }
        });
        match &probed {
            Probed::Upgraded => self.handle_upgraded(known),
            Probed::Moved(_) => {
                self.0.engine.give_away(self);
                self.notify_drained();
            }
            Probed::Pong | Probed::Abort => {}
        }
        probed
    }

    /// Goes on with a session that was another node's: its application hears what the client has sent there, and the
    /// client gets what waited for it there, as WebSocket frames.
    pub(crate) fn resume(&self, messages: Vec<Kept>, waiting: Bytes) {
        let mut state = self.0.state.lock();
        if !waiting.is_empty() {
            state.outbox.push_front(Outgoing::encoded(&waiting, &self.0.engine.budget));
        }
        if let Some(delay) = &mut state.delay {
            delay.keep_all(messages);
        }
        drop(state);
        self.connect();
    }
}

impl State {
    fn push_answers(&mut self, answers: &mut Vec<u8>, budget: &std::sync::Arc<Budget>) {
        if !answers.is_empty() {
            self.outbox.push_front(Outgoing::encoded(&std::mem::take(answers), budget));
        }
    }

    /// Gives the session away, if its WebSocket is on another node, and its application has not begun to hear of it.
    fn move_away(&mut self, attempt: &Attempt<'_>) -> Option<Moving> {
        if !attempt.is_relayed || !self.core.is_open() || self.outbox.bytes() > MAX_MOVING_BYTES {
            return None;
        }
        let delay = self.delay.as_mut()?;
        if !delay.begin_connecting() {
            return None;
        }
        let messages = delay.take_kept();
        let mut waiting = Vec::new();
        let written = self.outbox.write_to(attempt.base64, |slices| {
            let before = waiting.len();
            slices.iter().for_each(|slice| waiting.extend_from_slice(slice));
            Ok(waiting.len() - before)
        });
        written.expect("memory takes what is written to it");
        self.core.handle_moved();
        Some(Moving { messages, waiting })
    }

    /// The session is on its WebSocket; says whether its application knows the session. If it is about to, it will hear of
    /// the upgrade from whoever tells it.
    fn handle_upgraded(&mut self) -> bool {
        self.delay.iter_mut().for_each(|delay| delay.handle_upgraded());
        self.delay.is_none()
    }
}

/// What waits for a client that moves travels in one message.
const MAX_MOVING_BYTES: usize = 256 << 10;
