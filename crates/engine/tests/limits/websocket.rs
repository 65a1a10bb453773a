//! WebSocket handshakes that are wrong, or broken off: the first rows of the table "Bad WebSocket frames".

use fanfare_testkit::{Frame, Http, Response, WebSocket};
use socket2::SockRef;

use crate::Node;
use crate::node::{POLLING, WEBSOCKET, is_refused};

const CONNECTION: (&str, &str) = ("connection", "Upgrade");
const UPGRADE: (&str, &str) = ("upgrade", "websocket");
const VERSION: (&str, &str) = ("sec-websocket-version", "13");
const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");

/// WS-01.
#[tokio::test]
async fn without_an_upgrade_there_is_no_websocket() {
    let mut node = Node::start().await;
    for headers in [
        &[CONNECTION, VERSION, KEY][..],
        &[UPGRADE, VERSION, KEY],
        &[CONNECTION, ("upgrade", "foo"), VERSION, KEY],
        &[CONNECTION, ("upgrade", "h2c"), VERSION, KEY],
        &[CONNECTION, ("upgrade", ""), VERSION, KEY],
        &[("connection", "keep-alive"), UPGRADE, VERSION, KEY],
        &[VERSION, KEY],
    ] {
        is_refused(&handshake(&node, "GET", headers).await, 3, "Bad request");
    }
    is_refused(&handshake(&node, "POST", &[CONNECTION, UPGRADE, VERSION, KEY]).await, 2, "Bad handshake method");
    assert_eq!(handshake(&node, "GET", &[CONNECTION, UPGRADE, VERSION]).await.status, 400);
    assert_eq!(node.count("fanfare_refused_requests_total", ""), 8);
    assert_eq!(node.count("fanfare_client_errors_total", "websocket_handshake"), 1);
    node.is_well().await;
}

/// WS-02.
#[tokio::test]
async fn a_malformed_key_is_refused() {
    let mut node = Node::start().await;
    let long = "A".repeat(10_000);
    for key in ["", "x", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ====", "dGhl IHNhbXBsZSBub25jZQ=", &long] {
        let response = handshake(&node, "GET", &[CONNECTION, UPGRADE, VERSION, ("sec-websocket-key", key)]).await;
        assert_eq!(response.status, 400, "{key:?}");
    }
    assert_eq!(handshake(&node, "GET", &[CONNECTION, UPGRADE, VERSION, KEY, KEY]).await.status, 400);
    assert_eq!(node.count("fanfare_client_errors_total", "websocket_handshake"), 7);
    node.is_well().await;
}

/// WS-03.
#[tokio::test]
async fn another_version_is_told_the_right_one() {
    let mut node = Node::start().await;
    let versions = ["12", "7", "99", "", "13, 8", "013"].map(|version| Some(("sec-websocket-version", version)));
    for version in versions.into_iter().chain([None]) {
        let headers: Vec<_> = [Some(CONNECTION), Some(UPGRADE), version, Some(KEY)].into_iter().flatten().collect();
        let response = handshake(&node, "GET", &headers).await;
        assert_eq!((response.status, response.header("sec-websocket-version")), (426, Some("13")), "{version:?}");
    }
    node.is_well().await;
}

/// WS-04, WS-26.
#[tokio::test]
async fn extensions_are_ignored() {
    let mut node = Node::start().await;
    let long = "permessage-deflate;".repeat(500);
    for extensions in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits; server_max_window_bits=8",
        "permessage-deflate; server_max_window_bits=999999999999",
        "permessage-deflate; x=\"",
        "permessage-deflate; client_max_window_bits=-1",
        "__proto__, constructor",
        "x-webkit-deflate-frame",
        ",,,;;;===",
        "\u{e9}",
        &long,
    ] {
        let headers = [CONNECTION, UPGRADE, VERSION, KEY, ("sec-websocket-extensions", extensions)];
        let response = handshake(&node, "GET", &headers).await;
        assert_eq!((response.status, response.header("sec-websocket-extensions")), (101, None), "{extensions}");
        node.ended().await;
    }
    // A frame that is compressed all the same violates the protocol.
    let mut websocket = node.open_websocket().await;
    websocket.send_frame(0xc1, b"\xaa\x56\x4a\x2d\x2a\x02\x00").await;
    assert_eq!(websocket.closed().await, Some(Some(1002)));
    node.ends_with("transport error").await;
    node.is_well().await;
}

/// WS-05.
#[tokio::test]
async fn protocols_are_taken_for_what_they_are() {
    let mut node = Node::start().await;
    let commas = ",".repeat(10_000);
    let spaces = format!("a{}b", " ".repeat(10_000));
    let list = ["a"; 5000].join(",");
    for (offered, taken) in [
        ("chat, superchat", Some("chat")),
        (&list, Some("a")),
        (&commas, None),
        (&spaces, None),
        ("((((((((((((((((((((", None),
        ("a\"b", None),
        ("__proto__", Some("__proto__")),
    ] {
        let headers = [CONNECTION, UPGRADE, VERSION, KEY, ("sec-websocket-protocol", offered)];
        let response = handshake(&node, "GET", &headers).await;
        assert_eq!((response.status, response.header("sec-websocket-protocol")), (101, taken));
        node.ended().await;
    }
    node.is_well().await;
}

