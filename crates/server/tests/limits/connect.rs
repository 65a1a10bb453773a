//! How clients join: twice, with nonsense, without right, at once.

use std::time::Duration;

use fanfare::{Data, Server, Socket};
use fanfare_testkit::{Client, Polling, WebSocket};

use crate::node::{Node, handle};

/// SIO-08
#[tokio::test]
async fn joining_twice_closes_the_connection() {
    let mut node = Node::start().await;
    let joined = node.metric("fanfare_socket_connects_total", None);
    node.expect_closed("second_connect", &["0"]).await;
    node.expect_closed("second_connect", &["0/other,", "0/other,"]).await;
    let mut client = Client::open(node.address).await;
    client.websocket.send_raw(&WebSocket::frame(0x81, b"40").repeat(3)).await;
    assert!(client.packet().await.starts_with("0{"));
    assert!(client.closed().await);
    assert_eq!(node.violations("second_connect"), 3);
    assert_eq!(node.metric("fanfare_socket_connects_total", None), joined + 4);
    assert_eq!(node.metric("fanfare_sockets", None), 1);
    node.expect_undisturbed().await;
}

/// SIO-09
#[tokio::test]
async fn nobody_joins_with_a_payload_that_is_no_object() {
    let mut node = Node::start().await;
    let payloads = [
        "[]",
        "null",
        "true",
        "\"token\"",
        "{",
        "{}x",
        "{}{}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":undefined}",
        "{\"a\":\"\u{1}\"}",
        "x",
        "}",
    ];
    for payload in payloads {
        let mut client = Client::open(node.address).await;
        client.send(&format!("0{payload}")).await;
        assert!(client.closed().await, "{payload}");
    }
    assert_eq!(node.violations("packet"), payloads.len() as u64);
    assert_eq!(node.metric("fanfare_socket_connects_total", None), 1);
    for payload in ["[]", "null", "{", "x"] {
        node.expect_closed("packet", &[&format!("0/other,{payload}")]).await;
    }
    node.expect_undisturbed().await;
}

