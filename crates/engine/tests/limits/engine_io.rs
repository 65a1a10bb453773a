//! Packets and requests out of order: the table "Bad Engine.IO".

use fanfare_testkit::{Frame, Http, WebSocket};

use crate::Node;
use crate::node::{POLLING, WEBSOCKET, is_refused};

/// EIO-01.
#[tokio::test]
async fn what_is_no_packet_closes_the_websocket() {
    let mut node = Node::start().await;
    for text in ["9", "x", "\0", "", "7", "hello", "b!", "b€", "B", " 4", "€"] {
        let mut websocket = node.open_websocket().await;
        websocket.send(text).await;
        assert_eq!(websocket.closed().await, Some(None), "{text:?}");
        node.ends_with("parse error").await;
    }
    assert_eq!(node.count("fanfare_client_errors_total", "packet"), 11);
    node.is_well().await;
}

/// EIO-03.
#[tokio::test]
async fn packets_that_only_a_server_sends_close_the_session() {
    let mut node = Node::start().await;
    let cases = [
        ("0{}", "parse error"),
        ("2", "transport error"),
        ("2probe", "transport error"),
        ("5", "parse error"),
        ("6", "parse error"),
    ];
    for (packet, reason) in cases {
        let mut websocket = node.open_websocket().await;
        websocket.send(packet).await;
        assert_eq!(websocket.closed().await, Some(None), "{packet}");
        node.ends_with(reason).await;
        let polling = node.open_polling().await;
        polling.send(&[packet, "4never handled"]).await;
        node.ends_with(reason).await;
        is_refused(&polling.poll().await, 1, "Session ID unknown");
    }
    node.is_well().await;
}

/// EIO-03, EIO-17.
#[tokio::test]
async fn pongs_nobody_asked_for_are_ignored() {
    let mut node = Node::start().await;
    let mut websocket = node.open_websocket().await;
    let pongs = ["3", "3probe", "3x"].map(|pong| WebSocket::frame(0x81, pong.as_bytes()));
    let frames = WebSocket::frame(0x8a, b"a pong of WebSocket itself");
    websocket.send_raw(&[pongs.concat(), frames].concat().repeat(5000)).await;
    websocket.send("4still here").await;
    assert_eq!(websocket.text().await, "4still here");
    let polling = node.open_polling().await;
    assert_eq!(polling.send(&["3"; 1000]).await.text(), "ok");
    polling.send(&["4still here"]).await;
    assert_eq!(polling.packets().await, ["4still here"]);
    node.is_well().await;
}

/// EIO-04.
#[tokio::test]
async fn a_client_can_close_its_session() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    let mut poll = node.start_poll(&polling).await;
    assert_eq!(polling.send(&["1", "4never handled"]).await.text(), "ok");
    assert_eq!(poll.response().await.text(), "6");
    node.ends_with("transport close").await;
    is_refused(&polling.poll().await, 1, "Session ID unknown");
    is_refused(&polling.send(&["4x"]).await, 1, "Session ID unknown");
    let mut websocket = node.open_websocket().await;
    websocket.send("1").await;
    assert_eq!(websocket.closed().await, Some(None));
    node.ends_with("transport close").await;
    node.is_well().await;
}

/// EIO-08.
#[tokio::test]
async fn a_second_poll_closes_the_session() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    let mut first = node.start_poll(&polling).await;
    assert_eq!(polling.poll().await.status, 400);
    assert_eq!(first.response().await.text(), "1");
    node.ends_with("transport error").await;
    is_refused(&polling.poll().await, 1, "Session ID unknown");
    assert_eq!(node.count("fanfare_client_errors_total", "overlapping_get"), 1);
    node.is_well().await;
}

/// EIO-09.
#[tokio::test]
async fn a_second_post_closes_the_session() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    let mut first = Http::connect(node.address).await;
    let headers = "expect: 100-continue\r\ncontent-length: 4\r\n";
    first.send(format!("POST {} HTTP/1.1\r\nhost: x\r\n{headers}\r\n4a", polling.target("polling")).as_bytes()).await;
    assert_eq!(first.response().await.status, 100, "it is being read");
    assert_eq!(polling.send(&["4b"]).await.status, 400);
    node.ends_with("transport error").await;
    first.send(b"bc").await;
    first.response().await;
    is_refused(&polling.poll().await, 1, "Session ID unknown");
    assert_eq!(node.count("fanfare_client_errors_total", "overlapping_post"), 1);
    assert_eq!(node.count("fanfare_messages_received_total", ""), 0);
    node.is_well().await;
}

/// EIO-10.
#[tokio::test]
async fn a_poll_that_is_dropped_closes_the_session() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    drop(node.start_poll(&polling).await);
    is_refused(&polling.poll().await, 1, "Session ID unknown");
    node.ends_with("transport error").await;
    node.is_well().await;
}

