//! Whom broadcasts reach, and how.

use bytes::Bytes;

use super::case_list;
use super::client::Client;
use super::cluster::{Cluster, NAMES, eventually};

case_list! {
    everybody_gets_a_broadcast
    rooms_say_who_gets_it_and_each_gets_it_once
    except_wins_over_to
    a_socket_speaks_to_all_others
    a_socket_is_reached_by_its_id
    what_is_local_stays_on_its_server
    what_is_volatile_is_for_those_who_can_take_it
    broadcasts_keep_their_order
    namespaces_are_kept_apart
    what_cannot_be_sent_is_an_error_at_once
}

async fn everybody_gets_a_broadcast(mut cluster: Cluster) {
    let io = cluster.io();
    io.emit("none", ());
    io.emit("several", (1, "two", [3.5], None::<()>));
    io.emit("binary", (&Bytes::from_static(&[1, 2, 3, 4]), "and text"));
    for client in &mut cluster.clients {
        assert_eq!(client.event().await, r#"["none"]"#);
        assert_eq!(client.event().await, r#"["several",1,"two",[3.5],null]"#);
        let binary = r#"51-/conformance,["binary",{"_placeholder":true,"num":0},"and text"]"#;
        assert_eq!([client.packet().await, client.packet().await], [binary, "bAQIDBA=="]);
    }
}

async fn rooms_say_who_gets_it_and_each_gets_it_once(mut cluster: Cluster) {
    let io = cluster.io();
    cluster.check(io.to("a"), "a").await;
    cluster.check(io.to("c"), "c").await;
    cluster.check(io.to("ab"), "ab").await;
    cluster.check(io.to(["ab", "bc"]), "abc").await;
    cluster.check(io.to("empty").to("bc"), "bc").await;
    cluster.check(io.to("empty"), "").await;
}

async fn except_wins_over_to(mut cluster: Cluster) {
    let io = cluster.io();
    cluster.check(io.except("c"), "ab").await;
    cluster.check(io.except(["ab", "empty"]), "c").await;
    cluster.check(io.to("ab").except("b"), "a").await;
    cluster.check(io.to(["ab", "bc"]).except("bc"), "a").await;
    cluster.check(io.to("ab").except("ab"), "").await;
    let [a, _, c] = cluster.clients.each_ref().map(Client::id);
    cluster.check(io.except([a, c]), "b").await;
}

async fn a_socket_speaks_to_all_others(mut cluster: Cluster) {
    let a = cluster.socket(0);
    cluster.check(a.broadcast(), "bc").await;
    cluster.check(a.to("ab"), "b").await;
    cluster.check(a.to("bc").except("c"), "b").await;
}

async fn a_socket_is_reached_by_its_id(mut cluster: Cluster) {
    let io = cluster.io();
    for (id, name) in cluster.clients.each_ref().map(Client::id).into_iter().zip(NAMES) {
        cluster.check(io.to(id), name).await;
    }
}

async fn what_is_local_stays_on_its_server(mut cluster: Cluster) {
    let (io, local) = (cluster.io(), cluster.local_names());
    cluster.check(io.local(), &local).await;
    let in_bc: String = local.chars().filter(|name| *name != 'a').collect();
    cluster.check(io.to("bc").local(), &in_bc).await;
}

async fn what_is_volatile_is_for_those_who_can_take_it(mut cluster: Cluster) {
    let io = cluster.io();
    // No client has a GET waiting.
    cluster.check(io.local().volatile(), "").await;
    for (operator, reached) in [(io.volatile(), "abc"), (io.to("bc").volatile(), "bc")] {
        for index in 0..NAMES.len() {
            cluster.clients[index].wait();
            let socket = cluster.socket(index);
            eventually("the GET waits", || socket.conn().session().is_writable()).await;
        }
        cluster.check(operator, reached).await;
    }
}

async fn broadcasts_keep_their_order(mut cluster: Cluster) {
    let io = cluster.io();
    for number in 0..50 {
        match number % 3 {
            0 => io.emit("e", &number),
            1 => io.to(["ab", "bc"]).emit("e", &number),
            _ => io.except("empty").emit("e", &number),
        };
    }
    for client in &mut cluster.clients {
        for number in 0..50 {
            assert_eq!(client.event().await, format!(r#"["e",{number}]"#));
        }
    }
}

async fn namespaces_are_kept_apart(mut cluster: Cluster) {
    for server in &cluster.servers {
        server.of("/other");
    }
    let last = cluster.servers.len() - 1;
    let mut other = Client::connect(&cluster.servers[last], "/other").await;
    let elsewhere = cluster.servers[0].of("/other");
    elsewhere.emit("hello", "there");
    cluster.servers[0].emit("hello", "main");
    elsewhere.to("ab").emit("hello", "nobody");
    cluster.check_reached("").await;
    assert_eq!(other.event().await, r#"["hello","there"]"#);
    elsewhere.emit("end", ());
    assert_eq!(other.event().await, r#"["end"]"#);
}

async fn what_cannot_be_sent_is_an_error_at_once(mut cluster: Cluster) {
    let io = cluster.io();
    assert!(io.emit("connect", ()).result().is_err());
    let unwritable = std::collections::HashMap::from([([1, 2], "a key is a string")]);
    assert!(io.to("ab").emit("hello", &unwritable).result().is_err());
    assert!(io.emit_with_ack::<()>("disconnect", ()).await.is_err());
    cluster.check_reached("").await;
}
