//! Any request of any client may come to any node.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fanfare::{Server, ServerBuilder};
use fanfare_redis::{Kind, RedisAdapter, Status, SubscriptionMode};
use fanfare_testkit::{Frame, Polling, Redis, WebSocket};
use futures_util::future::join_all;

use crate::common::{Node, eventually, nodes, nodes_with, settle};

/// The kinds that carry such messages in different ways.
const CARRIERS: [Kind; 2] = [Kind::Classic, Kind::Sharded(SubscriptionMode::Dynamic)];

/// Sessions are known at once, and so stay where they are.
fn at_once() -> ServerBuilder {
    Server::builder().engine(|engine| engine.delayed_connection(Duration::ZERO))
}

/// Sessions wait for their upgrade as long as it takes.
fn patient() -> ServerBuilder {
    Server::builder().engine(|engine| engine.delayed_connection(Duration::from_secs(10)))
}

/// A session of the first node, and the way to it through each.
async fn open<const N: usize>(nodes: &[Node; N]) -> [Polling; N] {
    let polling = Polling::open(nodes[0].address, "/socket.io/").await;
    nodes.each_ref().map(|node| polling.at(node.address))
}

/// Packets until there is one that begins like this.
async fn until(polling: &Polling, start: &str) -> Vec<String> {
    let mut packets = Vec::new();
    while !packets.iter().any(|packet: &String| packet.starts_with(start)) {
        packets.extend(polling.packets().await);
    }
    packets
}

/// How many WebSockets the node holds for others.
fn relays(node: &Node) -> usize {
    let families = node.io.registry().gather();
    let relays = families.iter().find(|family| family.name() == "fanfare_relays").expect("it is registered");
    relays.get_metric()[0].get_gauge().get_value() as usize
}