/// SIO-11
#[tokio::test]
async fn nobody_gets_past_a_middleware() {
    let mut node = Node::start().await;
    let attempts = [
        "",
        "{}",
        r#"{"token":""}"#,
        r#"{"token":"Secret"}"#,
        r#"{"token":"secret "}"#,
        r#"{"token":"secret\u0000"}"#,
        r#"{"token":null}"#,
        r#"{"token":true}"#,
        r#"{"token":["secret"]}"#,
        r#"{"token":{"toString":"secret"}}"#,
        r#"{"Token":"secret"}"#,
        r#"{"token":"secret","token":"x"}"#,
        r#"{"__proto__":{"token":"secret"}}"#,
        r#"{"auth":{"token":"secret"}}"#,
    ];
    for attempt in attempts {
        let mut client = node.client().await;
        client.send(&format!("0/admin,{attempt}")).await;
        let refusal = client.packet().await;
        let message = refusal.strip_prefix(r#"4/admin,{"message":""#).unwrap_or_else(|| panic!("{attempt}: {refusal}"));
        let is_plain = message.starts_with("unauthorized\"") || message.starts_with("authentication payload: ");
        assert!(is_plain && !message.contains("::") && !message.contains('/'), "{attempt}: {message}");
        client.send(r#"2/admin,1["echo"]"#).await;
        assert!(client.closed().await, "an event behind the refusal");
    }
    assert_eq!(node.io.of("/admin").sockets_count(), 0);
    assert_eq!(node.refusals("middleware"), attempts.len() as u64);
    assert_eq!(node.violations("namespace"), attempts.len() as u64);
    let mut admin = Client::connect_to(node.address, "/admin", r#"{"token":"secret"}"#).await;
    admin.expect_nothing_before(1, r#"["echo"]"#).await;
    node.expect_undisturbed().await;
}

/// SEC-03
#[tokio::test]
async fn the_id_of_a_socket_is_not_that_of_the_session() {
    let mut node = Node::start().await;
    for _ in 0..20 {
        let mut websocket = WebSocket::connect(node.address, "/socket.io/?EIO=4&transport=websocket").await;
        let open = websocket.text().await;
        let session = open.split('"').nth(3).expect("an open packet names the session").to_owned();
        websocket.send("40").await;
        websocket.send("40/other,").await;
        let ids = [websocket.text().await, websocket.text().await].map(|packet| {
            packet.split(r#""sid":""#).nth(1).and_then(|rest| rest.split('"').next()).expect("a socket id").to_owned()
        });
        assert_eq!((session.len(), ids[0].len(), ids[1].len()), (24, 20, 20));
        assert!(ids[0] != ids[1] && ids.iter().all(|id| !session.contains(id.as_str()) && !open.contains(id.as_str())));
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", ids[0]);
        assert_eq!(fanfare_testkit::Http::get(node.address, &target).await.status, 400);
    }
    node.expect_undisturbed().await;
}

/// Limits, no CONNECT
#[tokio::test]
async fn a_client_that_joins_nothing_is_closed() {
    let mut node = Node::build(Server::builder().connect_timeout(Duration::from_millis(500))).await;
    let mut silent = Client::open(node.address).await;
    assert!(silent.closed().await);
    let polling = Polling::open(node.address, "/socket.io/").await;
    assert_eq!(polling.packets().await, ["1"]);
    let mut refused = Client::open(node.address).await;
    refused.send("0/nowhere,").await;
    assert!(refused.packet().await.starts_with("4/nowhere,"));
    assert!(refused.closed().await, "to be refused is no way to stay");
    node.expect_undisturbed().await;
}

/// SIO-33
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_right_behind_the_answer_is_not_lost() {
    let io = Server::builder().build().unwrap();
    io.on_connect(handle);
    let late = io.of("/late");
    late.middleware(async || {
        tokio::task::yield_now().await;
        Ok::<(), fanfare::ConnectError>(())
    });
    late.on_connect(async |socket: Socket| {
        socket.emit("welcome", ());
        std::thread::sleep(Duration::from_micros(100));
        socket.on("add", async |Data(number): Data<u32>| number + 1);
    });
    let mut node = Node::serve(io).await;
    for number in 0..300 {
        let mut client = Client::open(node.address).await;
        client.send("0/late,").await;
        assert!(client.packet().await.starts_with("0/late,{"));
        client.send(&format!(r#"2/late,7["add",{number}]"#)).await;
        assert_eq!(client.packet().await, r#"2/late,["welcome"]"#);
        assert_eq!(client.packet().await, format!("3/late,7[{}]", number + 1));
    }
    node.expect_undisturbed().await;
}

/// SIO-34
#[tokio::test]
async fn an_event_that_does_not_wait_for_the_answer_is_always_treated_the_same() {
    let io = Server::builder().build().unwrap();
    io.on_connect(handle);
    let late = io.of("/late");
    late.middleware(async || {
        tokio::task::yield_now().await;
        Ok::<(), fanfare::ConnectError>(())
    });
    late.on_connect(handle);
    let mut node = Node::serve(io).await;
    for _ in 0..50 {
        // Where nobody has to be waited for, it is handled.
        let polling = Polling::open(node.address, "/socket.io/").await;
        assert_eq!(polling.send(&["40", r#"421["echo",1]"#]).await.status, 200);
        let packets = polling.packets().await;
        assert!(packets[0].starts_with("40{") && packets[1] == "431[1]", "{packets:?}");
        // Where somebody has, it is one packet too early.
        let polling = Polling::open(node.address, "/socket.io/").await;
        assert_eq!(polling.send(&["40/late,", r#"42/late,1["echo",1]"#]).await.status, 200);
        assert_eq!(polling.packets().await.last().map(String::as_str), Some("1"));
    }
    assert_eq!(node.violations("namespace"), 50);
    node.expect_undisturbed().await;
}
