//! Requests that the application answers before the engine does. Rows E147 and E148.

use std::sync::Arc;

use fanfare_engine::{Body, Cors, Engine, EngineBuilder};
use fanfare_testkit::{Http, WebSocket};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use parking_lot::Mutex;

use crate::server::Server;

/// Turns those away who have no key.
fn guarded() -> EngineBuilder {
    Engine::builder().intercept(|request: &Parts| {
        if request.headers.contains_key("x-key") {
            return None;
        }
        let mut response = Response::new(Body::from("no key"));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert("x-guard", HeaderValue::from_static("here"));
        Some(response)
    })
}

#[tokio::test]
async fn a_request_that_is_answered_goes_no_further() {
    let server = Server::start(guarded()).await;
    let refused = server.request("GET", "?EIO=4&transport=polling", &[]).await;
    assert_eq!((refused.status, refused.text(), refused.header("x-guard")), (503, "no key", Some("here")));
    let refused = WebSocket::try_connect(server.address, "/engine.io/?EIO=4&transport=websocket", &[]).await;
    assert_eq!(refused.unwrap_err().text(), "no key");
    let refused = server.request("GET", "?transport=nonsense", &[]).await;
    assert_eq!(refused.text(), "no key", "it comes before all checks");
    assert_eq!(server.engine.clients_count(), 0);
}

#[tokio::test]
async fn a_request_that_is_not_answered_goes_on() {
    let server = Server::start(guarded()).await;
    let key = [("x-key", "1")];
    assert_eq!(server.request("GET", "?EIO=4&transport=polling", &key).await.status, 200);
    WebSocket::try_connect(server.address, "/engine.io/?EIO=4&transport=websocket", &key).await.unwrap();
    assert_eq!(server.engine.clients_count(), 2);
}

#[tokio::test]
async fn every_request_of_the_path_and_no_other_is_seen() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = seen.clone();
    let options = Engine::builder().intercept(move |request: &Parts| {
        sees.lock().push(format!("{} {}", request.method, request.uri.path()));
        None
    });
    let server = Server::echo(options).await;
    let polling = server.polling().await;
    polling.send(&["4hi"]).await;
    polling.poll().await;
    server.probe(&polling).await;
    Http::get(server.address, "/engine.io/deeper").await;
    Http::get(server.address, "/elsewhere").await;
    let path = "/engine.io/";
    let expected = ["GET", "POST", "GET", "GET"].map(|method| format!("{method} {path}"));
    let seen = seen.lock();
    assert_eq!(seen[..4], expected);
    assert_eq!(seen[4..], ["GET /engine.io/deeper"]);
}

#[tokio::test]
async fn its_answers_have_the_cors_headers_of_the_engine() {
    let server = Server::start(guarded().cors(Cors::origins(["https://a.org"]))).await;
    let origin = [("origin", "https://a.org")];
    let refused = server.request("GET", "?EIO=4&transport=polling", &origin).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (503, Some("https://a.org")));
}
