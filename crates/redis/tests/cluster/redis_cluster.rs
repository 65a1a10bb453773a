//! Nodes over a Redis Cluster, where each sharded channel is on one of the servers.

use std::time::Duration;

use fanfare::{Server, Value};
use fanfare_redis::{Kind, RedisAdapter, RedisAdapterBuilder, Status, SubscriptionMode};
use fanfare_testkit::{Polling, RedisCluster};

use crate::common::{Node, eventually, settle, works};

const MODES: [SubscriptionMode; 3] =
    [SubscriptionMode::Static, SubscriptionMode::Dynamic, SubscriptionMode::DynamicPrivate];

fn builder(redis: &RedisCluster, mode: SubscriptionMode) -> RedisAdapterBuilder {
    let timeout = Duration::from_millis(500);
    let builder = RedisAdapter::cluster(redis.urls()).kind(Kind::Sharded(mode));
    builder.ping_interval(timeout).response_timeout(timeout).connect_timeout(timeout)
}

async fn nodes<const N: usize>(redis: &RedisCluster, mode: SubscriptionMode) -> [Node; N] {
    let mut nodes = Vec::new();
    for _ in 0..N {
        nodes.push(Node::prefixed(&format!("{mode:?}"), builder(redis, mode)).await);
    }
    for node in &nodes {
        node.is_up().await;
    }
    nodes.try_into().unwrap_or_else(|_| unreachable!("as many as were asked for"))
}

/// How many listen to the channels that begin with this, on which servers.
async fn listeners(redis: &RedisCluster, start: &str) -> Vec<usize> {
    let mut listeners = Vec::new();
    for member in &redis.members {
        let channels = member.channels().await;
        listeners.push(channels.iter().filter(|(name, _)| name.starts_with(start)).map(|(_, count)| count).sum());
    }
    listeners
}

