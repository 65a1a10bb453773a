//! What the simulator of `fanfare-proto` says of a small cluster is what a real one does.

#[path = "../../../proto/examples/simulate/load.rs"]
#[allow(dead_code, reason = "its program uses the rest")]
mod load;
#[path = "../../../proto/examples/simulate/model.rs"]
#[allow(dead_code, reason = "its program uses the rest")]
mod model;
#[path = "../../../proto/examples/simulate/redis.rs"]
#[allow(dead_code, reason = "its program uses the rest")]
mod redis;

use std::time::{Duration, Instant};

use clap::Parser as _;
use fanfare_redis::{Kind, SubscriptionMode};
use fanfare_testkit::{Client, Redis};

use crate::common::{Node, nodes, settle};

const NODES: usize = 3;
const CLIENTS: usize = 30;
const ROOMS: usize = 10;

#[tokio::test]
async fn a_real_cluster_does_what_the_simulator_says() {
    let server = Redis::start().await;
    let kinds = [
        ("classic", Kind::Classic),
        ("sharded", Kind::Sharded(SubscriptionMode::Dynamic)),
        ("sharded-static", Kind::Sharded(SubscriptionMode::Static)),
    ];
    for (name, kind) in kinds {
        let nodes: [Node; NODES] = nodes(&server, kind).await;
        let load = load::Load::parse_from(["simulate", "--nodes", &NODES.to_string(), "--adapter", name]);
        let mut simulated = model::Cluster::new(&load, Instant::now() + Duration::from_secs(3600));
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let (node, room) = (number % NODES, number % ROOMS);
            let mut client = nodes[node].client().await;
            assert_eq!(client.ask(1, &format!(r#"["join","{}"]"#, model::room_name(room))).await, "[true]");
            clients.push(client);
            simulated.connect(node);
            simulated.join(node, room);
        }
        settle().await;

        let before = Counts::of(&server, &nodes).await;
        let text = "x".repeat(2000);
        for number in 0..40 {
            let (from, room) = (number % NODES, number % ROOMS);
            let event = nodes[from].io.to(model::room_name(room)).emit("event", &text);
            event.result().expect("text can be sent");
            simulated.emit(from, &text, Some(room));
        }
        for (from, node) in nodes.iter().enumerate() {
            node.io.emit("event", &text).result().expect("text can be sent");
            simulated.emit(from, &text, None);
        }
        let delivered: u64 = simulated.members.iter().map(|member| member.deliveries).sum();
        assert_eq!(received(&mut clients).await, delivered, "{name}");
        let after = Counts::of(&server, &nodes).await;

        let redis = &simulated.redis.servers[0];
        assert_eq!(after.published - before.published, redis.messages_in, "{name}: messages published");
        for (index, member) in simulated.members.iter().enumerate() {
            let received = after.received[index] - before.received[index];
            assert_eq!(received, member.received, "{name}: messages that node {index} has received");
        }
        // Nodes also ask Redis whether it is alive, and we ask it how much it has done.
        is_close(after.bytes_in - before.bytes_in, redis.bytes_in, name);
        is_close(after.bytes_out - before.bytes_out, redis.bytes_out, name);
    }
}

/// How many events the clients get until each has had one of every node for everybody.
async fn received(clients: &mut [Client]) -> u64 {
    let mut received = 0;
    for (number, client) in clients.iter_mut().enumerate() {
        // Events of 40 go to its room, number % 10: four.
        let expected = 40 / ROOMS + NODES;
        for _ in 0..expected {
            client.event().await;
            received += 1;
        }
        client.expect_nothing_before(100 + number as u64, r#"["sync"]"#).await;
    }
    received
}

fn is_close(real: u64, simulated: u64, name: &str) {
    let difference = real.abs_diff(simulated);
    assert!(difference * 10 < simulated, "{name}: {real} bytes, {simulated} simulated");
}

/// What Redis and the nodes have counted so far.
struct Counts {
    published: u64,
    bytes_in: u64,
    bytes_out: u64,
    received: Vec<u64>,
}

impl Counts {
    async fn of(server: &Redis, nodes: &[Node]) -> Self {
        let client = ::redis::Client::open(server.url()).expect("the URL is valid");
        let mut connection = client.get_multiplexed_async_connection().await.expect("it is reached");
        let info: String = ::redis::cmd("INFO").arg("all").query_async(&mut connection).await.expect("it answers");
        let value = |name: &str, end: char| {
            let line = info.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
            line.split(end).next().and_then(|value| value.parse::<u64>().ok()).expect("a number")
        };
        Self {
            published: value("cmdstat_publish:calls=", ',') + value("cmdstat_spublish:calls=", ','),
            bytes_in: value("total_net_input_bytes:", '\r'),
            bytes_out: value("total_net_output_bytes:", '\r'),
            received: nodes.iter().map(|node| node.metric("fanfare_adapter_received_total") as u64).collect(),
        }
    }
}
