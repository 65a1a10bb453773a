//! Redis away, and back.

use std::time::Duration;

use fanfare_redis::{RedisAdapter, RedisAdapterBuilder, Status};
use fanfare_testkit::{Proxy, Redis, free_port};
use tokio::net::TcpStream;

use crate::common::{KINDS, Node, eventually, nodes, settle, works};

#[tokio::test]
async fn a_redis_that_is_killed_and_restarted_is_found_again() {
    for kind in KINDS {
        let mut redis = Redis::start().await;
        let pair: [Node; 2] = nodes(&redis, kind).await;
        let _room = pair[1].client_in("r1").await;
        redis.kill();
        pair[0].wait_for(|status| matches!(status, Status::Down(_))).await;
        let mut local = pair[0].client().await;
        pair[0].io.emit("local", ());
        assert_eq!(local.event().await, r#"["local"]"#, "its own clients are served on");
        drop(local);
        assert!(pair[0].metric("fanfare_adapter_not_published_total") > 0.0);
        redis.restart().await;
        pair[0].is_up().await;
        pair[1].is_up().await;
        works(&pair).await;
        assert_eq!(pair[0].io.server_count().await, Ok(2), "no subscription has been left behind or doubled");
    }
}

#[tokio::test]
async fn connections_that_are_dropped_are_made_again() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let pair: [Node; 2] = nodes(&redis, kind).await;
        for client_type in ["normal", "pubsub"] {
            redis.command(&format!("CLIENT KILL TYPE {client_type}")).await;
        }
        for node in &pair {
            eventually("it is noticed", async || node.metric("fanfare_adapter_connects_total") > 1.0).await;
        }
        pair[0].is_up().await;
        pair[1].is_up().await;
        works(&pair).await;
    }
}

#[tokio::test]
async fn reconnecting_leaves_nothing_behind() {
    let redis = Redis::start().await;
    let node = Node::with(RedisAdapter::builder(redis.url())).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let connections = async || redis.query("CLIENT LIST").await.concat().lines().count();
    let connects = || node.metric("fanfare_adapter_connects_total");
    node.io.server_count().await.expect("Redis is there");
    let (tasks_before, connections_before) = (tasks(), connections().await);
    for _ in 0..20 {
        let before = connects();
        redis.command("CLIENT KILL TYPE pubsub").await;
        eventually("it is connected again", async || connects() > before).await;
        node.is_up().await;
        node.io.server_count().await.expect("Redis is there");
    }
    eventually("no task is left", async || tasks() <= tasks_before).await;
    eventually("no connection is left", async || connections().await <= connections_before).await;
}

