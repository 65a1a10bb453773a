//! Cross-origin access: the headers of answers and preflights, and who may open a WebSocket. Rows E103 and E141 to E146.

use std::time::Duration;

use fanfare_engine::{Cors, Engine, EngineBuilder};
use fanfare_testkit::{Http, Response, WebSocket};
use http::{HeaderName, Method};

use crate::server::{Server, error};

const TARGET: &str = "?EIO=4&transport=polling";
const A: &str = "https://a.org";
const B: &str = "https://b.org";

/// The CORS headers of an answer, sorted, and `vary`.
fn headers(response: &Response) -> Vec<(&str, &str)> {
    let wanted = |name: &str| name.starts_with("access-control-") || name == "vary";
    let mut headers: Vec<_> =
        response.headers.iter().filter(|(name, _)| wanted(name)).map(|(n, v)| (n.as_str(), v.as_str())).collect();
    headers.sort();
    headers
}

/// Checks the CORS headers of the answers to pages of origins.
async fn check(cors: Cors, expected: &[(&str, Option<&str>)]) {
    let server = Server::start(Engine::builder().cors(cors)).await;
    for (origin, allowed) in expected {
        let response = server.request("GET", TARGET, &[("origin", origin)]).await;
        assert_eq!(response.status, 200, "{origin}");
        let allow = allowed.map(|allowed| ("access-control-allow-origin", allowed));
        let expected: Vec<_> = allow.into_iter().chain([("vary", "origin")]).collect();
        assert_eq!(headers(&response), expected, "{origin}");
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_are_told_so() {
    check(Cors::origins([A, "https://c.org"]), &[(A, Some(A)), (B, None), ("null", None), ("https://A.org", None)])
        .await;
    check(Cors::any(), &[(A, Some("*")), ("null", Some("*"))]).await;
    check(Cors::mirror(), &[(A, Some(A)), (B, Some(B))]).await;
    let below = Cors::predicate(|origin| origin.ends_with(".a.org"));
    check(below, &[("https://x.a.org", Some("https://x.a.org")), (A, None), ("https://x.a.org.evil.net", None)]).await;
}

#[tokio::test]
async fn without_cors_there_is_no_such_header() {
    let server = Server::start(Engine::builder()).await;
    let response = server.request("GET", TARGET, &[("origin", A)]).await;
    assert_eq!((response.status, headers(&response)), (200, vec![]));
    let preflight = server.request("OPTIONS", TARGET, &[("origin", A)]).await;
    assert_eq!((preflight.status, headers(&preflight)), (400, vec![]));
}

/// Allows everything that can be allowed.
fn generous() -> EngineBuilder {
    let cors = Cors::origins([A])
        .credentials(true)
        .methods([Method::GET, Method::POST])
        .allowed_headers([HeaderName::from_static("x-one"), HeaderName::from_static("x-two")])
        .exposed_headers([HeaderName::from_static("x-three")])
        .max_age(Duration::from_secs(600));
    Engine::builder().cors(cors)
}

#[tokio::test]
async fn a_preflight_is_answered_before_anything_is_checked() {
    let server = Server::start(Engine::builder().cors(Cors::origins([A]).credentials(true))).await;
    let asks = [
        ("origin", A),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-custom,content-type"),
    ];
    for target in [TARGET, "?EIO=4&transport=polling&sid=nope", ""] {
        let response = server.request("OPTIONS", target, &asks).await;
        assert_eq!((response.status, response.text()), (204, ""), "{target}");
        let expected = [
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-headers", "x-custom,content-type"),
            ("access-control-allow-methods", "GET,HEAD,PUT,PATCH,POST,DELETE"),
            ("access-control-allow-origin", A),
            ("vary", "origin"),
        ];
        assert_eq!(headers(&response), expected, "{target}");
    }
    let foreign = server.request("OPTIONS", TARGET, &[("origin", B), asks[1]]).await;
    assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (204, None));
    assert_eq!(server.engine.clients_count(), 0);
}

#[tokio::test]
async fn all_that_may_be_allowed_is_told() {
    let server = Server::start(generous()).await;
    let asks = [("origin", A), ("access-control-request-method", "POST"), ("access-control-request-headers", "x-one")];
    let preflight = server.request("OPTIONS", TARGET, &asks).await;
    let expected = [
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-headers", "x-one,x-two"),
        ("access-control-allow-methods", "GET,POST"),
        ("access-control-allow-origin", A),
        ("access-control-max-age", "600"),
        ("vary", "origin"),
    ];
    assert_eq!((preflight.status, headers(&preflight)), (204, expected.to_vec()));
    let actual = server.request("GET", TARGET, &[("origin", A)]).await;
    let expected = [
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-origin", A),
        ("access-control-expose-headers", "x-three"),
        ("vary", "origin"),
    ];
    assert_eq!((actual.status, headers(&actual)), (200, expected.to_vec()));
}

#[tokio::test]
async fn every_answer_has_the_headers() {
    let server = Server::echo(Engine::builder().cors(Cors::origins([A]))).await;
    let expected = vec![("access-control-allow-origin", A), ("vary", "origin")];
    let origin = [("origin", A)];
    for target in ["?EIO=4&transport=nonsense", "?EIO=4&transport=websocket", "?EIO=4&transport=polling&sid=nope"] {
        let response = server.request("GET", target, &origin).await;
        assert_eq!((response.status, headers(&response)), (400, expected.clone()), "{target}");
    }
    let polling = server.polling().await;
    let target = polling.target("polling");
    for (method, body, status) in [("POST", &b"4hi"[..], 200), ("GET", b"", 200), ("PUT", b"", 405)] {
        let response = Http::request(server.address, method, &target, &origin, body).await;
        assert_eq!((response.status, headers(&response)), (status, expected.clone()), "{method}");
    }
    let mut handshake = WebSocket::HANDSHAKE.to_vec();
    handshake.push(("origin", A));
    let mut connection = Http::connect(server.address).await;
    connection.send_request("GET", "/engine.io/?EIO=4&transport=websocket", &handshake, b"").await;
    let response = connection.response().await;
    assert_eq!((response.status, headers(&response)), (101, expected.clone()));
}

/// Checks whether a WebSocket may be opened with these headers.
async fn check_websocket(options: EngineBuilder, cases: &[(&[(&str, &str)], bool)]) {
    let server = Server::start(options).await;
    for (headers, allowed) in cases {
        let opened = WebSocket::try_connect(server.address, "/engine.io/?EIO=4&transport=websocket", headers).await;
        match opened {
            Ok(_) => assert!(allowed, "{headers:?}"),
            Err(response) => {
                assert!(!allowed, "{headers:?}");
                assert_eq!((response.status, response.text()), (403, &*error(4, "Origin is not allowed")));
            }
        }
    }
}

#[tokio::test]
async fn websockets_are_opened_from_allowed_origins_and_the_own_one() {
    let own = ("origin", "http://test");
    let cookie = ("cookie", "login=1");
    let (a, b) = (("origin", A), ("origin", B));
    let listed = Engine::builder().cors(Cors::origins([A]));
    check_websocket(listed.clone(), &[(&[a], true), (&[b], false), (&[own], true), (&[], true)]).await;
    check_websocket(listed.allow_missing_origin(false), &[(&[a], true), (&[], false)]).await;
    let any = Engine::builder().cors(Cors::any());
    check_websocket(any, &[(&[a], true), (&[b, cookie], true)]).await;
    // Without CORS, only cookies make a foreign origin dangerous.
    let cases: &[(&[_], _)] = &[(&[a], true), (&[a, cookie], false), (&[own, cookie], true), (&[cookie], true)];
    check_websocket(Engine::builder(), cases).await;
}

#[tokio::test]
async fn an_upgrade_asks_for_the_origin_too() {
    let server = Server::start(Engine::builder().cors(Cors::origins([A]))).await;
    let polling = server.polling().await;
    let refused = WebSocket::try_connect(server.address, &polling.target("websocket"), &[("origin", B)]).await;
    assert_eq!(refused.unwrap_err().status, 403);
    WebSocket::try_connect(server.address, &polling.target("websocket"), &[("origin", A)]).await.unwrap();
}
