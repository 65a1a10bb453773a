//! The headers of answers: the cookie, and what the application adds. Rows E48 to E52.

use std::sync::Arc;

use fanfare_engine::{Cookie, Engine, EngineBuilder, Handshake, SameSite};
use fanfare_testkit::{Http, Response, WebSocket};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;

use crate::server::Server;

/// Checks the cookie that a polling handshake gets.
async fn check_cookie(cookie: Cookie, expected: &str) {
    let mut server = Server::start(Engine::builder().cookie(cookie)).await;
    let open = server.request("GET", "?EIO=4&transport=polling", &[]).await;
    let sid = server.opened().await.sid();
    assert_eq!(open.header("set-cookie"), Some(&*expected.replace("SID", sid.as_str())));
}

#[tokio::test]
async fn the_cookie_has_the_form_that_was_asked_for() {
    check_cookie(Cookie::default(), "io=SID; Path=/; HttpOnly; SameSite=Lax").await;
    check_cookie(Cookie::named("woot"), "woot=SID; Path=/; HttpOnly; SameSite=Lax").await;
    check_cookie(Cookie::default().path(Some("/custom")), "io=SID; Path=/custom; HttpOnly; SameSite=Lax").await;
    check_cookie(Cookie::default().path(None), "io=SID; HttpOnly; SameSite=Lax").await;
    check_cookie(Cookie::default().http_only(false), "io=SID; Path=/; SameSite=Lax").await;
    let strict = Cookie::default().same_site(Some(SameSite::Strict)).secure(true);
    check_cookie(strict, "io=SID; Path=/; HttpOnly; Secure; SameSite=Strict").await;
    let lasting = Cookie::default().max_age(3600).domain("example.com").same_site(None);
    check_cookie(lasting, "io=SID; Max-Age=3600; Domain=example.com; Path=/; HttpOnly").await;
}

#[tokio::test]
async fn only_the_polling_handshake_sets_the_cookie() {
    let server = Server::echo(Engine::builder().cookie(Cookie::default())).await;
    let polling = server.polling().await;
    let posted = polling.send(&["4hi"]).await;
    let polled = polling.poll().await;
    assert_eq!((posted.header("set-cookie"), polled.header("set-cookie")), (None, None));
    for target in ["/engine.io/?EIO=4&transport=websocket", &polling.target("websocket")] {
        assert_eq!(accept_websocket(&server, target).await.header("set-cookie"), None);
    }
    let plain = Server::start(Engine::builder()).await;
    let open = plain.request("GET", "?EIO=4&transport=polling", &[]).await;
    assert_eq!(open.header("set-cookie"), None, "none unless it is asked for");
}

/// Opens a WebSocket; returns the answer.
async fn accept_websocket(server: &Server, target: &str) -> Response {
    let mut connection = Http::connect(server.address).await;
    connection.send_request("GET", target, &WebSocket::HANDSHAKE, b"").await;
    let response = connection.response().await;
    assert_eq!(response.status, 101);
    response
}

/// An engine that marks its answers and counts them.
fn marking() -> (EngineBuilder, Arc<Mutex<Vec<&'static str>>>) {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let hook = |name: &'static str| {
        let calls = calls.clone();
        move |headers: &mut HeaderMap, handshake: &Handshake| {
            calls.lock().push(name);
            headers.insert(name, HeaderValue::from_str(handshake.header("host").unwrap()).unwrap());
        }
    };
    (Engine::builder().initial_headers(hook("x-initial")).headers(hook("x-every")), calls)
}

fn marks(response: &Response) -> (Option<&str>, Option<&str>) {
    (response.header("x-initial"), response.header("x-every"))
}

#[tokio::test]
async fn the_application_adds_headers_to_the_first_and_to_every_answer() {
    let (options, calls) = marking();
    let server = Server::echo(options).await;
    let first = server.request("GET", "?EIO=4&transport=polling", &[]).await;
    assert_eq!(marks(&first), (Some("test"), Some("test")));
    let direct = accept_websocket(&server, "/engine.io/?EIO=4&transport=websocket").await;
    assert_eq!(marks(&direct), (Some("test"), Some("test")));
    calls.lock().clear();

    let polling = server.polling().await;
    assert_eq!(marks(&polling.send(&["4hi"]).await), (None, Some("test")));
    assert_eq!(marks(&polling.poll().await), (None, Some("test")));
    let upgrade = accept_websocket(&server, &polling.target("websocket")).await;
    assert_eq!(marks(&upgrade), (None, Some("test")));
    assert_eq!(*calls.lock(), ["x-initial", "x-every", "x-every", "x-every", "x-every"]);
    let refused = server.request("GET", "?EIO=4&transport=polling&sid=nope", &[]).await;
    assert_eq!(marks(&refused), (None, None), "no session, no hook");
}

#[tokio::test]
async fn a_header_may_have_several_values() {
    let options = Engine::builder().cookie(Cookie::default()).initial_headers(|headers, _| {
        for cookie in ["1=1; Max-Age=86400", "2=2; Path=/"] {
            headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
    });
    let server = Server::start(options).await;
    let open = server.request("GET", "?EIO=4&transport=polling", &[]).await;
    let cookies = open.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value.as_str());
    let cookies: Vec<_> = cookies.collect();
    assert!(cookies[0].starts_with("io="), "{cookies:?}");
    assert_eq!(cookies[1..], ["1=1; Max-Age=86400", "2=2; Path=/"]);
}
