//! What is done with many sockets at once.

use serde::{Deserialize, Serialize};

use super::case_list;
use super::client::Client;
use super::cluster::{Cluster, NAMESPACE, eventually};
use crate::remote::RemoteSocket;

case_list! {
    sockets_of_all_servers_are_fetched
    a_fetched_socket_tells_of_itself
    sockets_of_all_servers_join_and_leave
    sockets_of_all_servers_are_disconnected
    what_is_local_changes_nothing_elsewhere
    a_fetched_socket_can_be_used
}

fn ids(sockets: &[RemoteSocket]) -> Vec<&str> {
    let mut ids: Vec<_> = sockets.iter().map(RemoteSocket::id).collect();
    ids.sort_unstable();
    ids
}

fn ids_of(cluster: &Cluster, indices: &[usize]) -> Vec<String> {
    let mut ids: Vec<_> = indices.iter().map(|&index| cluster.clients[index].id().to_string()).collect();
    ids.sort_unstable();
    ids
}

async fn sockets_of_all_servers_are_fetched(cluster: Cluster) {
    let io = cluster.io();
    let all = io.fetch_sockets().await.expect("all servers answer");
    assert_eq!(ids(&all), ids_of(&cluster, &[0, 1, 2]));
    let some = io.to(["ab", "bc"]).except("a").fetch_sockets().await.expect("all servers answer");
    assert_eq!(ids(&some), ids_of(&cluster, &[1, 2]));
    assert_eq!(io.to("empty").fetch_sockets().await.expect("all servers answer").len(), 0);
    let local: Vec<usize> = (0..3).filter(|&index| cluster.is_local(index)).collect();
    let here = io.local().fetch_sockets().await.expect("nobody has to answer");
    assert_eq!(ids(&here), ids_of(&cluster, &local));
}

async fn a_fetched_socket_tells_of_itself(cluster: Cluster) {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct User {
        name: String,
    }
    cluster.socket(2).set_data(User { name: "carol".to_owned() });
    let id = cluster.clients[2].id();
    let remote = cluster.io().to(id).fetch_sockets().await.expect("all servers answer").remove(0);
    let mut rooms: Vec<_> = remote.rooms().iter().map(|room| room.as_str()).collect();
    rooms.retain(|room| *room != id.as_str());
    rooms.sort_unstable();
    assert_eq!((rooms, remote.rooms().len()), (vec!["bc", "c"], 3));
    assert_eq!(remote.data::<User>().as_deref(), Some(&User { name: "carol".to_owned() }));
    assert_eq!(remote.handshake()["query"]["EIO"].as_str(), Some("4"));
    assert_eq!(remote.handshake()["headers"]["host"].as_str(), Some("conformance"));
}

async fn sockets_of_all_servers_join_and_leave(mut cluster: Cluster) {
    let io = cluster.io();
    io.sockets_join(["x", "y"]);
    io.to("bc").except("b").sockets_join("z");
    cluster.until_in(0, &["a", "ab", "x", "y"]).await;
    cluster.until_in(1, &["ab", "b", "bc", "x", "y"]).await;
    cluster.until_in(2, &["bc", "c", "x", "y", "z"]).await;
    cluster.check(io.to("x"), "abc").await;
    io.to("ab").sockets_leave("x");
    io.sockets_leave(["y", "z"]);
    cluster.until_in(0, &["a", "ab"]).await;
    cluster.until_in(1, &["ab", "b", "bc"]).await;
    cluster.until_in(2, &["bc", "c", "x"]).await;
    cluster.check(io.to("x"), "c").await;
    let rooms = io.all_rooms().await.expect("all servers answer");
    assert!(["a", "bc", "x"].iter().all(|room| rooms.contains(&(*room).into())), "{rooms:?}");
}

async fn sockets_of_all_servers_are_disconnected(mut cluster: Cluster) {
    let io = cluster.io();
    let sockets = [0, 1, 2].map(|index| cluster.socket(index));
    io.to("c").disconnect_sockets(false);
    assert_eq!(cluster.clients[2].packet().await, format!("1{NAMESPACE},"));
    eventually("the socket is gone", || !sockets[2].connected()).await;
    assert!(sockets[0].connected() && sockets[1].connected() && sockets[2].conn().session().is_open());
    io.disconnect_sockets(true);
    for (client, socket) in cluster.clients[..2].iter_mut().zip(&sockets) {
        assert_eq!([client.packet().await, client.packet().await], [format!("1{NAMESPACE},"), "1".to_owned()]);
        eventually("the connection is gone", || !socket.conn().session().is_open()).await;
    }
    assert_eq!(io.fetch_sockets().await.expect("all servers answer").len(), 0);
}

async fn what_is_local_changes_nothing_elsewhere(mut cluster: Cluster) {
    let io = cluster.io();
    io.local().sockets_join("x");
    io.to("a").local().sockets_leave("ab");
    let local = cluster.local_names();
    cluster.check(io.to("x"), &local).await;
    cluster.check(io.to("ab"), "b").await;
    let connected: Vec<_> = (0..3).filter(|&index| !cluster.is_local(index)).collect();
    io.local().disconnect_sockets(false);
    let left = io.fetch_sockets().await.expect("all servers answer");
    assert_eq!(ids(&left), ids_of(&cluster, &connected));
}

async fn a_fetched_socket_can_be_used(mut cluster: Cluster) {
    let io = cluster.io();
    let id = cluster.clients.last().map(Client::id).expect("there are three");
    let remote = io.to(id).fetch_sockets().await.expect("all servers answer").remove(0);
    remote.emit("hello", ());
    cluster.check_reached("c").await;
    remote.join(["x", "y"]);
    remote.leave(["bc", "y"]);
    cluster.until_in(2, &["c", "x"]).await;
    cluster.check(io.to("bc"), "b").await;
    let socket = cluster.socket(2);
    remote.disconnect(true);
    assert_eq!(cluster.clients[2].packet().await, format!("1{NAMESPACE},"));
    eventually("the connection is gone", || !socket.conn().session().is_open()).await;
}