/// WS-06.
#[tokio::test]
async fn a_handshake_has_a_hundred_headers_at_most() {
    let mut node = Node::start().await;
    for (count, status) in [(95, 101), (96, 431), (3000, 431)] {
        let mut headers = vec![("x-y", "z"); count];
        headers.extend([CONNECTION, UPGRADE, VERSION, KEY]);
        assert_eq!(handshake(&node, "GET", &headers).await.status, status, "{count}");
    }
    node.ended().await;
    assert_eq!(node.count("fanfare_http_errors_total", "malformed"), 2);
    node.is_well().await;
}

/// WS-21, WS-22.
#[tokio::test]
async fn frames_right_behind_the_handshake_are_read() {
    let mut node = Node::start().await;
    let headers: String =
        [CONNECTION, UPGRADE, VERSION, KEY].iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("GET {WEBSOCKET} HTTP/1.1\r\nhost: x\r\n{headers}\r\n");
    let eager = |behind: &[u8]| [head.as_bytes(), behind].concat();
    let mut connection = Http::connect(node.address).await;
    connection.send(&eager(&WebSocket::frame(0x81, b"4early"))).await;
    assert_eq!(connection.response().await.status, 101);
    connection.send(&WebSocket::frame(0x81, b"1")).await;
    let bytes = connection.read_to_end().await;
    assert!(bytes.windows(8).any(|window| window == b"\x81\x064early"), "{bytes:?}");
    node.ends_with("transport close").await;
    // Not masked.
    let mut connection = Http::connect(node.address).await;
    connection.send(&eager(b"\x81\x064early")).await;
    assert_eq!(connection.response().await.status, 101);
    assert!(connection.read_to_end().await.ends_with(b"\x88\x02\x03\xea"), "closed with 1002");
    node.ends_with("transport error").await;
    // Behind a refusal.
    let mut connection = Http::connect(node.address).await;
    let refused = head.replace("transport=", "transport=x");
    connection.send(&[refused.as_bytes(), &WebSocket::frame(0x81, b"4early")].concat()).await;
    is_refused(&connection.response().await, 0, "Transport unknown");
    assert_eq!(connection.response().await.status, 400);
    assert!(connection.try_response().await.is_none());
    assert_eq!(node.count("fanfare_messages_received_total", ""), 1);
    node.is_well().await;
}

/// WS-23.
#[tokio::test]
async fn resets_during_handshakes_leave_nothing_behind() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    for i in 0..200 {
        let target = if i % 2 == 0 { WEBSOCKET.to_owned() } else { polling.target("websocket") };
        let mut connection = Http::connect(node.address).await;
        connection.send_request("GET", &target, &[CONNECTION, UPGRADE, VERSION, KEY], b"").await;
        if i % 3 == 0 {
            connection.response().await;
        }
        reset(connection);
    }
    node.counts("fanfare_connections", "", 1).await;
    node.counts("fanfare_sessions", "websocket", 1).await;
    polling.send(&["4still here", "1"]).await;
    assert_eq!(node.count("fanfare_sessions", "polling"), 0);
    for _ in 0..node.count("fanfare_disconnects_total", "") {
        node.ended().await;
    }
    node.is_well().await;
}

/// WS-29.
#[tokio::test]
async fn http_1_0_cannot_upgrade() {
    let mut node = Node::start().await;
    let headers = "connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n";
    for target in [WEBSOCKET, POLLING] {
        let head = format!("GET {target} HTTP/1.0\r\n{headers}sec-websocket-key: {}\r\n\r\n", KEY.1);
        let mut connection = Http::connect(node.address).await;
        connection.send(head.as_bytes()).await;
        assert_eq!(connection.response().await.status, 400);
        assert!(connection.is_closed().await);
    }
    node.is_well().await;
}

/// The socket below a session that closes takes nothing with it.
#[tokio::test]
async fn a_refused_handshake_closes_its_connection() {
    let mut node = Node::start().await;
    let mut connection = Http::connect(node.address).await;
    connection.send_request("GET", WEBSOCKET, &[CONNECTION, UPGRADE, KEY], b"").await;
    assert_eq!(connection.response().await.status, 426);
    assert!(connection.is_closed().await);
    let mut websocket = node.open_websocket().await;
    websocket.send("4x").await;
    assert_eq!(websocket.recv().await, Some(Frame::Text("4x".to_owned())));
    drop(websocket);
    node.ends_with("transport close").await;
    node.is_well().await;
}

/// Breaks a connection off, so that the other side sees an error instead of an end.
fn reset(connection: Http) {
    let (stream, _) = connection.into_parts();
    SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).expect("it is a TCP socket");
}

async fn handshake(node: &Node, method: &str, headers: &[(&str, &str)]) -> Response {
    Http::request(node.address, method, WEBSOCKET, headers, b"").await
}
