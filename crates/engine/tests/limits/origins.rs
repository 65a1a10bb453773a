//! Who may come in and from where: origins, addresses behind proxies, and what is shown to whom.

use std::net::IpAddr;
use std::sync::Arc;

use fanfare_engine::{Cors, EngineBuilder, Handshake};
use fanfare_testkit::{Http, WebSocket};
use parking_lot::Mutex;

use crate::Node;
use crate::node::{POLLING, WEBSOCKET, is_refused};

/// AUTH-01.
#[tokio::test]
async fn websockets_come_from_allowed_origins_only() {
    let mut node = Node::with(|engine| engine.cors(Cors::origins(["https://a.org"]))).await;
    let foreign = [
        "https://evil.net",
        "null",
        "",
        "http://a.org",
        "https://a.org:8443",
        "https://a.org.evil.net",
        "https://evila.org",
        "https://evil.net/https://a.org",
        "https://a.org@evil.net",
        "https://a.org/",
        "a.org",
        "*",
    ];
    let polling = node.open_polling().await;
    for origin in foreign {
        for target in [WEBSOCKET, &polling.target("websocket")] {
            let refused = WebSocket::try_connect(node.address, target, &[("origin", origin)]).await;
            assert_eq!(refused.expect_err("it is refused").status, 403, "{origin}");
        }
    }
    assert_eq!(node.count("fanfare_refused_requests_total", "forbidden"), 24);
    let two = [("origin", "https://a.org"), ("origin", "https://evil.net")];
    let refused = WebSocket::try_connect(node.address, WEBSOCKET, &two).await;
    is_refused(&refused.expect_err("it is refused"), 3, "Bad request");
    for headers in [&[("origin", "https://a.org")][..], &[("origin", "http://test")], &[]] {
        let mut websocket = WebSocket::try_connect(node.address, WEBSOCKET, headers).await.expect("it is let in");
        websocket.text().await;
        websocket.send("1").await;
        node.ends_with("transport close").await;
    }
    polling.send(&["4undisturbed"]).await;
    assert_eq!(polling.packets().await, ["4undisturbed"]);
    node.is_well().await;
}

/// AUTH-01: programs other than browsers send no origin; whether they may come in is a setting.
#[tokio::test]
async fn websockets_without_an_origin_are_a_setting() {
    let mut node = Node::start().await;
    let origin = [("origin", "https://a.org")];
    let mut closed =
        Node::with_canary(&origin, |engine| engine.cors(Cors::origins(["https://a.org"])).allow_missing_origin(false))
            .await;
    let refused = WebSocket::try_connect(closed.address, WEBSOCKET, &[]).await;
    assert_eq!(refused.expect_err("it is refused").status, 403);
    // Without CORS, only cookies ask for the origin to be the server's own.
    let foreign = [("origin", "https://evil.net")];
    WebSocket::try_connect(node.address, WEBSOCKET, &foreign).await.expect("it has nothing to abuse");
    node.ended().await;
    let hijacking = [("origin", "https://evil.net"), ("cookie", "session=1")];
    let refused = WebSocket::try_connect(node.address, WEBSOCKET, &hijacking).await;
    assert_eq!(refused.expect_err("it is refused").status, 403);
    closed.is_well().await;
    node.is_well().await;
}

/// SEC-01.
#[tokio::test]
async fn foreign_pages_read_nothing() {
    let mut plain = Node::start().await;
    let mut listed = Node::with(|engine| engine.cors(Cors::origins(["https://a.org"]).credentials(true))).await;
    for origin in ["https://evil.net", "null", "https://a.org.evil.net"] {
        for node in [&plain, &listed] {
            let response = Http::request(node.address, "GET", POLLING, &[("origin", origin)], b"").await;
            assert_eq!(response.status, 200);
            assert_eq!(response.header("access-control-allow-origin"), None, "{origin}");
            let preflight = [("origin", origin), ("access-control-request-method", "POST")];
            let response = Http::request(node.address, "OPTIONS", POLLING, &preflight, b"").await;
            assert_eq!(response.header("access-control-allow-origin"), None, "{origin}");
        }
    }
    let response = Http::request(listed.address, "GET", POLLING, &[("origin", "https://a.org")], b"").await;
    assert_eq!(response.header("access-control-allow-origin"), Some("https://a.org"));
    assert_eq!(response.header("access-control-allow-credentials"), Some("true"));
    plain.is_well().await;
    listed.is_well().await;
}

