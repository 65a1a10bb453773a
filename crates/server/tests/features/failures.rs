//! Handlers that fail: the rest of the server does not notice.

use fanfare::{
    Ack, Data, DisconnectReason, EventContext, ExtractError, FromConnect, FromEvent, HandlerError, Socket, State,
};
use fanfare_testkit::Client;

use crate::support::{Journal, Node};

/// Panics before its handler does anything.
struct Fragile;

impl FromEvent for Fragile {
    fn from_event(_: &mut EventContext<'_>) -> Result<Self, ExtractError> {
        panic!("extractor")
    }
}

impl FromConnect for Fragile {
    fn from_connect(_: &fanfare::ConnectContext<'_>) -> Result<Self, ExtractError> {
        panic!("extractor")
    }
}

#[tokio::test]
async fn a_panic_fails_the_event_and_nothing_else() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("at once", async || -> () { panic!("at once") });
        socket.on("formatted", async |Data(what): Data<String>| -> () { panic!("with {what}") });
        socket.on("later", async || -> () {
            tokio::task::yield_now().await;
            panic!("later")
        });
        socket.on("before its future", |Data(()): Data<()>| {
            if true {
                panic!("before its future")
            }
            async {}
        });
        socket.on("extractor", async |_: Fragile| ());
        socket.on("with ack", async |_: Ack| -> () { panic!("with ack") });
        socket.on("value", async || -> () { std::panic::panic_any(7) });
        socket.on("ping", async || "pong");
    });
    let mut client = node.client().await;
    for (event, failure) in [
        (r#"["at once"]"#, "at once: Panicked(\"at once\")"),
        (r#"["formatted","care"]"#, "formatted: Panicked(\"with care\")"),
        (r#"["later"]"#, "later: Panicked(\"later\")"),
        (r#"["before its future"]"#, "before its future: Panicked(\"before its future\")"),
        (r#"["extractor"]"#, "extractor: Panicked(\"extractor\")"),
        (r#"["with ack"]"#, "with ack: Panicked(\"with ack\")"),
        (r#"["value"]"#, "value: Panicked(\"of unknown type\")"),
    ] {
        assert_eq!(client.ask(1, event).await, r#"[{"error":"internal error"}]"#, "{event}");
        node.journal.expect([failure]).await;
        client.emit(event).await;
        node.journal.expect([failure]).await;
        assert_eq!(client.ask(2, r#"["ping"]"#).await, r#"["pong"]"#, "{event}");
    }
}

#[tokio::test]
async fn other_handlers_of_the_event_run_all_the_same() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on_any(async || -> () { panic!("any") });
        socket.on("e", async || -> () { panic!("first") });
        socket.on("e", async |State(journal): State<Journal>| journal.note("second"));
    });
    let mut client = node.client().await;
    client.emit(r#"["e"]"#).await;
    node.journal.expect([r#"e: Panicked("any")"#, r#"e: Panicked("first")"#, "second"]).await;
}

#[tokio::test]
async fn errors_are_told_to_the_program_and_what_is_meant_for_it_to_the_client() {
    #[derive(Debug, thiserror::Error)]
    #[error("database is down")]
    struct DatabaseError;
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("own", async || Err::<(), _>(DatabaseError));
        socket.on("by question mark", async || {
            Err::<(), _>(DatabaseError)?;
            Ok::<_, HandlerError>("never")
        });
        socket.on("for the client", async || Err::<(), _>(HandlerError::for_client("too long")));
        socket.on("later", async || {
            tokio::task::yield_now().await;
            Err::<(), _>(HandlerError::for_client("too late"))
        });
    });
    let mut client = node.client().await;
    for (event, answer, failure) in [
        ("own", "internal error", "DatabaseError"),
        ("by question mark", "internal error", "DatabaseError"),
        ("for the client", "too long", "too long"),
        ("later", "too late", "too late"),
    ] {
        let asked = client.ask(1, &format!("[{event:?}]")).await;
        assert_eq!(asked, format!(r#"[{{"error":"{answer}"}}]"#));
        let told = node.journal.next().await;
        assert!(told.starts_with(&format!("{event}: Returned(")) && told.contains(failure), "{told}");
    }
}

#[tokio::test]
async fn a_connection_handler_that_fails_leaves_the_socket_connected() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("ping", async || "pong");
        if socket.handshake().auth()["panic"] == true.into() {
            panic!("in the handler");
        }
        Err::<(), _>(HandlerError::for_client("returned"))
    });
    node.io.on_connect(async |socket: Socket| socket.emit("second handler", ()));
    for (auth, failure) in [
        (r#"{"panic":true}"#, r#"connection: Panicked("in the handler")"#),
        ("{}", r#"connection: Returned(HandlerError { source: "returned", is_for_client: true })"#),
    ] {
        let mut client = Client::connect_to(node.address, "/", auth).await;
        assert_eq!(client.event().await, r#"["second handler"]"#);
        node.journal.expect([failure]).await;
        assert_eq!(client.ask(1, r#"["ping"]"#).await, r#"["pong"]"#);
    }
}

#[tokio::test]
async fn an_extractor_that_panics_refuses_the_client() {
    let node = Node::start().await;
    node.io.of("/handler").on_connect(async |_: Fragile| ());
    node.io.of("/middleware").middleware(async |_: Fragile| Ok::<_, fanfare::ConnectError>(()));
    let mut client = node.client().await;
    for namespace in ["/handler", "/middleware"] {
        client.send(&format!("0{namespace},")).await;
        assert_eq!(client.packet().await, format!(r#"4{namespace},{{"message":"internal error"}}"#));
        node.journal.expect([r#"connection: Panicked("extractor")"#]).await;
    }
}

#[tokio::test]
async fn middlewares_of_a_socket_may_panic() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.middleware(async |Data(panic): Data<Option<bool>>| {
            if panic == Some(true) {
                panic!("middleware");
            }
            Ok::<_, HandlerError>(())
        });
        socket.on("e", async || "passed");
    });
    let mut client = node.client().await;
    client.send(r#"21["e",true]"#).await;
    node.journal.expect([r#"e: Panicked("middleware")"#]).await;
    assert_eq!(client.ask(2, r#"["e"]"#).await, r#"["passed"]"#);
}

#[tokio::test]
async fn the_end_of_a_socket_is_complete_even_if_its_handlers_panic() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.join("room");
        socket.on_disconnecting(async || -> () { panic!("disconnecting") });
        socket.on_disconnect(async || -> () { panic!("disconnect") });
        socket.on_disconnect(|_: DisconnectReason| {
            if true {
                panic!("before its future")
            }
            async {}
        });
        socket.on_disconnect(async |State(journal): State<Journal>| journal.note("last"));
    });
    let mut client = node.client().await;
    client.send("1").await;
    node.journal
        .expect([
            r#"disconnecting: Panicked("disconnecting")"#,
            r#"disconnect: Panicked("disconnect")"#,
            r#"disconnect: Panicked("before its future")"#,
            "last",
        ])
        .await;
    assert_eq!((node.io.sockets_count(), node.io.rooms().len()), (0, 0));
    client.send("0").await;
    assert!(client.packet().await.starts_with(r#"0{"sid""#));
}

#[tokio::test]
async fn listeners_of_what_is_sent_may_panic() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on_any_outgoing(async || -> () { panic!("outgoing") });
    });
    let mut client = node.client().await;
    node.io.emit("e", ());
    node.io.sockets()[0].emit("e", ());
    node.journal.expect([r#"e: Panicked("outgoing")"#, r#"e: Panicked("outgoing")"#]).await;
    assert_eq!((client.event().await, client.event().await), (r#"["e"]"#.to_owned(), r#"["e"]"#.to_owned()));
}

#[tokio::test]
async fn hooks_that_panic_hold_nothing_up() {
    let node = Node::with(|builder| builder.on_failure(|_| panic!("failure hook"))).await;
    node.io.on_room_event(|_| panic!("room listener"));
    node.io.on_new_namespace(|_| panic!("listener of new namespaces"));
    node.io.of_pattern(fanfare::Regex::new("^/dynamic$").unwrap());
    node.io.on_connect(async |socket: Socket| {
        socket.conn().on_upgrade(|_| panic!("upgrade listener"));
        socket.on("fail", async || -> () { panic!("handler") });
        socket.on("join", async |socket: Socket| socket.join("room"));
    });
    let mut client = node.client().await;
    assert_eq!(client.ask(1, r#"["fail"]"#).await, r#"[{"error":"internal error"}]"#);
    assert_eq!(client.ask(2, r#"["join"]"#).await, "[true]");
    node.client_of("/dynamic").await;
    let (polling, _) = node.polling_client().await;
    let mut websocket = fanfare_testkit::WebSocket::connect(node.address, &polling.target("websocket")).await;
    websocket.send("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    websocket.send("5").await;
    websocket.send(r#"421["join"]"#).await;
    assert_eq!(websocket.text().await, "431[true]");
}
