//! The end of a server.

use fanfare::{ConnectError, DisconnectReason, Listener, Server, Socket, State};
use fanfare_testkit::{Client, Frame, Http, WebSocket};
use tokio::net::TcpStream;

use crate::support::{Gate, Journal, Node, patiently, until};

async fn note_end(socket: Socket) {
    socket.on_disconnect(async |State(journal): State<Journal>, socket: Socket, reason: DisconnectReason| {
        journal.note(format!("{} {reason}", socket.namespace().name()));
    });
}

#[tokio::test]
async fn every_socket_ends_without_a_disconnect_packet() {
    let node = Node::start().await;
    let other = node.io.of("/other");
    node.io.on_connect(note_end);
    other.on_connect(note_end);
    let mut client = node.client().await;
    client.send("0/other,").await;
    client.packet().await;
    let (polling, _) = node.polling_client().await;
    let mut poll = polling.start_poll().await;
    until("the GET waits", || node.io.sockets().iter().all(|socket| socket.conn().session().is_writable())).await;
    patiently("the end", node.io.close()).await;
    let mut notes = [node.journal.next().await, node.journal.next().await, node.journal.next().await];
    notes.sort();
    assert_eq!(notes, ["/ server shutting down", "/ server shutting down", "/other server shutting down"]);
    node.journal.expect_nothing().await;
    assert_eq!(client.websocket.recv().await, Some(Frame::Close(None)));
    assert_eq!(poll.response().await.text(), "1");
    assert_eq!((node.io.sockets_count(), other.sockets_count(), node.io.engine().clients_count()), (0, 0, 0));
}

#[tokio::test]
async fn what_was_sent_before_arrives() {
    let node = Node::start().await;
    let mut client = node.client().await;
    let (polling, _) = node.polling_client().await;
    let mut poll = polling.start_poll().await;
    until("the GET waits", || node.io.sockets().iter().all(|socket| socket.conn().session().is_writable())).await;
    // More than a socket takes at once.
    let text = "x".repeat(900_000);
    let websocket = node.io.socket(client.sid().parse().unwrap()).unwrap();
    for number in 0..4 {
        websocket.emit("big", (number, &text));
    }
    node.io.emit("last", ());
    let io = node.io.clone();
    let closing = tokio::spawn(async move { io.close().await });
    assert_eq!(poll.response().await.text(), "42[\"last\"]");
    assert_eq!(polling.poll().await.text(), "6\x1e1");
    for number in 0..4 {
        assert_eq!(client.event().await, format!(r#"["big",{number},"{text}"]"#));
    }
    assert_eq!(client.event().await, r#"["last"]"#);
    assert!(client.closed().await);
    patiently("the end", closing).await.unwrap();
}

#[tokio::test]
async fn nobody_comes_in_any_more() {
    let node = Node::start().await;
    node.io.middleware(async |State(journal): State<Journal>, State(gate): State<Gate>| {
        journal.note("at the gate");
        gate.pass().await;
        Ok::<_, ConnectError>(())
    });
    node.io.on_connect(async |State(journal): State<Journal>| journal.note("connected"));
    let polling = node.polling().await;
    polling.send(&["40"]).await;
    let mut client = Client::open(node.address).await;
    client.send("0").await;
    node.journal.expect(["at the gate", "at the gate"]).await;
    // It is open before, and between two requests.
    let mut idle = Http::connect(node.address).await;
    let io = node.io.clone();
    let closing = tokio::spawn(async move { io.close().await });
    assert!(client.closed().await);
    // The polling client has yet to be told: the server waits for that, and lets it in no more.
    until("it is closing", || node.io.engine().sessions().iter().all(|session| !session.is_open())).await;
    node.gate.open();
    node.gate.open();
    assert!(!closing.is_finished());
    node.io.engine().close();
    patiently("the end", closing).await.unwrap();
    assert!(idle.is_closed().await);
    assert!(TcpStream::connect(node.address).await.is_err());
    node.journal.expect_nothing().await;
    assert_eq!(node.io.sockets_count(), 0);
}

#[tokio::test]
async fn listening_ends() {
    let io = Server::builder().serve_client(false).build().unwrap();
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn({
        let io = io.clone();
        async move { io.serve(listener).await }
    });
    let _client = Client::connect(address).await;
    patiently("the end", io.close()).await;
    assert!(patiently("the end of listening", serving).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_server_that_is_closed_does_not_listen() {
    let io = Server::builder().serve_client(false).build().unwrap();
    patiently("the end", io.close()).await;
    assert!(patiently("the end of listening", io.listen("127.0.0.1:0")).await.is_ok());
    patiently("another end", io.close()).await;
}

#[tokio::test]
async fn a_server_inside_another_turns_new_clients_away() {
    let node = Node::start().await;
    let app = axum::Router::new().layer(node.io.layer());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let mut client = Client::connect(address).await;
    patiently("the end", node.io.close()).await;
    assert!(client.closed().await);
    assert_eq!(Http::get(address, "/socket.io/?EIO=4&transport=polling").await.status, 503);
    let refused = WebSocket::try_connect(address, "/socket.io/?EIO=4&transport=websocket", &[]).await;
    assert_eq!(refused.map(drop).map_err(|response| response.status), Err(503));
}

#[tokio::test]
async fn handlers_may_close_the_server() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("close", async |io: Server, State(journal): State<Journal>| {
            io.close().await;
            journal.note("closed");
        });
    });
    let mut client = node.client().await;
    client.emit(r#"["close"]"#).await;
    assert!(client.closed().await);
    node.journal.expect(["closed"]).await;
    assert_eq!(node.io.emit("to nobody", ()).result(), Ok(()));
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_waited_for_but_not_for_ever() {
    let node = Node::start().await;
    let (_polling, _) = node.polling_client().await;
    node.io.emit("never taken", ());
    tokio::time::pause();
    let begun = tokio::time::Instant::now();
    node.io.close().await;
    let seconds = begun.elapsed().as_secs();
    assert!((5..10).contains(&seconds), "{seconds}");
    assert_eq!(node.io.engine().clients_count(), 0);
}
