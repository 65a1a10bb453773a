//! The servers of one case, and their clients.

use std::time::Duration;

use super::client::{Client, PATIENCE};
use crate::broadcast::BroadcastOperator;
use crate::namespace::Namespace;
use crate::room::Room;
use crate::server::Server;
use crate::socket::Socket;

/// Servers with three clients of one namespace, on a server each as far as there are some: `a` and `b` are in the room
/// `ab`, `b` and `c` in `bc`, and each is in one of its own name.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) servers: Vec<Server>,
    pub(super) clients: [Client; 3],
}

/// The namespace of the clients. It is not the main one, so that its name matters.
pub(super) const NAMESPACE: &str = "/conformance";

pub(super) const NAMES: [&str; 3] = ["a", "b", "c"];

impl Cluster {
    pub(super) async fn gather(servers: Vec<Server>) -> Self {
        assert!(!servers.is_empty(), "a cluster has at least one server");
        for server in &servers {
            server.of(NAMESPACE);
        }
        let at = |index: usize| &servers[index % servers.len()];
        let clients = [
            Client::connect(at(0), NAMESPACE).await,
            Client::connect(at(1), NAMESPACE).await,
            Client::connect(at(2), NAMESPACE).await,
        ];
        let cluster = Self { servers, clients };
        for (index, rooms) in [&["a", "ab"][..], &["b", "ab", "bc"], &["c", "bc"]].into_iter().enumerate() {
            cluster.socket(index).join(rooms);
        }
        cluster.settle().await;
        cluster
    }

    /// The namespace on the first server, which does what is to reach all.
    pub(super) fn io(&self) -> Namespace {
        self.servers[0].of(NAMESPACE)
    }

    /// The socket of a client, on its own server.
    pub(super) fn socket(&self, index: usize) -> Socket {
        let socket = self.server(index).of(NAMESPACE).socket(self.clients[index].id());
        socket.expect("the client is connected")
    }

    /// The server of a client.
    pub(super) fn server(&self, index: usize) -> &Server {
        &self.servers[index % self.servers.len()]
    }

    /// Whether a client is on the first server.
    pub(super) fn is_local(&self, index: usize) -> bool {
        index.is_multiple_of(self.servers.len())
    }

    /// The names of the clients on the first server.
    pub(super) fn local_names(&self) -> String {
        NAMES.iter().enumerate().filter(|(index, _)| self.is_local(*index)).map(|(_, name)| *name).collect()
    }

    /// Checks whom something sent by an operator reaches: each once, the others not.
    pub(super) async fn check(&mut self, operator: BroadcastOperator, expected: &str) {
        operator.emit("hello", ());
        self.check_reached(expected).await;
    }

    /// Checks whom the event `hello` has reached that was sent last.
    pub(super) async fn check_reached(&mut self, expected: &str) {
        self.io().emit("end", ());
        let mut reached = String::new();
        for (client, name) in self.clients.iter_mut().zip(NAMES) {
            loop {
                match client.event().await.as_str() {
                    r#"["hello"]"# => reached += name,
                    r#"["end"]"# => break,
                    other => panic!("nobody has sent {other}"),
                }
            }
        }
        assert_eq!(reached, expected);
    }

    /// Waits until a client is in these rooms, and no others but its own.
    pub(super) async fn until_in(&self, index: usize, rooms: &[&str]) {
        let socket = self.socket(index);
        let expected: Vec<Room> = rooms.iter().map(Room::from).collect();
        eventually("rooms change", || {
            let mut rooms = socket.rooms().split_off(1);
            rooms.sort();
            rooms == expected
        })
        .await;
    }

    /// Waits until what one server sends reaches the clients of all others: servers may need time to hear of rooms.
    async fn settle(&self) {
        let asking = async {
            let everywhere = || self.io().timeout(SETTLE_ROUND).to(["ab", "bc"]).fetch_sockets();
            while !everywhere().await.is_ok_and(|sockets| sockets.len() == 3) {
                tokio::time::sleep(SETTLE_ROUND).await;
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.expect("the servers find each other");
    }
}

/// Waits until something is so that nobody tells of.
pub(super) async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "{what}: not within {PATIENCE:?}");
}

const SETTLE_ROUND: Duration = Duration::from_millis(100);
