//! Pings, pongs, and what becomes of clients that do not answer. Rows E123 to E129.

use std::time::{Duration, Instant};

use fanfare_engine::{CloseReason, Engine, EngineBuilder};
use fanfare_testkit::WebSocket;

use crate::server::{Heard, Server, error, expect_plain_close, millis, polled, within};

/// Timers may be early by the granularity of the clock.
const TICK: Duration = millis(2);

fn beating(interval: u64, timeout: u64) -> EngineBuilder {
    Engine::builder().ping_interval(millis(interval)).ping_timeout(millis(timeout))
}

#[tokio::test]
async fn the_server_pings_an_interval_after_the_open_and_after_every_pong() {
    let mut server = Server::start(beating(80, 5000)).await;
    let mut opened = Instant::now();
    let mut websocket = server.websocket().await;
    let session = server.opened().await;
    for _ in 0..3 {
        assert_eq!(websocket.text().await, "2");
        assert!(opened.elapsed() >= millis(80) - TICK, "{:?}", opened.elapsed());
        // The next interval begins with the pong, not with the ping.
        tokio::time::sleep(millis(40)).await;
        opened = Instant::now();
        websocket.send("3").await;
    }
    assert!(session.is_open());
    assert_eq!(server.metric("fanfare_pings_total", ""), 3);
}

#[tokio::test]
async fn over_polling_the_ping_is_a_whole_answer() {
    let mut server = Server::start(beating(80, 5000)).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    for _ in 0..3 {
        assert_eq!(polling.poll().await.text(), "2");
        assert_eq!(polling.send(&["3"]).await.text(), "ok");
    }
    assert!(session.is_open());
}

#[tokio::test]
async fn a_websocket_that_does_not_answer_is_closed_after_interval_and_timeout() {
    let mut server = Server::start(beating(100, 80)).await;
    let opened = Instant::now();
    let mut websocket = server.websocket().await;
    server.opened().await;
    assert_eq!(websocket.text().await, "2");
    expect_plain_close(&mut websocket).await;
    assert!(opened.elapsed() >= millis(180) - TICK, "{:?}", opened.elapsed());
    assert_eq!(server.heard().await, Heard::Closed(CloseReason::PingTimeout.into()));
}

#[tokio::test]
async fn a_polling_client_that_does_not_answer_is_gone_after_interval_and_timeout() {
    let mut server = Server::start(beating(100, 500)).await;
    let opened = Instant::now();
    let polling = server.polling().await;
    let session = server.opened().await;
    assert_eq!(polling.poll().await.text(), "2");
    let mut get = polling.start_poll().await;
    polled(&session).await;
    assert_eq!(get.response().await.text(), "1");
    assert!(opened.elapsed() >= millis(600) - TICK, "{:?}", opened.elapsed());
    assert_eq!(server.heard().await, Heard::Closed(CloseReason::PingTimeout.into()));
    assert_eq!(polling.poll().await.text(), error(1, "Session ID unknown"));
}

#[tokio::test]
async fn a_client_that_never_polls_is_gone_all_the_same() {
    let mut server = Server::start(beating(50, 50)).await;
    let polling = server.polling().await;
    server.opened().await;
    assert_eq!(server.heard().await, Heard::Closed(CloseReason::PingTimeout.into()));
    assert_eq!(polling.poll().await.text(), error(1, "Session ID unknown"));
}

#[tokio::test]
async fn other_messages_buy_time_once() {
    let mut server = Server::start(beating(50, 800)).await;
    let mut websocket = server.websocket().await;
    let session = server.opened().await;
    assert_eq!(websocket.text().await, "2");
    tokio::time::sleep(millis(200)).await;
    let extended = Instant::now();
    websocket.send("4alive").await;
    assert_eq!(server.text().await, "alive");
    // From now on it talks without end, and never answers.
    let talking = async {
        while session.is_open() {
            // The last may come too late.
            let _ = websocket.try_send_raw(&WebSocket::frame(0x81, b"4blah")).await;
            tokio::time::sleep(millis(20)).await;
        }
    };
    within("the end", talking).await;
    server.expect_closed("ping timeout", None).await;
    assert!(extended.elapsed() >= millis(800) - TICK, "{:?}", extended.elapsed());
}

#[tokio::test]
async fn unasked_pongs_do_not_postpone_the_ping() {
    let server = Server::start(beating(150, 5000)).await;
    let mut websocket = server.websocket().await;
    // As many as it likes: the ping comes.
    let pinged = async {
        loop {
            websocket.send("3").await;
            if let Ok(text) = tokio::time::timeout(millis(20), websocket.text()).await {
                return text;
            }
        }
    };
    assert_eq!(within("a ping", pinged).await, "2");
}
