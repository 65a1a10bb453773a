//! Nothing of a client is left once it is gone, whichever way it went, even if the application keeps its handle.

use std::pin::Pin;

use fanfare_engine::{Engine, EngineBuilder, Message, Session};
use fanfare_testkit::{Http, PATIENCE, Polling, WebSocket};
use tokio::net::TcpStream;

use crate::server::{Server, eventually, millis, polled, within};

type Ending<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// Ends a session that begins over polling, and checks that nothing is left of it.
async fn check_polling(name: &str, end: impl for<'a> Fn(&'a Server, &'a Polling, &'a Session) -> Ending<'a>) {
    check_polling_with(calm(), name, end).await;
}

async fn check_polling_with(
    options: EngineBuilder,
    name: &str,
    end: impl for<'a> Fn(&'a Server, &'a Polling, &'a Session) -> Ending<'a>,
) {
    let mut server = Server::start(options).await;
    let polling = server.polling().await;
    let session = server.opened().await;
    session.send(Message::Text("waits")).unwrap();
    end(&server, &polling, &session).await;
    expect_nothing_left(name, server, session).await;
}

/// The same over WebSocket.
async fn check_websocket(name: &str, end: impl for<'a> Fn(WebSocket, &'a Session) -> Ending<'a>) {
    let mut server = Server::start(calm()).await;
    let websocket = server.websocket().await;
    let session = server.opened().await;
    end(websocket, &session).await;
    expect_nothing_left(name, server, session).await;
}

/// Ends no session by itself.
fn calm() -> EngineBuilder {
    Engine::builder().max_outbox_size(100_000).max_sessions_per_address(1)
}

async fn expect_nothing_left(name: &str, server: Server, session: Session) {
    eventually(name, || session.ended().is_some()).await;
    let engine = &server.engine;
    assert_eq!((engine.clients_count(), engine.session(session.sid())), (0, None), "{name}");
    for transport in ["polling", "websocket"] {
        assert_eq!(server.metric("fanfare_sessions", transport), 0, "{name}");
    }
    let waiting = || server.metric("fanfare_outbox_bytes", "");
    eventually(&format!("{name}: no bytes wait"), || waiting() == 0).await;
    // Its address has a place again.
    let next = server.request("GET", "?EIO=4&transport=polling", &[]).await;
    assert_eq!(next.status, 200, "{name}");
    engine.sessions().iter().for_each(Session::discard);
    // A shutdown ends early only if no session is left, and no task of a WebSocket.
    within(name, engine.shutdown(PATIENCE * 10)).await;
    assert_eq!(waiting(), 0, "{name}");
}

/// Breaks a connection off without a goodbye.
fn reset(stream: TcpStream) {
    stream.set_zero_linger().unwrap();
}

#[tokio::test]
async fn polling_sessions_leave_nothing() {
    check_polling("client closes", |_, polling, _| {
        Box::pin(async {
            polling.send(&["1"]).await;
        })
    })
    .await;
    check_polling("server closes", |_, polling, session| {
        Box::pin(async {
            session.close();
            polling.poll().await;
            polling.poll().await;
        })
    })
    .await;
    check_polling("server discards", |_, _, session| Box::pin(async { session.discard() })).await;
    check_polling("malformed body", |_, polling, _| {
        Box::pin(async {
            polling.send(&["x"]).await;
        })
    })
    .await;
    check_polling("outbox overflows", |_, _, session| Box::pin(overflow(session))).await;
}