/// EIO-11.
#[tokio::test]
async fn a_session_on_a_websocket_is_not_polled() {
    let mut node = Node::start().await;
    let mut websocket = WebSocket::connect(node.address, WEBSOCKET).await;
    let sid = websocket.text().await.split('"').nth(3).expect("a session id").to_owned();
    let target = format!("{POLLING}&sid={sid}");
    is_refused(&node.get(&target).await, 3, "Bad request");
    is_refused(&Http::post(node.address, &target, b"41").await, 3, "Bad request");
    websocket.send("4undisturbed").await;
    assert_eq!(websocket.text().await, "4undisturbed");
    assert_eq!(node.count("fanfare_refused_requests_total", "bad_request"), 2);
    node.is_well().await;
}

/// EIO-18.
#[tokio::test]
async fn a_session_keeps_its_version() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    for version in ["3", "5", ""] {
        let target = polling.target("polling").replace("EIO=4", &format!("EIO={version}"));
        is_refused(&node.get(&target).await, 3, "Bad request");
        is_refused(&Http::post(node.address, &target, b"1").await, 3, "Bad request");
    }
    polling.send(&["4still here"]).await;
    assert_eq!(polling.packets().await, ["4still here"]);
    node.is_well().await;
}

/// EIO-12, EIO-20, EIO-21: what is refused before it is a WebSocket.
#[tokio::test]
async fn a_transport_and_its_request_belong_together() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    is_refused(&node.get(WEBSOCKET).await, 3, "Bad request");
    is_refused(&node.get(&polling.target("websocket")).await, 3, "Bad request");
    for (target, code, message) in [
        (format!("{WEBSOCKET}&sid=AAAAAAAAAAAAAAAAAAAAAAAA"), 1, "Session ID unknown"),
        (POLLING.to_owned(), 3, "Bad request"),
        (polling.target("polling"), 3, "Bad request"),
        (polling.target("junk"), 0, "Transport unknown"),
        (polling.target(""), 0, "Transport unknown"),
        ("/engine.io/?EIO=4&transport=junk".to_owned(), 0, "Transport unknown"),
        ("/engine.io/?EIO=3&transport=websocket".to_owned(), 5, "Unsupported protocol version"),
    ] {
        let refusal = WebSocket::try_connect(node.address, &target, &[]).await.expect_err("it is refused");
        is_refused(&refusal, code, message);
    }
    polling.send(&["4still here"]).await;
    assert_eq!(polling.packets().await, ["4still here"]);
    node.is_well().await;
}

/// EIO-22, SEC-02.
#[tokio::test]
async fn session_ids_are_secrets() {
    let mut node = Node::start().await;
    let mut sids = std::collections::HashSet::new();
    let mut connection = Http::connect(node.address).await;
    for _ in 0..400 {
        connection.send_request("GET", POLLING, &[], b"").await;
        let response = connection.response().await;
        let open = response.text().strip_prefix('0').expect("an open packet").to_owned();
        let open: serde_json::Value = serde_json::from_str(&open).expect("JSON");
        let sid = open["sid"].as_str().expect("a session id").to_owned();
        assert!(sid.len() >= 20 && sid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{sid}");
        for limit in ["pingInterval", "pingTimeout", "maxPayload"] {
            assert!(open[limit].as_u64().expect("a number") > 0);
        }
        // Four characters name the node; the other 20 are 120 random bits, no two alike in either half.
        for part in [&sid[4..14], &sid[14..]] {
            assert!(sids.insert(part.to_owned()), "{part} comes twice");
        }
    }
    node.is_well().await;
}

/// SEC-06.
#[tokio::test]
async fn errors_tell_nothing_of_the_inside() {
    let mut node = Node::start().await;
    for target in ["/", "/engine.io/", &format!("{POLLING}&sid=x"), &format!("{POLLING}&j=1"), WEBSOCKET] {
        let response = node.get(target).await;
        let shown = format!("{:?}{}", response.headers, response.text());
        for word in ["src/", ".rs", "panic", "hyper", "tokio", "fanfare", "x-powered-by", "(\"server\""] {
            assert!(!shown.to_lowercase().contains(word), "{target}: {shown}");
        }
    }
    node.is_well().await;
}

/// What comes in one piece is still answered up to the error, and not behind it.
#[tokio::test]
async fn an_error_ends_what_is_handled() {
    let mut node = Node::start().await;
    let mut websocket = node.open_websocket().await;
    let (before, behind) = (WebSocket::frame(0x81, b"4before"), WebSocket::frame(0x81, b"4behind"));
    websocket.send_raw(&[&before[..], &WebSocket::frame(0x81, b"x"), &behind].concat()).await;
    assert_eq!(websocket.recv().await, Some(Frame::Text("4before".to_owned())));
    assert_eq!(websocket.recv().await, Some(Frame::Close(None)));
    node.ends_with("parse error").await;
    let mut websocket = node.open_websocket().await;
    websocket.send_raw(&[&before[..], &WebSocket::frame(0x83, b"x"), &behind].concat()).await;
    assert_eq!(websocket.recv().await, Some(Frame::Text("4before".to_owned())));
    assert_eq!(websocket.recv().await, Some(Frame::Close(Some(1002))));
    node.ends_with("transport error").await;
    assert_eq!(node.count("fanfare_messages_received_total", ""), 2);
    node.is_well().await;
}
