//! What an engine hands its sessions to.

use fanfare_proto::engine::{Closed, Transport};
use http::request::Parts;

use crate::Session;

/// Takes the sessions of an [`Engine`](crate::Engine). Any function from a session to a [`Connection`] is one.
pub trait Application: Send + Sync + 'static {
    /// A session has opened. What is sent to it here follows right behind the handshake.
    ///
    /// Called by the request that opens the session, before it is answered; where there are
    /// [peers](crate::EngineBuilder::peers), a session that begins over polling comes a little later, and may be on
    /// WebSocket already. What is returned hears of everything that happens to the session from now on, and is dropped
    /// when the session is over.
    fn connect(&self, session: &Session) -> Box<dyn Connection>;
}

/// One session, as its application sees it.
///
/// Calls of [`message`](Self::message) never overlap, and come in the order in which the client sent. They run on
/// the task that reads from the client: until one returns, no more is read. [`closed`](Self::closed) comes once;
/// it can come while a `message` call is still running.
pub trait Connection: Send + Sync + 'static {
    /// A message has come.
    fn message(&self, session: &Session, received: Received<'_>);

    /// The session has moved to another transport.
    fn upgraded(&self, session: &Session, transport: Transport) {
        let _ = (session, transport);
    }

    /// The session is over.
    fn closed(&self, session: &Session, closed: Closed) {
        let _ = (session, closed);
    }
}

/// A message of a client.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// Its content.
    pub message: Message<'a>,
    /// Over polling, the POST that carried it, unless it came before the application knew the session.
    pub request: Option<&'a Parts>,
    /// Whether the same POST ends the session with its last packet.
    pub is_farewell: bool,
}

/// The content of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text.
    Text(&'a str),
    /// Binary data.
    Binary(&'a [u8]),
}

impl<F, C> Application for F
where
    F: Fn(&Session) -> C + Send + Sync + 'static,
    C: Connection,
{
    fn connect(&self, session: &Session) -> Box<dyn Connection> {
        Box::new(self(session))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Engine, Handshake};

    struct Holding {
        _session: Session,
        _alive: Arc<()>,
    }

    impl Connection for Holding {
        fn message(&self, _: &Session, _: Received<'_>) {}
    }

    #[tokio::test]
    async fn a_connection_that_holds_its_session_goes_with_it() {
        let alive = Arc::new(());
        let held = alive.clone();
        let connect = move |session: &Session| Holding { _session: session.clone(), _alive: held.clone() };
        let engine = Engine::builder().build(connect).unwrap();
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let session = engine.0.open(Transport::WebSocket, Handshake::new(&mut parts, None, false)).unwrap();
        assert_eq!(Arc::strong_count(&alive), 3);
        session.discard();
        assert_eq!(Arc::strong_count(&alive), 2, "only the application itself is left");
    }
}
