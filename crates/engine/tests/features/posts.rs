//! POST requests of polling sessions: what is taken and how it is answered. Rows E59, E66 and E68 to E78.

use std::net::SocketAddr;

use fanfare_engine::{Engine, Session};
use fanfare_testkit::{Http, Polling};

use crate::server::{Heard, Server, error, polled};

#[tokio::test]
async fn a_post_is_answered_with_ok() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    server.opened().await;
    let mut response = polling.send(&["4hello", "4", "bAQIDBA==", "b", "4utf8 — ü€😀"]).await;
    assert_eq!((response.status, response.text()), (200, "ok"));
    response.headers.retain(|(name, _)| name != "date");
    response.headers.sort();
    let headers: Vec<_> = response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(headers, [("cache-control", "no-store"), ("content-length", "2"), ("content-type", "text/html")]);
    for expected in [
        Heard::Text("hello".to_owned()),
        Heard::Text(String::new()),
        Heard::Binary(vec![1, 2, 3, 4]),
        Heard::Binary(Vec::new()),
        Heard::Text("utf8 — ü€😀".to_owned()),
    ] {
        assert_eq!(server.heard().await, expected);
    }
}

#[tokio::test]
async fn what_is_asked_for_in_one_post_is_answered_in_one_get() {
    let server = Server::echo(Engine::builder()).await;
    let polling = server.polling().await;
    let get = polling.start_poll();
    let packets: Vec<_> = (0..100).map(|n| format!("4{n}")).collect();
    let mut get = get.await;
    polling.send(&packets.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(get.response().await.text(), packets.join("\x1e"));
}

#[tokio::test]
async fn a_body_is_text_unless_it_says_octet_stream() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    server.opened().await;
    let types = ["text/plain", "text/plain;charset=UTF-8", "application/json", "application/x-www-form-urlencoded", ""];
    for kind in types {
        let headers = [("content-type", kind)];
        let response = Http::request(server.address, "POST", &polling.target("polling"), &headers, b"4hi").await;
        assert_eq!((response.text(), &*server.text().await), ("ok", "hi"), "{kind}");
    }
    let untyped = Http::request(server.address, "POST", &polling.target("polling"), &[], b"4hi").await;
    assert_eq!((untyped.text(), &*server.text().await), ("ok", "hi"));
}

#[tokio::test]
async fn octet_streams_end_the_session() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let headers = [("content-type", "application/octet-stream")];
    let response = Http::request(server.address, "POST", &polling.target("polling"), &headers, b"4hi").await;
    assert_eq!((response.status, response.text()), (400, ""));
    server.expect_closed("transport error", Some("invalid content")).await;
    assert_eq!(polling.poll().await.text(), error(1, "Session ID unknown"));
}

/// Begins a POST and waits until the server asks for its body.
async fn start_post(polling: &Polling, address: SocketAddr, length: (&str, &str)) -> Http {
    let mut connection = Http::connect(address).await;
    let headers = [length, ("expect", "100-continue")];
    connection.send_request("POST", &polling.target("polling"), &headers, b"").await;
    assert_eq!(connection.response().await.status, 100);
    connection
}

#[tokio::test]
async fn a_body_may_come_in_pieces() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    server.opened().await;
    let chunked = ("transfer-encoding", "chunked");
    let mut post = start_post(&polling, server.address, chunked).await;
    // Neither packets nor characters end where chunks do.
    for chunk in [&b"3\r\n4he\r\n"[..], b"4\r\nllo\x1e\r", b"\n2\r\n4\xc3\r\n", b"1\r\n\xbc\r\n", b"0\r\n\r\n"] {
        post.send(chunk).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(post.response().await.text(), "ok");
    let mut post = start_post(&polling, server.address, ("content-length", "7")).await;
    for piece in [&b"4w"[..], b"orl", b"d!"] {
        post.send(piece).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(post.response().await.text(), "ok");
    for expected in ["hello", "ü", "world!"] {
        assert_eq!(server.text().await, expected);
    }
}

#[tokio::test]
async fn a_second_post_is_refused_and_ends_the_session() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let mut first = start_post(&polling, server.address, ("content-length", "10")).await;
    first.send(b"4begun").await;
    let second = polling.send(&["4second"]).await;
    assert_eq!((second.status, second.text()), (400, ""));
    server.opened().await;
    server.expect_closed("transport error", Some("data request overlap from client")).await;
    // Nobody wants the rest of the first body any more.
    let first_answer = first.response().await;
    assert_eq!((first_answer.status, first_answer.text()), (400, ""));
    assert!(first.is_closed().await);
    assert_eq!(polling.poll().await.text(), error(1, "Session ID unknown"));
    assert_eq!(server.metric("fanfare_client_errors_total", "overlapping_post"), 1);
}

