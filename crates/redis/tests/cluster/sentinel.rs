//! A primary that Sentinel names, and another one after it.

use fanfare_redis::{Kind, RedisAdapter, Status, SubscriptionMode};
use fanfare_testkit::{Redis, free_port};

use crate::common::{Node, eventually, works};

/// A primary, its replica, and a Sentinel that looks after them.
struct Servers {
    primary: Redis,
    replica: Redis,
    sentinel: Redis,
}

impl Servers {
    async fn start() -> Self {
        let primary = Redis::start().await;
        let replica = Redis::start_replica(&primary).await;
        let sentinel = Redis::start_sentinel(&primary).await;
        Self { primary, replica, sentinel }
    }

    /// Two nodes that know a Sentinel that is there, and one that is not.
    async fn nodes(&self, kind: Kind) -> [Node; 2] {
        let absent = format!("redis://127.0.0.1:{}/", free_port());
        let start =
            async || Node::with(RedisAdapter::sentinel([absent.clone(), self.sentinel.url()], "main").kind(kind)).await;
        let nodes = [start().await, start().await];
        for node in &nodes {
            node.is_up().await;
        }
        nodes
    }

    /// Waits until the replica is the primary, and both nodes are there and nowhere else.
    async fn failed_over(&self, nodes: &[Node; 2]) {
        let promoted = self.replica.port().to_string();
        eventually("the Sentinel names the replica", async || {
            self.sentinel.query("SENTINEL GET-MASTER-ADDR-BY-NAME main").await.contains(&promoted)
        })
        .await;
        eventually("everything is listened to there", async || subscriptions(&self.replica).await >= 6).await;
        for node in nodes {
            node.is_up().await;
        }
        works(nodes).await;
        assert_eq!(nodes[0].io.server_count().await, Ok(2));
    }
}

/// What nodes listen to, and not Sentinel itself.
async fn subscriptions(redis: &Redis) -> usize {
    redis.channels().await.iter().filter(|(name, _)| name.starts_with("socket.io")).map(|(_, count)| count).sum()
}

#[tokio::test]
async fn a_failover_is_followed() {
    check_failover(Kind::Classic).await;
}

#[tokio::test]
async fn a_failover_is_followed_by_sharded_nodes() {
    check_failover(Kind::Sharded(SubscriptionMode::Dynamic)).await;
}

async fn check_failover(kind: Kind) {
    let servers = Servers::start().await;
    let nodes = servers.nodes(kind).await;
    works(&nodes).await;
    servers.sentinel.command("SENTINEL FAILOVER main").await;
    servers.failed_over(&nodes).await;
    eventually("nobody listens to the old primary", async || subscriptions(&servers.primary).await == 0).await;
}

#[tokio::test]
async fn a_primary_that_dies_is_followed_by_its_replica_and_not_returned_to() {
    let mut servers = Servers::start().await;
    let nodes = servers.nodes(Kind::Classic).await;
    let before = nodes.each_ref().map(|node| node.metric("fanfare_adapter_connects_total"));
    servers.primary.kill();
    servers.failed_over(&nodes).await;
    servers.primary.restart().await;
    let is_replica = async || servers.primary.query("ROLE").await.first().is_some_and(|role| role == "slave");
    eventually("the old primary is a replica", is_replica).await;
    works(&nodes).await;
    assert_eq!(subscriptions(&servers.primary).await, 0);
    let after = nodes.each_ref().map(|node| node.metric("fanfare_adapter_connects_total"));
    assert_eq!(after, before.map(|connects| connects + 1.0), "they have moved once");
}

#[tokio::test]
async fn a_sentinel_is_no_redis_and_an_unknown_primary_is_none() {
    let servers = Servers::start().await;
    let reason = async |builder| match Node::with(builder).await.adapter.status() {
        Status::Down(reason) => reason,
        Status::Up => panic!("there is nothing to talk over"),
    };
    let refused = reason(RedisAdapter::builder(servers.sentinel.url())).await;
    assert!(refused.contains("Sentinel"), "{refused}");
    let refused = reason(RedisAdapter::sentinel([servers.sentinel.url()], "other")).await;
    assert!(refused.contains("not found"), "{refused}");
}
