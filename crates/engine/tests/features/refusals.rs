//! Requests that are turned away: the order of the checks, the codes and the bodies. Rows E25 to E42.

use fanfare_engine::{Cors, Denied, Engine, EngineBuilder, Transport};
use fanfare_testkit::{Http, WebSocket};

use crate::server::{Server, error};

const UNKNOWN_TRANSPORT: (u8, &str) = (0, "Transport unknown");
const UNKNOWN_SESSION: (u8, &str) = (1, "Session ID unknown");
const BAD_METHOD: (u8, &str) = (2, "Bad handshake method");
const BAD_REQUEST: (u8, &str) = (3, "Bad request");
const FORBIDDEN: (u8, &str) = (4, "not today");
const UNSUPPORTED: (u8, &str) = (5, "Unsupported protocol version");

fn status(code: u8) -> u16 {
    if code == FORBIDDEN.0 { 403 } else { 400 }
}

/// Checks that a request is refused, and with which headers.
async fn check(server: &Server, method: &str, target: &str, (code, message): (u8, &str)) {
    let response = server.request(method, target, &[]).await;
    assert_eq!((response.status, response.text()), (status(code), &*error(code, message)), "{method} {target}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{target}");
    assert_eq!(response.header("cache-control"), None, "{target}");
}

/// Checks that a WebSocket is refused before it is opened.
async fn check_upgrade(server: &Server, target: &str, (code, message): (u8, &str)) {
    let target = format!("{}{target}", server.engine.path());
    let response = WebSocket::try_connect(server.address, &target, &[]).await.unwrap_err();
    assert_eq!((response.status, response.text()), (status(code), &*error(code, message)), "{target}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{target}");
}

#[tokio::test]
async fn handshakes_that_make_no_sense_are_refused_with_a_code() {
    let server = Server::start(Engine::builder()).await;
    for target in [
        "",
        "?EIO=4",
        "?EIO=4&transport=",
        "?EIO=4&transport=webtransport",
        "?EIO=4&transport=POLLING",
        "?EIO=4&transport=constructor",
        "?EIO=4&transport=__proto__",
    ] {
        check(&server, "GET", target, UNKNOWN_TRANSPORT).await;
        check_upgrade(&server, target, UNKNOWN_TRANSPORT).await;
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "FOO"] {
        check(&server, method, "?EIO=4&transport=polling", BAD_METHOD).await;
    }
    check(&server, "GET", "?EIO=4&transport=websocket", BAD_REQUEST).await;
    check_upgrade(&server, "?EIO=4&transport=polling", BAD_REQUEST).await;
    for version in ["", "&EIO=", "&EIO=3", "&EIO=5", "&EIO=abc", "&EIO=4x"] {
        check(&server, "GET", &format!("?transport=polling{version}"), UNSUPPORTED).await;
        check_upgrade(&server, &format!("?transport=websocket{version}"), UNSUPPORTED).await;
    }
    assert_eq!(server.engine.clients_count(), 0);
}

#[tokio::test]
async fn requests_of_no_session_are_refused() {
    let server = Server::start(Engine::builder()).await;
    for sid in ["", "nope", "__proto__", "AAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAAAA"] {
        for method in ["GET", "POST", "PUT"] {
            check(&server, method, &format!("?EIO=4&transport=polling&sid={sid}"), UNKNOWN_SESSION).await;
        }
        check_upgrade(&server, &format!("?EIO=4&transport=websocket&sid={sid}"), UNKNOWN_SESSION).await;
    }
}

#[tokio::test]
async fn requests_that_do_not_fit_their_session_are_refused_and_do_it_no_harm() {
    let server = Server::echo(Engine::builder()).await;
    let polling = server.polling().await;
    let sid = polling.sid();
    check(&server, "GET", &format!("?EIO=4&transport=websocket&sid={sid}"), BAD_REQUEST).await;
    check(&server, "POST", &format!("?EIO=4&transport=websocket&sid={sid}"), BAD_REQUEST).await;
    check(&server, "GET", &format!("?EIO=3&transport=polling&sid={sid}"), BAD_REQUEST).await;
    check(&server, "GET", &format!("?transport=polling&sid={sid}"), BAD_REQUEST).await;
    check_upgrade(&server, &format!("?EIO=4&transport=polling&sid={sid}"), BAD_REQUEST).await;
    check_upgrade(&server, &format!("?EIO=3&transport=websocket&sid={sid}"), BAD_REQUEST).await;
    polling.send(&["4unharmed"]).await;
    assert_eq!(polling.packets().await, ["4unharmed"]);
}

