//! Clients that read slowly: what a sender can know, wait for and leave out. Row E139.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fanfare_engine::{Buffer, Engine, Frame, Message, SendError, Session};

use crate::server::{Server, eventually, polled, within};

#[tokio::test]
async fn a_polling_session_is_writable_while_a_get_is_pending() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    assert!(!session.is_writable());
    let mut get = polling.start_poll().await;
    polled(&session).await;
    session.send(Message::Text("hi")).unwrap();
    assert!(!session.is_writable(), "something waits already");
    assert_eq!(get.response().await.text(), "4hi");
    assert!(!session.is_writable());
    session.close();
    assert!(!session.is_writable());
}

/// Fills what lies between a session and a client that does not read, until something waits.
async fn clog(session: &Session) -> usize {
    let message = "x".repeat(100_000);
    for sent in 1.. {
        session.send(Message::Text(&message)).unwrap();
        // The flusher has its turn.
        tokio::task::yield_now().await;
        if !session.is_writable() {
            return sent;
        }
    }
    unreachable!("sockets take only so much")
}

#[tokio::test]
async fn a_websocket_is_writable_until_its_socket_takes_no_more() {
    let mut server = Server::start(Engine::builder().max_outbox_size(64 << 20)).await;
    let mut websocket = server.websocket().await;
    let session = server.opened().await;
    eventually("the open packet has left", || session.is_writable()).await;
    let sent = clog(&session).await;
    for _ in 0..sent {
        assert_eq!(websocket.text().await.len(), 100_001);
    }
    eventually("it is writable again", || session.is_writable()).await;
}

#[tokio::test]
async fn volatile_messages_are_dropped_unless_they_can_leave_at_once() {
    let mut server = Server::start(Engine::builder()).await;
    let volatile = |text: &str| server.engine.encode([Frame::Text(Buffer::from(text.as_bytes()))], true);
    let (first, second) = (volatile("first"), volatile("second"));
    let polling = server.polling().await;
    let session = server.opened().await;
    assert_eq!(session.send_volatile(&first), Ok(false), "no GET is pending");
    let mut get = polling.start_poll().await;
    polled(&session).await;
    assert_eq!(session.send_volatile(&first), Ok(true));
    assert_eq!(session.send_volatile(&second), Ok(false), "another is on its way");
    assert_eq!(get.response().await.text(), "4first");
    assert_eq!(server.metric("fanfare_volatile_dropped_total", ""), 2);
    session.discard();
    assert_eq!(session.send_volatile(&first), Err(SendError));

    let mut websocket = server.websocket().await;
    server.closed().await;
    let session = server.opened().await;
    eventually("the open packet has left", || session.is_writable()).await;
    assert_eq!(session.send_volatile(&second), Ok(true));
    assert_eq!(websocket.text().await, "4second");
    clog(&session).await;
    assert_eq!(session.send_volatile(&first), Ok(false));
}

#[tokio::test]
async fn a_sender_may_wait_for_a_slow_client() {
    let mut server = Server::start(Engine::builder().max_outbox_size(400_000)).await;
    let mut websocket = server.websocket().await;
    let session = server.opened().await;
    let finished = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn({
        let (session, finished) = (session.clone(), finished.clone());
        async move {
            let message = "x".repeat(50_000);
            // Far more than the outbox holds and all the sockets take.
            for _ in 0..1000 {
                session.send(Message::Text(&message)).unwrap();
                session.ready().await;
            }
            finished.store(true, Ordering::Relaxed);
        }
    });
    eventually("the client is congested", || !session.is_writable()).await;
    assert!(!finished.load(Ordering::Relaxed));
    for _ in 0..1000 {
        assert_eq!(websocket.text().await.len(), 50_001);
    }
    within("the sender", sending).await.unwrap();
    assert!(session.is_open());
}

#[tokio::test]
async fn nobody_waits_for_a_session_that_is_closed() {
    let mut server = Server::start(Engine::builder().max_outbox_size(100_000)).await;
    let _polling = server.polling().await;
    let session = server.opened().await;
    within("an empty outbox", session.ready()).await;
    session.send(Message::Text(&"x".repeat(50_000))).unwrap();
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.ready().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    session.discard();
    within("the waiting task", waiting).await.unwrap();
    within("a closed session", session.ready()).await;
}

#[tokio::test]
async fn a_polling_sender_waits_for_the_next_get() {
    let mut server = Server::start(Engine::builder().max_outbox_size(100_000)).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    session.send(Message::Text(&"x".repeat(50_000))).unwrap();
    let waiting = tokio::spawn({
        let session = session.clone();
        async move { session.ready().await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    assert_eq!(polling.poll().await.body.len(), 50_001);
    within("the waiting task", waiting).await.unwrap();
}

#[tokio::test]
async fn a_client_that_lets_its_outbox_overflow_is_closed_as_a_slow_consumer() {
    let mut server = Server::start(Engine::builder().max_outbox_size(100_000)).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let message = "x".repeat(30_000);
    let mut sent = 0;
    while session.send(Message::Text(&message)).is_ok() {
        sent += 1;
    }
    assert_eq!(sent, 3);
    server.expect_closed("slow consumer", None).await;
    assert_eq!(polling.poll().await.status, 400);
    assert_eq!(server.metric("fanfare_outbox_overflows_total", ""), 1);

    let mut websocket = server.websocket().await;
    let session = server.opened().await;
    while session.send(Message::Text(&message)).is_ok() {}
    server.expect_closed("slow consumer", None).await;
    // Whatever it still reads, the last is why.
    assert_eq!(websocket.closed().await, Some(Some(1008)));
}

#[tokio::test]
async fn one_message_may_be_larger_than_the_outbox() {
    let mut server = Server::start(Engine::builder().max_outbox_size(1000)).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let large = "x".repeat(5000);
    session.send(Message::Text(&large)).unwrap();
    assert_eq!(polling.packets().await, [format!("4{large}")]);
    session.send(Message::Text("next")).unwrap();
    assert_eq!(polling.packets().await, ["4next"]);
}