/// AUTH-02, SEC-07.
#[tokio::test]
async fn only_trusted_proxies_are_believed() {
    let seen: Arc<Mutex<Vec<Option<IpAddr>>>> = Arc::default();
    let record = |engine: EngineBuilder| {
        let seen = seen.clone();
        engine.allow_request(move |handshake: Handshake| {
            seen.lock().push(handshake.address());
            async { Ok(()) }
        })
    };
    let mut direct = Node::with(record).await;
    let proxies = ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"].map(|network| network.parse().expect("a network"));
    let mut behind = Node::with(|engine| record(engine).trusted_proxies(proxies)).await;
    let forwarded = |value| ("x-forwarded-for", value);
    let untrusted: [&[(&str, &str)]; 4] = [
        &[forwarded("1.2.3.4")],
        &[("forwarded", "for=1.2.3.4;host=evil.net;proto=https")],
        &[("x-real-ip", "1.2.3.4"), ("x-forwarded-host", "evil.net"), ("x-forwarded-proto", "https")],
        &[forwarded("127.0.0.1, ::1, localhost"), ("cookie", "admin=true")],
    ];
    for headers in untrusted {
        check(&direct, &seen, headers, "127.0.0.1").await;
    }
    let trusted: [(&[(&str, &str)], &str); 13] = [
        (&[], "127.0.0.1"),
        (&[forwarded("1.2.3.4")], "1.2.3.4"),
        (&[forwarded("6.6.6.6, 1.2.3.4")], "1.2.3.4"),
        (&[forwarded("6.6.6.6, 1.2.3.4, 10.0.0.2")], "1.2.3.4"),
        (&[forwarded("6.6.6.6"), forwarded("1.2.3.4, 10.0.0.2"), forwarded("10.0.0.3")], "1.2.3.4"),
        (&[forwarded("10.0.0.3, 10.0.0.2")], "10.0.0.3"),
        (&[forwarded("2001:db8::1")], "2001:db8::1"),
        (&[forwarded("1.2.3.4, [fd00::1]:443")], "1.2.3.4"),
        (&[forwarded("garbage")], "127.0.0.1"),
        (&[forwarded("1.2.3.4, garbage, 10.0.0.2")], "10.0.0.2"),
        (&[forwarded("")], "127.0.0.1"),
        (&[forwarded(",,,")], "127.0.0.1"),
        (&[("forwarded", "for=1.2.3.4"), ("x-real-ip", "1.2.3.4")], "127.0.0.1"),
    ];
    for (headers, address) in trusted {
        check(&behind, &seen, headers, address).await;
    }
    direct.is_well().await;
    behind.is_well().await;
}

/// LIM-13.
#[tokio::test]
async fn sessions_are_limited_by_the_real_address() {
    let proxy = ["127.0.0.1/32".parse().expect("a network")];
    let mut node = Node::with(|engine| engine.max_sessions_per_address(10).trusted_proxies(proxy)).await;
    let first = [("x-forwarded-for", "1.1.1.1")];
    let second = [("x-forwarded-for", "1.1.1.1, 2.2.2.2")];
    let mut sessions = Vec::new();
    for _ in 0..10 {
        let session = WebSocket::try_connect(node.address, WEBSOCKET, &first).await;
        sessions.push(session.expect("there is room"));
    }
    let refusal = WebSocket::try_connect(node.address, WEBSOCKET, &first).await.expect_err("there is no room");
    assert_eq!((refusal.status, refusal.header("retry-after")), (503, Some("5")));
    let refusal = Http::request(node.address, "GET", POLLING, &first, b"").await;
    assert_eq!((refusal.status, refusal.header("connection")), (503, Some("close")));
    assert_eq!(node.count("fanfare_client_errors_total", "too_many_sessions"), 2);
    for _ in 0..10 {
        sessions.push(WebSocket::try_connect(node.address, WEBSOCKET, &second).await.expect("another client"));
    }
    // Who leaves makes room.
    sessions.truncate(10);
    sessions.pop();
    for _ in 0..11 {
        node.ended().await;
    }
    assert_eq!(Http::request(node.address, "GET", POLLING, &first, b"").await.status, 200);
    assert_eq!(Http::request(node.address, "GET", POLLING, &first, b"").await.status, 503);
    node.is_well().await;
}

/// Opens a session and checks which address it is said to have.
async fn check(node: &Node, seen: &Mutex<Vec<Option<IpAddr>>>, headers: &[(&str, &str)], address: &str) {
    assert_eq!(Http::request(node.address, "GET", POLLING, headers, b"").await.status, 200);
    let last = seen.lock().last().copied().flatten();
    assert_eq!(last, Some(address.parse().expect("an address")), "{headers:?}");
}
