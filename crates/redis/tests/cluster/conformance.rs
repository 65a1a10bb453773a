//! The adapters do what every adapter has to do.

use std::time::Duration;

use fanfare::Server;
use fanfare::adapter::conformance;
use fanfare_redis::{Kind, RedisAdapter, RedisAdapterBuilder, SubscriptionMode};
use fanfare_testkit::{Redis, RedisCluster};
use futures_util::future::join_all;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_adapter_conforms() {
    let (redis, cluster) = tokio::join!(Redis::start(), RedisCluster::start());
    let sharded = |mode| RedisAdapter::builder(redis.url()).kind(Kind::Sharded(mode));
    tokio::join!(
        check("classic", || RedisAdapter::builder(redis.url())),
        check("static", || sharded(SubscriptionMode::Static)),
        check("dynamic", || sharded(SubscriptionMode::Dynamic)),
        // With a channel for each room, rooms on different servers would have no order among each other.
        check("cluster", || RedisAdapter::cluster(cluster.urls()).kind(Kind::Sharded(SubscriptionMode::Static))),
    );
}

/// Runs all cases at once, each with nodes of its own.
async fn check(name: &str, builder: impl Fn() -> RedisAdapterBuilder) {
    let running = conformance::cases().map(async |case| {
        let start = async || {
            let builder = builder().prefix(format!("{name}-{}", case.name())).requests_timeout(Duration::from_secs(1));
            let adapter = builder.connect().await.expect("the options are valid");
            Server::builder().serve_client(false).adapter(adapter).build().expect("the options are valid")
        };
        println!("{name}: {}", case.name());
        case.run(async || vec![start().await, start().await, start().await]).await;
    });
    join_all(running).await;
}
