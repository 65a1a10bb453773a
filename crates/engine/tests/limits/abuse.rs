//! Clients that ask for more than they take, or more than they may: the engine's part of the table "Abuse".
//!
//! How much memory and how many descriptors that takes is measured in `tests/resources`.

use std::time::Duration;

use fanfare_engine::{Message, MessageRate};
use fanfare_proto::buffer::{Buffer, Frame};
use fanfare_testkit::{Http, Polling, WebSocket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;

use crate::Node;
use crate::clock::Clock;
use crate::node::{POLLING, WEBSOCKET, is_refused};

/// LIM-05.
#[tokio::test]
async fn a_burst_is_answered_in_order() {
    let mut node = Node::start().await;
    let mut websocket = node.open_websocket().await;
    let messages: Vec<String> = (0..20_000).map(|i| format!("4{i}")).collect();
    let frames: Vec<u8> = messages.iter().flat_map(|text| WebSocket::frame(0x81, text.as_bytes())).collect();
    websocket.send_raw(&frames).await;
    for message in messages {
        assert_eq!(websocket.text().await, message);
    }
    node.is_well().await;
}

/// What a client asks for never fills its outbox, however little it takes to ask: 30 MB of answers to 4 kB of questions.
#[tokio::test]
async fn small_questions_with_large_answers_close_nobody_who_reads() {
    let mut node = Node::start().await;
    let question = WebSocket::frame(0x81, b"4expand 100000");
    let mut websocket = node.open_websocket().await;
    websocket.send_raw(&question.repeat(300)).await;
    for _ in 0..300 {
        assert_eq!(websocket.text().await.len(), 100_001);
    }
    let polling = node.open_polling().await;
    let mut post = Http::connect(node.address).await;
    let body = ["4expand 100000"; 300].join("\x1e");
    post.send_request("POST", &polling.target("polling"), &[], body.as_bytes()).await;
    let mut answers = 0;
    while answers < 300 {
        let packets = polling.packets().await;
        assert!(packets.iter().all(|packet| packet.len() == 100_001));
        answers += packets.len();
    }
    assert_eq!(post.response().await.text(), "ok");
    assert_eq!(node.count("fanfare_outbox_overflows_total", ""), 0);
    node.is_well().await;
}

/// LIM-06, WS-19.
#[tokio::test]
async fn a_client_that_asks_and_does_not_read_is_not_read_from_and_then_closed() {
    let clock = Clock::stop();
    let mut node = Node::start().await;
    for (closed, question) in [(1, WebSocket::frame(0x82, &[0; 10_000])), (2, WebSocket::frame(0x89, &[0; 125]))] {
        let websocket = node.open_websocket().await;
        let (mut reading, writing) = websocket.into_stream().into_split();
        let flood = tokio::spawn(floods(writing, question));
        clock.pass_secs(9).await;
        node.sings().await;
        node.nobody_ended();
        let received = node.count("fanfare_bytes_received_total", "");
        clock.pass_secs(2).await;
        node.ends_with("slow consumer").await;
        assert_eq!(node.count("fanfare_bytes_received_total", ""), received, "reading has stopped");
        assert_eq!(node.count("fanfare_outbox_overflows_total", ""), closed);
        // What is on its way arrives, then the client is told why there is no more.
        let mut rest = Vec::new();
        reading.read_to_end(&mut rest).await.expect("it is closed in good order");
        assert!(rest.ends_with(b"\x88\x02\x03\xf0"), "closed with 1008");
        clock.pass_secs(1).await;
        assert!(flood.await.expect("it ends") < 100_000_000);
    }
    node.is_well().await;
}

/// LIM-07.
#[tokio::test]
async fn a_client_that_does_not_read_is_closed_when_its_outbox_is_full() {
    let mut node = Node::start().await;
    let idle = node.count("fanfare_outbox_bytes", "");
    let mut websocket = WebSocket::connect(node.address, WEBSOCKET).await;
    let session = node.session(sid(&websocket.text().await));
    let mut pushed = 0;
    while pushed < 900_000_000 && session.send(Message::Binary(&[0; 50_000])).is_ok() {
        pushed += 50_000;
    }
    node.ends_with("slow consumer").await;
    // The outbox, and what the kernel holds.
    assert!((4_000_000..50_000_000).contains(&pushed), "{pushed}");
    assert_eq!(websocket.closed().await, Some(Some(1008)));
    assert_eq!(node.count("fanfare_outbox_overflows_total", ""), 1);
    assert_eq!(node.count("fanfare_outbox_bytes", ""), idle);
    node.is_well().await;
}

/// LIM-08.
#[tokio::test]
async fn a_client_that_does_not_poll_is_closed() {
    let clock = Clock::stop();
    let mut node = Node::start().await;
    let idle = node.count("fanfare_outbox_bytes", "");
    // What it asks for is answered until there is enough, and the POST is held back.
    let polling = node.open_polling().await;
    let mut post = Http::connect(node.address).await;
    let body = ["4expand 600000"; 1000].join("\x1e");
    post.send_request("POST", &polling.target("polling"), &[], body.as_bytes()).await;
    clock.pass_secs(9).await;
    node.sings().await;
    node.nobody_ended();
    assert!(node.count("fanfare_outbox_bytes", "") < 2_000_000);
    clock.pass_secs(2).await;
    node.ends_with("slow consumer").await;
    post.response().await;
    is_refused(&polling.poll().await, 1, "Session ID unknown");
    // What the server says by itself, and a poll never takes.
    let polling = node.open_polling().await;
    let session = node.session(polling.sid());
    let pushed = (0..900).take_while(|_| session.send(Message::Text(&"x".repeat(100_000))).is_ok()).count();
    assert_eq!(pushed, 4 * 1024 * 1024 / 100_071);
    node.ends_with("slow consumer").await;
    assert_eq!(node.count("fanfare_outbox_bytes", ""), idle);
    node.is_well().await;
}

/// LIM-11.
#[tokio::test]
async fn a_slow_reader_that_catches_up_has_lost_nothing() {
    let clock = Clock::stop();
    let mut node = Node::start().await;
    let mut websocket = node.open_websocket().await;
    let questions: Vec<u8> =
        (10_000..10_600).flat_map(|len| WebSocket::frame(0x81, format!("4expand {len}").as_bytes())).collect();
    websocket.send_raw(&questions).await;
    for len in 10_000..10_600 {
        if len % 100 == 0 {
            clock.pass_secs(4).await;
            node.sings().await;
        }
        assert_eq!(websocket.text().await.len(), len + 1);
    }
    node.is_well().await;
}

/// All outboxes together: the fullest is closed first, and bytes that many wait for count once.
#[tokio::test]
async fn the_fullest_outbox_goes_first() {
    let mut node = Node::with(|engine| engine.max_outboxes_size(3_000_000)).await;
    let mut crowd = Vec::new();
    for _ in 0..20 {
        crowd.push(node.open_polling().await);
    }
    let broadcast = node.engine.encode([Frame::Binary(Buffer::from(&[0; 1_000_000][..]))], false);
    for polling in &crowd {
        node.session(polling.sid()).send_encoded(&broadcast).expect("it is open");
    }
    drop(broadcast);
    assert!(node.count("fanfare_outbox_bytes", "") < 1_100_000);
    node.sings().await;
    node.nobody_ended();
    node.session(crowd[7].sid()).send(Message::Binary(&[0; 1_500_000])).expect("it is open");
    node.session(crowd[8].sid()).send(Message::Binary(&[0; 600_000])).expect("it is open");
    node.ends_with("slow consumer").await;
    for (i, polling) in crowd.iter().enumerate() {
        assert_eq!(polling.poll().await.status, if i == 7 { 400 } else { 200 }, "{i}");
    }
    node.is_well().await;
}

/// LIM-14.
#[tokio::test]
async fn a_client_that_sends_too_much_is_slowed_down_and_then_closed() {
    let clock = Clock::stop();
    let mut node = Node::with(|engine| engine.message_rate(MessageRate { per_second: 10, burst: 20 })).await;
    let mut websocket = node.open_websocket().await;
    websocket.send_raw(&WebSocket::frame(0x81, b"4x").repeat(20)).await;
    for _ in 0..20 {
        assert_eq!(websocket.text().await, "4x");
    }
    // It is over its burst now: what it sends waits in the kernel.
    websocket.send("4later").await;
    clock.pass(Duration::from_millis(90)).await;
    assert_eq!(node.count("fanfare_messages_received_total", ""), 20);
    clock.pass(Duration::from_millis(60)).await;
    assert_eq!(websocket.text().await, "4later");
    for _ in 0..97 {
        websocket.send_raw(&WebSocket::frame(0x81, b"4x").repeat(2)).await;
        clock.pass(Duration::from_millis(100)).await;
    }
    node.nobody_ended();
    assert!(node.count("fanfare_messages_received_total", "") < 20 + 1 + 97 * 2, "all of it was read");
    clock.pass(Duration::from_millis(300)).await;
    node.ends_with("transport error").await;
    assert_eq!(websocket.closed().await, Some(Some(1008)));
    assert_eq!(node.count("fanfare_client_errors_total", "message_rate"), 1);
    node.is_well().await;
}

/// LIM-14.
#[tokio::test]
async fn a_client_that_posts_too_much_is_slowed_down_and_then_closed() {
    let clock = Clock::stop();
    let mut node = Node::with(|engine| engine.message_rate(MessageRate { per_second: 10, burst: 20 })).await;
    let polling = node.open_polling().await;
    assert_eq!(polling.send(&["4x"; 19]).await.text(), "ok");
    let mut post = post(&node, &polling, 11).await;
    clock.pass(Duration::from_millis(900)).await;
    node.sings().await;
    assert_eq!(node.count("fanfare_polling_requests_total", "post"), 1, "the answer is held back");
    clock.pass(Duration::from_millis(300)).await;
    assert_eq!(post.response().await.text(), "ok");
    assert_eq!(polling.packets().await.len(), 30);
    // Who owes more than can be waited for is closed.
    let mut post = self::post(&node, &polling, 500).await;
    clock.pass_secs(8).await;
    node.nobody_ended();
    polling.packets().await;
    clock.pass_secs(2).await;
    node.ends_with("transport error").await;
    post.response().await;
    assert_eq!(node.count("fanfare_client_errors_total", "message_rate"), 1);
    node.is_well().await;
}

/// LIM-15.
#[tokio::test]
async fn connections_over_the_limit_are_turned_away() {
    let mut node = Node::listening(|listener| listener.max_connections(3)).await;
    let held = [Http::connect(node.address).await, Http::connect(node.address).await];
    node.counts("fanfare_connections", "", 3).await;
    // It is answered before it has said anything, and whatever it has said.
    let mut silent = Http::connect(node.address).await;
    let mut talking = Http::connect(node.address).await;
    talking.send_request("GET", POLLING, &[], b"").await;
    for connection in [&mut silent, &mut talking] {
        let response = connection.response().await;
        assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
        assert_eq!(response.header("connection"), Some("close"));
        assert!(connection.is_closed().await);
    }
    assert_eq!(node.count("fanfare_connections_rejected_total", ""), 2);
    node.sings().await;
    drop(held);
    node.counts("fanfare_connections", "", 1).await;
    node.is_well().await;
}

/// Asks without end, as far as the server reads; returns how much was sent.
async fn floods(mut writing: OwnedWriteHalf, question: Vec<u8>) -> usize {
    let questions = question.repeat(1 + 10_000 / question.len());
    let mut sent = 0;
    while sent < 400_000_000 && writing.write_all(&questions).await.is_ok() {
        sent += questions.len();
    }
    sent
}

/// Begins a POST with messages.
async fn post(node: &Node, polling: &Polling, messages: usize) -> Http {
    let mut connection = Http::connect(node.address).await;
    let body = vec!["4x"; messages].join("\x1e");
    connection.send_request("POST", &polling.target("polling"), &[], body.as_bytes()).await;
    connection
}

fn sid(open: &str) -> &str {
    open.split('"').nth(3).expect("an open packet")
}
