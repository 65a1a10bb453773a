//! What a program can do with many sockets at once, and with those it has fetched.

use fanfare::{Namespace, RemoteSocket, Server, Socket, Value};
use fanfare_testkit::Client;
use serde::{Deserialize, Serialize};

use crate::support::{Node, until};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    name: String,
}

/// Three clients; the first two are in `room`, the second in `other` too.
async fn three(node: &Node) -> [Client; 3] {
    let clients = [node.client().await, node.client().await, node.client().await];
    let sockets = clients.each_ref().map(|client| socket(&node.io, client));
    sockets[0].join("room");
    sockets[1].join(["room", "other"]);
    clients
}

fn socket(io: &Server, client: &Client) -> Socket {
    io.socket(client.sid().parse().unwrap()).unwrap()
}

fn ids(sockets: &[RemoteSocket]) -> Vec<&str> {
    let mut ids: Vec<_> = sockets.iter().map(RemoteSocket::id).collect();
    ids.sort_unstable();
    ids
}

fn sids<'a>(clients: impl IntoIterator<Item = &'a Client>) -> Vec<&'a str> {
    let mut sids: Vec<_> = clients.into_iter().map(Client::sid).collect();
    sids.sort_unstable();
    sids
}

fn count(io: &Namespace, room: &str) -> usize {
    io.rooms().iter().find(|(name, _)| **name == *room).map_or(0, |(_, count)| *count)
}

#[tokio::test]
async fn many_sockets_join_and_leave_at_once() {
    let node = Node::start().await;
    let clients = three(&node).await;
    let io = &node.io;
    io.sockets_join("everybody");
    io.to("room").sockets_join(["r1", "r2"]);
    io.to("room").except("other").sockets_join("first");
    io.to(clients[2].sid()).sockets_join("third");
    let counts = ["everybody", "r1", "r2", "first", "third"].map(|room| count(io, room));
    assert_eq!(counts, [3, 2, 2, 1, 1]);
    assert!(socket(io, &clients[0]).rooms().contains(&"first".into()));
    io.to("other").sockets_leave(["r1", "r2"]);
    io.except("room").sockets_leave("everybody");
    io.sockets_leave("third");
    let counts = ["everybody", "r1", "r2", "first", "third"].map(|room| count(io, room));
    assert_eq!(counts, [2, 1, 1, 1, 0]);
    // A socket that speaks of many leaves itself out.
    socket(io, &clients[0]).to("room").sockets_join("friends");
    assert_eq!(socket(io, &clients[1]).rooms().last(), Some(&"friends".into()));
    assert_eq!(count(io, "friends"), 1);
}

#[tokio::test]
async fn many_sockets_are_disconnected_at_once() {
    let node = Node::start().await;
    let [mut first, mut second, mut third] = three(&node).await;
    second.send("0/unknown,").await;
    second.packet().await;
    node.io.to("other").disconnect_sockets(false);
    assert_eq!(second.packet().await, "1");
    assert_eq!((node.io.sockets_count(), node.io.engine().clients_count()), (2, 3));
    node.io.to("room").disconnect_sockets(true);
    assert_eq!(first.packet().await, "1");
    assert!(first.closed().await);
    until("its connection is gone", || node.io.engine().clients_count() == 2).await;
    node.io.disconnect_sockets(true);
    assert_eq!(third.packet().await, "1");
    assert!(third.closed().await);
    // The second is in no namespace any more.
    until("the connection is gone", || node.io.engine().clients_count() == 1).await;
    assert_eq!(node.io.sockets_count(), 0);
}

