//! Messages both ways while sessions upgrade on random nodes: each of them once, and in order.

use std::time::Duration;

use fanfare_engine::{Engine, EngineBuilder, Message, Session};
use fanfare_testkit::{Polling, WebSocket};
use futures_util::future::join_all;

use crate::cluster::{Cluster, at_once, patient};
use crate::net::Net;
use crate::server::Server;

const CLIENTS: usize = 100;
const MESSAGES: usize = 40;

/// Sends messages as soon as it hears of a session, with pauses in which others have their turn, and all messages back.
async fn start(options: impl Fn() -> EngineBuilder) -> Cluster {
    let net = Net::default();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let options = options().peers(net.port());
        let greet = |session: &Session| drop(tokio::spawn(stream(session.clone())));
        nodes.push(Server::custom(options, greet, crate::server::echo).await);
    }
    Cluster { net, nodes }
}

async fn stream(session: Session) {
    for number in 0..MESSAGES {
        // A session that is closed has broken the test, which will say so.
        let _ = session.send(Message::Text(&format!("down {number}")));
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
}

/// A client as the official one: it polls and posts while it probes, lets both come to their end, and only then says `5`.
struct Client<'a> {
    cluster: &'a Cluster,
    polling: [Polling; 3],
    received: Vec<String>,
    sent: usize,
    random: usize,
}

impl Client<'_> {
    /// A node, as a load balancer without memory chooses it.
    fn anywhere(&mut self) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % 3
    }

    fn receive(&mut self, packets: &str) {
        let packets = packets.split('\x1e').filter_map(|packet| packet.strip_prefix('4'));
        self.received.extend(packets.map(str::to_owned));
    }

    fn next(&mut self) -> String {
        self.sent += 1;
        format!("4up {}", self.sent - 1)
    }

    async fn post(&mut self) {
        let (first, second, node) = (self.next(), self.next(), self.anywhere());
        assert_eq!(self.polling[node].send(&[&first, &second]).await.text(), "ok");
    }

    /// Polls and posts until the probe is answered and the last poll has ended; then the client is on the WebSocket.
    async fn upgrade(&mut self) -> WebSocket {
        self.post().await;
        let (poll, socket) = (self.anywhere(), self.anywhere());
        let mut get = self.polling[poll].start_poll().await;
        let target = self.polling[socket].target("websocket");
        let mut websocket = WebSocket::connect(self.cluster.nodes[socket].address, &target).await;
        websocket.send("2probe").await;
        self.post().await;
        assert_eq!(websocket.text().await, "3probe");
        self.post().await;
        self.receive(get.response().await.text());
        websocket.send("5").await;
        websocket
    }

    async fn run(mut self) {
        let mut websocket = self.upgrade().await;
        while self.sent < MESSAGES {
            let next = self.next();
            websocket.send(&next).await;
        }
        while self.received.len() < 2 * MESSAGES {
            let text = websocket.text().await;
            self.receive(&text);
        }
        let (down, up): (Vec<_>, Vec<_>) = self.received.into_iter().partition(|text| text.starts_with("down"));
        assert_eq!(down, (0..MESSAGES).map(|number| format!("down {number}")).collect::<Vec<_>>());
        assert_eq!(up, (0..MESSAGES).map(|number| format!("up {number}")).collect::<Vec<_>>());
        websocket.send("4end").await;
        assert_eq!(websocket.text().await, "4end", "and nothing more");
    }
}

/// Returns how many sessions have moved.
async fn check(options: impl Fn() -> EngineBuilder) -> i64 {
    let cluster = start(options).await;
    let clients = (0..CLIENTS).map(|number| {
        let cluster = &cluster;
        async move {
            let polling = cluster.nodes[number % 3].polling().await;
            let polling = [0, 1, 2].map(|node| polling.at(cluster.nodes[node].address));
            Client { cluster, polling, received: Vec::new(), sent: 0, random: number }.run().await;
        }
    });
    join_all(clients).await;
    let moved = cluster.nodes.iter().map(|node| node.metric("fanfare_moved_sessions_total", "here")).sum();
    cluster.nothing_is_left().await;
    moved
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_move() {
    let moved = check(patient).await;
    // Two of three get another node for their WebSocket.
    assert!((40..=90).contains(&moved), "{moved}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_stay() {
    assert_eq!(check(at_once).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_of_which_some_are_in_time() {
    check(|| Engine::builder().delayed_connection(Duration::from_millis(60))).await;
}