#[tokio::test]
async fn other_methods_on_a_session_are_not_allowed_and_do_it_no_harm() {
    let server = Server::echo(Engine::builder()).await;
    let polling = server.polling().await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "FOO"] {
        let target = polling.target("polling");
        let response = Http::request(server.address, method, &target, &[], b"").await;
        assert_eq!((response.status, response.text()), (405, ""), "{method}");
    }
    polling.send(&["4unharmed"]).await;
    assert_eq!(polling.packets().await, ["4unharmed"]);
}

#[tokio::test]
async fn a_head_request_is_answered_without_a_body() {
    let server = Server::start(Engine::builder()).await;
    for (target, status) in [("/engine.io/?EIO=4&transport=polling", "400"), ("/other", "404")] {
        let mut connection = Http::connect(server.address).await;
        connection.send_request("HEAD", target, &[("connection", "close")], b"").await;
        let answer = String::from_utf8(connection.read_to_end().await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
    }
}

/// An engine that turns everybody away who comes as far as that.
fn closed_doors() -> EngineBuilder {
    Engine::builder().allow_request(async |_| Err(Denied::from("not today")))
}

#[tokio::test]
async fn the_first_of_several_reasons_is_told() {
    let server = Server::start(closed_doors()).await;
    let polling = "transport=polling";
    check(&server, "POST", "?transport=foo&sid=nope", UNKNOWN_TRANSPORT).await;
    check(&server, "POST", &format!("?{polling}&sid=nope"), UNKNOWN_SESSION).await;
    check(&server, "POST", &format!("?{polling}"), BAD_METHOD).await;
    check(&server, "POST", "?transport=websocket", BAD_METHOD).await;
    check(&server, "GET", "?transport=websocket", BAD_REQUEST).await;
    check(&server, "GET", &format!("?{polling}"), FORBIDDEN).await;
    check_upgrade(&server, "?transport=foo&sid=nope", UNKNOWN_TRANSPORT).await;
    check_upgrade(&server, "?transport=websocket&sid=nope", UNKNOWN_SESSION).await;
    check_upgrade(&server, "?transport=websocket", FORBIDDEN).await;
}

#[tokio::test]
async fn the_origin_is_looked_at_before_the_session() {
    let server = Server::start(Engine::builder()).await;
    let two = [("origin", "https://a.org"), ("origin", "https://b.org")];
    let response = server.request("GET", "?EIO=4&transport=polling&sid=nope", &two).await;
    assert_eq!((response.status, response.text()), (400, &*error(3, "Bad request")));
    let response = server.request("GET", "?EIO=4&transport=polling", &[("origin", "https://a.org/\u{1}")]).await;
    assert_eq!((response.status, response.text()), (400, ""), "control characters are no HTTP");
    assert_eq!(server.engine.clients_count(), 0);
}

#[tokio::test]
async fn of_repeated_parameters_the_first_counts() {
    let server = Server::start(Engine::builder()).await;
    check(&server, "GET", "?EIO=4&transport=foo&transport=polling", UNKNOWN_TRANSPORT).await;
    check(&server, "GET", "?EIO=3&EIO=4&transport=polling", UNSUPPORTED).await;
    check(&server, "GET", "?EIO=4&transport=polling&sid=nope&sid=", UNKNOWN_SESSION).await;
    let open = server.request("GET", "?EIO=4&EIO=3&transport=polling&transport=foo", &[]).await;
    assert_eq!(open.status, 200);
}

#[tokio::test]
async fn scripts_instead_of_text_are_not_offered() {
    let server = Server::start(Engine::builder()).await;
    check(&server, "GET", "?EIO=4&transport=polling&j=0", BAD_REQUEST).await;
    let polling = server.polling().await;
    check(&server, "GET", &format!("?EIO=4&transport=polling&sid={}&j=0", polling.sid()), BAD_REQUEST).await;
}

#[tokio::test]
async fn every_refusal_is_counted_by_its_reason() {
    let options = closed_doors().cors(Cors::origins(["https://a.org"])).transports([Transport::Polling]);
    let server = Server::start(options).await;
    let refused = [
        ("transport_unknown", "GET", "?EIO=4&transport=websocket"),
        ("session_unknown", "GET", "?EIO=4&transport=polling&sid=nope"),
        ("bad_handshake_method", "POST", "?EIO=4&transport=polling"),
        ("bad_request", "GET", "?EIO=4&transport=polling&j=1"),
        ("forbidden", "GET", "?EIO=4&transport=polling"),
    ];
    for (reason, method, target) in refused {
        server.request(method, target, &[]).await;
        assert_eq!(server.metric("fanfare_refused_requests_total", reason), 1, "{reason}");
    }
    let open_doors = Server::start(Engine::builder()).await;
    open_doors.request("GET", "?transport=polling", &[]).await;
    assert_eq!(open_doors.metric("fanfare_refused_requests_total", "unsupported_protocol"), 1);
}
