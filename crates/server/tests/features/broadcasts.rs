//! Whom a broadcast reaches.

use fanfare::{BroadcastOperator, Namespace, Socket, SocketId};
use fanfare_testkit::Client;

use crate::support::Node;

/// Clients `a`, `b`, `c`, `d` in the rooms of these names; `a` and `b` are in `ab` too, `b` and `c` in `bc`.
struct Crowd {
    node: Node,
    clients: Vec<Client>,
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

impl Crowd {
    async fn gather() -> Self {
        let node = Node::start().await;
        let mut clients = Vec::new();
        for rooms in [&["a", "ab"][..], &["b", "ab", "bc"], &["c", "bc"], &["d"]] {
            let client = node.client().await;
            node.io.socket(client.sid().parse().unwrap()).unwrap().join(rooms);
            clients.push(client);
        }
        Self { node, clients }
    }

    fn socket(&self, name: &str) -> Socket {
        let index = NAMES.iter().position(|known| *known == name).unwrap();
        self.node.io.socket(self.clients[index].sid().parse().unwrap()).unwrap()
    }

    fn id(&self, name: &str) -> SocketId {
        self.socket(name).id()
    }

    /// Checks who gets what is sent by an operator: each once, the others nothing.
    async fn check(&mut self, operator: BroadcastOperator, expected: &str) {
        operator.emit("hello", ());
        self.check_received(expected).await;
    }

    async fn check_received(&mut self, expected: &str) {
        self.node.io.emit("end", ());
        let mut reached = String::new();
        for (client, name) in self.clients.iter_mut().zip(NAMES) {
            while client.event().await != r#"["end"]"# {
                reached += name;
            }
        }
        assert_eq!(reached, expected);
    }
}

const NONE: [&str; 0] = [];

#[tokio::test]
async fn events_are_counted_once_for_each_client() {
    let crowd = Crowd::gather().await;
    crowd.node.io.to("ab").emit("to two", ());
    crowd.socket("a").emit("to one", ());
    drop(crowd.socket("b").emit_with_ack::<()>("to one more", ()));
    let sent = crowd.node.io.registry().gather().iter().find_map(|family| {
        (family.name() == "fanfare_events_sent_total").then(|| family.get_metric()[0].get_counter().get_value())
    });
    assert_eq!(sent, Some(4.0));
}

#[tokio::test]
async fn everybody_or_those_in_some_of_the_rooms() {
    let mut crowd = Crowd::gather().await;
    let io: Namespace = crowd.node.io.of("/");
    crowd.check(io.to(NONE), "abcd").await;
    crowd.check(io.to("a"), "a").await;
    crowd.check(io.within("ab"), "ab").await;
    crowd.check(io.to("ab").to("bc"), "abc").await;
    crowd.check(io.to(["ab", "bc", "ab"]), "abc").await;
    crowd.check(io.to("ab").within("d"), "abd").await;
    crowd.check(io.to("empty"), "").await;
    crowd.check(io.to(["empty", "d"]), "d").await;
    crowd.check(io.to(crowd.id("c")), "c").await;
    crowd.check(io.to([crowd.id("c"), crowd.id("d")]).to("c"), "cd").await;
    crowd.check(io.local(), "abcd").await;
    crowd.check(io.to("ab").local(), "ab").await;
}

#[tokio::test]
async fn exceptions_win() {
    let mut crowd = Crowd::gather().await;
    let io: Namespace = crowd.node.io.of("/");
    crowd.check(io.except("a"), "bcd").await;
    crowd.check(io.except(["ab", "d"]), "c").await;
    crowd.check(io.except("ab").except("d"), "c").await;
    crowd.check(io.except("empty"), "abcd").await;
    crowd.check(io.except(crowd.id("b")), "acd").await;
    crowd.check(io.to("ab").except("b"), "a").await;
    crowd.check(io.except("b").to("ab"), "a").await;
    crowd.check(io.to("ab").except("ab"), "").await;
    crowd.check(io.to(["ab", "bc"]).except([crowd.id("a"), crowd.id("c")]), "b").await;
    crowd.check(io.to(crowd.id("a")).except("ab"), "").await;
}

#[tokio::test]
async fn a_socket_speaks_to_the_others() {
    let mut crowd = Crowd::gather().await;
    let b = crowd.socket("b");
    crowd.check(b.broadcast(), "acd").await;
    crowd.check(b.to("ab"), "a").await;
    crowd.check(b.within(["ab", "bc"]), "ac").await;
    crowd.check(b.to("b"), "").await;
    crowd.check(b.to("d").to("bc"), "cd").await;
    crowd.check(b.except("a"), "cd").await;
    crowd.check(b.broadcast().except(["a", "c"]), "d").await;
    crowd.check(b.to("ab").except("a"), "").await;
    crowd.check(b.local(), "acd").await;
    crowd.check(b.to(crowd.id("d")), "d").await;
    // To itself only as one of all.
    b.emit("hello", ());
    crowd.check_received("b").await;
    crowd.check(b.namespace().to("b"), "b").await;
}

#[tokio::test]
async fn an_operator_can_be_the_beginning_of_several() {
    let mut crowd = Crowd::gather().await;
    let io: Namespace = crowd.node.io.of("/");
    let start = io.to("a");
    let more = start.clone().to("d");
    let less = more.clone().except("a");
    crowd.check(less.clone(), "d").await;
    crowd.check(more, "ad").await;
    crowd.check(start, "a").await;
    less.emit("hello", ());
    less.emit("hello", ());
    crowd.check_received("dd").await;
}

#[tokio::test]
async fn a_broadcast_is_one_event_whoever_gets_it() {
    let mut crowd = Crowd::gather().await;
    let (polling, _) = crowd.node.polling_client().await;
    crowd.node.io.emit("e", (1, &bytes::Bytes::from_static(&[1, 2, 3, 4])));
    let packet = r#"51-["e",1,{"_placeholder":true,"num":0}]"#;
    for client in &mut crowd.clients {
        assert_eq!(client.packet().await, packet);
        assert_eq!(client.websocket.binary().await, [1, 2, 3, 4]);
    }
    assert_eq!(polling.packets().await, [format!("4{packet}"), "bAQIDBA==".to_owned()]);
}

#[tokio::test]
async fn rooms_of_any_name_are_kept_apart() {
    let node = Node::start().await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    let names = ["", " ", "ROOM", "room", "room ", "é", "😀", "\0", "/", "__proto__", "a,b"];
    for name in names {
        assert!(socket.join(name));
        node.io.to(name).emit("in", name);
        let event: (String, String) = serde_json::from_str(&client.event().await).unwrap();
        assert_eq!(event.1, name);
        socket.leave(name);
        for other in names {
            node.io.to(other).emit("not in", other);
        }
    }
    node.io.emit("end", ());
    assert_eq!(client.event().await, r#"["end"]"#);
}
