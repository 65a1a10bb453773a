//! Events that may be lost: they are, where the client cannot take them at once.

use bytes::Bytes;
use fanfare::{Server, Socket};

use crate::support::{Node, until};

type Send = fn(&Server, &Socket);

fn regular(_: &Server, socket: &Socket) {
    socket.emit("regular", ());
}

fn volatile(_: &Server, socket: &Socket) {
    socket.volatile().emit("volatile", ());
}

fn volatile_binary(_: &Server, socket: &Socket) {
    socket.volatile().emit("volatile", &Bytes::from_static(b"data"));
}

fn volatile_broadcast(io: &Server, _: &Socket) {
    io.volatile().emit("volatile", ());
}

fn volatile_broadcast_binary(io: &Server, socket: &Socket) {
    io.to(socket.id()).volatile().emit("volatile", &Bytes::from_static(b"data"));
}

const REGULAR: &str = r#"42["regular"]"#;
const VOLATILE: &str = r#"42["volatile"]"#;
const BINARY: [&str; 2] = [r#"451-["volatile",{"_placeholder":true,"num":0}]"#, "bZGF0YQ=="];

/// What is sent to a client that could take it at once, and what of that arrives.
const CASES: [(&[Send], &[&str]); 8] = [
    (&[volatile], &[VOLATILE]),
    (&[regular, volatile], &[REGULAR]),
    (&[volatile, volatile], &[VOLATILE]),
    (&[volatile, regular], &[VOLATILE, REGULAR]),
    (&[regular, volatile, regular], &[REGULAR, REGULAR]),
    (&[volatile_binary, volatile_binary], &BINARY),
    (&[volatile_broadcast, volatile_broadcast], &[VOLATILE]),
    (&[volatile_broadcast_binary, volatile_broadcast_binary, regular], &[BINARY[0], BINARY[1], REGULAR]),
];

#[tokio::test]
async fn over_websocket_right_behind_something_else_is_too_early() {
    let node = Node::start().await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    for (sends, expected) in CASES {
        until("all has left", || socket.conn().session().is_writable()).await;
        sends.iter().for_each(|send| send(&node.io, &socket));
        socket.emit("end", ());
        for packet in expected {
            match packet.strip_prefix('b') {
                Some(_) => assert_eq!(client.websocket.binary().await, b"data"),
                None => assert_eq!(client.websocket.text().await, *packet),
            }
        }
        assert_eq!(client.websocket.text().await, r#"42["end"]"#);
    }
}

#[tokio::test]
async fn over_polling_only_a_get_that_waits_takes_them() {
    let node = Node::start().await;
    let (client, _) = node.polling_client().await;
    let socket = node.io.sockets().remove(0);
    for (sends, expected) in CASES {
        let mut poll = client.start_poll().await;
        until("the GET waits", || socket.conn().session().is_writable()).await;
        sends.iter().for_each(|send| send(&node.io, &socket));
        socket.emit("end", ());
        let response = poll.response().await;
        let mut packets: Vec<_> = response.text().split('\x1e').map(str::to_owned).collect();
        if packets.last().is_none_or(|packet| packet != r#"42["end"]"#) {
            packets.extend(client.packets().await);
        }
        assert_eq!(packets[..packets.len() - 1], *expected);
        // No GET waits now.
        volatile(&node.io, &socket);
        volatile_broadcast(&node.io, &socket);
        socket.emit("end", ());
        assert_eq!(client.packets().await, [r#"42["end"]"#]);
    }
}

#[tokio::test]
async fn every_receiver_of_a_broadcast_counts_for_itself() {
    let node = Node::start().await;
    let mut ready = node.client().await;
    let (busy, id) = node.polling_client().await;
    until("all has left", || node.io.sockets().iter().any(|socket| socket.conn().session().is_writable())).await;
    node.io.volatile().emit("volatile", ());
    node.io.emit("end", ());
    assert_eq!(ready.event().await, r#"["volatile"]"#);
    assert_eq!(ready.event().await, r#"["end"]"#);
    assert_eq!(busy.packets().await, [r#"42["end"]"#]);
    assert_eq!(node.io.sockets_count(), 2);
    assert!(node.io.socket(id.parse().unwrap()).is_some());
}

#[tokio::test]
async fn the_flag_is_for_one_event() {
    let node = Node::start().await;
    let (client, _) = node.polling_client().await;
    let socket = node.io.sockets().remove(0);
    socket.volatile().emit("lost", ());
    socket.emit("kept", ());
    let operator = node.io.to(socket.id());
    operator.clone().volatile().emit("lost", ());
    operator.emit("kept", ());
    assert_eq!(client.packets().await, [r#"42["kept"]"#, r#"42["kept"]"#]);
}

#[tokio::test]
async fn a_client_that_is_gone_gets_nothing() {
    let node = Node::start().await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    client.send("1").await;
    until("it has left", || !socket.connected()).await;
    assert_eq!(socket.volatile().emit("volatile", ()).result(), Err(fanfare::EmitError::Disconnected));
    node.io.volatile().emit("volatile", ());
    client.send("0").await;
    assert!(client.packet().await.starts_with(r#"0{"sid""#));
}
