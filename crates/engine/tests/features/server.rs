//! An engine on a port of its own, and what its application hears.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fanfare_engine::{Closed, Connection, Engine, EngineBuilder, Listener, Message, Received, Session, Transport};
use fanfare_testkit::{Frame, Http, PATIENCE, Polling, Response, WebSocket};
use tokio::sync::mpsc;

/// An engine that serves, and writes down what happens to its sessions.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) engine: Engine,
    heard: mpsc::UnboundedReceiver<Heard>,
}

/// What the application has been told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Opened(Session),
    Text(String),
    Binary(Vec<u8>),
    Upgraded(Transport),
    Closed(Closed),
}

type Greet = dyn Fn(&Session) + Send + Sync;
type Answer = dyn Fn(&Session, Received<'_>) + Send + Sync;

impl Server {
    /// Listens to its clients and says nothing by itself.
    pub(crate) async fn start(options: EngineBuilder) -> Self {
        Self::custom(options, |_| {}, |_, _| {}).await
    }

    /// Sends every message back.
    pub(crate) async fn echo(options: EngineBuilder) -> Self {
        Self::custom(options, |_| {}, echo).await
    }

    /// Greets every session, and says nothing more.
    pub(crate) async fn greet(options: EngineBuilder, greet: impl Fn(&Session) + Send + Sync + 'static) -> Self {
        Self::custom(options, greet, |_, _| {}).await
    }

    /// Greets every session and answers its messages.
    pub(crate) async fn custom(
        options: EngineBuilder,
        greet: impl Fn(&Session) + Send + Sync + 'static,
        answer: impl Fn(&Session, Received<'_>) + Send + Sync + 'static,
    ) -> Self {
        let (engine, heard) = record(options, greet, answer);
        let listener = Listener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(listener.serve(engine.service()));
        Self { address, engine, heard }
    }

    /// A polling session.
    pub(crate) async fn polling(&self) -> Polling {
        Polling::open(self.address, self.engine.path()).await
    }

    /// A session over WebSocket that has got its open packet.
    pub(crate) async fn websocket(&self) -> WebSocket {
        self.websocket_with("").await
    }

    /// The same, with more in the query.
    pub(crate) async fn websocket_with(&self, query: &str) -> WebSocket {
        let target = format!("{}?EIO=4&transport=websocket{query}", self.engine.path());
        let mut websocket = WebSocket::connect(self.address, &target).await;
        let open = websocket.text().await;
        assert!(open.starts_with("0{"), "{open}");
        websocket
    }

    /// A WebSocket of a polling session whose probe has been answered.
    pub(crate) async fn probe(&self, polling: &Polling) -> WebSocket {
        let mut websocket = WebSocket::connect(self.address, &polling.target("websocket")).await;
        websocket.send("2probe").await;
        assert_eq!(websocket.text().await, "3probe");
        websocket
    }

    /// A session that has moved from polling to WebSocket.
    pub(crate) async fn upgraded(&mut self) -> (Polling, WebSocket, Session) {
        let polling = self.polling().await;
        let session = self.opened().await;
        let mut websocket = self.probe(&polling).await;
        websocket.send("5").await;
        assert_eq!(self.heard().await, Heard::Upgraded(Transport::WebSocket));
        (polling, websocket, session)
    }

    /// One request, the target being what follows the path of the engine.
    pub(crate) async fn request(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
        let target = format!("{}{target}", self.engine.path());
        Http::request(self.address, method, &target, headers, b"").await
    }

    /// The next thing that the application hears.
    pub(crate) async fn heard(&mut self) -> Heard {
        within("heard", self.heard.recv()).await.expect("the engine lives")
    }

    /// The session that is opened next.
    pub(crate) async fn opened(&mut self) -> Session {
        match self.heard().await {
            Heard::Opened(session) => session,
            other => panic!("expected a session, got {other:?}"),
        }
    }

    /// The text that is received next.
    pub(crate) async fn text(&mut self) -> String {
        match self.heard().await {
            Heard::Text(text) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// How the next session ends, whatever is heard before.
    pub(crate) async fn closed(&mut self) -> Closed {
        loop {
            if let Heard::Closed(closed) = self.heard().await {
                return closed;
            }
        }
    }

    /// Checks how the next session ends: the reason and the description.
    pub(crate) async fn expect_closed(&mut self, reason: &str, description: Option<&str>) {
        let closed = self.closed().await;
        assert_eq!((closed.reason.as_str(), closed.description), (reason, description));
    }

    /// The value of a metric; of one with labels, that of a label.
    pub(crate) fn metric(&self, name: &str, label: &str) -> i64 {
        let families = self.engine.registry().gather();
        let family = families.iter().find(|family| family.name() == name);
        let metrics = family.into_iter().flat_map(|family| family.get_metric());
        let of_label = metrics.filter(|metric| metric.get_label().iter().all(|pair| pair.value() == label));
        of_label.map(|metric| (metric.get_counter().get_value() + metric.get_gauge().get_value()) as i64).sum()
    }
}

/// An engine whose application writes down what it is told.
pub(crate) fn record(
    options: EngineBuilder,
    greet: impl Fn(&Session) + Send + Sync + 'static,
    answer: impl Fn(&Session, Received<'_>) + Send + Sync + 'static,
) -> (Engine, mpsc::UnboundedReceiver<Heard>) {
    let (hears, heard) = mpsc::unbounded_channel();
    let (greet, answer): (Arc<Greet>, Arc<Answer>) = (Arc::new(greet), Arc::new(answer));
    let application = move |session: &Session| {
        let recorder = Recorder { hears: hears.clone(), answer: answer.clone() };
        recorder.hears(Heard::Opened(session.clone()));
        greet(session);
        recorder
    };
    (options.build(application).expect("the options are valid"), heard)
}

/// Sends a message back.
pub(crate) fn echo(session: &Session, received: Received<'_>) {
    let _ = session.send(received.message);
}

struct Recorder {
    hears: mpsc::UnboundedSender<Heard>,
    answer: Arc<Answer>,
}

impl Recorder {
    fn hears(&self, heard: Heard) {
        // A test that is over listens no more.
        let _ = self.hears.send(heard);
    }
}

impl Connection for Recorder {
    fn message(&self, session: &Session, received: Received<'_>) {
        self.hears(match received.message {
            Message::Text(text) => Heard::Text(text.to_owned()),
            Message::Binary(data) => Heard::Binary(data.to_vec()),
        });
        (self.answer)(session, received);
    }

    fn upgraded(&self, _: &Session, transport: Transport) {
        self.hears(Heard::Upgraded(transport));
    }

    fn closed(&self, _: &Session, closed: Closed) {
        self.hears(Heard::Closed(closed));
    }
}

/// Waits for something that has to happen.
pub(crate) async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: nothing within {PATIENCE:?}"),
    }
}

/// Waits until something holds that tells nobody when it does.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    within(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// Waits until a GET of the session is pending.
pub(crate) async fn polled(session: &Session) {
    eventually("a pending GET", || session.is_writable()).await;
}

/// The body of the error with this code.
pub(crate) fn error(code: u8, message: &str) -> String {
    format!(r#"{{"code":{code},"message":"{message}"}}"#)
}

/// Checks that a WebSocket is closed by a close frame without a code.
pub(crate) async fn expect_plain_close(websocket: &mut WebSocket) {
    assert_eq!(websocket.recv().await, Some(Frame::Close(None)));
    assert_eq!(websocket.recv().await, None);
}

pub(crate) const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}
