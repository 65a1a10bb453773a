//! Connection state recovery: which events a client gets that it has missed.

use std::time::Duration;

use bytes::Bytes;
use fanfare::{EventName, Recovery, Socket};
use serde_json::Value;

use crate::recoverable::{Lost, connect, lose, node, offset_of, reconnect, try_reconnect};
use crate::support::{Node, pass_time, patiently};

/// A node with one client, which is in the room `in` and has seen one event.
async fn one_client() -> (Node, fanfare_testkit::Client, Lost) {
    let node = node().await;
    let (mut client, session) = connect(&node, "{}").await;
    node.io.sockets()[0].join("in");
    node.io.emit("start", ());
    let session = session.seen(&client.event().await);
    (node, client, session)
}

/// The arguments of an event without its offset.
fn without_offset(packet: &str) -> String {
    let mut event: Vec<Value> = serde_json::from_str(packet.strip_prefix('2').unwrap_or(packet)).unwrap();
    event.pop();
    serde_json::to_string(&event).unwrap()
}

#[tokio::test]
async fn events_carry_an_offset_as_their_last_argument() {
    let (node, mut client, session) = one_client().await;
    let socket = node.io.sockets().remove(0);
    node.io.emit("to all", (1, "two"));
    socket.emit("to one", ());
    node.io.to("in").emit("to a room", &[1]);
    let mut offsets = vec![session.offset];
    for expected in [r#"["to all",1,"two"]"#, r#"["to one"]"#, r#"["to a room",[1]]"#] {
        let event = client.event().await;
        assert_eq!(without_offset(&event), expected);
        offsets.push(offset_of(&event));
    }
    socket.emit("binary", &Bytes::from_static(b"data"));
    let packet = client.packet().await;
    assert!(packet.starts_with(r#"51-["binary",{"_placeholder":true,"num":0},""#), "{packet}");
    client.websocket.binary().await;
    offsets.push(offset_of(&packet[3..]));
    offsets.sort();
    offsets.dedup();
    assert_eq!(offsets.len(), 5);
}

#[tokio::test]
async fn all_receivers_of_a_broadcast_see_one_offset() {
    let (node, mut client, _) = one_client().await;
    let (mut other, _) = connect(&node, "{}").await;
    node.io.emit("e", ());
    assert_eq!(client.event().await, other.event().await);
}

#[tokio::test]
async fn questions_and_volatile_events_carry_none() {
    let (node, mut client, _) = one_client().await;
    let socket = node.io.sockets().remove(0);
    drop(socket.emit_with_ack::<()>("ask", &1));
    drop(node.io.emit_with_ack::<()>("ask all", &1));
    assert_eq!((client.packet().await, client.packet().await), (r#"20["ask",1]"#.into(), r#"21["ask all",1]"#.into()));
    for send in [true, false] {
        crate::support::until("all has left", || socket.conn().session().is_writable()).await;
        match send {
            true => drop(socket.volatile().emit("volatile", &1)),
            false => drop(node.io.volatile().emit("volatile", &1)),
        }
        assert_eq!(client.event().await, r#"["volatile",1]"#);
    }
}

#[tokio::test]
async fn what_was_for_the_session_is_replayed_before_it_is_connected_again() {
    let (node, client, session) = one_client().await;
    let socket = node.io.sockets().remove(0);
    let (_other, _) = connect(&node, "{}").await;
    let sender = node.io.sockets().into_iter().find(|known| *known != socket).unwrap();
    lose(&node, client).await;

    node.io.emit("1 to all", ());
    node.io.to("in").emit("2 to its room", (1, "x"));
    node.io.to(["out", "in"]).emit("3 to one of its rooms", ());
    node.io.to(socket.id()).emit("4 to itself", ());
    assert!(socket.emit("5 by its old handle", ()).await.is_ok());
    sender.broadcast().emit("6 of another", ());
    node.io.except("out").emit("7 but others", ());

    node.io.to("out").emit("not to another room", ());
    node.io.except("in").emit("not but its room", ());
    node.io.to("in").except(socket.id()).emit("not but itself", ());
    node.io.volatile().emit("not volatile", ());
    drop(node.io.timeout(Duration::from_millis(1)).emit_with_ack::<()>("not asked", ()));
    sender.emit("not to it", ());
    node.io.of("/other").emit("not elsewhere", ());

    let (mut client, missed) = reconnect(&node, &session, 7).await;
    let events: Vec<_> = missed.iter().map(|packet| without_offset(packet)).collect();
    assert_eq!(
        events,
        [
            r#"["1 to all"]"#,
            r#"["2 to its room",1,"x"]"#,
            r#"["3 to one of its rooms"]"#,
            r#"["4 to itself"]"#,
            r#"["5 by its old handle"]"#,
            r#"["6 of another"]"#,
            r#"["7 but others"]"#,
        ]
    );
    node.io.emit("live", ());
    assert_eq!(without_offset(&client.event().await), r#"["live"]"#);
}

#[tokio::test]
async fn what_was_seen_is_not_replayed() {
    let (node, mut client, mut session) = one_client().await;
    for number in 0..5 {
        node.io.emit("e", &number);
        let event = client.event().await;
        // The rest is lost on its way.
        if number == 2 {
            session = session.seen(&event);
        }
    }
    lose(&node, client).await;
    let (_, missed) = reconnect(&node, &session, 2).await;
    let events: Vec<_> = missed.iter().map(|packet| without_offset(packet)).collect();
    assert_eq!(events, [r#"["e",3]"#, r#"["e",4]"#]);
}

#[tokio::test]
async fn binary_packets_are_replayed_whole() {
    let (node, client, session) = one_client().await;
    lose(&node, client).await;
    node.io.emit("picture", (&Bytes::from_static(b"one"), "and", [Bytes::from_static(b"two")]));
    let mut client = fanfare_testkit::Client::open(node.address).await;
    client.send(&format!("0{}", session.auth())).await;
    let packet = client.packet().await;
    let head = r#"52-["picture",{"_placeholder":true,"num":0},"and",[{"_placeholder":true,"num":1}],""#;
    assert!(packet.starts_with(head), "{packet}");
    assert_eq!((client.websocket.binary().await, client.websocket.binary().await), (b"one".to_vec(), b"two".to_vec()));
    assert_eq!(Lost::new(&client.packet().await).sid, session.sid);
}

#[tokio::test]
async fn rooms_that_were_left_in_time_are_not_replayed() {
    let (node, client, session) = one_client().await;
    let socket = node.io.sockets().remove(0);
    socket.join("late");
    socket.leave("in");
    lose(&node, client).await;
    node.io.to("in").emit("not this", ());
    node.io.to("late").emit("this", ());
    let (_, missed) = reconnect(&node, &session, 1).await;
    assert_eq!(without_offset(&missed[0]), r#"["this"]"#);
}

#[tokio::test]
async fn events_are_kept_as_long_as_sessions() {
    let recovery = Recovery { max_disconnection_duration: Duration::from_secs(60), ..Recovery::default() };
    let node =
        Node::with(|builder| builder.connection_state_recovery(recovery).ping_interval(Duration::from_secs(3600)))
            .await;
    let (mut client, session) = connect(&node, "{}").await;
    node.io.emit("seen", ());
    let session = session.seen(&client.event().await);
    node.io.emit("sent, and lost on its way", ());
    pass_time(Duration::from_secs(70)).await;
    node.io.emit("later", ());
    lose(&node, client).await;
    assert!(try_reconnect(&node, &session, 0).await.is_err());
}

#[tokio::test]
async fn a_listener_of_what_is_sent_may_send_itself() {
    let (node, mut client, _) = one_client().await;
    node.io.sockets()[0].on_any_outgoing(async |socket: Socket, EventName(name): EventName| {
        if name == "question" {
            socket.emit("to itself", ());
            socket.namespace().emit("to all", ());
        }
    });
    let io = node.io.clone();
    let (done, sent) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        io.emit("question", ());
        io.sockets()[0].emit("question", ());
        done.send(()).unwrap();
    });
    patiently("no deadlock", sent).await.unwrap();
    for expected in [r#"["question"]"#, r#"["to itself"]"#, r#"["to all"]"#].repeat(2) {
        assert_eq!(without_offset(&client.event().await), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_or_doubled_while_sessions_come_and_go() {
    let node = node().await;
    let (mut client, mut session) = connect(&node, "{}").await;
    node.io.emit("e", &0);
    session = session.seen(&client.event().await);
    let io = node.io.clone();
    let sending = tokio::spawn(async move {
        for number in 1..=EVENTS {
            io.emit("e", &number);
            if number % 5 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let mut next = 1;
    while next <= EVENTS {
        // A few live ones, and off again.
        for _ in 0..7.min(EVENTS + 1 - next) {
            read_event(&mut session, &mut next, &client.event().await);
        }
        lose(&node, client).await;
        client = fanfare_testkit::Client::open(node.address).await;
        client.send(&format!("0{}", session.auth())).await;
        loop {
            let packet = client.packet().await;
            match packet.strip_prefix('2') {
                Some(event) => read_event(&mut session, &mut next, event),
                None => break assert_eq!(Lost::new(&packet).sid, session.sid),
            }
        }
    }
    sending.await.unwrap();
}

const EVENTS: usize = 400;

fn read_event(session: &mut Lost, next: &mut usize, event: &str) {
    assert_eq!(without_offset(event), format!(r#"["e",{next}]"#));
    session.offset = offset_of(event);
    *next += 1;
}
