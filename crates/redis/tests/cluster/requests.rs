//! What needs the answers of other nodes.

use std::time::Duration;

use fanfare::{BroadcastAckError, Value};
use fanfare_redis::RedisAdapter;
use fanfare_testkit::Redis;

use crate::common::{KINDS, Node, eventually, nodes, settle};

#[tokio::test]
async fn nodes_count_each_other() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b, c] = nodes(&redis, kind).await;
        assert_eq!(a.io.server_count().await, Ok(3), "{kind:?}");
        c.io.close().await;
        eventually("the third has left", async || b.io.server_count().await == Ok(2)).await;
    }
}

#[tokio::test]
async fn a_node_that_asks_at_once_is_known_already() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a] = nodes(&redis, kind).await;
        for _ in 0..3 {
            let fresh = Node::prefixed(&a.prefix, RedisAdapter::builder(redis.url()).kind(kind)).await;
            assert_eq!(fresh.io.server_count().await, Ok(2), "{kind:?}");
            fresh.io.close().await;
            eventually("it has left", async || a.io.server_count().await == Ok(1)).await;
        }
    }
}

#[tokio::test]
async fn sockets_of_all_nodes_are_described() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b, _c] = nodes(&redis, kind).await;
        let near = a.client_in("r1").await;
        let far = b.client_in("r1").await;
        let _elsewhere = b.client_in("r2").await;
        let mut found = a.io.to("r1").fetch_sockets().await.expect("all nodes answer");
        found.sort_by_key(|socket| socket.id() != near.sid());
        assert_eq!(found.iter().map(|socket| socket.id()).collect::<Vec<_>>(), [near.sid(), far.sid()], "{kind:?}");
        assert!(found[1].rooms().iter().any(|room| room.as_str() == "r1"), "{kind:?}");
        assert_eq!(found[1].handshake()["url"].as_str(), Some("/socket.io/?EIO=4&transport=websocket"), "{kind:?}");
        assert_eq!(a.io.fetch_sockets().await.expect("all nodes answer").len(), 3, "{kind:?}");
        assert_eq!(a.io.to("nobody").fetch_sockets().await.expect("all nodes answer").len(), 0, "{kind:?}");
    }
}

#[tokio::test]
async fn rooms_of_all_nodes_are_named() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b] = nodes(&redis, kind).await;
        let _clients = (a.client_in("r1").await, b.client_in("r2").await);
        let rooms = a.io.all_rooms().await.expect("all nodes answer");
        let rooms: Vec<&str> = rooms.iter().map(|room| room.as_str()).collect();
        assert_eq!(rooms, ["r1", "r2"], "{kind:?}");
    }
}

#[tokio::test]
async fn sockets_of_other_nodes_join_leave_and_disconnect() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b] = nodes(&redis, kind).await;
        let mut client = b.client_in("r1").await;
        a.io.to("r1").sockets_join(["r2", "r3"]);
        eventually("it has joined", async || b.io.to("r3").fetch_sockets().await.is_ok_and(|found| found.len() == 1))
            .await;
        settle().await;
        a.io.to("r2").emit("hello", ());
        assert_eq!(client.event().await, r#"["hello"]"#, "{kind:?}");
        a.io.to("r1").sockets_leave("r2");
        eventually("it has left", async || b.io.to("r2").fetch_sockets().await.is_ok_and(|found| found.is_empty()))
            .await;
        a.io.to("r3").disconnect_sockets(false);
        assert_eq!(client.packet().await, "1", "{kind:?}");
    }
}

#[tokio::test]
async fn what_follows_a_join_reaches_the_senders_own_sockets() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, _b] = nodes(&redis, kind).await;
        let mut client = a.client().await;
        a.io.sockets_join("fresh");
        a.io.to("fresh").emit("hello", ());
        assert_eq!(client.event().await, r#"["hello"]"#, "{kind:?}");
    }
}

