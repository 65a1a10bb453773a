//! Hooks that decide who may connect: slow ones, broken ones, and rights that end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fanfare::{ConnectError, FromConnect, Namespace, Server, Socket};
use fanfare_testkit::Client;

use crate::node::{Node, eventually, handle};

/// Counts how often a hook is being asked.
#[derive(Clone, Default)]
struct Asked(Arc<AtomicUsize>);

impl Asked {
    fn now(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    fn begin(&self) -> impl Drop + use<> {
        struct Asking(Asked);
        impl Drop for Asking {
            fn drop(&mut self) {
                self.0.0.fetch_sub(1, Ordering::AcqRel);
            }
        }
        self.0.fetch_add(1, Ordering::AcqRel);
        Asking(self.clone())
    }

    async fn for_ever(self) -> bool {
        let _asking = self.begin();
        std::future::pending().await
    }
}

/// AUTH-05
#[tokio::test]
async fn a_hook_that_never_decides_refuses_after_its_time() {
    let io = Server::builder().connect_timeout(Duration::from_millis(400)).build().unwrap();
    io.on_connect(handle);
    let asked = Asked::default();
    let slow = asked.clone();
    io.of("/slow").middleware(move || {
        let slow = slow.clone();
        async move {
            slow.for_ever().await;
            Ok::<(), ConnectError>(())
        }
    });
    let dynamic = asked.clone();
    io.of_dynamic(move |_, _| dynamic.clone().for_ever());
    let mut node = Node::serve(io).await;
    for name in ["/slow", "/dynamic"] {
        // As the first namespace of a connection, and besides another.
        let mut first = Client::open(node.address).await;
        first.send(&format!("0{name},")).await;
        assert_eq!(first.packet().await, format!(r#"4{name},{{"message":"timeout"}}"#));
        assert!(first.closed().await, "its time to join anything is over, too");
        let mut second = node.client().await;
        second.send(&format!("0{name},")).await;
        // Nobody else waits, not even this client in its other namespace.
        second.expect_nothing_before(1, r#"["echo"]"#).await;
        node.expect_undisturbed().await;
        assert_eq!(second.packet().await, format!(r#"4{name},{{"message":"timeout"}}"#));
        second.send(&format!("0{name},")).await;
        assert_eq!(second.packet().await, format!(r#"4{name},{{"message":"timeout"}}"#), "it may ask again");
    }
    assert_eq!((node.refusals("timeout"), asked.now()), (6, 0));
}

/// AUTH-05
#[tokio::test]
async fn a_client_that_leaves_is_not_asked_about_any_more() {
    let io = Server::builder().build().unwrap();
    io.on_connect(handle);
    let asked = Asked::default();
    let slow = asked.clone();
    io.of("/slow").middleware(move |socket: Socket| {
        let slow = slow.clone();
        async move {
            let held = socket.clone();
            socket.on("event", move || {
                let _held = &held;
                async {}
            });
            slow.for_ever().await;
            Ok::<(), ConnectError>(())
        }
    });
    let mut node = Node::serve(io).await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut client = Client::open(node.address).await;
        client.send("0/slow,").await;
        clients.push(client);
    }
    eventually("all are asked about", || asked.now() == 20).await;
    drop(clients);
    eventually("nobody is", || asked.now() == 0).await;
    assert_eq!(node.metric("fanfare_socket_connects_total", None), 1);
    node.expect_undisturbed().await;
}

/// AUTH-05
#[tokio::test]
async fn a_hook_that_fails_or_panics_refuses_without_saying_why() {
    struct Broken;
    impl FromConnect for Broken {
        fn from_connect(_: &fanfare::ConnectContext<'_>) -> Result<Self, fanfare::ExtractError> {
            panic!("/etc/secret is missing")
        }
    }
    let io = Server::builder().build().unwrap();
    io.on_connect(handle);
    io.of("/panics").middleware(async || -> Result<(), ConnectError> { panic!("/etc/secret is missing") });
    io.of("/panics-later").middleware(async || -> Result<(), ConnectError> {
        tokio::task::yield_now().await;
        panic!("/etc/secret is missing")
    });
    io.of("/panics-at-once").middleware(|| -> std::future::Ready<Result<(), ConnectError>> { panic!("/etc/secret") });
    io.of("/extractor").middleware(async |_: Broken| Ok::<(), ConnectError>(()));
    io.of("/handler").on_connect(async |_: Broken| {});
    io.of("/stateless").on_connect(async |_: fanfare::State<Vec<String>>| {});
    io.of("/fails").middleware(async || Err::<(), _>(ConnectError::new("not today").with_data(&7)));
    let mut node = Node::serve(io).await;
    let mut client = node.client().await;
    for name in ["/panics", "/panics-later", "/panics-at-once", "/extractor", "/handler", "/stateless"] {
        client.send(&format!("0{name},")).await;
        assert_eq!(client.packet().await, format!(r#"4{name},{{"message":"internal error"}}"#));
        assert_eq!(node.io.of(name).sockets_count(), 0);
    }
    client.send("0/fails,").await;
    assert_eq!(client.packet().await, r#"4/fails,{"message":"not today","data":7}"#);
    client.expect_nothing_before(1, r#"["echo"]"#).await;
    assert_eq!(node.refusals("panic"), 5);
    assert_eq!(node.metric("fanfare_handler_failures_total", Some("panicked")), 5);
    node.expect_undisturbed().await;
}

/// AUTH-05
#[tokio::test]
async fn a_pattern_function_that_panics_allows_nobody_and_stops_nobody() {
    let io = Server::builder().build().unwrap();
    io.on_connect(handle);
    io.of_dynamic(async |_, _| panic!("broken"));
    io.of_dynamic(async |name: String, _| name == "/fine").on_connect(handle);
    let mut node = Node::serve(io).await;
    let mut client = node.client().await;
    client.send("0/unknown,").await;
    assert_eq!(client.packet().await, r#"4/unknown,{"message":"Invalid namespace"}"#);
    client.send("0/fine,").await;
    assert!(client.packet().await.starts_with("0/fine,{"));
    assert_eq!(node.metric("fanfare_handler_failures_total", Some("panicked")), 2);
    node.expect_undisturbed().await;
}

/// AUTH-06
#[tokio::test]
async fn a_token_that_expires_ends_the_connection_and_no_other_namespace_prolongs_it() {
    let io = Server::builder().build().unwrap();
    io.on_connect(handle);
    let limited = io.of("/limited");
    limited.middleware(async |socket: Socket| {
        socket.conn().session().expire_at(Some(Instant::now() + Duration::from_millis(600)));
        Ok::<(), ConnectError>(())
    });
    limited.on_connect(handle);
    let mut node = Node::serve(io).await;
    let mut client = Client::connect_to(node.address, "/limited", "").await;
    client.send("0").await;
    assert!(client.packet().await.starts_with("0{"));
    client.send("0/nowhere,").await;
    assert!(client.packet().await.starts_with("4/nowhere,"));
    assert!(client.closed().await);
    assert_eq!(node.metric("fanfare_socket_disconnects_total", Some("forced close")), 2);
    node.expect_undisturbed().await;
}

/// AUTH-06
#[tokio::test]
async fn a_client_whose_token_expires_hears_why() {
    let io = Server::builder().build().unwrap();
    io.on_connect(handle);
    io.of("/limited").on_connect(async |socket: Socket| {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            socket.emit("expired", "the token has expired");
            socket.disconnect(true);
        });
    });
    let mut node = Node::serve(io).await;
    let mut client = Client::connect_to(node.address, "/limited", "").await;
    assert_eq!(client.event().await, r#"["expired","the token has expired"]"#);
    assert_eq!(client.packet().await, "1/limited,");
    assert!(client.closed().await);
    assert_eq!(node.metric("fanfare_socket_disconnects_total", Some("server namespace disconnect")), 1);
    node.expect_undisturbed().await;
}

/// AUTH-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_come_and_go_while_they_are_asked_about_leave_nothing() {
    let io = Server::builder().cleanup_empty_child_namespaces(true).build().unwrap();
    io.on_connect(handle);
    let parent = io.of_dynamic(async |name: String, _| name.starts_with("/made"));
    parent.on_connect(handle).middleware(async |namespace: Namespace| {
        let name = namespace.name();
        if name.starts_with("/made-waiting") {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        if name.ends_with('0') { Err("no") } else { Ok(()) }
    });
    let mut node = Node::serve(io).await;
    for round in 0..100 {
        let waiting = if round % 2 == 0 { "-waiting" } else { "" };
        let mut client = Client::open(node.address).await;
        for number in 0..4 {
            client.send(&format!("0/made{waiting}{number},")).await;
        }
        if round % 2 == 0 {
            eventually("it is asked about", || parent.children().len() == 4).await;
        }
        drop(client);
        eventually("all is gone", || parent.children().is_empty() && node.io.engine().clients_count() == 1).await;
    }
    assert_eq!(node.metric("fanfare_sockets", None), 1);
    node.expect_undisturbed().await;
}
