//! Messages that make no sense, on every channel.

use fanfare_redis::{Kind, RedisAdapter, SubscriptionMode};
use fanfare_testkit::{Client, Frame, Redis};
use serde_json::Value;

use crate::common::{Node, nodes, settle, works};

#[tokio::test]
async fn poison_on_every_channel_harms_nobody() {
    let redis = Redis::start().await;
    let pair: [Node; 2] = nodes(&redis, Default::default()).await;
    let mut client = pair[0].client_in("r1").await;
    let prefix = &pair[0].prefix;
    let mut poisonous = 0;
    for channel in [format!("{prefix}#/#"), format!("{prefix}#/#r1#"), format!("{prefix}-request#/#")] {
        for payload in [
            &b"x"[..],
            b"{}",
            b"{\"type\":5}",
            b"\xc1",
            b"\xc0",
            b"",
            b"{\"type\":99,\"requestId\":\"x\"}",
            b"\x93\xa1x",
        ] {
            redis.publish(&channel, payload).await;
            poisonous += 1;
        }
    }
    redis.publish(&format!("{prefix}-response#/#"), b"{\"requestId\":7,\"sockets\":3}").await;
    pair[1].io.emit("good", ());
    assert_eq!(client.event().await, r#"["good"]"#);
    drop(client);
    works(&pair).await;
    assert!(pair[0].metric("fanfare_adapter_malformed_total") >= f64::from(poisonous));
}

/// Messages that other programs have sent to Node.js servers, and what became of those.
const INTEROP: &str = include_str!("../../../proto/tests/cluster/vectors/interop.json");

#[tokio::test]
async fn classic_nodes_survive_what_kills_others() {
    check_interop("classic", Kind::Classic, 12).await;
}

#[tokio::test]
async fn sharded_nodes_survive_what_kills_others() {
    check_interop("sharded", Kind::Sharded(SubscriptionMode::Dynamic), 2).await;
}

/// Behind every message of the kind, a good one reaches the client; at least so many were counted as malformed.
async fn check_interop(mode: &str, kind: Kind, malformed: u32) {
    let redis = Redis::start().await;
    let start = async || Node::with(RedisAdapter::builder(redis.url()).kind(kind)).await;
    let pair = [start().await, start().await];
    settle().await;
    let mut client = pair[0].client_in("r1").await;
    let interop: Value = serde_json::from_str(INTEROP).expect("it is JSON");
    let cases = interop["cases"].as_array().expect("a list").iter();
    let mut published = 0;
    for case in cases.filter(|case| case["mode"].as_str().is_some_and(|of| of.starts_with(mode))) {
        let (Some(channel), Some(hex)) = (case["channel"].as_str(), case["payload_hex"].as_str()) else { continue };
        let digits = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("two digits");
        let payload: Vec<u8> = (0..hex.len()).step_by(2).map(digits).collect();
        match kind {
            Kind::Classic => redis.publish(channel, &payload).await,
            Kind::Sharded(_) => redis.publish_sharded(channel, &payload).await,
        }
        published += 1;
        pair[1].io.emit("good", &published);
        until_good(&mut client, published, &case["id"]).await;
    }
    assert!(published > malformed);
    drop(client);
    works(&pair).await;
    for node in &pair {
        assert!(node.metric("fanfare_adapter_malformed_total") >= f64::from(malformed));
    }
}

/// Whatever comes before it: some of the messages are for the client.
async fn until_good(client: &mut Client, number: u32, case: &Value) {
    let good = format!(r#"42["good",{number}]"#);
    loop {
        match client.websocket.recv().await {
            Some(Frame::Text(text)) if text == good => return,
            Some(Frame::Text(text)) if text == "2" => client.websocket.send("3").await,
            Some(Frame::Text(_) | Frame::Binary(_)) => {}
            end => panic!("{case} has cost the client its connection: {end:?}"),
        }
    }
}
