//! What is counted.

use fanfare_engine::{Engine, Message};
use fanfare_testkit::Http;

use crate::server::{Server, eventually, polled};

#[tokio::test]
async fn sessions_are_counted_by_transport_and_end() {
    let mut server = Server::start(Engine::builder()).await;
    let check = |server: &Server, name: &str, label: &str, expected: i64| {
        assert_eq!(server.metric(name, label), expected, "{name} {label}");
    };
    let polling = server.polling().await;
    server.opened().await;
    let websocket = server.websocket().await;
    server.opened().await;
    for transport in ["polling", "websocket"] {
        check(&server, "fanfare_handshakes_total", transport, 1);
        check(&server, "fanfare_sessions", transport, 1);
    }
    let mut moved = server.probe(&polling).await;
    moved.send("5").await;
    server.heard().await;
    check(&server, "fanfare_sessions", "polling", 0);
    check(&server, "fanfare_sessions", "websocket", 2);
    check(&server, "fanfare_upgrades_total", "completed", 1);
    drop(websocket);
    server.closed().await;
    moved.send("x").await;
    server.closed().await;
    check(&server, "fanfare_sessions", "websocket", 0);
    check(&server, "fanfare_disconnects_total", "transport close", 1);
    check(&server, "fanfare_disconnects_total", "parse error", 1);
    check(&server, "fanfare_client_errors_total", "packet", 1);
}

#[tokio::test]
async fn messages_and_bytes_are_counted() {
    let mut server = Server::echo(Engine::builder()).await;
    let mut websocket = server.websocket().await;
    websocket.send("4hello").await;
    websocket.send_binary(&[1, 2, 3]).await;
    websocket.text().await;
    websocket.binary().await;
    let received = |server: &Server| {
        (server.metric("fanfare_messages_received_total", ""), server.metric("fanfare_bytes_received_total", ""))
    };
    assert_eq!(received(&server), (2, 8));
    server.opened().await;
    let polling = server.polling().await;
    polling.send(&["4hi", "bAQID", "3"]).await;
    assert_eq!(received(&server), (4, 8 + 11));
    let before = server.metric("fanfare_bytes_sent_total", "");
    assert_eq!(polling.poll().await.text(), "4hi\x1ebAQID");
    assert_eq!(server.metric("fanfare_bytes_sent_total", "") - before, 9);
}

#[tokio::test]
async fn bytes_sent_over_websocket_are_counted_with_their_headers() {
    let mut server = Server::start(Engine::builder()).await;
    let mut websocket = server.websocket().await;
    let session = server.opened().await;
    let before = server.metric("fanfare_bytes_sent_total", "");
    session.send(Message::Text(&"x".repeat(200))).unwrap();
    websocket.text().await;
    eventually("205 bytes", || server.metric("fanfare_bytes_sent_total", "") - before == 205).await;
}

#[tokio::test]
async fn polling_requests_are_counted_by_how_they_ended() {
    let mut server = Server::start(Engine::builder().max_http_buffer_size(10)).await;
    let check = |server: &Server, outcome: &str, expected: i64| {
        assert_eq!(server.metric("fanfare_polling_requests_total", outcome), expected, "{outcome}");
    };
    let polling = server.polling().await;
    let session = server.opened().await;
    polling.send(&["4hi"]).await;
    polling.send(&["4too long to be taken"]).await;
    session.send(Message::Text("hi")).unwrap();
    polling.poll().await;
    check(&server, "get", 1);
    check(&server, "post", 1);
    check(&server, "too_large", 1);
    let mut get = polling.start_poll().await;
    polled(&session).await;
    polling.poll().await;
    get.response().await;
    check(&server, "refused", 1);
    check(&server, "get", 2);
}

#[tokio::test]
async fn what_waits_is_counted_once_for_all() {
    let mut server = Server::start(Engine::builder()).await;
    let waiting = |server: &Server| server.metric("fanfare_outbox_bytes", "");
    assert_eq!(waiting(&server), 0);
    let first = server.polling().await;
    let second = server.polling().await;
    let sessions = [server.opened().await, server.opened().await];
    let frame = fanfare_engine::Frame::Binary(fanfare_engine::Buffer::from(&[0; 10_000][..]));
    let outgoing = server.engine.encode([frame], false);
    for session in sessions.iter().cycle().take(2 * 20) {
        session.send_encoded(&outgoing).unwrap();
    }
    drop(outgoing);
    // One message, and in each outbox three entries of 64 bytes more than every session has room for.
    assert_eq!(waiting(&server), 10_004 + 2 * 3 * 64);
    first.poll().await;
    assert_eq!(waiting(&server), 10_004 + 3 * 64);
    second.poll().await;
    assert_eq!(waiting(&server), 0);
}

#[tokio::test]
async fn metrics_may_share_a_registry_with_others() {
    let registry = prometheus::Registry::new();
    let server = Server::start(Engine::builder().registry(registry.clone())).await;
    Http::get(server.address, "/engine.io/?EIO=4&transport=polling").await;
    let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap();
    assert!(text.contains("fanfare_handshakes_total{transport=\"polling\"} 1\n"), "{text}");
    for family in registry.gather() {
        assert!(!family.help().is_empty() && family.help().ends_with('.'), "{}: {}", family.name(), family.help());
    }
}
