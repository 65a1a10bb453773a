//! How a polling session moves to WebSocket, and how the attempt may fail. Rows E105 to E107 and E110 to E122.

use std::time::Instant;

use fanfare_engine::{CloseReason, Engine, Message, Transport};
use fanfare_testkit::{Frame, Http, WebSocket};

use crate::server::{Heard, Server, error, expect_plain_close, millis, polled};

#[tokio::test]
async fn a_session_moves_to_websocket() {
    let mut server = Server::echo(Engine::builder()).await;
    let (polling, mut websocket, session) = server.upgraded().await;
    assert_eq!(session.transport(), Transport::WebSocket);
    websocket.send("4hello").await;
    assert_eq!(websocket.text().await, "4hello");
    assert_eq!(server.text().await, "hello");
    for response in [polling.poll().await, polling.send(&["4late"]).await] {
        assert_eq!((response.status, response.text()), (400, &*error(3, "Bad request")));
    }
    websocket.send("4unharmed").await;
    assert_eq!(websocket.text().await, "4unharmed");
    assert_eq!(server.metric("fanfare_upgrades_total", "completed"), 1);
    assert_eq!(server.metric("fanfare_sessions", "polling"), 0);
    assert_eq!(server.metric("fanfare_sessions", "websocket"), 1);
}

#[tokio::test]
async fn while_it_probes_a_pending_get_is_released_again_and_again() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut get = polling.start_poll().await;
    polled(&session).await;
    let started = Instant::now();
    let mut websocket = server.probe(&polling).await;
    assert_eq!(get.response().await.text(), "6");
    // A client that polls again is held for a while, or it would poll in a circle.
    for rounds in 2..5 {
        assert_eq!(polling.poll().await.text(), "6");
        assert!(started.elapsed() >= millis(100 * rounds) - millis(2), "round {rounds} after {:?}", started.elapsed());
    }
    websocket.send("2probe").await;
    assert_eq!(websocket.text().await, "3probe", "it may ask twice");
    websocket.send("5").await;
    assert_eq!(server.heard().await, Heard::Upgraded(Transport::WebSocket));
}

#[tokio::test]
async fn nothing_is_released_before_the_probe() {
    let mut server = Server::start(Engine::builder().ping_interval(millis(300))).await;
    let polling = server.polling().await;
    server.opened().await;
    let _silent = WebSocket::connect(server.address, &polling.target("websocket")).await;
    assert_eq!(polling.poll().await.text(), "2", "only the ping ends it");
}

#[tokio::test]
async fn a_get_that_is_pending_when_the_upgrade_completes_is_answered_with_close() {
    let mut server = Server::echo(Engine::builder()).await;
    // On a slow machine the noop of the probe may come first, so there are a few attempts.
    for attempt in 0.. {
        let polling = server.polling().await;
        let session = server.opened().await;
        let mut websocket = server.probe(&polling).await;
        let mut get = polling.start_poll().await;
        polled(&session).await;
        websocket.send("5").await;
        assert_eq!(server.heard().await, Heard::Upgraded(Transport::WebSocket));
        websocket.send("4moved").await;
        assert_eq!(websocket.text().await, "4moved");
        assert_eq!(server.text().await, "moved");
        match get.response().await.text() {
            "1" => break,
            text => assert!(text == "6" && attempt < 10, "{text}"),
        }
        websocket.send("1").await;
        server.closed().await;
    }
}

#[tokio::test]
async fn a_post_that_is_under_way_when_the_upgrade_completes_is_given_up() {
    let mut server = Server::echo(Engine::builder()).await;
    let polling = server.polling().await;
    server.opened().await;
    let mut websocket = server.probe(&polling).await;
    let mut post = Http::connect(server.address).await;
    let headers = [("content-length", "6"), ("expect", "100-continue")];
    post.send_request("POST", &polling.target("polling"), &headers, b"").await;
    assert_eq!(post.response().await.status, 100);
    post.send(b"4la").await;
    websocket.send("5").await;
    assert_eq!(server.heard().await, Heard::Upgraded(Transport::WebSocket));
    assert_eq!(post.response().await.status, 400);
    assert!(post.is_closed().await);
    websocket.send("4unharmed").await;
    assert_eq!(websocket.text().await, "4unharmed");
    assert_eq!(server.text().await, "unharmed");
}

