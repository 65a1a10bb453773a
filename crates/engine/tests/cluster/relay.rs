//! A session that is known stays where it is, and its WebSocket is relayed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fanfare_engine::{CloseReason, Message, Transport};
use fanfare_testkit::{Frame, WebSocket};

use crate::cluster::{Cluster, at_once, forwarded};
use crate::server::{Heard, error, eventually, expect_plain_close, millis, within};

#[tokio::test]
async fn messages_pass_both_ways() {
    let mut cluster = Cluster::echo(at_once).await;
    let (polling, mut websocket, session) = cluster.relayed().await;
    assert_eq!(session.transport(), Transport::WebSocket);
    for number in 0..100 {
        websocket.send(&format!("4{number}")).await;
    }
    for number in 0..100 {
        assert_eq!(websocket.text().await, format!("4{number}"));
    }
    websocket.send_binary(&[1, 2, 3]).await;
    assert_eq!(websocket.binary().await, [1, 2, 3]);
    websocket.send_frame(0x89, b"ping").await;
    assert_eq!(websocket.recv().await, Some(Frame::Pong(b"ping".to_vec())));
    assert_eq!(cluster.nodes[1].metric("fanfare_relays", ""), 1);
    assert_eq!(cluster.nodes[1].engine.clients_count(), 0);
    assert_eq!(cluster.nodes[0].metric("fanfare_sessions", "websocket"), 1);
    assert_eq!(forwarded(&cluster.nodes[1], "websocket", "answered"), 1);
    for polling in &polling {
        assert_eq!(polling.poll().await.text(), error(3, "Bad request"));
    }
    let mut second = WebSocket::connect(cluster.nodes[2].address, &polling[2].target("websocket")).await;
    expect_plain_close(&mut second).await;
    drop(websocket);
    cluster.nothing_is_left().await;
}

#[tokio::test]
async fn messages_far_larger_than_the_window_pass_both_ways() {
    let mut cluster = Cluster::echo(|| at_once().max_http_buffer_size(4_000_000)).await;
    let (_polling, mut websocket, _session) = cluster.relayed().await;
    let text = format!("4{}", "x".repeat(3_000_000));
    for _ in 0..3 {
        websocket.send(&text).await;
        assert!(websocket.text().await == text);
    }
}

#[tokio::test]
async fn each_side_may_end_it() {
    let mut cluster = Cluster::echo(at_once).await;
    let (_, mut websocket, session) = cluster.relayed().await;
    session.send(Message::Text("last")).unwrap();
    session.close();
    assert_eq!(websocket.text().await, "4last");
    expect_plain_close(&mut websocket).await;
    cluster.nodes[0].expect_closed("forced close", None).await;

    let (_, mut websocket, _) = cluster.relayed().await;
    websocket.send("1").await;
    expect_plain_close(&mut websocket).await;
    cluster.nodes[0].expect_closed("transport close", None).await;

    let (_, mut websocket, _) = cluster.relayed().await;
    websocket.send_frame(0x88, &1001_u16.to_be_bytes()).await;
    assert_eq!(websocket.recv().await, Some(Frame::Close(Some(1001))));
    assert_eq!(websocket.recv().await, None);
    cluster.nodes[0].expect_closed("transport close", None).await;

    let (_, websocket, _) = cluster.relayed().await;
    drop(websocket);
    cluster.nodes[0].expect_closed("transport close", None).await;

    let (_, websocket, _) = cluster.relayed().await;
    websocket.into_stream().set_zero_linger().unwrap();
    cluster.nodes[0].expect_closed("transport error", Some("read failed")).await;

    let (_, mut websocket, _) = cluster.relayed().await;
    websocket.send_raw(&[0xff; 10]).await;
    assert_eq!(websocket.closed().await, Some(Some(1002)));
    cluster.nodes[0].expect_closed("transport error", Some("WebSocket protocol violated")).await;
    cluster.nothing_is_left().await;
}

#[tokio::test]
async fn the_heartbeat_is_the_owners() {
    let beating = || at_once().ping_interval(millis(150)).ping_timeout(millis(400));
    let mut cluster = Cluster::silent(beating).await;
    let (_, mut websocket, _) = cluster.relayed().await;
    for _ in 0..3 {
        assert_eq!(websocket.text().await, "2");
        websocket.send("3").await;
    }
    assert_eq!(websocket.text().await, "2");
    assert_eq!(websocket.closed().await, Some(None));
    assert_eq!(cluster.nodes[0].heard().await, Heard::Closed(CloseReason::PingTimeout.into()));
    cluster.nothing_is_left().await;
}

