//! Sending the clients of a server away.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use fanfare::{DisconnectReason, Listener, Server, Socket};
use fanfare_testkit::{Client, Frame, Http, Polling};
use tokio::sync::mpsc;

/// When sockets have ended, and why.
type Ends = mpsc::UnboundedReceiver<(Instant, DisconnectReason)>;

async fn serve() -> (Server, SocketAddr, Ends) {
    let (tell, ends) = mpsc::unbounded_channel();
    let io = Server::new();
    io.on_connect(move |socket: Socket| {
        let tell = tell.clone();
        async move {
            socket.on("echo", async || "echo");
            socket.on_disconnect(move |reason: DisconnectReason| {
                let _ = tell.send((Instant::now(), reason));
                std::future::ready(())
            });
        }
    });
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = io.clone();
    tokio::spawn(async move { serving.serve(listener).await });
    (io, address, ends)
}

#[tokio::test]
async fn clients_are_sent_away_one_after_the_other() {
    const CLIENTS: u32 = 5;
    let (io, address, mut ends) = serve().await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(address).await);
    }
    let (begin, time) = (Instant::now(), Duration::from_millis(1500));
    io.drain(time).await;
    for number in 0..CLIENTS {
        let (ended, reason) = ends.recv().await.unwrap();
        assert!(ended - begin >= time * number / CLIENTS, "number {number} after {:?}", ended - begin);
        assert_eq!(reason, DisconnectReason::ServerShuttingDown);
    }
    for mut client in clients {
        // No DISCONNECT: upon one, clients do not come back by themselves.
        let frame = client.websocket.recv().await;
        assert!(matches!(frame, Some(Frame::Close(_))), "{frame:?}");
    }
}

#[tokio::test]
async fn nobody_else_is_let_in_and_those_there_are_served_until_then() {
    let (io, address, mut ends) = serve().await;
    let mut websocket = Client::connect(address).await;
    let polling = Polling::open(address, "/socket.io/").await;
    assert_eq!(polling.send(&["40"]).await.status, 200);
    assert!(polling.packets().await[0].starts_with("40{"));
    let mut poll = polling.start_poll().await;
    let draining = tokio::spawn(async move { io.drain(Duration::from_secs(3600)).await });
    while Http::get(address, "/socket.io/?EIO=4&transport=polling").await.status != 503 {}
    assert_eq!(websocket.ask(1, r#"["echo"]"#).await, r#"["echo"]"#);
    assert_eq!(polling.send(&[r#"421["echo"]"#]).await.status, 200);
    assert_eq!(poll.response().await.text(), r#"431["echo"]"#);
    assert!(!draining.is_finished() && ends.try_recv().is_err());
    draining.abort();
}

#[tokio::test]
async fn a_polling_client_is_told_by_its_poll() {
    let (io, address, _ends) = serve().await;
    let polling = Polling::open(address, "/socket.io/").await;
    polling.send(&["40"]).await;
    polling.packets().await;
    let mut poll = polling.start_poll().await;
    io.drain(Duration::ZERO).await;
    assert_eq!(poll.response().await.text(), "1");
}
