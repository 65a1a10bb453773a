//! Processes that only send.

use fanfare_emitter::{Emitter, EmitterError};
use fanfare_redis::Status;
use fanfare_testkit::{Client, Redis};

use crate::common::{Node, eventually, nodes, settle};

#[tokio::test]
async fn an_emitter_is_heard_on_every_node() {
    let redis = Redis::start().await;
    let [a, b]: [Node; 2] = nodes(&redis, Default::default()).await;
    let emitter = Emitter::connect(&redis.url()).await.expect("there is a Redis").prefix(&a.prefix);
    let (mut near, mut far) = (a.client_in("r1").await, b.client_in("r2").await);
    emitter.to("r1").emit("one", &1).await.expect("it is sent");
    emitter.to(["r1", "r2"]).except("r1").emit("two", (2, "x")).await.expect("it is sent");
    emitter.volatile().emit("all", ()).await.expect("it is sent");
    assert_eq!([near.event().await, near.event().await], [r#"["one",1]"#, r#"["all"]"#]);
    assert_eq!([far.event().await, far.event().await], [r#"["two",2,"x"]"#, r#"["all"]"#]);
}

#[tokio::test]
async fn an_emitter_moves_sockets_and_speaks_to_servers() {
    let redis = Redis::start().await;
    let [a]: [Node; 1] = nodes(&redis, Default::default()).await;
    a.io.of("/admin");
    settle().await;
    let emitter = Emitter::connect(&redis.url()).await.expect("there is a Redis").prefix(&a.prefix);
    let mut client = Client::connect_to(a.address, "/admin", "").await;
    let admin = emitter.of("admin");
    admin.sockets_join(["r1", "r2"]).await.expect("it is sent");
    let in_room =
        async |room: &str| a.io.of("/admin").to(room).fetch_sockets().await.is_ok_and(|found| found.len() == 1);
    eventually("it has joined", async || in_room("r1").await).await;
    admin.to("r1").sockets_leave("r2").await.expect("it is sent");
    eventually("it has left", async || !in_room("r2").await).await;
    admin.server_side_emit("ignored", &1).await.expect("it is sent");
    admin.to("r1").disconnect_sockets(false).await.expect("it is sent");
    assert_eq!(client.packet().await, "1/admin,");
}

#[tokio::test]
async fn an_emitter_finds_a_redis_that_is_back() {
    let mut redis = Redis::start().await;
    let [node]: [Node; 1] = nodes(&redis, Default::default()).await;
    let emitter = Emitter::connect(&redis.url()).await.expect("there is a Redis").prefix(&node.prefix);
    let mut client = node.client().await;
    redis.kill();
    assert!(emitter.emit("lost", ()).await.is_err());
    node.wait_for(|status| matches!(status, Status::Down(_))).await;
    redis.restart().await;
    node.is_up().await;
    eventually("it is sent", async || emitter.emit("back", ()).await.is_ok()).await;
    assert_eq!(client.event().await, r#"["back"]"#);
}

#[tokio::test]
async fn what_cannot_be_emitted_is_an_error() {
    let redis = Redis::start().await;
    let emitter = Emitter::connect(&redis.url()).await.expect("there is a Redis");
    assert!(matches!(emitter.emit("disconnect", ()).await, Err(EmitterError::Reserved(name)) if name == "disconnect"));
    drop(redis);
    assert!(matches!(emitter.emit("news", ()).await, Err(EmitterError::Redis(_))));
}
