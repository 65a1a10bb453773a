//! How sessions end: what each side is told, and what is still delivered. Rows E76, E79 to E81, E98, E132 and E133.

use std::time::Instant;

use fanfare_engine::{CloseReason, Engine, Message, SendError, Session};

use crate::server::{Heard, Server, error, expect_plain_close, millis, polled};

#[tokio::test]
async fn a_client_that_closes_is_told_noop_and_nothing_behind_is_heard() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut get = polling.start_poll().await;
    polled(&session).await;
    let post = polling.send(&["4before", "1", "4behind"]).await;
    assert_eq!((post.status, post.text()), (200, "ok"));
    let get = get.response().await;
    assert_eq!((get.status, get.text()), (200, "6"));
    assert_eq!(server.text().await, "before");
    assert_eq!(server.heard().await, Heard::Closed(CloseReason::TransportClose.into()));
    assert_eq!(session.ended(), Some(CloseReason::TransportClose.into()));
    for response in [polling.poll().await, polling.send(&["4hi"]).await] {
        assert_eq!((response.status, response.text()), (400, &*error(1, "Session ID unknown")));
    }
}

#[tokio::test]
async fn a_server_that_closes_answers_the_pending_get() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let mut get = polling.start_poll().await;
    polled(&session).await;
    session.close();
    assert_eq!(get.response().await.text(), "1");
    server.expect_closed("forced close", None).await;
    assert_eq!(polling.poll().await.text(), error(1, "Session ID unknown"));
}

#[tokio::test]
async fn a_server_that_closes_waits_for_the_get_that_tells_the_client() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    session.close();
    assert!(!session.is_open());
    assert_eq!(session.send(Message::Text("late")), Err(SendError));
    let ignored = polling.send(&["4ignored"]).await;
    assert_eq!((ignored.status, ignored.text()), (200, "ok"));
    assert_eq!(session.ended(), None, "the client does not know yet");
    assert_eq!(polling.poll().await.text(), "6\x1e1");
    assert_eq!(server.heard().await, Heard::Closed(CloseReason::ForcedClose.into()), "and nothing else before");
    assert_eq!(polling.poll().await.text(), error(1, "Session ID unknown"));
}

#[tokio::test]
async fn what_was_sent_before_the_close_is_delivered() {
    let mut server = Server::start(Engine::builder().max_http_buffer_size(10)).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    let send = |texts: [&str; 3]| {
        texts.iter().for_each(|text| session.send(Message::Text(text)).unwrap());
        session.close();
    };
    send(["first", "second", "third"]);
    assert_eq!(polling.packets().await, ["4first"], "as much as fits");
    assert_eq!(polling.packets().await, ["4second"]);
    assert_eq!(polling.packets().await, ["4third"]);
    assert_eq!(polling.packets().await, ["6", "1"], "clients drop what comes together with the end");
    server.expect_closed("forced close", None).await;

    let polling = server.polling().await;
    let session = server.opened().await;
    let mut get = polling.start_poll().await;
    polled(&session).await;
    let cork = session.cork();
    for text in ["one", "two", "three", "four"] {
        session.send(Message::Text(text)).unwrap();
    }
    session.close();
    drop(cork);
    assert_eq!(get.response().await.text(), "4one\x1e4two");
    for answer in ["4three", "4four", "6\x1e1"] {
        assert_eq!(polling.poll().await.text(), answer);
    }
    server.expect_closed("forced close", None).await;

    let mut websocket = server.websocket().await;
    let session = server.opened().await;
    let large = "x".repeat(2_000_000);
    session.send(Message::Text(&large)).unwrap();
    session.send(Message::Text("last")).unwrap();
    session.close();
    assert_eq!(websocket.text().await, format!("4{large}"));
    assert_eq!(websocket.text().await, "4last");
    expect_plain_close(&mut websocket).await;
    server.expect_closed("forced close", None).await;
}

#[tokio::test]
async fn what_was_sent_before_a_discard_is_dropped() {
    let mut server = Server::start(Engine::builder()).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    session.send(Message::Text("never")).unwrap();
    session.discard();
    server.expect_closed("forced close", None).await;
    assert_eq!(polling.poll().await.text(), error(1, "Session ID unknown"));

    let mut websocket = server.websocket().await;
    let session = server.opened().await;
    let cork = session.cork();
    session.send(Message::Text("never")).unwrap();
    session.discard();
    drop(cork);
    expect_plain_close(&mut websocket).await;
    server.expect_closed("forced close", None).await;
}

#[tokio::test]
async fn a_session_may_be_closed_before_it_is_answered() {
    let refuse = |session: &Session| {
        session.send(Message::Text("no room")).unwrap();
        session.close();
    };
    let mut server = Server::greet(Engine::builder(), refuse).await;
    let open = server.request("GET", "?EIO=4&transport=polling", &[]).await;
    assert!(open.text().starts_with("0{") && open.text().ends_with("\x1e4no room"), "{}", open.text());
    let sid = open.text().split('"').nth(3).unwrap();
    assert_eq!(server.request("GET", &format!("?EIO=4&transport=polling&sid={sid}"), &[]).await.text(), "6\x1e1");
    server.expect_closed("forced close", None).await;
    let mut websocket = server.websocket().await;
    assert_eq!(websocket.text().await, "4no room");
    expect_plain_close(&mut websocket).await;
    server.expect_closed("forced close", None).await;
}

#[tokio::test]
async fn closing_again_changes_nothing() {
    let mut server = Server::start(Engine::builder()).await;
    let _websocket = server.websocket().await;
    let session = server.opened().await;
    session.close();
    session.close();
    session.discard();
    server.expect_closed("forced close", None).await;
    assert_eq!(session.send(Message::Text("late")), Err(SendError));
    let polling = server.polling().await;
    server.opened().await;
    polling.send(&["4still here"]).await;
    assert_eq!(server.text().await, "still here", "the end is told once");
}

#[tokio::test]
async fn a_session_may_be_given_a_time_to_end() {
    let mut server = Server::start(Engine::builder().ping_interval(millis(100))).await;
    let mut websocket = server.websocket().await;
    let session = server.opened().await;
    let soon = || Some(Instant::now() + millis(20));
    session.expire_at(soon());
    session.expire_at(None);
    assert_eq!(websocket.text().await, "2");
    assert!(session.is_open(), "it was taken back before the ping");
    session.expire_at(soon());
    expect_plain_close(&mut websocket).await;
    server.expect_closed("forced close", None).await;
}
