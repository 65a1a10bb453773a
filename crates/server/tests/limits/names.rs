//! Namespaces that clients ask for.

use std::time::Duration;

use fanfare::{ConnectError, Server};
use fanfare_testkit::Client;

use crate::node::{Node, eventually, handle};

/// SIO-05
#[tokio::test]
async fn an_unknown_namespace_is_refused_and_the_rest_goes_on() {
    let mut node = Node::start().await;
    let mut client = node.client().await;
    client.send("0/nowhere,").await;
    assert_eq!(client.packet().await, r#"4/nowhere,{"message":"Invalid namespace"}"#);
    client.expect_nothing_before(1, r#"["echo"]"#).await;
    assert_eq!(node.refusals("unknown_namespace"), 1);
    node.expect_undisturbed().await;
}

/// SIO-06
#[tokio::test]
async fn hostile_names_are_refused_like_any_other() {
    let mut node = Node::start().await;
    let longest = format!("/{}", "n".repeat(254));
    let names = [
        "/__proto__",
        "/constructor",
        "/toString",
        "/../admin",
        "/admin/",
        "//admin",
        "/ADMIN",
        "/admin?token=secret",
        "/admin#",
        "/admin%00",
        "/admin\u{0}",
        "/admin ",
        "/%2e%2e/admin",
        "/😀",
        "/a\r\nb",
        "/<script>alert(1)</script>",
        "/{\"a\":[1]}",
        &longest,
    ];
    let mut client = node.client().await;
    for name in names {
        client.send(&format!("0{name},")).await;
        assert_eq!(client.packet().await, format!(r#"4{name},{{"message":"Invalid namespace"}}"#));
    }
    assert_eq!(node.refusals("unknown_namespace"), names.len() as u64);
    assert_eq!(node.metric("fanfare_namespaces", None), 3);
    node.expect_closed("packet", &[&format!("0{longest}n,")]).await;
    node.expect_undisturbed().await;
}

/// SIO-07
#[tokio::test]
async fn a_client_that_is_refused_all_the_time_is_closed() {
    let mut node = Node::start().await;
    let mut client = node.client().await;
    let all: Vec<String> = (0..2000).map(|number| format!("0/nowhere{number},")).collect();
    let frames = all.iter().flat_map(|packet| fanfare_testkit::WebSocket::frame(0x81, format!("4{packet}").as_bytes()));
    let _ = client.websocket.try_send_raw(&frames.collect::<Vec<u8>>()).await;
    assert!(client.closed().await);
    assert_eq!(node.violations("refusals"), 1);
    assert_eq!(node.refusals("unknown_namespace"), 257);
    assert_eq!(node.metric("fanfare_namespaces", None), 3);
    node.expect_undisturbed().await;
}

/// Limits, namespaces per connection
#[tokio::test]
async fn a_connection_joins_so_many_namespaces_and_no_more() {
    let mut node = Node::start().await;
    for number in 0..33 {
        node.io.of(&format!("/{number}")).on_connect(handle);
    }
    let mut client = node.client().await;
    for number in 0..31 {
        client.send(&format!("0/{number},")).await;
        assert!(client.packet().await.starts_with(&format!("0/{number},{{")));
    }
    client.send("0/31,").await;
    assert_eq!(client.packet().await, r#"4/31,{"message":"too many namespaces"}"#);
    assert_eq!(node.refusals("too_many"), 1);
    client.send(r#"2/30,1["echo","still"]"#).await;
    assert_eq!(client.packet().await, r#"3/30,1["still"]"#);
    client.send("1/30,").await;
    client.send("0/31,").await;
    assert!(client.packet().await.starts_with("0/31,{"), "there is room again");
    for _ in 0..300 {
        client.send("0/32,").await;
    }
    assert!(client.closed().await, "it does not stop asking");
    node.expect_undisturbed().await;
}

/// Limits, namespaces made by clients
#[tokio::test]
async fn a_namespace_made_for_a_client_that_does_not_get_in_goes_again() {
    let io = Server::builder().cleanup_empty_child_namespaces(true).build().unwrap();
    io.on_connect(handle);
    let parent = io.of_pattern(pattern("^/made-"));
    parent.middleware(async |socket: fanfare::Socket| {
        // Holds the socket, as handlers do that clients have registered.
        socket.on("event", {
            let socket = socket.clone();
            move || {
                let _socket = &socket;
                std::future::ready(())
            }
        });
        if socket.namespace().name().ends_with("slow") {
            std::future::pending::<()>().await;
        }
        Err::<(), _>(ConnectError::new("no"))
    });
    let mut node = Node::serve(io).await;
    let mut client = node.client().await;
    for number in 0..100 {
        client.send(&format!("0/made-{number},")).await;
        assert_eq!(client.packet().await, format!(r#"4/made-{number},{{"message":"no"}}"#));
    }
    assert!(parent.children().is_empty());
    client.send("0/made-slow,").await;
    client.expect_nothing_before(1, r#"["echo"]"#).await;
    assert_eq!(parent.children().len(), 1);
    drop(client);
    eventually("the namespace goes with the client", || parent.children().is_empty()).await;
    assert_eq!(node.metric("fanfare_namespaces", None), 1);
    node.expect_undisturbed().await;
}

/// Limits, namespaces made by clients
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_while_others_leave_is_in_the_same_namespace() {
    let io = Server::builder().cleanup_empty_child_namespaces(true).build().unwrap();
    io.on_connect(handle);
    let parent = io.of_pattern(pattern("^/made$"));
    // Registered late, as the listener of a new namespace may do.
    io.on_new_namespace(|namespace| {
        std::thread::sleep(Duration::from_micros(200));
        namespace.on_connect(handle);
    });
    let mut node = Node::serve(io).await;
    let visitors = (0..4).map(|_| {
        let address = node.address;
        tokio::spawn(async move {
            let mut client = Client::connect(address).await;
            for round in 0..200 {
                client.send("0/made,").await;
                assert!(client.packet().await.starts_with("0/made,{"));
                client.send(&format!(r#"2/made,{round}["join","room"]"#)).await;
                assert_eq!(client.packet().await, format!(r#"3/made,{round}["ok"]"#));
                client.send("1/made,").await;
            }
            client.expect_nothing_before(1, r#"["echo"]"#).await;
        })
    });
    for visitor in visitors.collect::<Vec<_>>() {
        visitor.await.unwrap();
    }
    eventually("nobody is left", || parent.children().is_empty()).await;
    assert_eq!(node.metric("fanfare_namespaces", None), 1);
    assert_eq!(node.violations("namespace"), 0);
    node.expect_undisturbed().await;
}

fn pattern(text: &str) -> regex::Regex {
    regex::Regex::new(text).expect("it is a pattern")
}
