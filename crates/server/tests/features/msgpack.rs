//! The MessagePack parser: whole packets as binary messages.

use bytes::Bytes;
use fanfare::{
    Ack, AckArgs, Auth, ConnectError, Data, EventName, Parser, RawArgs, Recovery, Server, ServerBuilder, Socket, State,
    Value,
};
use fanfare_testkit::WebSocket;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::{Journal, Node, until};

/// A client that speaks MessagePack.
struct Client(WebSocket);

impl Client {
    async fn open(node: &Node) -> Self {
        let mut websocket = WebSocket::connect(node.address, "/socket.io/?EIO=4&transport=websocket").await;
        assert!(websocket.text().await.starts_with("0{"));
        Self(websocket)
    }

    async fn connect(node: &Node) -> Self {
        let mut client = Self::open(node).await;
        client.send(&json!({"type": 0, "nsp": "/"})).await;
        let reply = client.packet().await;
        assert_eq!((&reply["type"], &reply["nsp"]), (&0.into(), &"/".into()), "{reply}");
        client
    }

    async fn send(&mut self, packet: &impl Serialize) {
        self.0.send_binary(&rmp_serde::to_vec_named(packet).unwrap()).await;
    }

    async fn emit(&mut self, data: &serde_json::Value) {
        self.send(&json!({"type": 2, "data": data, "options": {"compress": true}, "nsp": "/"})).await;
    }

    /// The next packet, without binary data in it.
    async fn packet(&mut self) -> serde_json::Value {
        rmp_serde::from_slice(&self.0.binary().await).unwrap()
    }

    /// The next packet, whatever is in it.
    async fn value(&mut self) -> Value {
        rmp_serde::from_slice(&self.0.binary().await).unwrap()
    }

    async fn event(&mut self) -> serde_json::Value {
        let packet = self.packet().await;
        assert_eq!((&packet["type"], &packet["nsp"]), (&2.into(), &"/".into()), "{packet}");
        packet["data"].clone()
    }
}

/// A packet with binary data in it.
#[derive(Serialize)]
struct Packet<T> {
    #[serde(rename = "type")]
    kind: u8,
    data: T,
    nsp: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
}

async fn node() -> Node {
    Node::with(msgpack).await
}

fn msgpack(builder: ServerBuilder) -> ServerBuilder {
    builder.parser(Parser::MsgPack)
}

#[tokio::test]
async fn clients_connect_and_are_refused() {
    #[derive(Deserialize)]
    struct Token {
        token: String,
    }
    let node = node().await;
    node.io.middleware(async |Auth(auth): Auth<Token>| match auth.token.as_str() {
        "right" => Ok(()),
        _ => Err(ConnectError::new("unauthorized").with_data(&[1])),
    });
    let mut client = Client::open(&node).await;
    client.send(&json!({"type": 0, "nsp": "/", "data": {"token": "wrong"}})).await;
    let refusal = json!({"type": 4, "nsp": "/", "data": {"message": "unauthorized", "data": [1]}});
    assert_eq!(client.packet().await, refusal);
    client.send(&json!({"type": 0, "nsp": "/unknown"})).await;
    assert_eq!(client.packet().await, json!({"type": 4, "nsp": "/unknown", "data": {"message": "Invalid namespace"}}));
    client.send(&json!({"type": 0, "nsp": "/", "data": {"token": "right"}})).await;
    let id = node_socket(&node.io).await.id().to_string();
    assert_eq!(client.packet().await, json!({"type": 0, "nsp": "/", "data": {"sid": id}}));
}

async fn node_socket(io: &Server) -> Socket {
    until("somebody is connected", || io.sockets_count() > 0).await;
    io.sockets().remove(0)
}

