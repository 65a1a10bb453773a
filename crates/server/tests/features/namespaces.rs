//! Namespaces that a program names itself.

use fanfare::{ConnectError, Namespace, Socket, State};
use fanfare_testkit::Client;

use crate::support::{Gate, Journal, Node};

#[tokio::test]
async fn a_namespace_has_one_name_and_is_one() {
    let node = Node::start().await;
    let io = &node.io;
    assert_eq!(io.of(""), io.of("/"));
    assert_eq!(io.of("admin"), io.of("/admin"));
    assert_eq!(io.of("admin").name(), "/admin");
    assert_ne!(io.of("/Admin"), io.of("/admin"));
}

#[tokio::test]
async fn the_server_is_its_main_namespace() {
    let node = Node::start().await;
    assert_eq!(node.io.name(), "/");
    assert_eq!(*node.io, node.io.of("/"));
    let mut client = node.client().await;
    node.io.of("/").emit("hi", ());
    assert_eq!(client.event().await, r#"["hi"]"#);
    node.io.emit("hi", ());
    assert_eq!(client.event().await, r#"["hi"]"#);
    assert_eq!(node.io.sockets(), node.io.of("/").sockets());
}

#[tokio::test]
async fn namespaces_do_not_hear_of_each_other() {
    let node = Node::start().await;
    let (red, blue) = (node.io.of("/red"), node.io.of("/blue"));
    for namespace in [&red, &blue] {
        namespace.on_connect(async |socket: Socket| {
            socket.join("room");
            socket.on("say", async |namespace: Namespace| namespace.to("room").emit("said", namespace.name()));
        });
    }
    let mut in_red = node.client_of("/red").await;
    let mut in_blue = node.client_of("/blue").await;
    in_red.emit(r#"["say"]"#).await;
    assert_eq!(in_red.event().await, r#"["said","/red"]"#);
    in_blue.emit(r#"["say"]"#).await;
    assert_eq!(in_blue.event().await, r#"["said","/blue"]"#);
    node.io.emit("to nobody", ());
    red.emit("end", ());
    blue.emit("end", ());
    assert_eq!(in_red.event().await, r#"["end"]"#);
    assert_eq!(in_blue.event().await, r#"["end"]"#);
}

#[tokio::test]
async fn new_namespaces_are_told_of() {
    let node = Node::start().await;
    let journal = node.journal.clone();
    node.io.on_new_namespace(move |namespace| journal.note(namespace.name()));
    node.io.of("/");
    node.io.of("/first");
    node.io.of("/first");
    node.io.of_pattern(fanfare::Regex::new("^/dynamic-[0-9]+$").unwrap());
    node.client_of("/dynamic-1").await;
    node.io.of("/last");
    node.journal.expect(["/first", "/dynamic-1", "/last"]).await;
    node.journal.expect_nothing().await;
}

#[tokio::test]
async fn a_socket_is_there_once_its_middlewares_have_let_it_pass() {
    let node = Node::start().await;
    node.io.middleware(async |State(journal): State<Journal>, State(gate): State<Gate>, socket: Socket| {
        journal.note(socket.id());
        gate.pass().await;
        Ok::<_, ConnectError>(())
    });
    let mut client = Client::open(node.address).await;
    client.send("0").await;
    let id = node.journal.next().await.parse().unwrap();
    assert_eq!((node.io.sockets_count(), node.io.sockets().len(), node.io.socket(id)), (0, 0, None));
    node.gate.open();
    client.packet().await;
    assert_eq!((node.io.sockets_count(), node.io.sockets().len()), (1, 1));
    assert_eq!(node.io.socket(id).map(|socket| socket.id()), Some(id));
}
