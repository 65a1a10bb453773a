//! Engines on one net.

use std::time::Duration;

use fanfare_engine::{EngineBuilder, NodeId, Session, Transport};
use fanfare_testkit::{Polling, WebSocket};

use crate::net::Net;
use crate::server::{Heard, Server, eventually};

/// Three engines that know each other. What is done below is done with sessions of the first.
pub(crate) struct Cluster {
    pub(crate) net: Net,
    pub(crate) nodes: Vec<Server>,
}

impl Cluster {
    /// Engines that send every message back.
    pub(crate) async fn echo(options: impl Fn() -> EngineBuilder) -> Self {
        Self::start(options, crate::server::echo).await
    }

    /// Engines that say nothing by themselves.
    pub(crate) async fn silent(options: impl Fn() -> EngineBuilder) -> Self {
        Self::start(options, |_, _| {}).await
    }

    async fn start(
        options: impl Fn() -> EngineBuilder,
        answer: impl Fn(&Session, fanfare_engine::Received<'_>) + Clone + Send + Sync + 'static,
    ) -> Self {
        let net = Net::default();
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(Server::custom(options().peers(net.port()), |_| {}, answer.clone()).await);
        }
        Self { net, nodes }
    }

    pub(crate) fn id(&self, node: usize) -> NodeId {
        self.nodes[node].engine.node_id()
    }

    /// A polling session of the first node, and the way to it through each node.
    pub(crate) async fn polling(&self) -> [Polling; 3] {
        let polling = self.nodes[0].polling().await;
        [0, 1, 2].map(|node| polling.at(self.nodes[node].address))
    }

    /// The same, once its application knows it.
    pub(crate) async fn connected(&mut self) -> ([Polling; 3], Session) {
        let polling = self.polling().await;
        let session = self.nodes[0].opened().await;
        (polling, session)
    }

    /// A WebSocket at a node, its probe answered.
    pub(crate) async fn probe(&self, node: usize, polling: &[Polling; 3]) -> WebSocket {
        self.nodes[node].probe(&polling[node]).await
    }

    /// A session of the first node with its WebSocket at the second.
    pub(crate) async fn relayed(&mut self) -> ([Polling; 3], WebSocket, Session) {
        let (polling, session) = self.connected().await;
        let mut websocket = self.probe(1, &polling).await;
        websocket.send("5").await;
        assert_eq!(self.nodes[0].heard().await, Heard::Upgraded(Transport::WebSocket));
        (polling, websocket, session)
    }

    /// Waits until no node holds a WebSocket of another.
    pub(crate) async fn no_relay_is_left(&self) {
        eventually("no relay", || self.nodes.iter().all(|node| node.metric("fanfare_relays", "") == 0)).await;
    }

    /// Waits until nothing of any client is left.
    pub(crate) async fn nothing_is_left(&self) {
        self.no_relay_is_left().await;
        for node in &self.nodes {
            eventually("no session", || node.engine.clients_count() == 0).await;
            eventually("no byte waits", || node.metric("fanfare_outbox_bytes", "") == 0).await;
            for transport in ["polling", "websocket"] {
                assert_eq!(node.metric("fanfare_sessions", transport), 0);
            }
        }
        // A shutdown ends early only if no task is left.
        for node in &self.nodes {
            crate::server::within("the end", node.engine.shutdown(Duration::from_secs(60))).await;
        }
    }
}

/// Options with which nothing is delayed, so that sessions stay where they are.
pub(crate) fn at_once() -> EngineBuilder {
    fanfare_engine::Engine::builder().delayed_connection(Duration::ZERO)
}

/// Options with which a session waits for its upgrade as long as it takes.
pub(crate) fn patient() -> EngineBuilder {
    fanfare_engine::Engine::builder().delayed_connection(Duration::from_secs(10))
}

/// The value of a counter of forwarded requests.
pub(crate) fn forwarded(server: &Server, kind: &str, outcome: &str) -> u64 {
    let families = server.engine.registry().gather();
    let family = families.iter().find(|family| family.name() == "fanfare_forwarded_requests_total");
    let metrics = family.into_iter().flat_map(|family| family.get_metric());
    let wanted = [("kind", kind), ("outcome", outcome)];
    let of_labels = metrics.filter(|metric| {
        wanted
            .iter()
            .all(|&(name, value)| metric.get_label().iter().any(|pair| pair.name() == name && pair.value() == value))
    });
    of_labels.map(|metric| metric.get_counter().get_value() as u64).sum()
}
