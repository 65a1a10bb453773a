//! The open packet, session ids, and what the application learns of the request. Rows E43 to E57.

use std::collections::HashSet;
use std::time::SystemTime;

use fanfare_engine::{Engine, Message, Session, Transport};
use fanfare_testkit::{Http, WebSocket};

use crate::server::{Heard, Server};

#[tokio::test]
async fn the_open_packet_has_exactly_the_keys_of_the_protocol() {
    let mut server = Server::start(Engine::builder()).await;
    let open = server.request("GET", "?EIO=4&transport=polling", &[]).await;
    let sid = server.opened().await.sid();
    let expected = |upgrades: &str, sid: &str| {
        format!(
            r#"0{{"sid":"{sid}","upgrades":[{upgrades}],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}}"#
        )
    };
    assert_eq!(open.text(), expected(r#""websocket""#, sid.as_str()));
    let mut websocket = WebSocket::connect(server.address, "/engine.io/?EIO=4&transport=websocket").await;
    let sid = server.opened().await.sid();
    assert_eq!(websocket.text().await, expected("", sid.as_str()));
}

#[tokio::test]
async fn session_ids_are_url_safe_and_all_different() {
    let server = Server::start(Engine::builder()).await;
    let mut ids = HashSet::new();
    for _ in 0..50 {
        let polling = server.polling().await;
        let sid = polling.sid();
        assert_eq!(sid.len(), 24);
        assert!(sid.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{sid}");
        assert!(sid.starts_with(server.engine.node_id().as_str()), "{sid}");
        ids.insert(sid[4..].to_owned());
    }
    assert_eq!(ids.len(), 50);
}

/// Checks what the application knows of the request that opened a session.
fn check_handshake(session: &Session, transport: Transport, before: SystemTime) {
    let handshake = session.handshake();
    let query = format!("EIO=4&transport={}&%26a=%26%3D%3Fa&foo=bar&foo=baz&empty=", transport.as_str());
    assert_eq!(handshake.url(), format!("/engine.io/deeper?{query}"));
    assert_eq!(handshake.query(), query);
    assert_eq!(handshake.query_value("&a").as_deref(), Some("&=?a"));
    assert_eq!(handshake.query_value("foo").as_deref(), Some("bar"));
    assert_eq!(handshake.query_value("empty").as_deref(), Some(""));
    assert_eq!(handshake.query_value("missing"), None);
    assert_eq!(handshake.header("x-custom"), Some("Value, with; signs"));
    assert_eq!(handshake.header("host"), Some("test"));
    let twice: Vec<_> = handshake.headers().filter(|(name, _)| *name == "x-twice").map(|(_, value)| value).collect();
    assert_eq!(twice, [b"1", b"2"]);
    assert_eq!(handshake.address(), Some([127, 0, 0, 1].into()));
    assert!(!handshake.is_secure());
    assert!(handshake.is_cross_domain());
    assert!(handshake.time() >= before && handshake.time() <= SystemTime::now());
}

const HEADERS: [(&str, &str); 4] =
    [("X-Custom", "Value, with; signs"), ("x-twice", "1"), ("X-Twice", "2"), ("origin", "http://elsewhere.org")];

#[tokio::test]
async fn the_application_sees_the_request_that_opened_the_session() {
    let mut server = Server::start(Engine::builder()).await;
    let before = SystemTime::now();
    let target = |transport: &str| {
        format!("/engine.io/deeper?EIO=4&transport={transport}&%26a=%26%3D%3Fa&foo=bar&foo=baz&empty=")
    };
    Http::request(server.address, "GET", &target("polling"), &HEADERS, b"").await;
    check_handshake(&server.opened().await, Transport::Polling, before);
    let _websocket = WebSocket::try_connect(server.address, &target("websocket"), &HEADERS).await.unwrap();
    check_handshake(&server.opened().await, Transport::WebSocket, before);
}

#[tokio::test]
async fn the_handshake_stays_that_of_the_first_request() {
    let mut server = Server::start(Engine::builder()).await;
    let (_polling, _websocket, session) = server.upgraded().await;
    assert_eq!(session.transport(), Transport::WebSocket);
    assert_eq!(session.handshake().query_value("transport").as_deref(), Some("polling"));
    assert_eq!(session.handshake().header("upgrade"), None);
    assert!(!session.handshake().is_cross_domain());
}

#[tokio::test]
async fn a_message_over_polling_comes_with_the_request_that_carried_it() {
    let answer = |session: &Session, received: fanfare_engine::Received<'_>| {
        let header = received.request.map(|request| request.headers["x-this"].to_str().unwrap().to_owned());
        session.send(Message::Text(header.as_deref().unwrap_or("no request"))).unwrap();
    };
    let mut server = Server::custom(Engine::builder(), |_| {}, answer).await;
    let polling = server.polling().await;
    for value in ["first", "second"] {
        Http::request(server.address, "POST", &polling.target("polling"), &[("x-this", value)], b"4hi").await;
        assert_eq!(polling.packets().await, [format!("4{value}")]);
    }
    let mut websocket = server.websocket().await;
    websocket.send("4hi").await;
    assert_eq!(websocket.text().await, "4no request");
    assert!(matches!(server.heard().await, Heard::Opened(_)));
}

#[tokio::test]
async fn a_trusted_proxy_tells_the_address_of_the_client() {
    let forwarded = [("x-forwarded-for", "6.6.6.6, 1.2.3.4")];
    let options = Engine::builder().trusted_proxies(["127.0.0.0/8".parse().unwrap()]);
    let mut trusting = Server::start(options).await;
    trusting.request("GET", "?EIO=4&transport=polling", &forwarded).await;
    assert_eq!(trusting.opened().await.handshake().address(), Some([1, 2, 3, 4].into()));
    let mut wary = Server::start(Engine::builder()).await;
    wary.request("GET", "?EIO=4&transport=polling", &forwarded).await;
    assert_eq!(wary.opened().await.handshake().address(), Some([127, 0, 0, 1].into()));
}
