//! The ways to serve an engine: its own listener with and without TLS, hyper, axum, and tower. Rows E18 to E20 and E56.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::get;
use fanfare_engine::{Engine, Listener, Message, PeerAddr, Session};
use fanfare_testkit::{Http, Polling, WebSocket};
use http::StatusCode;
use http_body_util::{BodyExt as _, Empty};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tower::{Layer as _, ServiceExt as _};

use crate::server::{Heard, echo, eventually, record, within};
use crate::tls::{Identity, client_config, server_config, tunnel};

fn echoing() -> (Engine, UnboundedReceiver<Heard>) {
    record(Engine::builder(), |_| {}, echo)
}

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Checks that both transports and the way from one to the other work.
async fn check_transports(address: SocketAddr) {
    let polling = Polling::open(address, "/engine.io/").await;
    let mut get = polling.start_poll().await;
    assert_eq!(polling.send(&["4polling", "bAQID"]).await.text(), "ok");
    assert_eq!(get.response().await.text(), "4polling\x1ebAQID");

    let mut direct = WebSocket::connect(address, "/engine.io/?EIO=4&transport=websocket").await;
    assert!(direct.text().await.starts_with("0{"));
    check_echo(&mut direct).await;

    let mut upgrading = WebSocket::connect(address, &polling.target("websocket")).await;
    upgrading.send("2probe").await;
    assert_eq!(upgrading.text().await, "3probe");
    upgrading.send("5").await;
    check_echo(&mut upgrading).await;
    upgrading.send("1").await;
    assert_eq!(upgrading.closed().await, Some(None));
    direct.send_frame(0x88, &1000_u16.to_be_bytes()).await;
    assert_eq!(direct.closed().await, Some(Some(1000)));
}

/// Checks that messages of all sizes come back.
async fn check_echo(websocket: &mut WebSocket) {
    let large = "x".repeat(500_000);
    for text in ["", "hi", &large, "again"] {
        websocket.send(&format!("4{text}")).await;
        assert_eq!(websocket.text().await, format!("4{text}"));
    }
    websocket.send_binary(large.as_bytes()).await;
    assert_eq!(websocket.binary().await, large.as_bytes());
    for n in 0..100 {
        websocket.send(&format!("4{n}")).await;
    }
    for n in 0..100 {
        assert_eq!(websocket.text().await, format!("4{n}"));
    }
}

/// Checks that the engine can push, and closes what it pushes to, without being asked.
async fn check_push(engine: &Engine, address: SocketAddr) {
    eventually("nobody else is there", || engine.clients_count() == 0).await;
    let mut websocket = WebSocket::connect(address, "/engine.io/?EIO=4&transport=websocket").await;
    websocket.text().await;
    let [session] = &engine.sessions()[..] else { panic!("one session") };
    session.send(Message::Text("pushed")).unwrap();
    assert_eq!(websocket.text().await, "4pushed");
    session.close();
    assert_eq!(websocket.closed().await, Some(None));
}

async fn check(engine: &Engine, address: SocketAddr) {
    check_transports(address).await;
    check_push(engine, address).await;
}

#[tokio::test]
async fn the_listener_serves_it() {
    let (engine, _) = echoing();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(engine.service()));
    check(&engine, address).await;
    let other = Http::get(address, "/other").await;
    assert_eq!((other.status, other.text()), (404, ""));
    let upgrade = WebSocket::try_connect(address, "/other", &[]).await.unwrap_err();
    assert_eq!((upgrade.status, upgrade.text()), (404, ""));
}

#[tokio::test]
async fn the_listener_serves_it_over_tls() {
    let identity = Identity::new();
    let (engine, mut heard) = echoing();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().tls(server_config(&identity, None));
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(engine.service()));
    let address = tunnel(address, client_config(&identity, None)).await;
    Polling::open(address, "/engine.io/").await;
    let Some(Heard::Opened(session)) = heard.recv().await else { panic!("a session") };
    assert!(session.handshake().is_secure());
    assert_eq!(session.handshake().address(), Some([127, 0, 0, 1].into()));
    session.discard();
    check(&engine, address).await;
}

#[tokio::test]
async fn clients_may_have_to_show_a_certificate() {
    let (server, client, stranger) = (Identity::new(), Identity::new(), Identity::new());
    let (engine, _) = echoing();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().tls(server_config(&server, Some(&client)));
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(engine.service()));
    for refused in [None, Some(&stranger)] {
        let address = tunnel(address, client_config(&server, refused)).await;
        let mut connection = Http::connect(address).await;
        let request = connection.try_send(b"GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(request.is_err() || connection.try_response().await.is_none());
    }
    assert_eq!(engine.clients_count(), 0);
    let address = tunnel(address, client_config(&server, Some(&client))).await;
    check(&engine, address).await;
}

#[tokio::test]
async fn hyper_serves_it() {
    let (engine, _) = echoing();
    let (listener, address) = bind().await;
    let service = engine.service();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades());
        }
    });
    check(&engine, address).await;
}

#[tokio::test]
async fn the_server_of_hyper_util_serves_it() {
    let (engine, _) = echoing();
    let (listener, address) = bind().await;
    let service = engine.service();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                server.serve_connection_with_upgrades(TokioIo::new(stream), service).await
            });
        }
    });
    check(&engine, address).await;
}

