//! Clients that take their time: the rows SLO-01 to SLO-09 and NODE-16, with the default timeouts.

use std::time::Duration;

use fanfare_testkit::{Frame, Http, Polling, WebSocket};

use crate::Node;
use crate::clock::Clock;
use crate::node::is_refused;

/// SLO-01.
#[tokio::test]
async fn a_head_has_10_seconds() {
    let (mut node, clock) = node().await;
    let mut slow = Http::connect(node.address).await;
    for byte in b"GET /engi" {
        slow.send(&[*byte]).await;
        clock.pass_secs(1).await;
        node.sings().await;
    }
    clock.pass(Duration::from_millis(900)).await;
    assert_eq!(node.count("fanfare_connections", ""), 2, "9.9 s are not too long");
    clock.pass(Duration::from_millis(200)).await;
    let response = slow.response().await;
    assert_eq!((response.status, response.header("connection")), (408, Some("close")));
    assert!(slow.is_closed().await);
    assert_eq!(node.count("fanfare_http_errors_total", "head_timeout"), 1);
    node.is_well().await;
}

/// SLO-02.
#[tokio::test]
async fn a_body_has_to_come_at_a_kilobyte_a_second() {
    let (mut node, clock) = node().await;
    let polling = node.open_polling().await;
    let mut slow = post(&node, &polling, 1000).await;
    for _ in 0..9 {
        slow.send(b"x").await;
        clock.pass_secs(1).await;
        node.sings().await;
    }
    assert_eq!(node.count("fanfare_client_errors_total", "body_too_slow"), 0);
    clock.pass(Duration::from_millis(1100)).await;
    assert_eq!(slow.response().await.status, 408);
    assert!(slow.is_closed().await);
    assert_eq!(node.count("fanfare_client_errors_total", "body_too_slow"), 1);
    polling.send(&["4still here"]).await;
    assert_eq!(polling.packets().await, ["4still here"]);
    node.is_well().await;
}

/// SLO-02.
#[tokio::test]
async fn a_body_has_30_seconds_altogether() {
    let (mut node, clock) = node().await;
    let polling = node.open_polling().await;
    let mut slow = post(&node, &polling, 500_000).await;
    for _ in 0..29 {
        slow.send(&[b'x'; 2000]).await;
        clock.pass_secs(1).await;
        node.sings().await;
    }
    assert_eq!(node.count("fanfare_client_errors_total", "body_too_slow"), 0);
    clock.pass(Duration::from_millis(1100)).await;
    assert_eq!(slow.response().await.status, 408);
    assert!(slow.is_closed().await);
    node.is_well().await;
}

/// SLO-03.
#[tokio::test]
async fn a_silent_connection_has_10_seconds() {
    let (mut node, clock) = node().await;
    let mut silent = Http::connect(node.address).await;
    // A connection that has been used, and one whose last request had a body, are no different.
    let mut idle = Http::connect(node.address).await;
    idle.send_request("GET", "/", &[], b"").await;
    assert_eq!(idle.response().await.status, 404);
    let polling = node.open_polling().await;
    let mut behind_body = post(&node, &polling, 2).await;
    behind_body.send(b"3x").await;
    assert_eq!(behind_body.response().await.status, 200);
    clock.pass(Duration::from_millis(9900)).await;
    assert_eq!(node.count("fanfare_connections", ""), 4);
    clock.pass(Duration::from_millis(200)).await;
    for connection in [&mut silent, &mut idle, &mut behind_body] {
        assert_eq!(connection.read_to_end().await, b"", "there is nothing to say");
    }
    assert_eq!(node.count("fanfare_http_errors_total", ""), 0);
    node.is_well().await;
}

/// The other way round: a client that takes its time to read an answer.
#[tokio::test]
async fn a_client_has_10_seconds_to_take_some_of_its_answer() {
    let (mut node, clock) = node().await;
    let polling = node.open_polling().await;
    let poll = node.start_poll(&polling).await;
    // More than the kernel holds on both sides together.
    polling.send(&["4expand 40000000"]).await;
    clock.pass(Duration::from_millis(9900)).await;
    node.sings().await;
    assert_eq!(node.count("fanfare_connections", ""), 2);
    clock.pass(Duration::from_millis(1300)).await;
    assert_eq!(node.count("fanfare_connections", ""), 1);
    assert_eq!(node.count("fanfare_http_errors_total", "write_timeout"), 1);
    drop(poll);
    polling.send(&["x"]).await;
    node.ends_with("parse error").await;
    node.is_well().await;
}

/// SLO-04, NODE-16: clients that are there and say nothing, as half-open connections do.
#[tokio::test]
async fn without_pongs_a_session_ends_after_interval_and_timeout() {
    let (mut node, clock) = node().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(node.open_websocket().await);
    }
    lets_pass(&mut node, &clock, 44).await;
    assert_eq!(node.engine.clients_count(), 101);
    clock.pass(Duration::from_millis(1300)).await;
    assert_eq!(node.engine.clients_count(), 1);
    for mut websocket in silent {
        assert_eq!(websocket.recv().await, Some(Frame::Text("2".to_owned())));
        assert_eq!(websocket.recv().await, Some(Frame::Close(None)));
        node.ends_with("ping timeout").await;
        // The client does not close its side, and is not waited for.
        clock.pass(Duration::from_millis(10)).await;
    }
    assert_eq!(node.count("fanfare_connections", ""), 1);
    assert_eq!(node.count("fanfare_pings_total", ""), 101);
    node.is_well().await;
}