#[tokio::test]
async fn a_post_that_its_client_drops_ends_the_session() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let mut post = start_post(&polling, server.address, ("content-length", "10")).await;
    post.send(b"4begun").await;
    drop(post);
    server.expect_closed("transport error", Some("data request connection closed prematurely")).await;
    assert_eq!(polling.poll().await.text(), error(1, "Session ID unknown"));
}

#[tokio::test]
async fn a_post_that_is_under_way_ends_with_its_session() {
    for (reason, end) in [("close", Session::close as fn(&Session)), ("discard", Session::discard)] {
        let mut server = Server::start(Engine::builder()).await;
        let polling = server.polling().await;
        let session = server.opened().await;
        let get = polling.start_poll().await;
        polled(&session).await;
        let mut post = start_post(&polling, server.address, ("content-length", "10")).await;
        end(&session);
        let response = post.response().await;
        assert_eq!((response.status, response.text()), (400, ""), "{reason}");
        assert!(post.is_closed().await);
        server.expect_closed("forced close", None).await;
        drop(get);
    }
}

#[tokio::test]
async fn the_limit_counts_bytes_and_is_inclusive() {
    let mut server = Server::start(Engine::builder().max_http_buffer_size(100)).await;
    let polling = server.polling().await;
    server.opened().await;
    let euros = format!("4{}", "€".repeat(33));
    let binary = format!("b{}===", "A".repeat(96));
    for body in [euros.as_str(), &binary[..97], &["4123"; 20].join("\x1e")] {
        assert!(body.len() <= 100);
        assert_eq!(polling.send(&[body]).await.text(), "ok", "{} bytes", body.len());
    }
    assert_eq!(server.text().await, "€".repeat(33));
    assert_eq!(server.heard().await, Heard::Binary(vec![0; 72]));
    for _ in 0..20 {
        assert_eq!(server.text().await, "123");
    }

    let one_more = format!("{euros}!");
    let declared = polling.send(&[&one_more]).await;
    assert_eq!((declared.status, declared.text()), (413, ""));
    let mut chunked = start_post(&polling, server.address, ("transfer-encoding", "chunked")).await;
    chunked.send(format!("65\r\n{one_more}\r\n").as_bytes()).await;
    let answer = chunked.response().await;
    assert_eq!((answer.status, answer.text()), (413, ""));
    assert!(chunked.is_closed().await);
    // The client may think better of it.
    assert_eq!(polling.send(&["4smaller"]).await.text(), "ok");
    assert_eq!(server.text().await, "smaller");
}

/// Checks that a body ends the session, with which answers, and what is delivered before.
async fn check_violation(body: &str, delivered: &[&str], status: u16, (reason, description): (&str, Option<&str>)) {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut get = polling.start_poll().await;
    polled(&session).await;
    let post = polling.send(&[body]).await;
    assert_eq!((post.status, post.text()), (status, if status == 200 { "ok" } else { "" }), "{body:?}");
    assert_eq!(get.response().await.text(), "1", "{body:?}");
    for expected in delivered {
        assert_eq!(server.text().await, *expected, "{body:?}");
    }
    match server.heard().await {
        Heard::Closed(closed) => assert_eq!((closed.reason.as_str(), closed.description), (reason, description)),
        other => panic!("{body:?}: {other:?}"),
    }
    assert_eq!(polling.poll().await.text(), error(1, "Session ID unknown"));
}

#[tokio::test]
async fn what_is_no_packet_ends_the_session() {
    for body in ["abc", "\x1e", "4a\x1e", "9", "b!", "\0"] {
        let delivered: &[&str] = if body.starts_with('4') { &["a"] } else { &[] };
        check_violation(body, delivered, 400, ("parse error", None)).await;
    }
    check_violation("4a\x1ex\x1e4never", &["a"], 400, ("parse error", None)).await;
}

#[tokio::test]
async fn an_empty_body_is_no_packet() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let response = polling.send(&[]).await;
    assert_eq!((response.status, response.text()), (400, ""));
    server.expect_closed("parse error", None).await;
}

#[tokio::test]
async fn packets_that_only_a_server_sends_end_the_session() {
    check_violation("4a\x1e2\x1e4never", &["a"], 200, ("transport error", Some("invalid heartbeat direction"))).await;
    for packet in ["0", "5", "6", "0{}"] {
        check_violation(packet, &[], 200, ("parse error", None)).await;
    }
}

#[tokio::test]
async fn a_pong_that_nobody_asked_for_is_ignored() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    server.opened().await;
    assert_eq!(polling.send(&["3", "3probe", "4hi"]).await.text(), "ok");
    assert_eq!(server.text().await, "hi");
}