#[tokio::test]
async fn a_broadcast_collects_the_answers_of_all_nodes() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b, _c] = nodes(&redis, kind).await;
        let (mut near, mut far) = (a.client().await, b.client().await);
        let asked = a.io.timeout(Duration::from_secs(3)).emit_with_ack::<String>("question", &1);
        for (client, answer) in [(&mut near, "near"), (&mut far, "far")] {
            let packet = client.packet().await;
            let id =
                packet.strip_prefix('2').and_then(|rest| rest.strip_suffix(r#"["question",1]"#)).expect("a question");
            client.send(&format!(r#"3{id}["{answer}"]"#)).await;
        }
        let mut answers = asked.await.expect("all have answered");
        answers.sort();
        assert_eq!(answers, ["far", "near"], "{kind:?}");
    }
}

#[tokio::test]
async fn a_broadcast_that_some_do_not_answer_returns_the_answers_there_are() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b] = nodes(&redis, kind).await;
        let (mut near, _silent) = (a.client().await, b.client().await);
        let asked = a.io.timeout(Duration::from_millis(400)).emit_with_ack::<u32>("question", ());
        let packet = near.packet().await;
        let id = packet.strip_prefix('2').and_then(|rest| rest.strip_suffix(r#"["question"]"#)).expect("a question");
        near.send(&format!("3{id}[7]")).await;
        match asked.await {
            Err(BroadcastAckError::Incomplete { responses, .. }) => assert_eq!(responses, [7], "{kind:?}"),
            other => panic!("{kind:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_broadcast_for_nobody_is_answered_at_once() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, _b] = nodes(&redis, kind).await;
        let asked = a.io.to("nobody").timeout(Duration::from_secs(60)).emit_with_ack::<u32>("question", ());
        assert_eq!(tokio::time::timeout(Duration::from_secs(4), asked).await.expect("at once"), Ok(vec![]), "{kind:?}");
    }
}

#[tokio::test]
async fn a_remote_socket_answers_alone() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b] = nodes(&redis, kind).await;
        let mut client = b.client().await;
        settle().await;
        let socket = a.io.to(client.sid()).fetch_sockets().await.expect("all nodes answer").remove(0);
        let asking =
            tokio::spawn(
                async move { socket.timeout(Duration::from_secs(3)).emit_with_ack::<u32>("question", ()).await },
            );
        let packet = client.packet().await;
        let id = packet.strip_prefix('2').and_then(|rest| rest.strip_suffix(r#"["question"]"#)).expect("a question");
        client.send(&format!("3{id}[7]")).await;
        assert_eq!(asking.await.expect("it does not panic"), Ok(7), "{kind:?}");
    }
}

#[tokio::test]
async fn servers_ask_each_other() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, _b, _c] = nodes(&redis, kind).await;
        let answers = a.io.server_side_emit_with_ack("question", &42).await.expect("all nodes answer");
        assert_eq!(answers, [Value::from(42_i64), Value::from(42_i64)], "{kind:?}");
        let silent = a.io.server_side_emit_with_ack("nobody listens", ()).await.expect_err("nobody answers");
        assert_eq!(silent.to_string(), "timeout reached: only 0 responses received out of 2", "{kind:?}");
    }
}

#[tokio::test]
async fn a_single_node_asks_nobody() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a] = nodes(&redis, kind).await;
        let _client = a.client().await;
        assert_eq!(a.io.server_side_emit_with_ack("question", &1).await, Ok(vec![]), "{kind:?}");
        assert_eq!(a.io.fetch_sockets().await.expect("there is nobody to ask").len(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn few_connections_are_enough() {
    let redis = Redis::start().await;
    let start = async || Node::with(RedisAdapter::builder(redis.url()).pool_size(2)).await;
    let (a, _b) = (start().await, start().await);
    settle().await;
    let asking = (0..50).map(|_| a.io.fetch_sockets());
    let answered = futures_util::future::join_all(asking).await;
    assert!(answered.iter().all(Result::is_ok));
}

#[tokio::test]
async fn nothing_is_left_of_requests() {
    let redis = Redis::start().await;
    let [a, _b]: [Node; 2] = nodes(&redis, Default::default()).await;
    let _ = a.io.server_side_emit_with_ack("nobody listens", ()).await;
    let _ = a.io.fetch_sockets().await;
    drop(a.io.timeout(Duration::from_millis(100)).emit_with_ack::<u32>("question", ()));
    eventually("no request is pending", async || a.metric("fanfare_adapter_requests_pending") == 0.0).await;
    assert_eq!(a.metric("fanfare_adapter_requests_timed_out_total"), 1.0);
}