/// SLO-05, LIM-03.
#[tokio::test]
async fn a_session_that_is_not_polled_ends_after_interval_and_timeout() {
    let (mut node, clock) = node().await;
    let mut abandoned = Vec::new();
    for _ in 0..200 {
        abandoned.push(node.open_polling().await);
    }
    lets_pass(&mut node, &clock, 44).await;
    assert_eq!(node.engine.clients_count(), 201);
    clock.pass(Duration::from_millis(1300)).await;
    for polling in abandoned {
        node.ends_with("ping timeout").await;
        is_refused(&polling.poll().await, 1, "Session ID unknown");
    }
    node.is_well().await;
}

/// SLO-05: where messages wait and not only a ping, they wait for 10 s.
#[tokio::test]
async fn messages_wait_10_seconds_for_a_poll() {
    let (mut node, clock) = node().await;
    let polling = node.open_polling().await;
    polling.send(&["4x"]).await;
    clock.pass(Duration::from_millis(9900)).await;
    node.nobody_ended();
    clock.pass(Duration::from_millis(300)).await;
    node.ends_with("slow consumer").await;
    is_refused(&polling.poll().await, 1, "Session ID unknown");
    assert_eq!(node.count("fanfare_outbox_overflows_total", ""), 1);
    node.is_well().await;
}

/// SLO-07.
#[tokio::test]
async fn an_upgrade_has_10_seconds() {
    let (mut node, clock) = node().await;
    for probe in [None, Some("2probe")] {
        let polling = node.open_polling().await;
        let mut websocket = WebSocket::connect(node.address, &polling.target("websocket")).await;
        if let Some(probe) = probe {
            websocket.send(probe).await;
            assert_eq!(websocket.text().await, "3probe");
        }
        for _ in 0..9 {
            clock.pass_secs(1).await;
            node.sings().await;
        }
        clock.pass(Duration::from_millis(1300)).await;
        assert_eq!(websocket.closed().await, Some(None), "{probe:?}");
        polling.send(&["4goes on"]).await;
        assert_eq!(polling.packets().await, ["4goes on"]);
        polling.send(&["x"]).await;
        node.ends_with("parse error").await;
    }
    assert_eq!(node.count("fanfare_upgrades_total", "timeout"), 2);
    node.is_well().await;
}

/// SLO-08.
#[tokio::test]
async fn a_frame_that_stops_in_the_middle_does_not_keep_a_session_alive() {
    let (mut node, clock) = node().await;
    let mut websocket = node.open_websocket().await;
    lets_pass(&mut node, &clock, 20).await;
    let frame = WebSocket::frame(0x81, &[b'4'; 1000]);
    websocket.send_raw(&frame[..500]).await;
    lets_pass(&mut node, &clock, 24).await;
    node.nobody_ended();
    clock.pass(Duration::from_millis(1300)).await;
    node.ends_with("ping timeout").await;
    websocket.closed().await;
    node.is_well().await;
}

/// SLO-09: who is in the middle of a message cannot answer a ping of Engine.IO, whatever else he answers.
#[tokio::test]
async fn a_message_that_does_not_end_does_not_keep_a_session_alive() {
    let (mut node, clock) = node().await;
    let mut websocket = node.open_websocket().await;
    lets_pass(&mut node, &clock, 5).await;
    websocket.send_frame(0x01, b"4").await;
    for second in 5..44 {
        websocket.send_raw(&[WebSocket::frame(0x00, b"x"), WebSocket::frame(0x89, b"alive")].concat()).await;
        lets_pass(&mut node, &clock, 1).await;
        if second == 25 {
            assert_eq!(node.count("fanfare_pings_total", ""), 2);
        }
    }
    node.nobody_ended();
    clock.pass(Duration::from_millis(1300)).await;
    node.ends_with("ping timeout").await;
    websocket.closed().await;
    node.is_well().await;
}

/// A node whose time stands still.
async fn node() -> (Node, Clock) {
    let clock = Clock::stop();
    (Node::start().await, clock)
}

/// Lets seconds pass while the canary answers its pings.
async fn lets_pass(node: &mut Node, clock: &Clock, seconds: u64) {
    for _ in 0..seconds {
        clock.pass_secs(1).await;
        node.sings().await;
    }
}

/// Begins a POST of a session.
async fn post(node: &Node, polling: &Polling, content_length: usize) -> Http {
    let mut connection = Http::connect(node.address).await;
    let target = polling.target("polling");
    let head = format!("POST {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {content_length}\r\n\r\n");
    connection.send(head.as_bytes()).await;
    connection
}
