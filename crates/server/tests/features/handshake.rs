//! What a program learns of how a client has connected.

use std::time::{Duration, SystemTime};

use fanfare::{Ack, Handshake, Socket, Transport, Value};
use fanfare_testkit::{Client, Frame, WebSocket};

use crate::support::{Node, patiently};

/// Connects with headers and a query of its own; returns the answer to `0` and the WebSocket.
async fn connect(node: &Node, query: &str, headers: &[(&str, &str)], connect: &str) -> WebSocket {
    let target = format!("/socket.io/?EIO=4&transport=websocket{query}");
    let mut websocket = WebSocket::try_connect(node.address, &target, headers).await.expect("accepted");
    websocket.text().await;
    websocket.send(connect).await;
    websocket.text().await;
    websocket
}

async fn emit_handshake(socket: Socket, handshake: Handshake) {
    socket.emit("handshake", &handshake);
}

#[tokio::test]
async fn the_handshake_serialises_as_the_object_of_the_reference() {
    let node = Node::start().await;
    node.io.on_connect(emit_handshake);
    let before = millis(SystemTime::now());
    let headers = [("X-Custom", "yes"), ("origin", "https://elsewhere.example")];
    let mut websocket = connect(&node, "&%26a=%26%3D%3Fa&b=1", &headers, r#"40{"token":"t"}"#).await;
    let event = websocket.text().await;
    let value: Value = serde_json::from_str(&event[2..]).unwrap();
    let handshake = &value[1];
    let Value::Object(members) = handshake else { panic!("not an object: {handshake:?}") };
    let names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["headers", "time", "address", "xdomain", "secure", "issued", "url", "query", "auth"]);
    assert_eq!(handshake["headers"]["x-custom"].as_str(), Some("yes"));
    assert_eq!(handshake["headers"]["host"].as_str(), Some("test"));
    assert_eq!(handshake["address"].as_str(), Some("127.0.0.1"));
    assert_eq!((&handshake["xdomain"], &handshake["secure"]), (&true.into(), &false.into()));
    assert_eq!(handshake["url"].as_str(), Some("/socket.io/?EIO=4&transport=websocket&%26a=%26%3D%3Fa&b=1"));
    let query = serde_json::json!({"EIO": "4", "transport": "websocket", "&a": "&=?a", "b": "1"});
    assert_eq!(handshake["query"].read(), Ok(query));
    assert_eq!(handshake["auth"].read(), Ok(serde_json::json!({"token": "t"})));
    let issued = handshake["issued"].as_f64().unwrap();
    assert!(issued >= before && issued <= millis(SystemTime::now()), "{issued}");
    let time = handshake["time"].as_str().unwrap();
    // Such as `Mon Nov 23 2026 10:12:41 GMT+0000 (Coordinated Universal Time)`.
    assert!(time.len() == 62 && time.ends_with(" GMT+0000 (Coordinated Universal Time)"), "{time}");
}

#[tokio::test]
async fn its_parts_can_be_had_one_by_one() {
    let node = Node::start().await;
    node.io.on_connect(async |handshake: Handshake, socket: Socket| {
        assert_eq!((handshake.header("x-custom"), handshake.header("x-other")), (Some("yes"), None));
        assert_eq!((handshake.query("b").as_deref(), handshake.query("c")), (Some("1"), None));
        assert_eq!(handshake.auth()["deep"][1].as_str(), Some("er"));
        assert!(handshake.xdomain() && !handshake.secure());
        assert_eq!(handshake.address().map(|address| address.to_string()).as_deref(), Some("127.0.0.1"));
        assert!(handshake.time().elapsed().unwrap() < Duration::from_secs(60));
        assert!(handshake.headers().any(|(name, value)| name == "x-custom" && value == b"yes"));
        assert!(handshake.url().starts_with("/socket.io/?EIO=4"));
        socket.emit("fine", ());
    });
    let headers = [("X-Custom", "yes"), ("Origin", "null")];
    let mut websocket = connect(&node, "&b=1", &headers, r#"40{"deep":[0,"er"]}"#).await;
    assert_eq!(websocket.text().await, r#"42["fine"]"#);
}

#[tokio::test]
async fn query_and_authentication_do_not_mix() {
    let node = Node::start().await;
    node.io.on_connect(async |handshake: Handshake, socket: Socket| {
        socket.emit("both", (handshake.query("token"), handshake.auth()["token"].clone()));
    });
    let mut websocket = connect(&node, "&token=query", &[], r#"40{"other":1}"#).await;
    assert_eq!(websocket.text().await, r#"42["both","query",null]"#);
    let mut websocket = connect(&node, "", &[], r#"40{"token":"auth"}"#).await;
    assert_eq!(websocket.text().await, r#"42["both",null,"auth"]"#);
}

#[tokio::test]
async fn each_namespace_has_its_own_authentication_and_all_share_the_rest() {
    let node = Node::start().await;
    for namespace in [node.io.of("/"), node.io.of("/admin")] {
        namespace.on_connect(async |socket: Socket| {
            socket.on("handshake", async |socket: Socket, ack: Ack| ack.send(&socket.handshake()));
        });
    }
    let mut client = Client::connect_to(node.address, "/", r#"{"who":"user"}"#).await;
    client.send(r#"0/admin,{"who":"admin"}"#).await;
    client.packet().await;
    client.send(r#"21["handshake"]"#).await;
    let user: Value = serde_json::from_str(&client.packet().await[2..]).unwrap();
    client.send(r#"2/admin,2["handshake"]"#).await;
    let admin: Value = serde_json::from_str(&client.packet().await["3/admin,2".len()..]).unwrap();
    assert_eq!((user[0]["auth"]["who"].as_str(), admin[0]["auth"]["who"].as_str()), (Some("user"), Some("admin")));
    assert_eq!((&user[0]["issued"], &user[0]["url"]), (&admin[0]["issued"], &admin[0]["url"]));
}

#[tokio::test]
async fn an_upgrade_changes_the_transport_and_leaves_the_handshake() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        let heard = socket.clone();
        socket.conn().on_upgrade(move |transport| drop(heard.emit("upgraded", transport.as_str())));
    });
    let (polling, _) = node.polling_client().await;
    let socket = node.io.sockets().remove(0);
    assert_eq!(socket.conn().transport(), Transport::Polling);
    let mut websocket = WebSocket::connect(node.address, &polling.target("websocket")).await;
    websocket.send("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    websocket.send("5").await;
    assert_eq!(websocket.text().await, r#"42["upgraded","websocket"]"#);
    assert_eq!(socket.conn().transport(), Transport::WebSocket);
    assert_eq!(socket.handshake().query("transport").as_deref(), Some("polling"));
}

#[tokio::test]
async fn the_connection_below_can_be_closed() {
    let node = Node::start().await;
    node.io.of("/other");
    let mut client = node.client().await;
    client.send("0/other,").await;
    client.packet().await;
    assert_eq!(node.io.engine().clients_count(), 1);
    node.io.sockets()[0].conn().close();
    assert_eq!(client.websocket.recv().await, Some(Frame::Close(None)));
    patiently("the end", async {
        while node.io.engine().clients_count() + node.io.of("/other").sockets_count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

fn millis(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as f64
}