#[tokio::test]
async fn a_second_websocket_is_accepted_and_closed() {
    let mut server = Server::echo(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut first = server.probe(&polling).await;
    let mut second = WebSocket::connect(server.address, &polling.target("websocket")).await;
    expect_plain_close(&mut second).await;
    first.send("5").await;
    let mut third = WebSocket::connect(server.address, &polling.target("websocket")).await;
    expect_plain_close(&mut third).await;
    first.send("4first").await;
    assert_eq!(first.text().await, "4first");
    assert!(session.is_open());
    assert_eq!(server.metric("fanfare_client_errors_total", "second_websocket"), 2);
}

#[tokio::test]
async fn a_websocket_that_does_not_probe_is_closed_and_polling_goes_on() {
    let mut server = Server::echo(Engine::builder()).await;
    let polling = server.polling().await;
    server.opened().await;
    let text = |text: &str| WebSocket::frame(0x81, text.as_bytes());
    let violations =
        [text("5"), text("4hi"), text("2"), text("3probe"), text("2probe2"), text("x"), WebSocket::frame(0x82, b"2")];
    let count = violations.len() as i64;
    for violation in violations {
        let mut websocket = WebSocket::connect(server.address, &polling.target("websocket")).await;
        websocket.send_raw(&violation).await;
        expect_plain_close(&mut websocket).await;
    }
    assert_eq!(server.metric("fanfare_upgrades_total", "abandoned"), count);
    polling.send(&["4unharmed"]).await;
    assert_eq!(polling.packets().await, ["4unharmed"]);
    // It may try again.
    let mut websocket = server.probe(&polling).await;
    websocket.send("5").await;
    websocket.send("4moved").await;
    assert_eq!(websocket.text().await, "4moved");
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_the_answer_to_its_probe_gets_it_first() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    session.send(Message::Text("waits")).unwrap();
    let mut websocket = WebSocket::connect(server.address, &polling.target("websocket")).await;
    let frames = ["2probe", "2probe", "5", "4hi"].map(|text| WebSocket::frame(0x81, text.as_bytes()));
    websocket.send_raw(&frames.concat()).await;
    for expected in ["3probe", "3probe", "4waits"] {
        assert_eq!(websocket.text().await, expected);
    }
    assert_eq!(server.heard().await, Heard::Upgraded(Transport::WebSocket));
    assert_eq!(server.text().await, "hi");
    session.close();
    expect_plain_close(&mut websocket).await;
}

#[tokio::test]
async fn a_client_may_abandon_the_probe() {
    let mut server = Server::echo(Engine::builder()).await;
    let polling = server.polling().await;
    server.opened().await;
    drop(server.probe(&polling).await);
    let mut closing = WebSocket::connect(server.address, &polling.target("websocket")).await;
    // The first may not be gone yet; then this one is one too many.
    while closing.try_send_raw(&WebSocket::frame(0x81, b"2probe")).await.is_err()
        || closing.recv().await != Some(Frame::Text("3probe".to_owned()))
    {
        closing = WebSocket::connect(server.address, &polling.target("websocket")).await;
    }
    closing.send_frame(0x88, b"").await;
    expect_plain_close(&mut closing).await;
    polling.send(&["4unharmed"]).await;
    assert_eq!(polling.packets().await, ["4unharmed"]);
    assert_eq!(server.metric("fanfare_upgrades_total", "abandoned"), 2);
    assert_eq!(server.metric("fanfare_sessions", "polling"), 1);
}

#[tokio::test]
async fn an_upgrade_that_takes_too_long_ends_and_polling_goes_on() {
    for probes in [false, true] {
        let mut server = Server::echo(Engine::builder().upgrade_timeout(millis(400))).await;
        let polling = server.polling().await;
        let session = server.opened().await;
        let started = Instant::now();
        let mut websocket = match probes {
            true => server.probe(&polling).await,
            false => WebSocket::connect(server.address, &polling.target("websocket")).await,
        };
        expect_plain_close(&mut websocket).await;
        assert!(started.elapsed() >= millis(400) - millis(2));
        assert!(session.is_open());
        polling.send(&["4unharmed"]).await;
        assert_eq!(polling.packets().await, ["4unharmed"]);
        assert_eq!(server.metric("fanfare_upgrades_total", "timeout"), 1);
    }
}

#[tokio::test]
async fn a_session_that_probes_for_ever_dies_of_its_heartbeat() {
    let options = Engine::builder().ping_interval(millis(300)).ping_timeout(millis(300));
    let mut server = Server::start(options).await;
    let polling = server.polling().await;
    server.opened().await;
    let mut websocket = server.probe(&polling).await;
    expect_plain_close(&mut websocket).await;
    assert_eq!(server.heard().await, Heard::Closed(CloseReason::PingTimeout.into()));
    assert_eq!(server.engine.clients_count(), 0);
}

#[tokio::test]
async fn the_heartbeat_goes_on_over_the_new_transport() {
    let options = Engine::builder().ping_interval(millis(150)).ping_timeout(millis(3000));
    let mut server = Server::start(options).await;
    let (_polling, mut websocket, session) = server.upgraded().await;
    for _ in 0..3 {
        assert_eq!(websocket.text().await, "2");
        websocket.send("3").await;
    }
    assert!(session.is_open());
}

#[tokio::test]
async fn a_ping_that_is_out_during_the_upgrade_still_wants_its_pong() {
    let options = Engine::builder().ping_interval(millis(100)).ping_timeout(millis(800));
    let mut server = Server::start(options).await;
    let polling = server.polling().await;
    server.opened().await;
    assert_eq!(polling.packets().await, ["2"]);
    let mut websocket = server.probe(&polling).await;
    websocket.send("5").await;
    assert_eq!(server.heard().await, Heard::Upgraded(Transport::WebSocket));
    expect_plain_close(&mut websocket).await;
    server.expect_closed("ping timeout", None).await;
}

#[tokio::test]
async fn a_session_that_closes_while_it_probes_closes_the_websocket_and_tells_the_poll() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut websocket = server.probe(&polling).await;
    session.close();
    expect_plain_close(&mut websocket).await;
    assert_eq!(polling.poll().await.text(), "6\x1e1");
    server.expect_closed("forced close", None).await;

    let polling = server.polling().await;
    server.opened().await;
    let mut websocket = server.probe(&polling).await;
    assert_eq!(polling.send(&["1"]).await.text(), "ok");
    expect_plain_close(&mut websocket).await;
    server.expect_closed("transport close", None).await;
}

#[tokio::test]
async fn what_waits_when_a_session_closes_while_it_probes_goes_over_the_websocket() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut websocket = server.probe(&polling).await;
    session.send(Message::Text("first")).unwrap();
    session.send(Message::Binary(&[1, 2])).unwrap();
    session.close();
    assert!(!session.is_open());
    websocket.send("5").await;
    assert_eq!(websocket.text().await, "4first");
    assert_eq!(websocket.binary().await, [1, 2]);
    expect_plain_close(&mut websocket).await;
    assert_eq!(server.heard().await, Heard::Closed(CloseReason::ForcedClose.into()));
}

#[tokio::test]
async fn what_waits_when_a_session_closes_while_it_probes_may_also_be_polled() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut websocket = server.probe(&polling).await;
    session.send(Message::Text("first")).unwrap();
    session.close();
    assert_eq!(polling.packets().await, ["4first"]);
    assert_eq!(polling.packets().await, ["6", "1"]);
    expect_plain_close(&mut websocket).await;
    server.expect_closed("forced close", None).await;
}
