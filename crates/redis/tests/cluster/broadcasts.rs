//! Events that go to the clients of all nodes.

use fanfare_redis::{Kind, RedisAdapter, SubscriptionMode};
use fanfare_testkit::Redis;

use crate::common::{KINDS, Node, eventually, nodes, settle};

#[tokio::test]
async fn an_event_reaches_every_client_on_every_node_once() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b, c] = nodes(&redis, kind).await;
        let mut clients = [a.client().await, b.client().await, c.client().await];
        a.io.emit("hello", ("world", 1));
        c.io.emit("end", ());
        for client in &mut clients {
            let mut events = [client.event().await, client.event().await];
            events.sort();
            assert_eq!(events, [r#"["end"]"#, r#"["hello","world",1]"#], "{kind:?}");
        }
    }
}

#[tokio::test]
async fn what_one_node_sends_keeps_its_order() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b] = nodes(&redis, kind).await;
        let mut client = b.client().await;
        for number in 0..500 {
            a.io.emit("number", &number);
        }
        for number in 0..500 {
            assert_eq!(client.event().await, format!(r#"["number",{number}]"#), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn rooms_span_the_nodes() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b] = nodes(&redis, kind).await;
        let mut inside = b.client_in("r1").await;
        let mut outside = b.client_in("r2").await;
        let mut both = a.client_in("r1").await;
        both.ask(2, r#"["join","r2"]"#).await;
        a.io.to("r1").emit("one", ());
        a.io.to(["r1", "r2"]).emit("two", ());
        a.io.to(["r1", "r2"]).except("r2").emit("three", ());
        a.io.emit("end", ());
        let events = async |client: &mut fanfare_testkit::Client| {
            let mut events = Vec::new();
            while events.last().is_none_or(|last| last != r#"["end"]"#) {
                events.push(client.event().await);
            }
            events.pop();
            events.sort();
            events.concat()
        };
        assert_eq!(events(&mut inside).await, r#"["one"]["three"]["two"]"#, "{kind:?}");
        assert_eq!(events(&mut outside).await, r#"["two"]"#, "{kind:?}");
        assert_eq!(events(&mut both).await, r#"["one"]["two"]"#, "{kind:?}");
    }
}

#[tokio::test]
async fn a_room_that_is_left_and_joined_again_misses_nothing() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b] = nodes(&redis, kind).await;
        let mut client = b.client_in("r1").await;
        for number in 0..50 {
            client.ask(2, r#"["leave","r1"]"#).await;
            client.ask(3, r#"["join","r1"]"#).await;
            a.io.to("r1").emit("number", &number);
            assert_eq!(client.event().await, format!(r#"["number",{number}]"#), "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_room_that_stays_empty_is_not_listened_to() {
    let redis = Redis::start().await;
    let [node] = nodes(&redis, Kind::Sharded(SubscriptionMode::Dynamic)).await;
    let mut client = node.client_in("r1").await;
    let is_listened_to = async || redis.channels().await.keys().any(|channel| channel.ends_with("#r1#"));
    assert!(is_listened_to().await);
    client.ask(2, r#"["leave","r1"]"#).await;
    eventually("the room's channel is left", async || !is_listened_to().await).await;
}

#[tokio::test]
async fn a_room_that_was_left_is_silent() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b] = nodes(&redis, kind).await;
        let mut client = b.client_in("r1").await;
        client.ask(2, r#"["leave","r1"]"#).await;
        settle().await;
        a.io.to("r1").emit("gone", ());
        a.io.emit("end", ());
        assert_eq!(client.event().await, r#"["end"]"#, "{kind:?}");
    }
}

#[tokio::test]
async fn a_client_of_another_node_is_reached_by_its_id() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b] = nodes(&redis, kind).await;
        let mut client = b.client().await;
        settle().await;
        a.io.to(client.sid()).emit("private", &1);
        assert_eq!(client.event().await, r#"["private",1]"#, "{kind:?}");
    }
}

#[tokio::test]
async fn binary_data_travels_at_any_depth() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b] = nodes(&redis, kind).await;
        let mut client = b.client().await;
        let bytes = bytes::Bytes::from_static(&[1, 2, 3]);
        a.io.emit("picture", (std::collections::BTreeMap::from([("data", vec![bytes])]), "x"));
        let text = client.packet().await;
        assert_eq!(text, r#"51-["picture",{"data":[{"_placeholder":true,"num":0}]},"x"]"#, "{kind:?}");
        assert_eq!(client.websocket.binary().await, [1, 2, 3], "{kind:?}");
    }
}

#[tokio::test]
async fn local_events_stay_at_home() {
    let redis = Redis::start().await;
    for kind in KINDS {
        let [a, b] = nodes(&redis, kind).await;
        let (mut near, mut far) = (a.client().await, b.client().await);
        a.io.local().emit("local", ());
        a.io.emit("end", ());
        assert_eq!(near.event().await, r#"["local"]"#, "{kind:?}");
        assert_eq!(near.event().await, r#"["end"]"#, "{kind:?}");
        assert_eq!(far.event().await, r#"["end"]"#, "{kind:?}");
    }
}

#[tokio::test]
async fn prefixes_and_namespaces_keep_clusters_apart() {
    let redis = Redis::start().await;
    let start = async |prefix: &str| {
        let node = Node::prefixed(prefix, RedisAdapter::builder(redis.url())).await;
        node.io.of("/admin");
        node
    };
    let (a, b, other) = (start("app").await, start("app").await, start("app2").await);
    settle().await;
    let mut admin = fanfare_testkit::Client::connect_to(b.address, "/admin", "").await;
    let mut main = b.client().await;
    other.io.emit("foreign", ());
    a.io.of("/admin").emit("for admins", ());
    a.io.emit("for all", ());
    assert_eq!(main.event().await, r#"["for all"]"#);
    assert_eq!(admin.event().await, r#"["for admins"]"#);
}
