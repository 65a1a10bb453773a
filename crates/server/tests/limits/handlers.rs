//! Handlers that panic, fail, or never return.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fanfare::{
    Ack, Data, EmitError, EventContext, EventName, ExtractError, FailureKind, FromEvent, HandlerError, Recovery,
    Server, Socket,
};

use crate::node::{Node, eventually, handle};

/// Something to be asked for that panics, as code of the application may.
struct Broken;

impl FromEvent for Broken {
    fn from_event(_: &mut EventContext<'_>) -> Result<Self, ExtractError> {
        panic!("no {}", "extractor")
    }
}

/// NODE-11
#[tokio::test]
async fn a_handler_that_panics_ends_nothing_but_its_own_call() {
    let failures = Arc::new(AtomicUsize::new(0));
    let counted = failures.clone();
    let hook = move |failure: &fanfare::Failure| {
        assert!(matches!(failure.kind, FailureKind::Panicked(_)), "{failure:?}");
        counted.fetch_add(1, Ordering::AcqRel);
        panic!("a hook may be broken, too");
    };
    let io = Server::builder().on_failure(hook).build().unwrap();
    io.on_connect(handle);
    io.on_connect(async |socket: Socket| {
        socket.on("panic", async || -> () { panic!("at {}", "once") });
        socket.on("panic before", || -> std::future::Ready<()> { panic!("before there was a future") });
        socket.on("panic later", async || -> () {
            tokio::task::yield_now().await;
            std::panic::panic_any(7);
        });
        socket.on("panic in extractor", async |_: Broken| {});
        socket.on_any(async |EventName(name): EventName, _: Ack| assert_ne!(name, "panic in any"));
        socket.on("panic in any", async |socket: Socket| socket.emit("handled", ()));
    });
    let mut node = Node::serve(io).await;
    let mut client = node.client().await;
    let mut id = 0;
    for event in ["panic", "panic before", "panic later", "panic in extractor"] {
        id += 1;
        assert_eq!(client.ask(id, &format!(r#"["{event}"]"#)).await, r#"[{"error":"internal error"}]"#, "{event}");
        client.expect_nothing_before(100 + id, r#"["echo"]"#).await;
    }
    // The event's own handler runs all the same.
    client.emit(r#"["panic in any"]"#).await;
    assert_eq!(client.event().await, r#"["handled"]"#);
    client.expect_nothing_before(201, r#"["echo"]"#).await;
    assert_eq!(failures.load(Ordering::Acquire), 5);
    assert_eq!(node.metric("fanfare_handler_failures_total", Some("panicked")), 5);
    node.expect_undisturbed().await;
}

/// NODE-11
#[tokio::test]
async fn everything_else_that_panics_is_contained_too() {
    let io = Server::builder().build().unwrap();
    io.on_connect(handle);
    io.on_connect(async |socket: Socket| -> () {
        socket.on_disconnecting(async || -> () { panic!("disconnecting") });
        socket.on_disconnect(async || -> () { panic!("disconnect") });
        socket.conn().on_upgrade(|_| panic!("upgrade"));
        panic!("connection")
    });
    io.on_room_event(|_| panic!("room"));
    io.on_new_namespace(|_| panic!("new namespace"));
    io.of_dynamic(async |name: String, _| name == "/made").on_connect(handle);
    let mut node = Node::serve(io).await;
    let mut client = node.client().await;
    assert_eq!(client.ask(1, r#"["join","room"]"#).await, r#"["ok"]"#);
    client.send("0/made,").await;
    assert!(client.packet().await.starts_with("0/made,{"));
    client.send("1").await;
    client.send(r#"2/made,1["echo","still"]"#).await;
    assert_eq!(client.packet().await, r#"3/made,1["still"]"#);
    eventually("it has left", || node.io.sockets_count() == 1 && node.io.rooms().is_empty()).await;
    // The canary and the client: two connections; one end with two handlers.
    assert_eq!(node.metric("fanfare_handler_failures_total", Some("panicked")), 4);
    node.expect_undisturbed().await;
}

/// NODE-11
#[tokio::test]
async fn a_handler_that_never_returns_is_seen_and_holds_nobody_up() {
    let io = Server::builder().build().unwrap();
    io.on_connect(handle);
    io.on_connect(async |socket: Socket| {
        socket.on("wait", async || std::future::pending::<()>().await);
        socket.on("fail", async || Err::<(), _>(HandlerError::for_client("not like this")));
        socket.on("fail inside", async |socket: Socket| -> Result<(), EmitError> { socket.emit("connect", ()).await });
        socket.on("number", async |Data(number): Data<u8>| number);
    });
    let mut node = Node::serve(io).await;
    let mut client = node.client().await;
    for id in 0..10 {
        client.send(&format!(r#"2{id}["wait"]"#)).await;
    }
    client.expect_nothing_before(10, r#"["echo"]"#).await;
    assert_eq!(node.metric("fanfare_handlers_running", None), 10);
    assert_eq!(client.ask(11, r#"["fail"]"#).await, r#"[{"error":"not like this"}]"#);
    assert_eq!(client.ask(12, r#"["fail inside"]"#).await, r#"[{"error":"internal error"}]"#);
    assert!(client.ask(13, r#"["number",256]"#).await.starts_with(r#"[{"error":"argument 0: "#));
    for (kind, count) in [("returned", 2), ("extract", 1), ("panicked", 0)] {
        assert_eq!(node.metric("fanfare_handler_failures_total", Some(kind)), count, "{kind}");
    }
    node.expect_undisturbed().await;
}

/// NODE-11, with connection state recovery, which keeps a log of what is sent
#[tokio::test]
async fn a_handler_of_what_is_sent_may_send_something_itself() {
    let io = Server::builder().connection_state_recovery(Recovery::default()).build().unwrap();
    io.on_connect(handle);
    io.on_connect(async |socket: Socket| {
        socket.on_any_outgoing(async |socket: Socket, EventName(name): EventName| {
            if name == "news" {
                socket.emit("seen", &name);
                socket.namespace().to("monitors").emit("seen", &name);
            }
        });
    });
    let mut node = Node::serve(io).await;
    let mut client = node.client().await;
    node.io.emit("news", ());
    let events = [client.event().await, client.event().await];
    assert!(events[0].starts_with(r#"["news""#) && events[1].starts_with(r#"["seen","news""#), "{events:?}");
    assert!(node.canary().event().await.starts_with(r#"["news""#));
    assert!(node.canary().event().await.starts_with(r#"["seen","news""#));
    node.expect_undisturbed().await;
}
