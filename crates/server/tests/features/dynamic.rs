//! Namespaces that are made when a client asks for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fanfare::{ConnectError, Namespace, ParentNamespace, Regex, Server, Socket, State, Value};
use fanfare_testkit::Client;

use crate::support::{Gate, Journal, Node, until};

const REFUSED: &str = r#"{"message":"Invalid namespace"}"#;

fn tenants(io: &Server) -> ParentNamespace {
    io.of_pattern(Regex::new("^/tenant-[0-9]+$").unwrap())
}

fn count_namespaces(io: &Server) -> Arc<AtomicUsize> {
    let made = Arc::new(AtomicUsize::new(0));
    let counter = made.clone();
    io.on_new_namespace(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
    });
    made
}

#[tokio::test]
async fn a_pattern_makes_namespaces_with_the_hooks_of_their_parent() {
    let node = Node::start().await;
    tenants(&node.io)
        .middleware(async |State(journal): State<Journal>, namespace: Namespace| {
            journal.note(format!("middleware of {}", namespace.name()));
            Ok::<_, ConnectError>(())
        })
        .on_connect(async |namespace: Namespace, socket: Socket| socket.emit("welcome", namespace.name()));
    let mut client = node.client_of("/tenant-101").await;
    assert_eq!(client.event().await, r#"["welcome","/tenant-101"]"#);
    node.journal.expect(["middleware of /tenant-101"]).await;
    client.send("0/tenant-x,").await;
    assert_eq!(client.packet().await, format!("4/tenant-x,{REFUSED}"));
}

#[tokio::test]
async fn a_function_decides_by_name_and_authentication() {
    let node = Node::start().await;
    node.io.of_dynamic(async |name: String, auth: Value| {
        tokio::task::yield_now().await;
        name == "/private" && auth["token"].as_str() == Some("secret")
    });
    let mut client = Client::open(node.address).await;
    for (connect, reply) in [
        ("0/private,", format!("4/private,{REFUSED}")),
        (r#"0/private,{"token":"no"}"#, format!("4/private,{REFUSED}")),
        (r#"0/public,{"token":"secret"}"#, format!("4/public,{REFUSED}")),
        (r#"0/private,{"token":"secret"}"#, r#"0/private,{"sid":"#.to_owned()),
    ] {
        client.send(connect).await;
        let packet = client.packet().await;
        assert!(packet.starts_with(&reply), "{connect}: {packet}");
    }
}

#[tokio::test]
async fn parents_are_asked_in_the_order_they_were_registered() {
    let node = Node::start().await;
    let parents = [
        node.io.of_dynamic(async |_, _| false),
        node.io.of_dynamic(async |name: String, _| if name == "/panic" { panic!("no") } else { name == "/second" }),
        node.io.of_pattern(Regex::new("^/(first|second|third|panic)$").unwrap()),
    ];
    parents[1].on_connect(async |socket: Socket| socket.emit("parent", "function"));
    parents[2].on_connect(async |socket: Socket| socket.emit("parent", "pattern"));
    for (name, parent) in [("/second", "function"), ("/third", "pattern"), ("/panic", "pattern")] {
        let mut client = node.client_of(name).await;
        assert_eq!(client.event().await, format!(r#"["parent","{parent}"]"#));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clients_that_ask_at_once_share_one_namespace() {
    let node = Node::start().await;
    let made = count_namespaces(&node.io);
    let parent = node.io.of_dynamic(async |name: String, _| {
        tokio::task::yield_now().await;
        name == "/race"
    });
    let mut clients = Vec::new();
    for _ in 0..16 {
        clients.push(Client::open(node.address).await);
    }
    for client in &mut clients {
        client.send("0/race,").await;
    }
    for client in &mut clients {
        assert!(client.packet().await.starts_with("0/race,{"));
    }
    assert_eq!((made.load(Ordering::SeqCst), parent.children().len()), (1, 1));
    assert_eq!(node.io.of("/race").sockets_count(), 16);
}

#[tokio::test]
async fn a_program_can_make_a_child_itself() {
    let node = Node::start().await;
    let parent = tenants(&node.io);
    parent.on_connect(async |socket: Socket| socket.emit("from the parent", ()));
    let child = node.io.of("/tenant-1");
    assert!(parent.children().contains(&child));
    let mut client = node.client_of("/tenant-1").await;
    assert_eq!(client.event().await, r#"["from the parent"]"#);
    assert_eq!(child.sockets_count(), 1);
    let other = node.io.of("/other");
    assert!(!parent.children().contains(&other));
}

#[tokio::test]
async fn what_a_parent_sends_reaches_all_children() {
    let node = Node::start().await;
    let parent = tenants(&node.io);
    parent.on_connect(async |socket: Socket| {
        socket.join("everybody");
        if socket.handshake().auth()["admin"] == Value::from(true) {
            socket.join("admins");
        }
    });
    let mut user = node.client_of("/tenant-1").await;
    let mut admin = Client::connect_to(node.address, "/tenant-2", r#"{"admin":true}"#).await;
    let mut stranger = node.client().await;
    parent.emit("to all", &1);
    parent.to("admins").emit("to admins", ());
    parent.except("admins").emit("to users", ());
    parent.to(["admins", "everybody"]).emit("once", ());
    parent.to("everybody").except("admins").emit("to users again", ());
    parent.send("end");
    node.io.emit("end", ());
    for event in [r#"["to all",1]"#, r#"["to users"]"#, r#"["once"]"#, r#"["to users again"]"#, r#"["message","end"]"#]
    {
        assert_eq!(user.event().await, event);
    }
    for event in [r#"["to all",1]"#, r#"["to admins"]"#, r#"["once"]"#, r#"["message","end"]"#] {
        assert_eq!(admin.event().await, event);
    }
    assert_eq!(stranger.event().await, r#"["end"]"#);
}

#[tokio::test]
async fn children_stay_unless_they_are_to_be_cleaned_up() {
    let node = Node::start().await;
    let parent = tenants(&node.io);
    let mut client = node.client_of("/tenant-1").await;
    client.send("1/tenant-1,").await;
    until("the socket is gone", || parent.children()[0].sockets_count() == 0).await;
    assert_eq!(parent.children().len(), 1);
}

#[tokio::test]
async fn a_child_goes_with_its_last_socket_and_can_come_again() {
    let node = Node::with(|builder| builder.cleanup_empty_child_namespaces(true)).await;
    let made = count_namespaces(&node.io);
    let parent = tenants(&node.io);
    for round in 1..=2 {
        let mut first = node.client_of("/tenant-1").await;
        let mut second = node.client_of("/tenant-1").await;
        let child = parent.children().remove(0);
        first.send("1/tenant-1,").await;
        until("one has left", || child.sockets_count() == 1).await;
        assert_eq!(parent.children().len(), 1);
        second.send("1/tenant-1,").await;
        until("the child is gone", || parent.children().is_empty()).await;
        assert_eq!(made.load(Ordering::SeqCst), round);
    }
    // The connections are still good for another one.
    let client = node.client_of("/tenant-2").await;
    assert_eq!(parent.children()[0].name(), "/tenant-2");
    drop(client);
    until("the child is gone", || parent.children().is_empty()).await;
}

#[tokio::test]
async fn a_child_goes_when_its_only_client_is_refused() {
    let node = Node::with(|builder| builder.cleanup_empty_child_namespaces(true)).await;
    let parent = tenants(&node.io);
    parent.middleware(async || Err::<(), _>(ConnectError::new("no")));
    let mut client = Client::open(node.address).await;
    client.send("0/tenant-1,").await;
    assert_eq!(client.packet().await, r#"4/tenant-1,{"message":"no"}"#);
    until("the child is gone", || parent.children().is_empty()).await;
}

#[tokio::test]
async fn a_child_goes_when_its_only_client_leaves_before_it_was_let_in() {
    let node = Node::with(|builder| builder.cleanup_empty_child_namespaces(true)).await;
    let parent = tenants(&node.io);
    parent.middleware(wait_at_gate);
    let mut client = Client::open(node.address).await;
    client.send("0/tenant-1,").await;
    node.journal.expect(["at the gate"]).await;
    assert_eq!(parent.children().len(), 1);
    drop(client);
    until("the client is gone", || node.io.engine().clients_count() == 0).await;
    node.gate.open();
    until("the child is gone", || parent.children().is_empty()).await;
}

#[tokio::test]
async fn a_child_stays_while_somebody_is_on_the_way_into_it() {
    let node = Node::with(|builder| builder.cleanup_empty_child_namespaces(true)).await;
    let parent = tenants(&node.io);
    parent.middleware(wait_at_gate);
    let mut clients = [Client::open(node.address).await, Client::open(node.address).await];
    for client in &mut clients {
        client.send("0/tenant-1,").await;
        node.journal.expect(["at the gate"]).await;
    }
    let [mut first, mut second] = clients;
    node.gate.open();
    assert!(first.packet().await.starts_with("0/tenant-1,"));
    first.send("1/tenant-1,").await;
    until("the first has left", || node.io.of("/tenant-1").sockets_count() == 0).await;
    node.gate.open();
    assert!(second.packet().await.starts_with("0/tenant-1,"));
    node.io.of("/tenant-1").emit("still the same", ());
    assert_eq!(second.packet().await, r#"2/tenant-1,["still the same"]"#);
    second.send("1/tenant-1,").await;
    until("the child is gone", || parent.children().is_empty()).await;
}

#[tokio::test]
async fn namespaces_that_a_program_has_named_stay() {
    let node = Node::with(|builder| builder.cleanup_empty_child_namespaces(true)).await;
    let made = count_namespaces(&node.io);
    let namespace = node.io.of("/static");
    let mut client = node.client_of("/static").await;
    client.send("1/static,").await;
    until("the socket is gone", || namespace.sockets_count() == 0).await;
    assert_eq!(node.io.of("/static"), namespace);
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

async fn wait_at_gate(State(journal): State<Journal>, State(gate): State<Gate>) -> Result<(), ConnectError> {
    journal.note("at the gate");
    gate.pass().await;
    Ok(())
}