#[tokio::test]
async fn events_travel_both_ways() {
    let node = node().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("echo", async |socket: Socket, args: RawArgs| socket.emit("echo", args));
        socket.on(
            "typed",
            async |socket: Socket, Data(a): Data<u8>, Data(b): Data<String>, Data(c): Data<Option<Value>>| {
                socket.emit("typed", (a, b, &c));
            },
        );
        socket.on("7", async |socket: Socket| socket.emit("seven", ()));
    });
    let mut client = Client::connect(&node).await;
    for data in [
        json!(["echo"]),
        json!(["echo", 1, "2", {"3": [true, null, -1.5, 18446744073709551615_u64]}]),
        json!(["echo", "é😀", [[], {}], {"_placeholder": true, "num": 0}]),
        json!(["typed", 255, "text", {"a": 1}]),
    ] {
        client.emit(&data).await;
        assert_eq!(client.event().await, data);
    }
    client.emit(&json!(["typed", 1, "x"])).await;
    assert_eq!(client.event().await, json!(["typed", 1, "x", null]));
    client.emit(&json!([7])).await;
    assert_eq!(client.event().await, json!(["seven"]));
    // `undefined`, as the JavaScript client writes it.
    client.0.send_binary(b"\x83\xa4type\x02\xa4data\x94\xa5typed\x01\xa1x\xd4\x00\x00\xa3nsp\xa1/").await;
    assert_eq!(client.event().await, json!(["typed", 1, "x", null]));
}

#[tokio::test]
async fn binary_data_stays_where_it_is() {
    let node = node().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("raw", async |socket: Socket, args: RawArgs| socket.emit("raw", args));
        socket.on("value", async |socket: Socket, Data(value): Data<Value>| socket.emit("value", &value));
        socket.on("bytes", async |Data(bytes): Data<Bytes>| bytes);
    });
    let mut client = Client::connect(&node).await;
    let nested = (1, [Bytes::from_static(b"one"), Bytes::new()]);
    for name in ["raw", "value"] {
        client.send(&Packet { kind: 2, data: (name, &nested), nsp: "/", id: None }).await;
        let packet = client.value().await;
        assert_eq!(packet["data"][0].as_str(), Some(name));
        assert_eq!(packet["data"][1].read(), Ok(nested.clone()));
    }
    client.send(&Packet { kind: 2, data: ("bytes", &nested.1[0]), nsp: "/", id: Some(7) }).await;
    let packet = client.value().await;
    assert_eq!((packet["type"].as_f64(), packet["id"].as_f64()), (Some(3.0), Some(7.0)));
    assert_eq!(packet["data"][0].as_bytes(), Some(&nested.1[0]));
}

#[tokio::test]
async fn acknowledgements_go_both_ways() {
    let node = node().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("ask", async |Data(number): Data<u32>, ack: Ack| ack.send((number + 1, "more")));
        socket.on("fail", async |_: Data<u32>| ());
    });
    let mut client = Client::connect(&node).await;
    client.send(&json!({"type": 2, "data": ["ask", 1], "id": 456, "nsp": "/"})).await;
    assert_eq!(client.packet().await, json!({"type": 3, "data": [2, "more"], "nsp": "/", "id": 456}));
    client.send(&json!({"type": 2, "data": ["fail", "x"], "id": 0, "nsp": "/"})).await;
    assert!(client.packet().await["data"][0]["error"].as_str().unwrap().starts_with("argument 0: "));

    let socket = node_socket(&node.io).await;
    let answer = socket.emit_with_ack::<AckArgs>("question", (1, "x"));
    assert_eq!(client.packet().await, json!({"type": 2, "data": ["question", 1, "x"], "nsp": "/", "id": 0}));
    client.send(&Packet { kind: 3, data: ("yes", Bytes::from_static(b"data")), nsp: "/", id: Some(0) }).await;
    let AckArgs(args) = answer.await.unwrap();
    let mut args = args.as_args().reader();
    assert_eq!(args.next::<String>(), Some(Ok("yes".to_owned())));
    assert_eq!(args.next::<Bytes>(), Some(Ok(Bytes::from_static(b"data"))));

    let answers = node.io.emit_with_ack::<u8>("all", ());
    assert_eq!(client.packet().await["id"], 1);
    client.send(&json!({"type": 3, "data": [7], "id": 1, "nsp": "/"})).await;
    assert_eq!(answers.await, Ok(vec![7]));
}