/// Sends until the outbox is full.
async fn overflow(session: &Session) {
    while session.send(Message::Text(&"x".repeat(50_000))).is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn polling_sessions_whose_get_breaks_off_leave_nothing() {
    check_polling("GET dropped", |_, polling, session| Box::pin(async { drop(pending(polling, session).await) })).await;
    check_polling("GET reset", |_, polling, session| {
        Box::pin(async { reset(pending(polling, session).await.into_parts().0) })
    })
    .await;
    check_polling("GETs overlap", |_, polling, session| {
        Box::pin(async {
            let _first = pending(polling, session).await;
            polling.poll().await;
        })
    })
    .await;
    check_polling("answer and reset at once", |_, polling, session| {
        Box::pin(async {
            let get = pending(polling, session).await;
            session.send(Message::Text("crosses")).unwrap();
            session.discard();
            reset(get.into_parts().0);
        })
    })
    .await;
}

/// A GET that is pending, with everything that waited delivered before.
async fn pending(polling: &Polling, session: &Session) -> Http {
    polling.poll().await;
    let get = polling.start_poll().await;
    polled(session).await;
    get
}

#[tokio::test]
async fn polling_sessions_whose_post_breaks_off_leave_nothing() {
    check_polling("POST dropped", |server, polling, _| Box::pin(async { drop(posting(server, polling).await) })).await;
    check_polling("POST reset", |server, polling, _| {
        Box::pin(async { reset(posting(server, polling).await.into_parts().0) })
    })
    .await;
    check_polling("POSTs overlap", |server, polling, _| {
        Box::pin(async {
            let _first = posting(server, polling).await;
            polling.send(&["4second"]).await;
        })
    })
    .await;
    check_polling("POST given up", |server, polling, session| {
        Box::pin(async {
            let _post = posting(server, polling).await;
            session.discard();
        })
    })
    .await;
}

/// A POST whose body is being received.
async fn posting(server: &Server, polling: &Polling) -> Http {
    let mut post = Http::connect(server.address).await;
    let headers = [("content-length", "10"), ("expect", "100-continue")];
    post.send_request("POST", &polling.target("polling"), &headers, b"").await;
    assert_eq!(post.response().await.status, 100);
    post
}

#[tokio::test]
async fn websocket_sessions_leave_nothing() {
    check_websocket("close frame", |mut websocket, _| {
        Box::pin(async move {
            websocket.send_frame(0x88, b"").await;
            websocket.closed().await;
        })
    })
    .await;
    check_websocket("close packet", |mut websocket, _| Box::pin(async move { websocket.send("1").await })).await;
    check_websocket("dropped", |websocket, _| Box::pin(async { drop(websocket) })).await;
    check_websocket("reset", |websocket, _| Box::pin(async { reset(websocket.into_stream()) })).await;
    check_websocket("reset in a frame", |mut websocket, _| {
        Box::pin(async move {
            websocket.send_raw(b"\x81\xfe\x10\0").await;
            reset(websocket.into_stream());
        })
    })
    .await;
    check_websocket("protocol error", |mut websocket, _| Box::pin(async move { websocket.send_raw(b"\xff").await }))
        .await;
    check_websocket("server closes", |_websocket, session| {
        Box::pin(async move {
            session.send(Message::Text("last")).unwrap();
            session.close();
        })
    })
    .await;
    check_websocket("server discards", |_websocket, session| Box::pin(async { session.discard() })).await;
    check_websocket("never read, then dropped", |websocket, session| {
        Box::pin(async move {
            overflow(session).await;
            drop(websocket);
        })
    })
    .await;
    check_websocket("never read, then reset", |websocket, session| {
        Box::pin(async move {
            overflow(session).await;
            reset(websocket.into_stream());
        })
    })
    .await;
}

#[tokio::test]
async fn upgrades_leave_nothing_however_they_end() {
    check_polling("abandoned", |server, polling, session| {
        Box::pin(async {
            drop(server.probe(polling).await);
            session.discard();
        })
    })
    .await;
    check_polling("reset", |server, polling, session| {
        Box::pin(async {
            reset(server.probe(polling).await.into_stream());
            session.discard();
        })
    })
    .await;
    check_polling_with(calm().upgrade_timeout(millis(300)), "too slow", |server, polling, session| {
        Box::pin(async {
            server.probe(polling).await.closed().await;
            session.discard();
        })
    })
    .await;
    check_polling("violated", |server, polling, session| {
        Box::pin(async {
            let mut websocket = server.probe(polling).await;
            websocket.send("4no").await;
            websocket.closed().await;
            session.discard();
        })
    })
    .await;
    check_polling("one too many", |server, polling, session| {
        Box::pin(async {
            let _first = server.probe(polling).await;
            WebSocket::connect(server.address, &polling.target("websocket")).await.closed().await;
            session.discard();
        })
    })
    .await;
    check_polling("closed meanwhile", |server, polling, session| {
        Box::pin(async {
            let _websocket = server.probe(polling).await;
            session.close();
            polling.poll().await;
            polling.poll().await;
        })
    })
    .await;
}

#[tokio::test]
async fn upgraded_sessions_leave_nothing() {
    check_polling("completed and dropped", |server, polling, _| {
        Box::pin(async { server.probe(polling).await.send("5").await })
    })
    .await;
    check_polling("completed while closing", |server, polling, session| {
        Box::pin(async {
            let mut websocket = server.probe(polling).await;
            session.close();
            websocket.send("5").await;
        })
    })
    .await;
    check_polling("completed with a GET pending, and reset", |server, polling, session| {
        Box::pin(async {
            let _get = pending(polling, session).await;
            let mut websocket = server.probe(polling).await;
            websocket.send("5").await;
            reset(websocket.into_stream());
        })
    })
    .await;
}

#[tokio::test]
async fn clients_that_fall_silent_leave_nothing() {
    let beating = || calm().ping_interval(millis(300)).ping_timeout(millis(300));
    check_polling_with(beating(), "polling", |_, _, _| Box::pin(async {})).await;
    check_polling_with(beating(), "probing", |server, polling, _| {
        Box::pin(async {
            server.probe(polling).await.closed().await;
        })
    })
    .await;
    let mut server = Server::start(beating()).await;
    let _websocket = server.websocket().await;
    let session = server.opened().await;
    expect_nothing_left("websocket", server, session).await;
}

#[tokio::test]
async fn a_websocket_handshake_that_breaks_off_leaves_nothing() {
    let mut server = Server::start(calm()).await;
    let mut connection = Http::connect(server.address).await;
    connection.send_request("GET", "/engine.io/?EIO=4&transport=websocket", &WebSocket::HANDSHAKE, b"").await;
    reset(connection.into_parts().0);
    let session = server.opened().await;
    expect_nothing_left("reset", server, session).await;
}

#[tokio::test]
async fn a_hundred_clients_that_come_and_go_leave_no_task() {
    let server = Server::echo(Engine::builder()).await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    drop(server.websocket().await);
    eventually("no session", || server.engine.clients_count() == 0).await;
    let before = alive();
    for n in 0..100 {
        let polling = server.polling().await;
        let mut websocket = server.probe(&polling).await;
        match n % 4 {
            0 => websocket.send("5").await,
            1 => reset(websocket.into_stream()),
            2 => assert_eq!(polling.send(&["4hi", "1"]).await.text(), "ok"),
            _ => {
                websocket.send("5").await;
                websocket.send("4hi").await;
                websocket.text().await;
            }
        }
    }
    server.engine.sessions().iter().for_each(Session::discard);
    eventually("no session", || server.engine.clients_count() == 0).await;
    eventually("no byte waits", || server.metric("fanfare_outbox_bytes", "") == 0).await;
    eventually("the tasks have ended", || alive() <= before).await;
}
