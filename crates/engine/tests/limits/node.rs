//! A node under attack: an echo server, the canary on it, and what it has counted.

use std::net::SocketAddr;
use std::time::Duration;

use fanfare_engine::{Closed, Connection, Engine, EngineBuilder, Listener, ListenerHandle, Message, Received, Session};
use fanfare_testkit::{Canary, Http, Polling, Response, WebSocket};
use prometheus::Registry;
use tokio::sync::mpsc;

/// The path of everything that is meant for the engine.
pub(crate) const PATH: &str = "/engine.io/";

/// A handshake over polling.
pub(crate) const POLLING: &str = "/engine.io/?EIO=4&transport=polling";

/// A handshake over WebSocket.
pub(crate) const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

/// How long a node gets for what it does by itself, on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) engine: Engine,
    canary: Canary,
    ended: mpsc::UnboundedReceiver<Closed>,
    listener: ListenerHandle,
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::with(|engine| engine).await
    }

    /// With other options.
    pub(crate) async fn with(configure: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Self {
        Self::launch(configure, |listener| listener, &[]).await
    }

    /// With other options of its listener.
    pub(crate) async fn listening(listen: impl FnOnce(Listener) -> Listener) -> Self {
        Self::launch(|engine| engine, listen, &[]).await
    }

    /// With other options, and headers of the canary that these ask for.
    pub(crate) async fn with_canary(
        headers: &[(&str, &str)],
        configure: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Self {
        Self::launch(configure, |listener| listener, headers).await
    }

    async fn launch(
        configure: impl FnOnce(EngineBuilder) -> EngineBuilder,
        listen: impl FnOnce(Listener) -> Listener,
        headers: &[(&str, &str)],
    ) -> Self {
        let (ends, ended) = mpsc::unbounded_channel();
        let engine = configure(Engine::builder()).build(move |_: &Session| Echo { ends: ends.clone() });
        let engine = engine.expect("the options are allowed");
        let listener = Listener::bind("127.0.0.1:0").await.expect("a free port").registry(engine.registry());
        let listener = listen(listener);
        let address = listener.local_addr().expect("it is bound");
        let handle = listener.handle();
        tokio::spawn(listener.serve(engine.service()));
        let canary = Canary::connect(address, WEBSOCKET, headers).await;
        Self { address, engine, canary, ended, listener: handle }
    }

    /// Checks that the canary and whoever comes next are served as if nothing had happened.
    pub(crate) async fn is_well(&mut self) {
        self.sings().await;
        let newcomer = Polling::open(self.address, PATH).await;
        assert_eq!(newcomer.send(&["4hello"]).await.text(), "ok");
        assert_eq!(newcomer.packets().await, ["4hello"]);
        newcomer.send(&["x"]).await;
        assert_eq!(self.ended().await.reason.as_str(), "parse error", "somebody else was closed too");
    }

    /// Checks that the canary gets what it has asked for, and nothing else.
    pub(crate) async fn sings(&mut self) {
        self.canary.sings().await;
    }

    /// How the next session ended: each is told once.
    pub(crate) async fn ended(&mut self) -> Closed {
        let ended = tokio::time::timeout(PATIENCE, self.ended.recv()).await;
        ended.expect("a session ends").expect("the engine is there")
    }

    /// Checks that the next session to end does so for this reason.
    pub(crate) async fn ends_with(&mut self, reason: &str) {
        let ended = self.ended().await;
        assert_eq!(ended.reason.as_str(), reason, "{ended:?}");
    }

    /// Checks that no session has ended that was not asked for before.
    pub(crate) fn nobody_ended(&mut self) {
        assert!(self.ended.try_recv().is_err(), "somebody was closed");
    }

    /// The value of a metric: of the series with this label value, or of all together.
    pub(crate) fn count(&self, name: &str, label: &str) -> u64 {
        count(self.engine.registry(), name, label)
    }

    /// Waits until a metric has a value.
    pub(crate) async fn counts(&self, name: &str, label: &str, value: u64) {
        let reached = async {
            while self.count(name, label) != value {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.unwrap_or_else(|_| panic!("{name} {label} is {}, not {value}", self.count(name, label)));
    }

    pub(crate) async fn get(&self, target: &str) -> Response {
        Http::get(self.address, target).await
    }

    pub(crate) async fn open_polling(&self) -> Polling {
        Polling::open(self.address, PATH).await
    }

    /// A poll that has reached its session and waits, or has been answered already.
    pub(crate) async fn start_poll(&self, polling: &Polling) -> Http {
        let answered = self.count("fanfare_polling_requests_total", "get");
        let poll = polling.start_poll().await;
        let session = self.session(polling.sid());
        while !session.is_writable() && self.count("fanfare_polling_requests_total", "get") == answered {
            tokio::task::yield_now().await;
        }
        poll
    }

    pub(crate) fn session(&self, sid: &str) -> Session {
        self.engine.session(sid.parse().expect("a session id")).expect("it is open")
    }

    /// A session on a WebSocket, behind its handshake.
    pub(crate) async fn open_websocket(&self) -> WebSocket {
        let mut websocket = WebSocket::connect(self.address, WEBSOCKET).await;
        websocket.text().await;
        websocket
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.engine.close();
        self.listener.shutdown();
    }
}

struct Echo {
    ends: mpsc::UnboundedSender<Closed>,
}

impl Connection for Echo {
    fn message(&self, session: &Session, received: Received<'_>) {
        let _ = match received.message {
            // A small question with a large answer.
            Message::Text(text) if text.starts_with("expand ") => {
                let len = text["expand ".len()..].parse().expect("a length");
                session.send(Message::Text(&"x".repeat(len)))
            }
            message => session.send(message),
        };
    }

    fn closed(&self, _: &Session, closed: Closed) {
        let _ = self.ends.send(closed);
    }
}

/// The value of a metric: of the series with this label value, or of all together.
pub(crate) fn count(registry: &Registry, name: &str, label: &str) -> u64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name);
    let series = family.into_iter().flat_map(|family| family.get_metric());
    let series = series.filter(|series| label.is_empty() || series.get_label().iter().any(|l| l.value() == label));
    series.map(|series| (series.get_counter().get_value() + series.get_gauge().get_value()) as u64).sum()
}

/// Checks a refusal of the protocol.
pub(crate) fn is_refused(response: &Response, code: u8, message: &str) {
    assert_eq!(response.status, 400, "{response:?}");
    assert_eq!(response.text(), format!(r#"{{"code":{code},"message":"{message}"}}"#));
    assert_eq!(response.header("content-type"), Some("application/json"));
}