#[tokio::test]
async fn nodes_speak_and_ask_over_all_servers() {
    let redis = RedisCluster::start().await;
    for mode in MODES {
        let [a, b, c] = nodes(&redis, mode).await;
        assert_eq!(a.io.server_count().await, Ok(3), "{mode:?}");
        let answers = a.io.server_side_emit_with_ack("question", &42).await;
        assert_eq!(answers, Ok(vec![Value::from(42_i64), Value::from(42_i64)]), "{mode:?}");
        let mut client = b.client().await;
        let _other = c.client_in("room-1").await;
        for room in 0..20 {
            client.ask(room, &format!(r#"["join","room-{room}"]"#)).await;
        }
        settle().await;
        assert_eq!(a.io.to("room-1").fetch_sockets().await.map(|found| found.len()), Ok(2), "{mode:?}");
        let rooms = a.io.all_rooms().await.expect("all nodes answer");
        assert_eq!(rooms.len(), 20, "{mode:?}");
        // All at once: their channels are on different servers.
        for number in 0..100 {
            a.io.to(format!("room-{}", number % 20)).emit("number", &number);
        }
        a.io.to(client.sid()).emit("number", &100);
        let mut received = Vec::new();
        while received.len() < 101 {
            let event = client.event().await;
            let number = event.strip_prefix(r#"["number","#).and_then(|rest| rest.strip_suffix(']'));
            received.push(number.expect("an event of ours").parse::<usize>().expect("a number"));
        }
        for room in 0..20 {
            let of_room: Vec<_> = received.iter().filter(|number| **number < 100 && *number % 20 == room).collect();
            assert!(of_room.is_sorted() && of_room.len() == 5, "{mode:?}: {received:?}");
        }
    }
}

#[tokio::test]
async fn any_node_serves_the_client_of_another() {
    let redis = RedisCluster::start().await;
    let at_once = || Server::builder().engine(|engine| engine.delayed_connection(Duration::ZERO));
    let start = async || Node::custom("socket.io", builder(&redis, SubscriptionMode::Dynamic), at_once()).await;
    let nodes = [start().await, start().await, start().await];
    for node in &nodes {
        node.is_up().await;
    }
    for owner in 0..3 {
        let polling = Polling::open(nodes[owner].address, "/socket.io/").await;
        let through = |node: usize| polling.at(nodes[(owner + node) % 3].address);
        assert_eq!(through(1).send(&["40"]).await.text(), "ok");
        assert!(through(2).packets().await[0].starts_with("40"));
        assert_eq!(through(2).send(&[r#"421["echo","hi"]"#]).await.text(), "ok");
        assert_eq!(through(1).packets().await, [r#"431["hi"]"#]);
    }
}

#[tokio::test]
async fn a_server_that_dies_and_returns_is_found_again() {
    let mut redis = RedisCluster::start().await;
    let pair: [Node; 2] = nodes(&redis, SubscriptionMode::Dynamic).await;
    let home = redis.member_of("Dynamic#/#").await;
    redis.members[home].kill();
    for node in &pair {
        node.wait_for(|status| matches!(status, Status::Down(_))).await;
    }
    let mut local = pair[0].client().await;
    pair[0].io.emit("local", ());
    assert_eq!(local.event().await, r#"["local"]"#);
    drop(local);
    redis.members[home].restart().await;
    redis.agrees().await;
    for node in &pair {
        node.is_up().await;
    }
    works(&pair).await;
    assert_eq!(pair[0].io.server_count().await, Ok(2));
    leave_nothing(&redis, pair).await;
}

#[tokio::test]
async fn a_server_that_hangs_is_noticed() {
    let redis = RedisCluster::start().await;
    let pair: [Node; 2] = nodes(&redis, SubscriptionMode::Dynamic).await;
    let home = redis.member_of("Dynamic#/#").await;
    redis.members[home].pause();
    for node in &pair {
        node.wait_for(|status| matches!(status, Status::Down(_))).await;
    }
    redis.members[home].resume();
    redis.agrees().await;
    for node in &pair {
        node.is_up().await;
    }
    works(&pair).await;
}

#[tokio::test]
async fn channels_follow_their_slots() {
    let redis = RedisCluster::start().await;
    let pair: [Node; 2] = nodes(&redis, SubscriptionMode::Dynamic).await;
    let mut client = pair[1].client_in("room-1").await;
    let subscriptions: usize = listeners(&redis, "Dynamic").await.iter().sum();
    for (channel, room, nodes) in [("Dynamic#/#", None, 2), ("Dynamic#/#room-1#", Some("room-1"), 1)] {
        for _ in 0..3 {
            let from = redis.member_of(channel).await;
            let to = (from + 1) % 3;
            redis.move_slot_of(channel, to).await;
            let listening = async |member: usize| redis.members[member].channels().await.get(channel).copied();
            eventually("the nodes listen there", async || listening(to).await == Some(nodes)).await;
            assert_eq!(listening(from).await, None);
            eventually("nothing else is missing", async || {
                listeners(&redis, "Dynamic").await.iter().sum::<usize>() == subscriptions
            })
            .await;
            let emit = |name: &str, number: u32| match room {
                Some(room) => drop(pair[0].io.to(room).emit(name, &number)),
                None => drop(pair[0].io.emit(name, &number)),
            };
            // Who is not in the room hears of the move when a message is lost.
            let soon = Duration::from_millis(200);
            while tokio::time::timeout(soon, client.event()).await.is_err() {
                emit("moved", 0);
            }
            (0..10).for_each(|number| emit("number", number));
            for number in 0..10 {
                let mut event = client.event().await;
                while event.contains("moved") {
                    event = client.event().await;
                }
                assert_eq!(event, format!(r#"["number",{number}]"#));
            }
        }
    }
    let connects = pair.each_ref().map(|node| node.metric("fanfare_adapter_connects_total"));
    assert_eq!(connects, [1.0, 1.0], "nobody was disconnected");
}

#[tokio::test]
async fn one_server_of_a_cluster_is_not_enough() {
    let redis = RedisCluster::start().await;
    for kind in [Kind::Classic, Kind::Sharded(SubscriptionMode::Dynamic)] {
        let node = Node::with(RedisAdapter::builder(redis.members[0].url()).kind(kind)).await;
        let Status::Down(reason) = node.adapter.status() else { panic!("most channels are elsewhere") };
        assert!(reason.contains("Redis Cluster"), "{reason}");
    }
}

/// Ends the nodes, and checks that nothing is left of them.
async fn leave_nothing<const N: usize>(redis: &RedisCluster, nodes: [Node; N]) {
    for node in nodes {
        node.io.close().await;
    }
    eventually("no subscription is left", async || listeners(redis, "").await.iter().sum::<usize>() == 0).await;
}
