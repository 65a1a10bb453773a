//! How the application gets to know a session, and hears of its messages and its end.

use std::sync::Arc;

use fanfare_proto::engine::peer::Kept;
use fanfare_proto::engine::{Closed, Transport};

use super::{Post, Session};
use crate::{Connection, Message, Received};

impl Session {
    /// Hands the session to its application, and with it what the client has sent so far; not if that is being done
    /// already. What is sent meanwhile leaves when all that is done.
    pub(crate) fn connect(&self) {
        if !self.0.state.lock().delay.as_mut().is_some_and(|delay| delay.begin_connecting()) {
            return;
        }
        let _cork = self.cork();
        let connection: Arc<dyn Connection> = self.0.engine.application.connect(self).into();
        let upgraded = loop {
            let mut state = self.0.state.lock();
            let delay = state.delay.as_mut().expect("it ends here");
            let kept = delay.take_kept();
            if kept.is_empty() {
                let upgraded = delay.has_upgraded();
                // Under the lock, so that no message that comes now is kept for ever or overtakes another.
                *self.0.connection.lock() = Some(connection);
                state.end_delay();
                break upgraded;
            }
            drop(state);
            kept.iter().for_each(|kept| {
                connection.message(self, Received { message: message(kept), request: None, is_farewell: false });
            });
        };
        if upgraded {
            self.tell_upgraded();
        }
        self.tell_closed();
        self.notify_drained();
    }

    /// As [`deliver`](Self::deliver), for one that delivers again and again: it keeps the application's side at hand, once
    /// that is known, and lets go of it when the session is over.
    pub(crate) fn deliver_along(&self, known: &mut Option<Arc<dyn Connection>>, message: Message<'_>) {
        match known {
            Some(connection) if self.is_open() => {
                connection.message(self, Received { message, request: None, is_farewell: false });
            }
            _ => {
                self.deliver(message, None);
                *known = self.connection();
            }
        }
    }

    /// Hands a message to the application, now or when that gets to know the session.
    pub(crate) fn deliver(&self, message: Message<'_>, post: Option<Post<'_>>) {
        let connection = match self.connection() {
            None if self.is_open() && !self.keep(message) => self.connection(),
            connection => connection,
        };
        if let Some(connection) = connection {
            let (request, is_farewell) = post.map_or((None, false), |post| (Some(post.head), post.is_farewell));
            connection.message(self, Received { message, request, is_farewell });
        }
    }

    /// The application's side, as long as it hears of anything but the end.
    fn connection(&self) -> Option<Arc<dyn Connection>> {
        self.0.connection.lock().clone().filter(|_| self.is_open())
    }

    /// Keeps a message; not if the application knows the session by now.
    fn keep(&self, message: Message<'_>) -> bool {
        let is_full = self.update(|state| {
            let delay = state.delay.as_mut()?;
            delay.keep(message);
            Some(delay.is_full())
        });
        if is_full == Some(true) {
            self.connect();
        }
        is_full.is_some()
    }

    /// The session has moved to a WebSocket, which ends the wait. `known` is whether the application knew the session
    /// when it did.
    pub(super) fn handle_upgraded(&self, known: bool) {
        self.0.engine.metrics.upgraded();
        if known {
            self.tell_upgraded();
        } else {
            self.connect();
        }
    }

    /// The session is over.
    pub(super) fn finish(&self, closed: Closed) {
        self.0.engine.forget(self, closed);
        let _ = self.0.ended.set(closed);
        if self.is_unheard() {
            self.connect();
        }
        self.tell_closed();
        if let Some(drained) = self.0.drained.get() {
            drained.notify_waiters();
        }
    }

    /// Whether the client has said something that the application has not begun to hear. Of one that has not, it will
    /// never hear.
    fn is_unheard(&self) -> bool {
        let mut state = self.0.state.lock();
        let Some(delay) = state.delay.as_mut().filter(|delay| delay.is_waiting()) else { return false };
        if delay.is_empty() {
            delay.begin_connecting();
            return false;
        }
        true
    }

    fn tell_upgraded(&self) {
        if let Some(connection) = self.connection() {
            connection.upgraded(self, Transport::WebSocket);
        }
    }

    /// Tells the connection that the session is over, once both are known, and lets go of it.
    fn tell_closed(&self) {
        let Some(&closed) = self.0.ended.get() else { return };
        let connection = self.0.connection.lock().take();
        if let Some(connection) = connection {
            connection.closed(self, closed);
        }
    }
}

fn message(kept: &Kept) -> Message<'_> {
    match kept {
        Kept::Text(text) => Message::Text(text),
        Kept::Binary(data) => Message::Binary(data),
    }
}