async fn probe(node: &Node, polling: &Polling) -> WebSocket {
    let mut websocket = WebSocket::connect(node.address, &polling.target("websocket")).await;
    websocket.send("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    websocket
}

/// A session of the first node that its application knows, on a WebSocket of the second.
async fn relayed(nodes: &[Node; 2]) -> ([Polling; 2], WebSocket) {
    let polling = open(nodes).await;
    polling[1].send(&["40"]).await;
    until(&polling[1], "40").await;
    let mut websocket = probe(&nodes[1], &polling[1]).await;
    websocket.send("5").await;
    (polling, websocket)
}

#[tokio::test]
async fn a_client_is_served_through_whichever_node_it_comes_to() {
    let redis = Redis::start().await;
    for kind in CARRIERS {
        let nodes: [Node; 3] = nodes_with(&redis, kind, at_once).await;
        let polling = open(&nodes).await;
        assert_eq!(polling[1].send(&["40"]).await.text(), "ok");
        until(&polling[2], "40").await;
        assert_eq!(polling[2].send(&[r#"421["echo","hi"]"#]).await.text(), "ok");
        assert_eq!(polling[1].packets().await, [r#"431["hi"]"#], "{kind:?}");
        // An event of a third node comes to the owner, and from there to where the client polls.
        nodes[2].io.emit("hello", &1);
        assert_eq!(polling[1].packets().await, [r#"42["hello",1]"#], "{kind:?}");
        assert_eq!(nodes[0].io.sockets_count(), 1);
        assert_eq!(nodes[1].io.sockets_count() + nodes[2].io.sockets_count(), 0);
    }
}

#[tokio::test]
async fn a_client_moves_to_the_node_of_its_websocket_and_needs_the_first_no_more() {
    let redis = Redis::start().await;
    for kind in CARRIERS {
        let nodes: [Node; 3] = nodes_with(&redis, kind, patient).await;
        let polling = open(&nodes).await;
        // As the official client: it asks to connect at once, and upgrades meanwhile.
        assert_eq!(polling[2].send(&["40", r#"421["echo","early"]"#]).await.text(), "ok");
        let mut websocket = probe(&nodes[1], &polling[1]).await;
        websocket.send("5").await;
        assert!(websocket.text().await.starts_with("40"));
        assert_eq!(websocket.text().await, r#"431["early"]"#, "{kind:?}");
        assert_eq!((nodes[0].io.sockets_count(), nodes[1].io.sockets_count()), (0, 1));
        nodes[0].io.close().await;
        websocket.send(r#"422["echo","alone"]"#).await;
        assert_eq!(websocket.text().await, r#"432["alone"]"#, "{kind:?}");
    }
}

#[tokio::test]
async fn a_client_that_is_known_is_served_through_the_node_of_its_websocket() {
    let redis = Redis::start().await;
    for kind in CARRIERS {
        let nodes: [Node; 2] = nodes_with(&redis, kind, at_once).await;
        let (_, mut websocket) = relayed(&nodes).await;
        for number in 0..100 {
            websocket.send(&format!(r#"42{number}["echo",{number}]"#)).await;
        }
        for number in 0..100 {
            assert_eq!(websocket.text().await, format!("43{number}[{number}]"), "{kind:?}");
        }
        let large = "x".repeat(900_000);
        websocket.send(&format!(r#"42["echo","{large}"]"#)).await;
        websocket.send(&format!(r#"421["echo","{large}"]"#)).await;
        assert!(websocket.text().await == format!(r#"431["{large}"]"#), "{kind:?}");
        assert_eq!((nodes[0].io.sockets_count(), relays(&nodes[1])), (1, 1));
        drop(websocket);
        eventually("it is gone", async || nodes[0].io.sockets_count() + relays(&nodes[1]) == 0).await;
    }
}

#[tokio::test]
async fn a_node_that_is_gone_is_known_to_be_at_once() {
    let redis = Redis::start().await;
    for kind in CARRIERS {
        let nodes: [Node; 2] = nodes_with(&redis, kind, at_once).await;
        let (polling, mut websocket) = relayed(&nodes).await;
        nodes[0].io.engine().close();
        settle().await;
        let started = Instant::now();
        let refused = polling[1].poll().await;
        assert_eq!(refused.text(), r#"{"code":1,"message":"Session ID unknown"}"#, "{kind:?}");
        assert!(started.elapsed() < Duration::from_secs(2));
        websocket.closed().await;
    }
}

#[tokio::test]
async fn without_redis_each_node_serves_its_own() {
    let mut redis = Redis::start().await;
    let nodes: [Node; 2] = nodes_with(&redis, Kind::Classic, at_once).await;
    let polling = open(&nodes).await;
    redis.kill();
    for node in &nodes {
        node.wait_for(|status| matches!(status, Status::Down(_))).await;
    }
    assert_eq!(polling[1].poll().await.status, 400);
    assert_eq!(polling[0].send(&["40"]).await.text(), "ok");
    until(&polling[0], "40").await;
    redis.restart().await;
    for node in &nodes {
        node.is_up().await;
    }
    polling[1].send(&[r#"421["echo","again"]"#]).await;
    assert_eq!(polling[1].packets().await, [r#"431["again"]"#]);
}

#[tokio::test]
async fn a_relay_does_not_outlive_a_gap() {
    let redis = Redis::start().await;
    let nodes: [Node; 2] = nodes_with(&redis, Kind::Classic, at_once).await;
    let polling = open(&nodes).await;
    polling[1].send(&["40"]).await;
    until(&polling[1], "40").await;
    let mut websocket = probe(&nodes[1], &polling[1]).await;
    websocket.send("5").await;
    websocket.send(r#"421["echo",1]"#).await;
    assert_eq!(websocket.text().await, "431[1]");
    // What is said while nobody listens is lost, and with it the relay: no event is missing before others.
    redis.command("CLIENT KILL TYPE pubsub").await;
    let sent = AtomicUsize::new(0);
    eventually("both sides know", async || {
        nodes[0].io.emit("number", &sent.fetch_add(1, Ordering::Relaxed));
        nodes[0].io.sockets_count() == 0
    })
    .await;
    let mut received = 0;
    while let Some(frame) = websocket.recv().await {
        assert_eq!(frame, Frame::Text(format!(r#"42["number",{received}]"#)));
        received += 1;
    }
    assert!(received < sent.into_inner());
    eventually("no relay", async || relays(&nodes[1]) == 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_both_ways_survive_upgrades_on_random_nodes_once_and_in_order() {
    let redis = Redis::start().await;
    for (kind, server) in [
        (Kind::Classic, patient as fn() -> ServerBuilder),
        (Kind::Classic, at_once),
        (Kind::Sharded(SubscriptionMode::Dynamic), Server::builder),
    ] {
        let nodes: [Node; 3] = nodes_with(&redis, kind, server).await;
        join_all((0..30).map(|number| check_client(&nodes, number))).await;
    }
}

/// Echoes through polling, an upgrade, and the WebSocket, all on nodes that chance chooses.
async fn check_client(nodes: &[Node; 3], mut random: usize) {
    let mut anywhere = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % 3
    };
    let polling = open(nodes).await;
    let echo = |number: usize| format!(r#"42{number}["echo",{number}]"#);
    polling[anywhere()].send(&["40", &echo(0), &echo(1)]).await;
    let (poll, socket) = (anywhere(), anywhere());
    let mut get = polling[poll].start_poll().await;
    let mut websocket = probe(&nodes[socket], &polling[socket]).await;
    polling[anywhere()].send(&[&echo(2), &echo(3)]).await;
    let mut received: Vec<String> = get.response().await.text().split('\x1e').map(str::to_owned).collect();
    websocket.send("5").await;
    for number in 4..40 {
        websocket.send(&echo(number)).await;
    }
    let acks = |received: &[String]| received.iter().filter(|packet| packet.starts_with("43")).count();
    while acks(&received) < 40 {
        received.push(websocket.text().await);
    }
    received.retain(|packet| packet.starts_with("43"));
    assert_eq!(received, (0..40).map(|number| format!("43{number}[{number}]")).collect::<Vec<_>>());
}

#[tokio::test]
async fn clusters_with_other_prefixes_do_not_answer() {
    let redis = Redis::start().await;
    let [own]: [Node; 1] = nodes(&redis, Kind::Classic).await;
    let foreign = Node::prefixed("foreign", RedisAdapter::builder(redis.url())).await;
    settle().await;
    let polling = Polling::open(own.address, "/socket.io/").await;
    assert_eq!(polling.at(foreign.address).poll().await.status, 400);
    assert_eq!(polling.send(&["40"]).await.text(), "ok");
}