#[tokio::test]
async fn a_redis_that_hangs_is_noticed_and_blocks_nobody() {
    let redis = Redis::start().await;
    let start = async || {
        let builder = RedisAdapter::builder(redis.url());
        let timeout = Duration::from_millis(300);
        Node::with(builder.ping_interval(timeout).response_timeout(timeout).connect_timeout(timeout)).await
    };
    let pair = [start().await, start().await];
    settle().await;
    redis.pause();
    let mut local = pair[0].client().await;
    let asked = tokio::time::Instant::now();
    for number in 0..1000 {
        pair[0].io.emit("number", &number);
    }
    assert!(pair[0].io.fetch_sockets().await.is_err());
    assert!(asked.elapsed() < Duration::from_secs(3));
    for number in 0..1000 {
        assert_eq!(local.event().await, format!(r#"["number",{number}]"#));
    }
    pair[0].wait_for(|status| matches!(status, Status::Down(_))).await;
    pair[1].wait_for(|status| matches!(status, Status::Down(_))).await;
    redis.resume();
    pair[0].is_up().await;
    pair[1].is_up().await;
    drop(local);
    works(&pair).await;
}

#[tokio::test]
async fn a_connection_that_is_dead_without_a_word_is_replaced_and_not_left_behind() {
    let redis = Redis::start().await;
    let proxy = Proxy::start(redis.port()).await;
    let timeout = Duration::from_millis(300);
    let builder = RedisAdapter::builder(format!("redis://{}/", proxy.address()));
    let cut_off = Node::with(builder.ping_interval(timeout).response_timeout(timeout).connect_timeout(timeout)).await;
    let pair = [cut_off, Node::with(RedisAdapter::builder(redis.url())).await];
    assert_eq!(pair[0].io.server_count().await, Ok(2));
    let before = redis.channels().await;
    for _ in 0..3 {
        proxy.forget_connections();
        pair[0].wait_for(|status| matches!(status, Status::Down(_))).await;
        pair[0].is_up().await;
        // Redis would count them for minutes, and every question would wait for their answers.
        assert_eq!(redis.channels().await, before);
        works(&pair).await;
        assert!(pair[0].io.fetch_sockets().await.is_ok());
    }
}

#[tokio::test]
async fn a_node_starts_without_redis_and_joins_when_it_comes() {
    let port = free_port();
    let node = Node::with(RedisAdapter::builder(format!("redis://127.0.0.1:{port}/"))).await;
    let Status::Down(reason) = node.adapter.status() else { panic!("there is no Redis") };
    assert!(reason.contains("refused"), "{reason}");
    let mut client = node.client().await;
    node.io.emit("hello", ());
    assert_eq!(client.event().await, r#"["hello"]"#);
    assert!(node.io.fetch_sockets().await.is_err());
    let _redis = Redis::start_on(port, &[]).await;
    node.is_up().await;
    assert_eq!(node.io.server_count().await, Ok(1));
}

#[tokio::test]
async fn a_wrong_password_is_named_and_not_shown() {
    let redis = Redis::start_with(&["--requirepass", "right"]).await;
    let url = redis.url().replace("redis://", "redis://:wrong-secret@");
    let node = Node::with(RedisAdapter::builder(url)).await;
    let Status::Down(reason) = node.adapter.status() else { panic!("the password is wrong") };
    assert!(reason.contains("password") && !reason.contains("wrong-secret"), "{reason}");
    let url = redis.url().replace("redis://", "redis://:right@");
    let node = Node::with(RedisAdapter::builder(url)).await;
    assert_eq!(node.adapter.status(), Status::Up);
}

#[tokio::test]
async fn a_replica_is_refused() {
    let primary = Redis::start().await;
    let replica = Redis::start_with(&["--replicaof", "127.0.0.1", &primary.port().to_string()]).await;
    let node = Node::with(RedisAdapter::builder(replica.url())).await;
    let Status::Down(reason) = node.adapter.status() else { panic!("it is a replica") };
    assert!(reason.contains("read-only replica"), "{reason}");
    replica.command("REPLICAOF NO ONE").await;
    node.is_up().await;
}

#[tokio::test]
async fn a_primary_that_becomes_a_replica_is_left() {
    let (redis, other) = (Redis::start().await, Redis::start().await);
    let quick = |builder: RedisAdapterBuilder| builder.ping_interval(Duration::from_millis(50));
    let node = Node::with(quick(RedisAdapter::builder(redis.url()))).await;
    node.is_up().await;
    // Nobody is disconnected by that, and whoever publishes is told nothing.
    redis.command(&format!("REPLICAOF 127.0.0.1 {}", other.port())).await;
    node.wait_for(|status| matches!(status, Status::Down(reason) if reason.contains("read-only replica"))).await;
    eventually("nobody listens to it", async || redis.channels().await.is_empty()).await;
    redis.command("REPLICAOF NO ONE").await;
    node.is_up().await;
}

#[tokio::test]
async fn a_full_redis_is_tried_again() {
    let redis = Redis::start_with(&["--maxclients", "2"]).await;
    let other = TcpStream::connect(("127.0.0.1", redis.port())).await.expect("there is room");
    // One place is not enough: who listens cannot publish over the same connection.
    let node = Node::with(RedisAdapter::builder(redis.url())).await;
    assert!(matches!(node.adapter.status(), Status::Down(_)));
    node.io.emit("lost", ());
    assert_eq!(node.metric("fanfare_adapter_not_published_total"), 1.0);
    drop(other);
    node.is_up().await;
}
