//! Middlewares of sockets: which events pass.

use fanfare::{Ack, Data, EmitError, EventName, HandlerError, Socket, State};

use crate::support::{Gate, Journal, Node, until};

#[tokio::test]
async fn an_event_passes_catch_all_handlers_then_middlewares_then_its_handlers() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("e", async |State(journal): State<Journal>| journal.note("handler"));
        for name in ["first middleware", "second middleware"] {
            socket.middleware(move |State(journal): State<Journal>, EventName(event): EventName| async move {
                journal.note(format!("{name} of {event}"));
                Ok::<_, HandlerError>(())
            });
        }
        socket.on_any(async |State(journal): State<Journal>| journal.note("any"));
    });
    let mut client = node.client().await;
    client.emit(r#"["e"]"#).await;
    node.journal.expect(["any", "first middleware of e", "second middleware of e", "handler"]).await;
}

#[tokio::test]
async fn an_error_drops_the_event_without_an_answer() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.middleware(async |EventName(name): EventName| match name.as_str() {
            "forbidden" => Err(HandlerError::for_client("not allowed")),
            _ => Ok(()),
        });
        socket.middleware(async |State(journal): State<Journal>, EventName(name): EventName| {
            journal.note(format!("{name} passed"));
            Ok::<_, HandlerError>(())
        });
        socket.on("forbidden", async |State(journal): State<Journal>| journal.note("forbidden handled"));
        socket.on("allowed", async || "yes");
    });
    let mut client = node.client().await;
    client.send(r#"21["forbidden"]"#).await;
    assert_eq!(client.ask(2, r#"["allowed"]"#).await, r#"["yes"]"#);
    let failure = node.journal.next().await;
    assert!(failure.starts_with("forbidden: Returned(") && failure.contains("not allowed"), "{failure}");
    node.journal.expect(["allowed passed"]).await;
    node.journal.expect_nothing().await;
}

#[tokio::test]
async fn a_middleware_can_answer_itself() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.middleware(async |Data(size): Data<Option<u32>>, ack: Ack| {
            if size > Some(10) {
                ack.send("too large")?;
                return Err(HandlerError::for_client("too large"));
            }
            Ok::<_, HandlerError>(())
        });
        socket.on("upload", async |Data(size): Data<u32>| size);
    });
    let mut client = node.client().await;
    assert_eq!(client.ask(1, r#"["upload",11]"#).await, r#"["too large"]"#);
    assert_eq!(client.ask(2, r#"["upload",10]"#).await, "[10]");
}

#[tokio::test]
async fn events_keep_their_order_behind_a_middleware() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.middleware(async || Ok::<_, HandlerError>(()));
        socket.on("e", async |State(journal): State<Journal>, Data(number): Data<u32>| journal.note(number));
    });
    let mut client = node.client().await;
    for number in 0..50 {
        client.emit(&format!(r#"["e",{number}]"#)).await;
    }
    for number in 0..50 {
        assert_eq!(node.journal.next().await, number.to_string());
    }
}

#[tokio::test]
async fn an_event_that_waits_is_dropped_when_its_client_leaves() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.middleware(async |State(journal): State<Journal>, State(gate): State<Gate>| {
            gate.pass().await;
            journal.note("passed");
            Ok::<_, EmitError>(())
        });
        socket.on("e", async |State(journal): State<Journal>| journal.note("handled"));
    });
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    client.emit(r#"["e"]"#).await;
    client.send("1").await;
    until("it has left", || !socket.connected()).await;
    node.gate.open();
    node.journal.expect(["passed"]).await;
    let mut other = node.client().await;
    node.gate.open();
    other.emit(r#"["e"]"#).await;
    node.journal.expect(["passed", "handled"]).await;
}

#[tokio::test]
async fn once_waits_for_an_event_that_passes() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.middleware(async |Data(pass): Data<bool>| if pass { Ok(()) } else { Err(EmitError::Disconnected) });
        socket.once("e", async || "once");
    });
    let mut client = node.client().await;
    client.emit(r#"["e",false]"#).await;
    assert_eq!(client.ask(1, r#"["e",true]"#).await, r#"["once"]"#);
}
