//! How clients join namespaces.

use std::time::Duration;

use fanfare::{ConnectError, Handshake, Socket, State};
use fanfare_testkit::Client;

use crate::support::{Gate, Journal, Node, pass_time, until};

async fn note_connection(State(journal): State<Journal>, socket: Socket) {
    journal.note(format!("{} connected", socket.namespace().name()));
}

async fn wait_at_gate(State(journal): State<Journal>, State(gate): State<Gate>) -> Result<(), ConnectError> {
    journal.note("at the gate");
    gate.pass().await;
    Ok(())
}

#[tokio::test]
async fn a_client_joins_when_it_asks_and_not_before() {
    let node = Node::start().await;
    node.io.on_connect(note_connection);
    let mut client = Client::open(node.address).await;
    assert_eq!(node.io.sockets_count(), 0);
    node.journal.expect_nothing().await;
    client.send("0").await;
    let reply = client.packet().await;
    let sid = reply.strip_prefix(r#"0{"sid":""#).and_then(|rest| rest.strip_suffix(r#""}"#)).expect(&reply);
    assert_eq!(sid.len(), 20);
    assert!(sid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{sid}");
    node.journal.expect(["/ connected"]).await;
    assert_ne!(node.io.sockets()[0].conn().session().sid().as_str(), sid);
}

#[tokio::test]
async fn the_authentication_payload_arrives() {
    let node = Node::start().await;
    let emit_auth = async |socket: Socket, handshake: Handshake| socket.emit("auth", &handshake.auth());
    node.io.on_connect(emit_auth);
    node.io.of("/custom").on_connect(emit_auth);
    for (connect, auth) in [
        ("0", r#"2["auth",{}]"#),
        (r#"0{"token":"123"}"#, r#"2["auth",{"token":"123"}]"#),
        ("0/,{}", r#"2["auth",{}]"#),
        ("0/custom", r#"2/custom,["auth",{}]"#),
        ("0/custom,", r#"2/custom,["auth",{}]"#),
        (r#"0/custom,{"a":[1,{"b":"é"}]}"#, r#"2/custom,["auth",{"a":[1,{"b":"é"}]}]"#),
    ] {
        let mut client = Client::open(node.address).await;
        client.send(connect).await;
        client.packet().await;
        assert_eq!(client.packet().await, auth, "{connect}");
    }
}

#[tokio::test]
async fn an_unknown_namespace_is_refused_and_nothing_else_happens() {
    let node = Node::start().await;
    let mut client = node.client().await;
    for (connect, refusal) in [
        ("0/random", r#"4/random,{"message":"Invalid namespace"}"#),
        ("0/random,", r#"4/random,{"message":"Invalid namespace"}"#),
        ("0/a?b=c,", r#"4/a?b=c,{"message":"Invalid namespace"}"#),
    ] {
        client.send(connect).await;
        assert_eq!(client.packet().await, refusal);
    }
    node.io.emit("still", "here");
    assert_eq!(client.event().await, r#"["still","here"]"#);
}

#[tokio::test]
async fn a_refusal_carries_message_and_data() {
    let node = Node::start().await;
    let refuse = async |handshake: Handshake| match handshake.auth()["with"].as_str() {
        Some("data") => Err(ConnectError::new("boom").with_data(&serde_json::json!({"a": 1, "b": [2]}))),
        Some("text") => Err("plain \"text\"".into()),
        _ => Err(ConnectError::new("boom")),
    };
    node.io.middleware(refuse);
    node.io.of("/mw").middleware(refuse);
    let mut client = Client::open(node.address).await;
    for (connect, refusal) in [
        ("0", r#"4{"message":"boom"}"#),
        ("0/mw,", r#"4/mw,{"message":"boom"}"#),
        (r#"0/mw,{"with":"data"}"#, r#"4/mw,{"message":"boom","data":{"a":1,"b":[2]}}"#),
        (r#"0{"with":"text"}"#, r#"4{"message":"plain \"text\""}"#),
    ] {
        client.send(connect).await;
        assert_eq!(client.packet().await, refusal);
    }
}

#[tokio::test]
async fn a_refused_client_can_try_again_and_elsewhere() {
    let node = Node::start().await;
    node.io.of("/open");
    node.io.middleware(async |handshake: Handshake| match handshake.auth()["token"].as_str() {
        Some("right") => Ok(()),
        _ => Err(ConnectError::new("unauthorized")),
    });
    let mut client = Client::open(node.address).await;
    client.send("0").await;
    assert_eq!(client.packet().await, r#"4{"message":"unauthorized"}"#);
    client.send("0/open,").await;
    assert!(client.packet().await.starts_with(r#"0/open,{"sid":""#));
    client.send(r#"0{"token":"right"}"#).await;
    assert!(client.packet().await.starts_with(r#"0{"sid":""#));
}

/// Shorter than the interval of pings, so that nothing else is due meanwhile.
const TIME_TO_CONNECT: Duration = Duration::from_secs(10);
const LONGER: Duration = Duration::from_secs(11);

async fn impatient() -> Node {
    Node::with(|builder| builder.connect_timeout(TIME_TO_CONNECT)).await
}

#[tokio::test]
async fn a_client_without_namespace_is_closed_after_a_while() {
    let node = impatient().await;
    let mut client = Client::open(node.address).await;
    let polling = node.polling().await;
    let mut poll = polling.start_poll().await;
    until("the GET waits", || node.io.engine().sessions().iter().all(|session| session.is_writable())).await;
    pass_time(LONGER).await;
    assert!(client.closed().await);
    assert_eq!(poll.response().await.text(), "1");
    assert_eq!(polling.poll().await.status, 400);
}

#[tokio::test]
async fn the_time_to_connect_runs_on_while_a_middleware_thinks() {
    let node = impatient().await;
    node.io.middleware(wait_at_gate);
    node.io.on_connect(note_connection);
    let mut client = Client::open(node.address).await;
    client.send("0").await;
    let polling = node.polling().await;
    polling.send(&["40"]).await;
    node.journal.expect(["at the gate", "at the gate"]).await;
    pass_time(LONGER).await;
    assert!(client.closed().await);
    while polling.packets().await.last().is_none_or(|packet| packet != "1") {}
    until("both are gone", || node.io.engine().clients_count() == 0).await;
    node.gate.open();
    node.gate.open();
    node.journal.expect_nothing().await;
    assert_eq!(node.io.sockets_count(), 0);
}

#[tokio::test]
async fn the_time_to_connect_runs_on_after_a_refusal() {
    let node = impatient().await;
    let mut client = Client::open(node.address).await;
    client.send("0/unknown,").await;
    assert!(client.packet().await.starts_with("4/unknown,"));
    pass_time(LONGER).await;
    assert!(client.closed().await);
}

#[tokio::test]
async fn a_client_that_has_joined_has_all_the_time_in_the_world() {
    let node = impatient().await;
    let mut client = node.client().await;
    pass_time(LONGER).await;
    node.io.emit("still", "here");
    assert_eq!(client.event().await, r#"["still","here"]"#);
    // Even in no namespace any more.
    client.send("1").await;
    until("it has left", || node.io.sockets_count() == 0).await;
    pass_time(LONGER).await;
    client.send("0").await;
    assert!(client.packet().await.starts_with(r#"0{"sid""#));
}

#[tokio::test]
async fn a_middleware_that_takes_too_long_refuses_the_client() {
    let node = impatient().await;
    node.io.of("/slow").middleware(wait_at_gate);
    let mut client = node.client().await;
    client.send("0/slow,").await;
    node.journal.expect(["at the gate"]).await;
    pass_time(LONGER).await;
    assert_eq!(client.packet().await, r#"4/slow,{"message":"timeout"}"#);
}

#[tokio::test]
async fn violations_of_the_protocol_close_the_connection() {
    let node = Node::start().await;
    node.io.of("/slow").middleware(wait_at_gate);
    for packets in [
        &["0", "0"][..],
        &["0", "0{}"],
        &["0/slow,", "0/slow,"],
        &[r#"2["event"]"#],
        &["0", r#"2/other,["event"]"#],
        &["0", r#"3/other,1[]"#],
        &["0", "1/other,"],
        &["0", "0/slow,", r#"2/slow,["event"]"#],
        &["0", "1", r#"2["event"]"#],
        &["0", "1", "1"],
        &["0", r#"4{"message":"no"}"#],
    ] {
        let mut client = Client::open(node.address).await;
        for packet in packets {
            client.send(packet).await;
        }
        client.closed().await;
    }
    until("all are gone", || node.io.engine().clients_count() == 0).await;
}

#[tokio::test]
async fn a_polling_client_that_violates_the_protocol_is_told_so() {
    let node = Node::start().await;
    let (client, _) = node.polling_client().await;
    assert_eq!(client.send(&["40"]).await.text(), "ok");
    assert_eq!(client.poll().await.text(), "6\x1e1");
    assert_eq!(client.poll().await.status, 400);
}

#[tokio::test]
async fn handlers_run_when_the_socket_is_complete_and_the_client_has_been_told() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.emit("state", (socket.connected(), socket.rooms(), socket.id()));
    });
    node.io.on_connect(async |socket: Socket| socket.emit("second", ()));
    let mut client = node.client().await;
    let sid = client.sid().to_owned();
    assert_eq!(client.event().await, format!(r#"["state",true,["{sid}"],"{sid}"]"#));
    assert_eq!(client.event().await, r#"["second"]"#);
}

#[tokio::test]
async fn what_a_handler_registers_before_its_first_await_misses_no_event() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("early", async || "heard");
    });
    for _ in 0..20 {
        let mut client = node.client().await;
        assert_eq!(client.ask(1, r#"["early"]"#).await, r#"["heard"]"#);
    }
}

#[tokio::test]
async fn namespaces_on_one_connection_are_independent() {
    let node = Node::start().await;
    let namespaces = ["/a", "/b", "/c"].map(|name| node.io.of(name));
    let mut client = node.client().await;
    for name in ["/a", "/b", "/c"] {
        client.send(&format!("0{name},")).await;
        client.packet().await;
    }
    let sockets: Vec<Socket> = namespaces.iter().flat_map(|namespace| namespace.sockets()).collect();
    assert_eq!(sockets.len(), 3);
    let main = &node.io.sockets()[0];
    for (index, socket) in sockets.iter().enumerate() {
        assert_eq!(socket.conn().session(), main.conn().session());
        assert!(sockets[..index].iter().all(|other| other.id() != socket.id()) && main.id() != socket.id());
    }
    namespaces[1].emit("hi", ());
    assert_eq!(client.packet().await, r#"2/b,["hi"]"#);
    client.send("1/a,").await;
    until("one has left", || namespaces[0].sockets_count() == 0).await;
    namespaces[2].emit("hi", ());
    assert_eq!(client.packet().await, r#"2/c,["hi"]"#);
    assert_eq!(node.io.engine().clients_count(), 1);
}

#[tokio::test]
async fn a_client_can_come_back_on_the_same_connection() {
    let node = Node::start().await;
    let mut client = node.client().await;
    client.send("1").await;
    until("it has left", || node.io.sockets_count() == 0).await;
    // The connection outlives its last namespace: the next ping comes.
    pass_time(Duration::from_secs(26)).await;
    assert_eq!(client.websocket.text().await, "2");
    client.websocket.send("3").await;
    assert_eq!(node.io.engine().clients_count(), 1);
    client.send("0").await;
    let reply = client.packet().await;
    assert!(reply.starts_with(r#"0{"sid":""#) && !reply.contains(client.sid()), "{reply}");
}
