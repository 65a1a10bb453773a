//! What comes in the body of a POST: its size, its coding, its packets.

use fanfare_testkit::{Http, Polling, Response};

use crate::Node;
use crate::node::is_refused;

const MAX_PAYLOAD: usize = 1_000_000;

/// HTTP-12.
#[tokio::test]
async fn a_body_that_is_too_large_is_refused_by_its_head() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    // Nothing of the body is sent, and nothing is waited for.
    for length in [MAX_PAYLOAD + 1, 50 * MAX_PAYLOAD, usize::MAX / 2] {
        let response = post(&node, &polling, &format!("content-length: {length}\r\n"), b"").await;
        assert_eq!((response.status, response.text()), (413, ""));
    }
    // All of it is sent before the answer is read, which arrives all the same.
    let headers = format!("content-length: {}\r\n", 8 * MAX_PAYLOAD);
    let response = post(&node, &polling, &headers, &vec![b'4'; 8 * MAX_PAYLOAD]).await;
    assert_eq!(response.status, 413);
    assert_eq!(node.count("fanfare_client_errors_total", "body_too_large"), 4);
    goes_on(&polling).await;
    node.is_well().await;
}

/// HTTP-13.
#[tokio::test]
async fn a_body_without_end_is_refused_once_it_is_too_large() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    let chunk = [b"2710\r\n4".as_slice(), &[b'x'; 9999], b"\r\n"].concat();
    let response = post(&node, &polling, "transfer-encoding: chunked\r\n", &chunk.repeat(150)).await;
    assert_eq!((response.status, response.text()), (413, ""));
    assert_eq!(node.count("fanfare_client_errors_total", "body_too_large"), 1);
    goes_on(&polling).await;
    node.is_well().await;
}

/// The limit itself is allowed.
#[tokio::test]
async fn a_body_as_large_as_allowed_is_taken() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    let body = format!("4{}", "x".repeat(MAX_PAYLOAD - 1));
    let response = Http::post(node.address, &polling.target("polling"), body.as_bytes()).await;
    assert_eq!((response.status, response.text()), (200, "ok"));
    assert_eq!(polling.packets().await, [body]);
    node.is_well().await;
}

/// HTTP-22.
#[tokio::test]
async fn nothing_is_inflated() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    for coding in ["gzip", "deflate", "br", "zstd", "gzip, gzip", "GZIP", "x"] {
        let headers = format!("content-encoding: {coding}\r\ncontent-length: 4\r\n");
        let response = post(&node, &polling, &headers, b"\x1f\x8b\x08\x00").await;
        assert_eq!(response.status, 415, "{coding}");
    }
    assert_eq!(node.count("fanfare_client_errors_total", "content_encoding"), 7);
    goes_on(&polling).await;
    node.is_well().await;
}

/// HTTP-27.
#[tokio::test]
async fn what_is_too_large_is_not_asked_for() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    let headers = format!("expect: 100-continue\r\ncontent-length: {}\r\n", 50 * MAX_PAYLOAD);
    let response = post(&node, &polling, &headers, b"").await;
    assert_eq!(response.status, 413, "there is no 100 before it");
    let mut connection = Http::connect(node.address).await;
    let target = polling.target("polling");
    let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
    connection.send(head.as_bytes()).await;
    assert_eq!(connection.response().await.status, 100);
    connection.send(b"4x").await;
    assert_eq!(connection.response().await.text(), "ok");
    node.is_well().await;
}

/// HTTP-21.
#[tokio::test]
async fn a_client_that_leaves_in_mid_body_is_closed() {
    let mut node = Node::start().await;
    for _ in 0..50 {
        let polling = node.open_polling().await;
        let mut connection = Http::connect(node.address).await;
        let head = format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n4x", polling.target("polling"));
        connection.send(head.as_bytes()).await;
        drop(connection);
        node.ends_with("transport error").await;
    }
    assert_eq!(node.engine.clients_count(), 1);
    node.counts("fanfare_connections", "", 1).await;
    node.is_well().await;
}

/// EIO-02, EIO-05, EIO-06, SEC-08.
#[tokio::test]
async fn a_body_that_makes_no_sense_closes_the_session() {
    let mut node = Node::start().await;
    let separators = "\x1e".repeat(999_999);
    let many = ["4"; 70_000].join("\x1e");
    let over = ["4"; 65_537].join("\x1e");
    let bodies: [&[u8]; 16] = [
        b"9",
        b"x",
        b"\0",
        b"7hello",
        b"hello",
        b"b!",
        b"b\xe2\x82\xac",
        b"4a\x1e",
        b"\x1e4a",
        b"4a\x1e\x1e4b",
        separators.as_bytes(),
        many.as_bytes(),
        over.as_bytes(),
        b"4\xff\xfe",
        b"4\xed\xa0\x80",
        b"\xc3",
    ];
    for body in bodies {
        let polling = node.open_polling().await;
        let response = Http::post(node.address, &polling.target("polling"), body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned();
        assert_eq!(response.status, 400, "{shown:?}");
        node.ends_with("parse error").await;
        is_refused(&polling.poll().await, 1, "Session ID unknown");
    }
    assert_eq!(node.count("fanfare_client_errors_total", "payload"), 13);
    assert_eq!(node.count("fanfare_client_errors_total", "invalid_utf8"), 3);
    node.is_well().await;
}

/// EIO-02: a POST without a body has not even an empty packet's worth.
#[tokio::test]
async fn a_post_without_a_body_closes_the_session() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    assert_eq!(post(&node, &polling, "content-length: 0\r\n", b"").await.status, 400);
    node.ends_with("parse error").await;
    node.is_well().await;
}

/// EIO-06: packets in front of the error have been handled, as in a WebSocket.
#[tokio::test]
async fn as_many_packets_as_allowed_are_taken() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    let packets: Vec<String> = (0..10_000).map(|i| format!("4{i}")).collect();
    let body = packets.join("\x1e");
    let response = Http::post(node.address, &polling.target("polling"), body.as_bytes()).await;
    assert_eq!(response.text(), "ok");
    assert_eq!(polling.packets().await, packets);
    node.is_well().await;
}

/// EIO-07.
#[tokio::test]
async fn binary_bodies_are_refused() {
    let mut node = Node::start().await;
    for _ in 0..20 {
        let polling = node.open_polling().await;
        let headers = "content-type: application/octet-stream\r\ncontent-length: 4\r\n";
        assert_eq!(post(&node, &polling, headers, b"\x01\x02\x03\x04").await.status, 400);
        node.ends_with("transport error").await;
        is_refused(&polling.poll().await, 1, "Session ID unknown");
    }
    assert_eq!(node.count("fanfare_client_errors_total", "content_type"), 20);
    node.is_well().await;
}

/// Sends a POST of a session and returns the answer, if the connection is closed or not.
async fn post(node: &Node, polling: &Polling, headers: &str, body: &[u8]) -> Response {
    let mut connection = Http::connect(node.address).await;
    let head = format!("POST {} HTTP/1.1\r\nhost: x\r\n{headers}\r\n", polling.target("polling"));
    connection.send(head.as_bytes()).await;
    // What is refused may be refused before all of it is out.
    let _ = connection.try_send(body).await;
    let response = connection.response().await;
    if matches!(response.status, 413 | 415) {
        assert_eq!(response.header("connection"), Some("close"));
        assert!(connection.try_response().await.is_none(), "the connection is closed");
    }
    response
}

async fn goes_on(polling: &Polling) {
    assert_eq!(polling.send(&["4still here"]).await.text(), "ok");
    assert_eq!(polling.packets().await, ["4still here"]);
}
