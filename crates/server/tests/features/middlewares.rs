//! Middlewares of namespaces: who may connect.

use fanfare::{Auth, ConnectError, Handshake, Namespace, Socket, State};
use fanfare_testkit::Client;
use serde::Deserialize;

use crate::support::{Gate, Journal, Node, until};

#[tokio::test]
async fn middlewares_run_in_the_order_they_were_added() {
    let node = Node::start().await;
    node.io
        .middleware(async |State(journal): State<Journal>| {
            tokio::task::yield_now().await;
            journal.note("first");
            Ok::<_, ConnectError>(())
        })
        .middleware(async |State(journal): State<Journal>| {
            journal.note("second");
            Ok::<_, ConnectError>(())
        })
        .on_connect(async |State(journal): State<Journal>| journal.note("connected"));
    node.client().await;
    node.journal.expect(["first", "second", "connected"]).await;
}

#[tokio::test]
async fn the_first_that_refuses_is_the_last_that_runs() {
    let node = Node::start().await;
    node.io
        .middleware(async || Err::<(), _>(ConnectError::new("not today")))
        .middleware(async |State(journal): State<Journal>| {
            journal.note("second");
            Ok::<_, ConnectError>(())
        })
        .on_connect(async |State(journal): State<Journal>| journal.note("connected"));
    let mut client = Client::open(node.address).await;
    client.send("0").await;
    assert_eq!(client.packet().await, r#"4{"message":"not today"}"#);
    assert_eq!(node.io.sockets_count(), 0);
    node.journal.expect_nothing().await;
}

#[tokio::test]
async fn a_namespace_has_middlewares_of_its_own() {
    let node = Node::start().await;
    let note = async |State(journal): State<Journal>, namespace: Namespace| {
        journal.note(namespace.name());
        Ok::<_, ConnectError>(())
    };
    node.io.middleware(note);
    node.io.of("/chat").middleware(note);
    node.io.of("/open");
    node.client_of("/open").await;
    node.client_of("/chat").await;
    node.client().await;
    node.journal.expect(["/chat", "/"]).await;
    node.journal.expect_nothing().await;
}

#[tokio::test]
async fn a_socket_is_not_connected_while_middlewares_look_at_it() {
    let node = Node::start().await;
    node.io.middleware(async |State(journal): State<Journal>, socket: Socket| {
        journal.note(socket.connected());
        Ok::<_, ConnectError>(())
    });
    node.io.on_connect(async |State(journal): State<Journal>, socket: Socket| journal.note(socket.connected()));
    node.client().await;
    node.journal.expect(["false", "true"]).await;
}

#[tokio::test]
async fn rooms_joined_inside_are_kept_or_undone() {
    let node = Node::start().await;
    node.io.middleware(async |socket: Socket, handshake: Handshake| {
        assert!(socket.join(["room", "other"]));
        socket.leave("other");
        assert_eq!(socket.rooms()[1..], ["room".into()]);
        match handshake.auth()["refuse"].as_str() {
            Some(reason) => Err(ConnectError::new(reason)),
            None => Ok(()),
        }
    });
    let mut refused = Client::open(node.address).await;
    refused.send(r#"0{"refuse":"no"}"#).await;
    assert_eq!(refused.packet().await, r#"4{"message":"no"}"#);
    assert_eq!(node.io.rooms(), []);
    let mut client = node.client().await;
    assert_eq!(node.io.rooms(), [("room".into(), 1)]);
    node.io.to("room").emit("hi", ());
    assert_eq!(client.event().await, r#"["hi"]"#);
}

#[tokio::test]
async fn a_client_that_leaves_meanwhile_never_connects() {
    let node = Node::start().await;
    node.io.middleware(async |State(journal): State<Journal>, State(gate): State<Gate>, socket: Socket| {
        socket.join("room");
        journal.note("at the gate");
        gate.pass().await;
        journal.note("let in");
        Ok::<_, ConnectError>(())
    });
    node.io.on_connect(async |State(journal): State<Journal>| journal.note("connected"));
    for leave in [false, true] {
        let mut client = Client::open(node.address).await;
        client.send("0").await;
        node.journal.expect(["at the gate"]).await;
        if leave {
            client.websocket.send_frame(0x88, &[]).await;
            client.closed().await;
        }
        drop(client);
        until("the client is gone", || node.io.engine().clients_count() == 0).await;
    }
    // Nobody is asked any further.
    node.gate.open();
    assert_eq!((node.io.sockets_count(), node.io.rooms().len()), (0, 0));
    node.journal.expect_nothing().await;
}

#[tokio::test]
async fn what_a_middleware_asks_for_in_vain_refuses_the_client() {
    #[derive(Deserialize)]
    struct Credentials {
        token: String,
    }
    let node = Node::start().await;
    node.io.middleware(async |Auth(credentials): Auth<Credentials>| match credentials.token.as_str() {
        "right" => Ok(()),
        _ => Err(ConnectError::new("unauthorized")),
    });
    node.io.of("/state").middleware(async |_: State<u128>| Ok::<_, ConnectError>(()));
    let mut client = Client::open(node.address).await;
    for (connect, reply) in [
        ("0", r#"4{"message":"authentication payload: missing field `token` at line 1 column 2"}"#),
        (r#"0{"token":"wrong"}"#, r#"4{"message":"unauthorized"}"#),
        ("0/state,", r#"4/state,{"message":"internal error"}"#),
    ] {
        client.send(connect).await;
        assert_eq!(client.packet().await, reply);
    }
    client.send(r#"0{"token":"right"}"#).await;
    assert!(client.packet().await.starts_with(r#"0{"sid":""#));
}

#[tokio::test]
async fn a_middleware_that_panics_refuses_one_client_without_details() {
    let node = Node::start().await;
    node.io.middleware(async |handshake: Handshake| {
        if handshake.auth()["panic"] == true.into() {
            panic!("a secret");
        }
        Ok::<_, ConnectError>(())
    });
    let mut client = Client::open(node.address).await;
    client.send(r#"0{"panic":true}"#).await;
    assert_eq!(client.packet().await, r#"4{"message":"internal error"}"#);
    client.send("0").await;
    assert!(client.packet().await.starts_with(r#"0{"sid":""#));
}