#[tokio::test]
async fn rooms_broadcasts_and_listeners_work_as_ever() {
    let node = node().await;
    node.io.on_connect(async |socket: Socket| {
        socket.join("room");
        socket.on_any_outgoing(async |State(journal): State<Journal>, EventName(name): EventName, args: RawArgs| {
            journal.note(format!("{name} {:?}", args.as_args().reader().next::<Value>()));
        });
    });
    let (mut first, mut second) = (Client::connect(&node).await, Client::connect(&node).await);
    node.io.to("room").except("nobody").emit("hi", (&Bytes::from_static(b"x"), 1));
    for client in [&mut first, &mut second] {
        let packet = client.value().await;
        assert_eq!(packet["data"].read(), Ok(("hi".to_owned(), Bytes::from_static(b"x"), 1)));
    }
    node.journal.expect([r#"hi Some(Ok(Binary(b"x")))"#, r#"hi Some(Ok(Binary(b"x")))"#]).await;
    node.io.sockets()[0].broadcast().emit("others", ());
    node.io.emit("end", ());
    let received = [first.event().await, second.event().await];
    assert!(received.contains(&json!(["others"])) && received.contains(&json!(["end"])), "{received:?}");
}

#[tokio::test]
async fn sockets_end_as_ever() {
    let node = node().await;
    let mut client = Client::connect(&node).await;
    node_socket(&node.io).await.disconnect(false);
    assert_eq!(client.packet().await, json!({"type": 1, "nsp": "/"}));
    let mut client = Client::connect(&node).await;
    client.send(&json!({"type": 1, "nsp": "/"})).await;
    until("it has left", || node.io.sockets_count() == 0).await;
    client.send(&json!({"type": 0, "nsp": "/"})).await;
    assert_eq!(client.packet().await["type"], 0);
}

#[tokio::test]
async fn what_is_no_packet_closes_the_connection() {
    let node = node().await;
    for packet in [
        json!({"type": 2, "data": ["disconnect"], "nsp": "/"}),
        json!({"type": 2, "data": {}, "nsp": "/"}),
        json!({"type": 5, "data": ["e"], "nsp": "/"}),
        json!([2, ["e"]]),
    ] {
        let mut client = Client::connect(&node).await;
        client.send(&packet).await;
        assert_eq!(client.0.closed().await, Some(None), "{packet}");
    }
    let mut client = Client::connect(&node).await;
    client.0.send(r#"42["text"]"#).await;
    assert_eq!(client.0.closed().await, Some(None));
}

#[tokio::test]
async fn over_polling_packets_are_base64() {
    let node = node().await;
    let polling = node.polling().await;
    // {"type": 0, "nsp": "/"}
    polling.send(&["bgqR0eXBlAKNuc3ChLw=="]).await;
    let packets = polling.packets().await;
    assert!(packets.len() == 1 && packets[0].starts_with('b'), "{packets:?}");
    node.io.emit("e", ());
    // {"type": 2, "data": ["e"], "nsp": "/"}
    assert_eq!(polling.packets().await, ["bg6R0eXBlAqRkYXRhkaFlo25zcKEv"]);
}

#[tokio::test]
async fn sessions_come_back() {
    let node = Node::with(|builder| msgpack(builder).connection_state_recovery(Recovery::default())).await;
    let mut client = Client::open(&node).await;
    client.send(&json!({"type": 0, "nsp": "/"})).await;
    let session = client.packet().await["data"].clone();
    node.io.emit("seen", &1);
    let event = client.event().await;
    assert_eq!(event[1], 1);
    drop(client);
    until("it is lost", || node.io.sockets_count() == 0).await;
    node.io.emit("missed", &Bytes::from_static(b"data"));
    let mut client = Client::open(&node).await;
    let auth = json!({"pid": session["pid"], "offset": event[2]});
    client.send(&json!({"type": 0, "nsp": "/", "data": auth})).await;
    let missed = client.value().await;
    assert_eq!(missed["data"][0].as_str(), Some("missed"));
    assert_eq!(missed["data"][1].as_bytes(), Some(&Bytes::from_static(b"data")));
    assert_eq!(client.packet().await["data"], session);
}