#[tokio::test]
async fn axum_serves_it_in_front_of_other_routes() {
    let (engine, _) = echoing();
    let (listener, address) = bind().await;
    let router = Router::new().route("/", get(async || "home")).layer(engine.layer());
    tokio::spawn(axum::serve(listener, router).into_future());
    check(&engine, address).await;
    let home = Http::get(address, "/").await;
    assert_eq!((home.status, home.text()), (200, "home"));
    assert_eq!(Http::get(address, "/other").await.status, 404);
}

#[tokio::test]
async fn axum_serves_it_as_a_route() {
    let (engine, _) = echoing();
    let (listener, address) = bind().await;
    let router = Router::new().route_service("/engine.io/", engine.service()).fallback(async || "anything else");
    tokio::spawn(axum::serve(listener, router).into_future());
    check(&engine, address).await;
    assert_eq!(Http::get(address, "/other").await.text(), "anything else");
}

#[tokio::test]
async fn a_layer_in_front_tells_what_it_knows_of_the_client() {
    #[derive(Clone, Debug, PartialEq)]
    struct User(&'static str);

    let (engine, mut heard) = echoing();
    let (listener, address) = bind().await;
    let peer: SocketAddr = "192.0.2.7:4321".parse().unwrap();
    let router = Router::new().layer(engine.layer()).layer(axum::middleware::map_request(
        move |mut request: Request| async move {
            request.extensions_mut().insert(PeerAddr(peer));
            request.extensions_mut().insert(User("ada"));
            request
        },
    ));
    tokio::spawn(axum::serve(listener, router).into_future());
    Polling::open(address, "/engine.io/").await;
    WebSocket::connect(address, "/engine.io/?EIO=4&transport=websocket").await;
    for _ in 0..2 {
        let Some(Heard::Opened(session)) = heard.recv().await else { panic!("a session") };
        assert_eq!(session.handshake().address(), Some(peer.ip()));
        assert_eq!(session.handshake().extensions().get(), Some(&User("ada")));
    }
}

#[tokio::test]
async fn several_engines_and_an_application_share_a_server() {
    let named = |path: &str, name: &'static str| {
        let greet = move |session: &Session| session.send(Message::Text(name)).unwrap();
        record(Engine::builder().path(path), greet, |_, _| {}).0
    };
    let (first, second) = (named("/first", "one"), named("/second", "two"));
    let (listener, address) = bind().await;
    let router = Router::new().route("/", get(async || "home")).layer(first.layer()).layer(second.layer());
    tokio::spawn(axum::serve(listener, router).into_future());
    let mut websockets = Vec::new();
    for (path, name) in [("/first/", "4one"), ("/second/", "4two")] {
        let open = Http::get(address, &format!("{path}?EIO=4&transport=polling")).await;
        assert!(open.text().ends_with(name), "{}", open.text());
        let mut websocket = WebSocket::connect(address, &format!("{path}?EIO=4&transport=websocket")).await;
        websocket.text().await;
        assert_eq!(websocket.text().await, name);
        websockets.push(websocket);
    }
    assert_eq!(Http::get(address, "/").await.text(), "home");
    assert_eq!((first.clients_count(), second.clients_count()), (2, 2));
}

#[tokio::test]
async fn it_is_a_tower_service_that_needs_no_server() {
    let (engine, _) = echoing();
    let request = |target: &str| http::Request::get(target).body(Empty::<bytes::Bytes>::new()).unwrap();
    let response = engine.service().oneshot(request("/engine.io/?EIO=4&transport=polling")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"0{"), "{body:?}");
    let response = engine.service().oneshot(request("/other")).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);

    let inner = tower::service_fn(async |_: http::Request<Empty<bytes::Bytes>>| {
        Ok::<_, std::io::Error>(http::Response::new("inner".to_owned()))
    });
    let layered = engine.layer().layer(inner);
    let response = layered.clone().oneshot(request("/other")).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "inner");
    let response = layered.oneshot(request("/engine.io/?EIO=4&transport=foo")).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);

    // A server that cannot upgrade is told so, and nothing waits for what never comes.
    let mut upgrade = request("/engine.io/?EIO=4&transport=websocket");
    for (name, value) in WebSocket::HANDSHAKE {
        upgrade.headers_mut().insert(name, value.parse().unwrap());
    }
    let response = engine.service().oneshot(upgrade).await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert_eq!(engine.clients_count(), 1);
}

#[tokio::test]
async fn a_listener_that_ends_lets_requests_under_way_finish() {
    let (engine, mut heard) = echoing();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let (address, handle) = (listener.local_addr().unwrap(), listener.handle());
    let serving = tokio::spawn(listener.serve(engine.service()));
    let polling = Polling::open(address, "/engine.io/").await;
    let Some(Heard::Opened(session)) = heard.recv().await else { panic!("a session") };
    let mut get = polling.start_poll().await;
    eventually("a pending GET", || session.is_writable()).await;
    handle.shutdown();
    eventually("nobody is let in", || std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err())
        .await;
    session.send(Message::Text("last")).unwrap();
    assert_eq!(get.response().await.text(), "4last");
    within("the end", serving).await.unwrap().unwrap();
}
