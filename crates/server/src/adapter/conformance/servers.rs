//! What servers tell each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::case_list;
use super::client::PATIENCE;
use super::cluster::{Cluster, NAMESPACE, eventually};
use crate::handler::Data;

case_list! {
    servers_know_how_many_they_are
    servers_hear_each_other_but_not_themselves
    servers_answer_each_other
    a_server_that_closes_leaves_the_others
}

async fn servers_know_how_many_they_are(cluster: Cluster) {
    for server in &cluster.servers {
        assert_eq!(server.of(NAMESPACE).server_count().await, Ok(cluster.servers.len()));
    }
}

async fn servers_hear_each_other_but_not_themselves(cluster: Cluster) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    for (index, server) in cluster.servers.iter().enumerate() {
        for namespace in [server.of(NAMESPACE), server.of("/")] {
            let (name, heard) = (namespace.name().to_owned(), heard.clone());
            namespace.on("hello", move |Data(number): Data<u32>, Data(text): Data<String>| {
                assert_eq!((name.as_str(), text.as_str()), (NAMESPACE, "servers"));
                heard.lock().push((index, number));
                async {}
            });
        }
    }
    let io = cluster.io();
    for number in 0..3 {
        io.server_side_emit("hello", (number, "servers"));
    }
    let others = cluster.servers.len() - 1;
    eventually("all others have heard of it", || heard.lock().len() == 3 * others).await;
    for server in 1..=others {
        let heard = heard.lock();
        let by_server = heard.iter().filter(|(index, _)| *index == server).map(|(_, number)| *number);
        assert!(by_server.eq(0..3), "{heard:?}");
    }
    assert!(io.server_side_emit("connection", ()).result().is_err());
}

async fn servers_answer_each_other(cluster: Cluster) {
    for (index, server) in cluster.servers.iter().enumerate() {
        server.of(NAMESPACE).on("ask", move |Data(number): Data<usize>| async move { number + index });
    }
    let asking = cluster.io().server_side_emit_with_ack("ask", &10);
    let answers = tokio::time::timeout(PATIENCE, asking).await.expect("in time").expect("all servers answer");
    let mut answers: Vec<usize> = answers.iter().map(|answer| answer.read().expect("a number")).collect();
    answers.sort_unstable();
    assert!(answers.into_iter().eq((1..cluster.servers.len()).map(|index| 10 + index)));
}

async fn a_server_that_closes_leaves_the_others(mut cluster: Cluster) {
    let last = cluster.servers.len() - 1;
    let closed = Arc::new(AtomicUsize::new(0));
    let count = closed.clone();
    cluster.server(last).of(NAMESPACE).socket(cluster.clients[last].id()).expect("it is connected").on_disconnect(
        move || {
            count.fetch_add(1, Ordering::SeqCst);
            async {}
        },
    );
    // The client has to be told, or the server waits for it.
    let server = cluster.servers[last].clone();
    let closing = tokio::spawn(async move { server.close().await });
    for index in (0..3).filter(|index| index % cluster.servers.len() == last) {
        cluster.clients[index].packet().await;
    }
    assert!(tokio::time::timeout(PATIENCE, closing).await.is_ok_and(|closed| closed.is_ok()));
    assert_eq!(closed.load(Ordering::SeqCst), 1);
    if last == 0 {
        assert_eq!(cluster.io().fetch_sockets().await.map(|sockets| sockets.len()), Ok(0));
        return;
    }
    let forgotten = async {
        while cluster.io().server_count().await != Ok(last) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(2 * PATIENCE, forgotten).await.is_ok(), "the others go on counting it");
    let left = cluster.io().fetch_sockets().await.expect("the others answer");
    assert_eq!(left.len(), (0..3).filter(|index| index % cluster.servers.len() != last).count());
    cluster.io().emit("hello", ());
    assert_eq!(cluster.clients[0].event().await, r#"["hello"]"#);
}
