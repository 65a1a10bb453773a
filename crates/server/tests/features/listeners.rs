//! The handlers of a socket: how they come, go and are found.

use bytes::Bytes;
use fanfare::{Ack, Data, EventName, ListenerId, RawArgs, Socket, State, Value};

use crate::support::{Journal, Node, until};

/// Gives every event `end` a last handler, so that a test can wait for what comes before.
async fn note_end(socket: Socket) {
    socket.on("end", async |State(journal): State<Journal>| journal.note("end"));
}

#[tokio::test]
async fn an_event_goes_to_all_its_handlers_in_order() {
    let node = Node::start().await;
    node.io.on_connect(note_end);
    node.io.on_connect(async |socket: Socket| {
        socket.on("e", async |State(journal): State<Journal>| journal.note("first"));
        socket.on("other", async |State(journal): State<Journal>| journal.note("other"));
        socket.on("e", async |State(journal): State<Journal>| journal.note("second"));
    });
    let mut client = node.client().await;
    client.emit(r#"["e"]"#).await;
    client.emit(r#"["E"]"#).await;
    client.emit(r#"["end"]"#).await;
    node.journal.expect(["first", "second", "end"]).await;
}

#[tokio::test]
async fn once_means_once() {
    let node = Node::start().await;
    node.io.on_connect(note_end);
    node.io.on_connect(async |socket: Socket| {
        socket.once("e", async |State(journal): State<Journal>, Data(text): Data<String>| journal.note(text));
    });
    let mut client = node.client().await;
    client.emit(r#"["e","first"]"#).await;
    client.emit(r#"["e","second"]"#).await;
    client.emit(r#"["end"]"#).await;
    node.journal.expect(["first", "end"]).await;
}

#[tokio::test]
async fn handlers_can_be_taken_away() {
    let node = Node::start().await;
    node.io.on_connect(note_end);
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    let note = async |State(journal): State<Journal>, EventName(name): EventName| journal.note(name);
    let listeners: Vec<ListenerId> = vec![
        socket.on("a", note),
        socket.once("b", note),
        socket.on_any(note),
        socket.prepend_any(note),
        socket.on_any_outgoing(note),
        socket.prepend_any_outgoing(note),
        socket.middleware(async |State(journal): State<Journal>| {
            journal.note("middleware");
            Ok::<_, fanfare::HandlerError>(())
        }),
        socket.on_disconnecting(async |State(journal): State<Journal>| journal.note("disconnecting")),
        socket.on_disconnect(async |State(journal): State<Journal>| journal.note("disconnect")),
    ];
    socket.on("c", note);
    socket.on("c", note);
    assert_eq!(socket.event_names(), ["end", "a", "b", "c"]);
    for listener in listeners {
        assert!(socket.off(listener) && !socket.off(listener), "{listener:?}");
    }
    socket.remove_all_listeners("c");
    assert_eq!(socket.event_names(), ["end"]);
    for event in ["a", "b", "c", "end"] {
        client.emit(&format!("[{event:?}]")).await;
    }
    node.journal.expect(["end"]).await;
    socket.emit("out", ());
    client.send("1").await;
    until("it has left", || !socket.connected()).await;
    node.journal.expect_nothing().await;
}

#[tokio::test]
async fn catch_all_handlers_run_before_the_others() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        let note = async |State(journal): State<Journal>| journal.note("handler");
        socket.on("e", note);
        socket.on_any(async |State(journal): State<Journal>, EventName(name): EventName, args: RawArgs| {
            journal.note(format!("any {name} {:?}", args.as_args().reader().next::<Value>()));
        });
        socket.prepend_any(async |State(journal): State<Journal>| journal.note("prepended"));
    });
    node.io.on_connect(note_end);
    let mut client = node.client().await;
    client.emit(r#"["e",true]"#).await;
    client.emit(r#"["unheard"]"#).await;
    client.emit(r#"["end"]"#).await;
    node.journal.expect(["prepended", "any e Some(Ok(Bool(true)))", "handler"]).await;
    node.journal.expect(["prepended", "any unheard None"]).await;
    node.journal.expect(["prepended", "any end None", "end"]).await;
}

#[tokio::test]
async fn a_catch_all_handler_leaves_the_acknowledgement_to_others() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on_any(async || ());
        socket.on_any(async || "not this");
        socket.on_any(async |_: Data<String>| ());
        socket.on("question", async || "answer");
        socket.on_any(async |EventName(name): EventName, ack: Ack| {
            if name == "for all" {
                ack.send("answered for all")?;
            }
            Ok::<_, fanfare::EmitError>(())
        });
    });
    let mut client = node.client().await;
    assert_eq!(client.ask(1, r#"["question"]"#).await, r#"["answer"]"#);
    assert_eq!(client.ask(2, r#"["for all"]"#).await, r#"["answered for all"]"#);
}

#[tokio::test]
async fn what_is_sent_to_a_socket_can_be_listened_to() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.join("room");
        socket.on("ask", async || "an acknowledgement is no event");
        socket.on_any_outgoing(async |State(journal): State<Journal>, EventName(name): EventName, args: RawArgs| {
            let mut args = args.as_args().reader();
            let first = args.next::<Value>().transpose().unwrap().unwrap_or_default();
            journal.note(format!("{name} {first:?}"));
        });
        socket.prepend_any_outgoing(async |State(journal): State<Journal>| journal.note("first"));
    });
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    client.ask(1, r#"["ask"]"#).await;
    node.journal.expect_nothing().await;

    socket.emit("plain", "text");
    node.journal.expect(["first", r#"plain String("text")"#]).await;
    socket.emit("binary", &Bytes::from_static(&[1, 2]));
    node.journal.expect(["first", r#"binary Binary(b"\x01\x02")"#]).await;
    drop(socket.emit_with_ack::<Value>("question", &1));
    node.journal.expect(["first", "question Number(Integer(1))"]).await;
    node.io.emit("to all", ());
    node.journal.expect(["first", "to all Null"]).await;
    node.io.to("room").emit("to a room", &[1]);
    node.journal.expect(["first", "to a room Array([Number(Integer(1))])"]).await;
    drop(node.io.emit_with_ack::<Value>("to all with ack", ()));
    node.journal.expect(["first", "to all with ack Null"]).await;
    node.io.to("elsewhere").emit("not to it", ());
    node.io.except("room").emit("not to it", ());
    socket.broadcast().emit("not to it", ());
    assert!(socket.emit("connect", ()).result().is_err());
    node.journal.expect_nothing().await;
}

#[tokio::test]
async fn a_handler_may_do_anything_with_its_socket() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("once more", async |socket: Socket| {
            socket.remove_all_listeners("once more");
            socket.on("once more", async || "replaced");
            "original"
        });
        socket.on_any_outgoing(async |socket: Socket, EventName(name): EventName| {
            if name == "ping" {
                socket.join("seen");
                socket.broadcast().emit("others", ());
                socket.emit("pong", ());
            }
        });
    });
    let mut client = node.client().await;
    assert_eq!(client.ask(1, r#"["once more"]"#).await, r#"["original"]"#);
    assert_eq!(client.ask(2, r#"["once more"]"#).await, r#"["replaced"]"#);
    node.io.emit("ping", ());
    assert_eq!(client.event().await, r#"["ping"]"#);
    assert_eq!(client.event().await, r#"["pong"]"#);
    assert_eq!(node.io.rooms(), [("seen".into(), 1)]);
}
