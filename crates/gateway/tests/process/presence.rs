//! The chat on several nodes: everybody sees everybody.

use fanfare_testkit::{Client, Redis};

use crate::node::{Node, within};

/// Waits until a client is told that all of this is so.
async fn told(client: &mut Client, expected: &[&str]) {
    let become_so = async {
        loop {
            let event = client.event().await;
            if event.starts_with(r#"["presence","#) && expected.iter().all(|expected| event.contains(expected)) {
                return;
            }
        }
    };
    within(become_so).await;
}

#[tokio::test]
async fn people_names_and_rooms_of_all_nodes_are_told_on_all() {
    let redis = Redis::start().await;
    let url = redis.url();
    let options = ["--app", "demo", "--adapter", "redis", "--redis", &url];
    let (one, other) = (Node::start(&options).await, Node::start(&options).await);
    let (mut ann, mut bob) = (one.client().await, other.client().await);
    for client in [&mut ann, &mut bob] {
        told(client, &[r#"{"count":2,"#, r#""transport":"websocket""#]).await;
    }
    ann.emit(r#"["rename","Ann"]"#).await;
    ann.emit(r#"["join","kitchen"]"#).await;
    bob.emit(r#"["join","kitchen"]"#).await;
    for client in [&mut ann, &mut bob] {
        told(client, &[r#""name":"Ann""#, r#""rooms":[{"name":"kitchen","count":2}]"#]).await;
    }
    drop(bob);
    told(&mut ann, &[r#"{"count":1,"#, r#""rooms":[{"name":"kitchen","count":1}]"#]).await;
}