#[tokio::test]
async fn a_slow_client_makes_its_sender_wait() {
    let mut cluster = Cluster::silent(|| at_once().max_outbox_size(400_000)).await;
    let (_, mut websocket, session) = cluster.relayed().await;
    let finished = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn({
        let (session, finished) = (session.clone(), finished.clone());
        async move {
            let message = "x".repeat(50_000);
            // Far more than the outbox, the window and all the sockets hold.
            for _ in 0..600 {
                session.send(Message::Text(&message)).unwrap();
                session.ready().await;
            }
            finished.store(true, Ordering::Relaxed);
        }
    });
    eventually("the client is congested", || !session.is_writable()).await;
    assert!(!finished.load(Ordering::Relaxed));
    for _ in 0..600 {
        assert_eq!(websocket.text().await.len(), 50_001);
    }
    within("the sender", sending).await.unwrap();
    assert!(session.is_open());
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_as_a_slow_consumer() {
    let mut cluster = Cluster::silent(|| at_once().max_outbox_size(200_000)).await;
    let (_, mut websocket, session) = cluster.relayed().await;
    let message = "x".repeat(30_000);
    let mut sent = 0;
    while session.send(Message::Text(&message)).is_ok() {
        sent += 30_000;
        tokio::task::yield_now().await;
        assert!(sent < 100_000_000, "sockets and the window take only so much");
    }
    cluster.nodes[0].expect_closed("slow consumer", None).await;
    // Whatever it still reads, the last is why.
    assert_eq!(websocket.closed().await, Some(Some(1008)));
    cluster.nothing_is_left().await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_for_long_is_closed_too() {
    let mut cluster = Cluster::silent(|| at_once().write_timeout(millis(300)).max_outbox_size(64 << 20)).await;
    let (_, websocket, session) = cluster.relayed().await;
    let message = "x".repeat(1_000_000);
    // More than the sockets and the window take.
    for _ in 0..32 {
        session.send(Message::Text(&message)).unwrap();
    }
    cluster.nodes[0].expect_closed("slow consumer", None).await;
    // Its socket goes too, although it reads nothing.
    cluster.nothing_is_left().await;
    drop(websocket);
}

#[tokio::test]
async fn a_session_whose_wait_is_over_is_not_given_away() {
    let mut cluster = Cluster::echo(|| fanfare_engine::Engine::builder().delayed_connection(millis(100))).await;
    let polling = cluster.polling().await;
    polling[1].send(&["4early"]).await;
    let mut websocket = cluster.probe(1, &polling).await;
    let session = cluster.nodes[0].opened().await;
    assert_eq!(cluster.nodes[0].text().await, "early");
    websocket.send("5").await;
    assert_eq!(websocket.text().await, "4early");
    assert_eq!(cluster.nodes[0].heard().await, Heard::Upgraded(Transport::WebSocket));
    websocket.send("4late").await;
    assert_eq!(websocket.text().await, "4late");
    assert!(session.is_open());
}

#[tokio::test]
async fn a_session_with_much_to_send_is_not_given_away() {
    let mut cluster = Cluster::silent(crate::cluster::patient).await;
    let polling = cluster.polling().await;
    let session = cluster.nodes[0].engine.session(polling[0].sid().parse().unwrap()).unwrap();
    let mut websocket = cluster.probe(1, &polling).await;
    let large = "x".repeat(1_000_000);
    session.send(Message::Text(&large)).unwrap();
    websocket.send("5").await;
    assert_eq!(websocket.text().await.len(), 1_000_001);
    assert_eq!(cluster.nodes[0].opened().await, session);
    assert_eq!(cluster.nodes[1].metric("fanfare_relays", ""), 1);
}

#[tokio::test]
async fn a_closing_session_delivers_what_waits_over_the_relay() {
    let mut cluster = Cluster::silent(at_once).await;
    let (polling, session) = cluster.connected().await;
    let mut websocket = cluster.probe(1, &polling).await;
    session.send(Message::Text("first")).unwrap();
    session.close();
    websocket.send("5").await;
    assert_eq!(websocket.text().await, "4first");
    expect_plain_close(&mut websocket).await;
    cluster.nodes[0].expect_closed("forced close", None).await;
    cluster.nothing_is_left().await;
}

#[tokio::test]
async fn the_101_has_the_headers_that_the_owner_adds() {
    let options =
        || at_once().headers(|headers, handshake| drop(headers.insert("x-url", handshake.url().parse().unwrap())));
    let mut cluster = Cluster::silent(options).await;
    let (polling, _) = cluster.connected().await;
    let mut connection = fanfare_testkit::Http::connect(cluster.nodes[1].address).await;
    connection.send_request("GET", &polling[1].target("websocket"), &WebSocket::HANDSHAKE, b"").await;
    let response = connection.response().await;
    assert_eq!((response.status, response.header("x-url")), (101, Some("/engine.io/?EIO=4&transport=polling")));
    assert_eq!(response.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
}
