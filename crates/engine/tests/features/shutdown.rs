//! The end of an engine: at once, or when its clients have got everything. Rows E87, E134 and E138.

use std::sync::Arc;
use std::time::Duration;

use fanfare_engine::{CloseReason, Engine, Listener, Message};
use fanfare_testkit::{Frame, Http, PATIENCE, Polling, WebSocket};

use crate::server::{Heard, Server, echo, eventually, expect_plain_close, polled, record, within};

#[tokio::test]
async fn closing_the_engine_ends_all_sessions_at_once() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let polled_session = server.opened().await;
    let mut get = polling.start_poll().await;
    polled(&polled_session).await;
    let _unpolled = server.polling().await;
    server.opened().await.send(Message::Text("never")).unwrap();
    let mut websocket = server.websocket().await;
    server.opened().await;
    let probed = server.polling().await;
    server.opened().await;
    let mut probing = server.probe(&probed).await;
    let mut post = Http::connect(server.address).await;
    let headers = [("content-length", "6"), ("expect", "100-continue")];
    post.send_request("POST", &probed.target("polling"), &headers, b"").await;
    assert_eq!(post.response().await.status, 100);

    server.engine.close();
    assert_eq!(server.engine.clients_count(), 0);
    for _ in 0..4 {
        assert_eq!(server.heard().await, Heard::Closed(CloseReason::ForcedClose.into()));
    }
    assert_eq!(get.response().await.text(), "1");
    expect_plain_close(&mut websocket).await;
    expect_plain_close(&mut probing).await;
    assert_eq!(post.response().await.status, 400);
    assert!(post.is_closed().await);
}

#[tokio::test]
async fn a_closed_engine_lets_nobody_in() {
    let server = Server::start(Engine::builder()).await;
    server.engine.close();
    server.engine.close();
    let response = server.request("GET", "?EIO=4&transport=polling", &[]).await;
    assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
    let refused = WebSocket::try_connect(server.address, "/engine.io/?EIO=4&transport=websocket", &[]).await;
    assert_eq!(refused.unwrap_err().status, 503);
}

#[tokio::test]
async fn a_shutdown_delivers_what_waits_and_ends_when_everybody_has_it() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    session.send(Message::Text("polled")).unwrap();
    let mut websocket = server.websocket().await;
    let large = "x".repeat(3_000_000);
    server.opened().await.send(Message::Text(&large)).unwrap();

    let engine = server.engine.clone();
    let shutdown = tokio::spawn(async move { engine.shutdown(PATIENCE * 10).await });
    eventually("the sessions are closing", || !session.is_open()).await;
    assert_eq!(server.request("GET", "?EIO=4&transport=polling", &[]).await.status, 503);
    assert!(!shutdown.is_finished(), "one client has not polled yet");
    assert_eq!(polling.packets().await, ["4polled"]);
    assert_eq!(polling.packets().await, ["6", "1"]);
    assert_eq!(websocket.text().await, format!("4{large}"));
    assert_eq!(websocket.recv().await, Some(Frame::Close(None)));
    drop(websocket);
    within("the shutdown", shutdown).await.unwrap();
    assert_eq!(server.engine.clients_count(), 0);
}

#[tokio::test]
async fn a_shutdown_waits_no_longer_than_it_may() {
    let mut server = Server::start(Engine::builder()).await;
    let _polling = server.polling().await;
    let session = server.opened().await;
    session.send(Message::Text("never")).unwrap();
    within("the shutdown", server.engine.shutdown(Duration::from_millis(50))).await;
    assert_eq!(session.ended(), Some(CloseReason::ForcedClose.into()));
    assert_eq!(server.engine.clients_count(), 0);
}

#[tokio::test]
async fn an_engine_that_nobody_holds_is_gone() {
    let application = Arc::new(());
    let held = application.clone();
    let (engine, _) = record(Engine::builder(), move |_| drop(held.clone()), echo);
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let (address, handle) = (listener.local_addr().unwrap(), listener.handle());
    tokio::spawn(listener.serve(engine.service()));
    let polling = Polling::open(address, "/engine.io/").await;
    let get = polling.start_poll().await;
    let mut websocket = WebSocket::connect(address, "/engine.io/?EIO=4&transport=websocket").await;
    websocket.text().await;
    websocket.send("4hi").await;
    websocket.text().await;
    assert!(Arc::strong_count(&application) > 1);
    handle.shutdown();
    engine.close();
    drop((engine, get, websocket));
    eventually("the application is dropped", || Arc::strong_count(&application) == 1).await;
}

#[tokio::test]
async fn nothing_of_a_closed_engine_goes_on_running() {
    let server = Server::start(Engine::builder()).await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let polling = server.polling().await;
    let websocket = server.websocket().await;
    let mut moved = server.probe(&polling).await;
    moved.send("5").await;
    server.engine.close();
    drop((websocket, moved));
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    eventually("the tasks have ended", || alive() <= before).await;
}