#[tokio::test]
async fn sockets_can_be_fetched_by_rooms() {
    let node = Node::start().await;
    let clients = three(&node).await;
    let io = &node.io;
    assert_eq!(ids(&io.fetch_sockets().await.unwrap()), sids(&clients));
    assert_eq!(ids(&io.to("room").fetch_sockets().await.unwrap()), sids(&clients[..2]));
    assert_eq!(ids(&io.within("room").except("other").fetch_sockets().await.unwrap()), sids(&clients[..1]));
    assert_eq!(ids(&io.local().except("room").fetch_sockets().await.unwrap()), sids(&clients[2..]));
    assert_eq!(ids(&io.to("empty").fetch_sockets().await.unwrap()), [""; 0]);
    assert_eq!(ids(&io.of("/other").fetch_sockets().await.unwrap()), [""; 0]);
    let others = socket(io, &clients[0]).broadcast().fetch_sockets().await.unwrap();
    assert_eq!(ids(&others), sids(&clients[1..]));
}

#[tokio::test]
async fn a_fetched_socket_tells_of_itself() {
    let node = Node::start().await;
    let client = Client::connect_to(node.address, "/", r#"{"token":"t"}"#).await;
    let socket = node.io.sockets().remove(0);
    socket.join(["a", "b"]);
    let fetch = async || node.io.fetch_sockets().await.unwrap().remove(0);
    assert_eq!(fetch().await.data::<User>(), None);
    socket.set_data(User { name: "ann".to_owned() });
    let remote = fetch().await;
    assert_eq!(remote.id(), client.sid());
    assert_eq!(remote.rooms(), [client.sid().into(), "a".into(), "b".into()]);
    assert_eq!(remote.data::<User>().as_deref(), Some(&User { name: "ann".to_owned() }));
    assert_eq!((remote.data::<Value>().unwrap()["name"].as_str(), remote.data::<u8>()), (Some("ann"), None));
    assert_eq!(remote.handshake()["auth"]["token"].as_str(), Some("t"));
    assert_eq!(remote.handshake()["query"]["EIO"].as_str(), Some("4"));
    // It is as it was.
    socket.leave("a");
    assert_eq!(remote.rooms().len(), 3);
}

#[tokio::test]
async fn a_fetched_socket_can_be_used_as_if_it_were_here() {
    let node = Node::start().await;
    let [mut first, mut second, _third] = three(&node).await;
    let remote = node.io.to(first.sid()).fetch_sockets().await.unwrap().remove(0);
    remote.emit("hi", (1, "two"));
    assert_eq!(first.event().await, r#"["hi",1,"two"]"#);
    remote.join(["x", "y"]);
    remote.leave(["room", "x"]);
    assert_eq!(socket(&node.io, &first).rooms()[1..], ["y".into()]);
    remote.disconnect(false);
    assert_eq!(first.packet().await, "1");
    first.send("0").await;
    assert!(first.packet().await.starts_with(r#"0{"sid""#));
    // It was for the socket, not for its client.
    remote.emit("to nobody", ());
    node.io.emit("end", ());
    assert_eq!(first.event().await, r#"["end"]"#);
    assert_eq!(second.event().await, r#"["end"]"#);
    let remote = node.io.to(second.sid()).fetch_sockets().await.unwrap().remove(0);
    remote.disconnect(true);
    assert_eq!(second.packet().await, "1");
    assert!(second.closed().await);
}

#[tokio::test]
async fn the_sockets_of_this_node_can_be_walked_at_once() {
    let node = Node::start().await;
    let clients = three(&node).await;
    let mut here: Vec<_> = node.io.sockets().iter().map(|socket| socket.id().to_string()).collect();
    here.sort_unstable();
    assert_eq!(here, sids(&clients));
    assert_eq!(node.io.sockets_count(), 3);
    assert_eq!(node.io.socket(clients[1].sid().parse().unwrap()).map(|socket| socket.rooms().len()), Some(3));
    assert_eq!(node.io.server_count().await, Ok(1));
}

#[tokio::test]
async fn without_other_servers_there_is_nobody_to_emit_to() {
    let node = Node::start().await;
    let mut client = node.client().await;
    assert!(node.io.server_side_emit("hello", (1, "two")).await.is_ok());
    assert_eq!(node.io.server_side_emit_with_ack("hello", ()).await, Ok(vec![]));
    node.io.emit("end", ());
    assert_eq!(client.event().await, r#"["end"]"#);
}
