//! Connection state recovery: which sessions come back, and with what.

use std::time::Duration;

use fanfare::{ConnectError, DisconnectReason, Recovery, Socket, State};
use fanfare_testkit::Client;
use serde::{Deserialize, Serialize};

use crate::recoverable::{Lost, connect, lose, node, offset_of, reconnect, try_reconnect};
use crate::support::{Gate, Journal, Node, pass_time, until};

#[tokio::test]
async fn it_is_off_unless_asked_for() {
    let node = Node::start().await;
    let mut client = Client::open(node.address).await;
    client.send("0").await;
    let reply = client.packet().await;
    assert!(reply.len() == r#"0{"sid":"01234567890123456789"}"#.len() && !reply.contains("pid"), "{reply}");
    node.io.emit("e", &1);
    node.io.sockets()[0].emit("e", &2);
    assert_eq!((client.event().await, client.event().await), (r#"["e",1]"#.to_owned(), r#"["e",2]"#.to_owned()));
    // What a client sends along for it does nothing.
    let mut client = Client::open(node.address).await;
    client.send(r#"0{"pid":"x","offset":"y"}"#).await;
    assert!(client.packet().await.starts_with(r#"0{"sid":""#));
}

#[tokio::test]
async fn a_client_gets_a_private_id_besides_the_public_one() {
    let node = node().await;
    let (_client, session) = connect(&node, "{}").await;
    let (_other, another) = connect(&node, "{}").await;
    assert_eq!((session.sid.len(), session.pid.len()), (20, 20));
    assert!(session.sid != session.pid && session.pid != another.pid);
    assert!(node.io.sockets().iter().all(|socket| !socket.recovered()));
}

#[tokio::test]
async fn a_session_comes_back_with_its_id_rooms_and_data() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct User {
        name: String,
    }
    let node = node().await;
    node.io.on_connect(async |State(journal): State<Journal>, socket: Socket| {
        journal.note(format!("connected, recovered: {}", socket.recovered()));
        socket.on("ping", async || "pong");
    });
    let (mut client, session) = connect(&node, "{}").await;
    let socket = node.io.sockets().remove(0);
    socket.join(["a", "b"]);
    socket.set_data(User { name: "ann".to_owned() });
    socket.emit("first", ());
    let session = session.seen(&client.event().await);
    lose(&node, client).await;
    assert_eq!(node.io.rooms(), []);
    let mut client = reconnect(&node, &session, 0).await.0;
    node.journal.expect(["connected, recovered: false", "connected, recovered: true"]).await;
    let restored = node.io.sockets().remove(0);
    assert!(restored.recovered() && restored != socket);
    assert_eq!(restored.id().as_str(), session.sid);
    assert_eq!(restored.rooms(), [session.sid.as_str().into(), "a".into(), "b".into()]);
    assert_eq!(restored.data::<User>().as_deref(), Some(&User { name: "ann".to_owned() }));
    assert_eq!(client.ask(1, r#"["ping"]"#).await, r#"["pong"]"#);
    node.io.to("a").emit("live", ());
    assert!(client.event().await.starts_with(r#"["live",""#));
}

#[tokio::test]
async fn a_session_can_be_lost_again_and_again() {
    let node = node().await;
    let (mut client, mut session) = connect(&node, "{}").await;
    node.io.emit("e", &0);
    session = session.seen(&client.event().await);
    for round in 1..5 {
        node.io.sockets()[0].join(round.to_string());
        lose(&node, client).await;
        node.io.emit("e", &round);
        let (next, missed) = reconnect(&node, &session, 1).await;
        client = next;
        assert!(missed[0].starts_with(&format!(r#"2["e",{round},""#)), "{missed:?}");
        session = session.seen(&missed[0][1..]);
        assert_eq!(node.io.rooms().len(), round);
    }
}

#[tokio::test]
async fn whatever_is_not_a_lost_session_becomes_a_new_one() {
    let node = node().await;
    let (mut client, session) = connect(&node, "{}").await;
    node.io.emit("e", ());
    let session = session.seen(&client.event().await);
    lose(&node, client).await;
    let (pid, offset) = (&session.pid, &session.offset);
    for auth in [
        format!(r#"{{"pid":"01234567890123456789","offset":"{offset}"}}"#),
        format!(r#"{{"pid":"{}","offset":"{offset}"}}"#, session.sid),
        format!(r#"{{"pid":"{pid}"}}"#),
        format!(r#"{{"pid":"{pid}","offset":1}}"#),
        format!(r#"{{"pid":["{pid}"],"offset":"{offset}"}}"#),
        format!(r#"{{"offset":"{offset}"}}"#),
        r#"{"pid":null,"offset":null}"#.to_owned(),
        "{}".to_owned(),
    ] {
        let (_client, new) = connect(&node, &auth).await;
        assert!(new.sid != session.sid && new.pid != session.pid, "{auth}");
        assert!(node.io.sockets().iter().all(|socket| !socket.recovered()), "{auth}");
    }
    // None of them has used the session up.
    reconnect(&node, &session, 0).await;
}

#[tokio::test]
async fn an_offset_that_was_never_given_out_brings_nothing_back() {
    for offset in ["", "unknown", "ffffffffffffffff", "-1", "999", "😀"] {
        let node = node().await;
        let (client, session) = connect(&node, "{}").await;
        lose(&node, client).await;
        let wrong = Lost { offset: offset.to_owned(), ..session };
        assert!(try_reconnect(&node, &wrong, 0).await.is_err(), "{offset}");
    }
}

#[tokio::test]
async fn a_session_comes_back_once() {
    let node = node().await;
    let (mut client, session) = connect(&node, "{}").await;
    node.io.emit("e", ());
    let session = session.seen(&client.event().await);
    lose(&node, client).await;
    let (_first, _) = reconnect(&node, &session, 0).await;
    assert!(try_reconnect(&node, &session, 0).await.is_err());
    assert_eq!(node.io.sockets().iter().filter(|socket| socket.recovered()).count(), 1);
}

#[tokio::test]
async fn a_session_that_is_still_there_does_not_come_back() {
    let node = node().await;
    let (mut client, session) = connect(&node, "{}").await;
    node.io.emit("e", ());
    let session = session.seen(&client.event().await);
    assert!(try_reconnect(&node, &session, 0).await.is_err());
    node.io.emit("e", ());
    client.event().await;
}

#[tokio::test]
async fn a_session_is_kept_for_some_time() {
    let recovery = || Recovery { max_disconnection_duration: Duration::from_secs(60), ..Recovery::default() };
    let node = Node::with(|builder| builder.connection_state_recovery(recovery())).await;
    for (seconds, kept) in [(59, true), (61, false)] {
        let (mut client, session) = connect(&node, "{}").await;
        node.io.emit("e", ());
        let session = session.seen(&client.event().await);
        lose(&node, client).await;
        pass_time(Duration::from_secs(seconds)).await;
        assert_eq!(try_reconnect(&node, &session, 0).await.is_ok(), kept, "{seconds}");
    }
}

#[tokio::test]
async fn middlewares_are_skipped_or_not() {
    for skip_middlewares in [true, false] {
        let recovery = Recovery { skip_middlewares, ..Recovery::default() };
        let node = Node::with(|builder| builder.connection_state_recovery(recovery)).await;
        node.io.middleware(async |State(journal): State<Journal>, socket: Socket| {
            journal.note(format!("middleware, recovered: {}", socket.recovered()));
            Ok::<_, ConnectError>(())
        });
        let (mut client, session) = connect(&node, "{}").await;
        node.journal.expect(["middleware, recovered: false"]).await;
        node.io.emit("e", ());
        let session = session.seen(&client.event().await);
        lose(&node, client).await;
        reconnect(&node, &session, 0).await;
        if !skip_middlewares {
            node.journal.expect(["middleware, recovered: true"]).await;
        }
        node.journal.expect_nothing().await;
        // A session that is not restored passes them in any case.
        connect(&node, "{}").await;
        node.journal.expect(["middleware, recovered: false"]).await;
    }
}

#[tokio::test]
async fn a_client_that_breaks_off_on_its_way_back_can_try_again() {
    let recovery = Recovery { skip_middlewares: false, ..Recovery::default() };
    let node = Node::with(|builder| builder.connection_state_recovery(recovery)).await;
    node.io.middleware(async |State(journal): State<Journal>, State(gate): State<Gate>| {
        journal.note("at the gate");
        gate.pass().await;
        Ok::<_, ConnectError>(())
    });
    node.gate.open();
    let (mut client, session) = connect(&node, "{}").await;
    node.io.emit("e", ());
    let session = session.seen(&client.event().await);
    lose(&node, client).await;
    let mut hasty = Client::open(node.address).await;
    hasty.send(&format!("0{}", session.auth())).await;
    node.journal.expect(["at the gate", "at the gate"]).await;
    lose(&node, hasty).await;
    node.gate.open();
    reconnect(&node, &session, 0).await;
}

#[tokio::test]
async fn what_was_lost_comes_back_and_what_was_ended_does_not() {
    let node = node().await;
    note_ends(&node);
    check_end(&node, "transport close", true, async |client, _| drop(client)).await;
    check_end(&node, "transport error", true, async |mut client, _| {
        client.websocket.send_raw(&[0x81, 0xff]).await;
    })
    .await;
    check_end(&node, "forced close", true, async |mut client, _| client.send("0").await).await;
    check_end(&node, "forced close", true, async |_, socket| socket.conn().close()).await;
    check_end(&node, "server namespace disconnect", false, async |_, socket| socket.disconnect(false)).await;
    check_end(&node, "server namespace disconnect", false, async |_, socket| socket.disconnect(true)).await;
    check_end(&node, "client namespace disconnect", false, async |mut client, _| client.send("1").await).await;
    check_end(&node, "parse error", false, async |mut client, _| client.send("nonsense").await).await;
}

#[tokio::test]
async fn a_client_that_was_silent_too_long_comes_back() {
    let node = node().await;
    note_ends(&node);
    check_end(&node, "ping timeout", true, async |client, _| {
        pass_time(Duration::from_secs(47)).await;
        client
    })
    .await;
}

fn note_ends(node: &Node) {
    node.io.on_connect(async |socket: Socket| {
        socket.on_disconnect(async |State(journal): State<Journal>, reason: DisconnectReason| journal.note(reason));
    });
}

/// Ends a socket, checks for what reason it has ended, and whether the session comes back.
async fn check_end<R>(node: &Node, reason: &str, comes_back: bool, end: impl AsyncFnOnce(Client, Socket) -> R) {
    let (mut client, session) = connect(node, "{}").await;
    let socket = node.io.socket(session.sid.parse().unwrap()).unwrap();
    socket.emit("e", ());
    let session = session.seen(&client.event().await);
    let _kept = end(client, socket).await;
    node.journal.expect([reason]).await;
    assert_eq!(try_reconnect(node, &session, 0).await.is_ok(), comes_back, "{reason}");
    // The client of that is gone at once, and its end noted.
    node.journal.next().await;
    until("nobody is left", || node.io.sockets_count() == 0).await;
}

#[tokio::test]
async fn a_polling_client_that_could_not_be_told_comes_back() {
    let node = node().await;
    let polling = node.polling().await;
    polling.send(&["40"]).await;
    node.io.emit("e", ());
    let packets = polling.packets().await;
    let session = Lost::new(&packets[0][1..]).seen(&packets[1][2..]);
    // A violation, while no GET waits: `forced server close`.
    polling.send(&["40"]).await;
    until("it is lost", || node.io.sockets_count() == 0).await;
    node.io.emit("missed", ());
    let polling = node.polling().await;
    polling.send(&[&format!("40{}", session.auth())]).await;
    let packets = polling.packets().await;
    assert!(packets[0].starts_with(r#"42["missed",""#), "{packets:?}");
    assert_eq!(packets[1], format!(r#"40{{"sid":"{}","pid":"{}"}}"#, session.sid, session.pid));
    assert!(!offset_of(&packets[0][2..]).is_empty());
}
