//! Encryption, and users that may do no more than they need to.

use std::path::PathBuf;

use fanfare_redis::{Kind, RedisAdapter, RedisAdapterBuilder, Status, SubscriptionMode};
use fanfare_testkit::{Redis, RedisCluster, free_port};
use rcgen::{CertifiedKey, generate_simple_self_signed};

use crate::common::{Node, settle, works};

/// A Redis that speaks TLS on a second port, and the certificate that vouches for it.
struct Encrypted {
    redis: Redis,
    port: u16,
    certificate: String,
    files: [PathBuf; 2],
}

impl Encrypted {
    async fn start() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("the name is valid");
        let port = free_port();
        let files = ["crt", "key"].map(|end| std::env::temp_dir().join(format!("fanfare-redis-{port}.{end}")));
        for (file, text) in files.iter().zip([cert.pem(), signing_key.serialize_pem()]) {
            std::fs::write(file, text).expect("the directory for temporary files can be written to");
        }
        let [certificate, key] = files.each_ref().map(|file| file.to_str().expect("it is UTF-8"));
        let port_text = port.to_string();
        let tls = ["--tls-port", &port_text, "--tls-cert-file", certificate, "--tls-key-file", key];
        let clients = ["--tls-ca-cert-file", certificate, "--tls-auth-clients", "no"];
        let redis = Redis::start_with(&[&tls[..], &clients].concat()).await;
        Self { redis, port, certificate: cert.pem(), files }
    }

    fn builder(&self, user: &str) -> RedisAdapterBuilder {
        RedisAdapter::builder(format!("rediss://{user}127.0.0.1:{}/3", self.port))
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Why a node that is made of this has nobody to talk to.
async fn refused(builder: RedisAdapterBuilder) -> String {
    let node = Node::with(builder).await;
    // What a node listens to it knows only once there is a server.
    node.wait_for(|status| matches!(status, Status::Down(_))).await;
    match node.adapter.status() {
        Status::Down(reason) => reason.to_string(),
        Status::Up => panic!("it was refused a moment ago"),
    }
}

#[tokio::test]
async fn nodes_speak_over_tls_with_whom_their_authority_vouches_for() {
    let encrypted = Encrypted::start().await;
    let trusting = || encrypted.builder("").ca_certificates(encrypted.certificate.clone());
    let pair = [Node::with(trusting()).await, Node::with(trusting()).await];
    for node in &pair {
        node.is_up().await;
    }
    works(&pair).await;
    let reason = refused(encrypted.builder("")).await;
    assert!(reason.contains("certificate"), "{reason}");
    // TLS where there is none, and none where there is.
    let plain = RedisAdapter::builder(encrypted.redis.url().replace("redis:", "rediss:"));
    assert!(!refused(plain).await.is_empty());
    assert!(!refused(RedisAdapter::builder(format!("redis://127.0.0.1:{}/", encrypted.port))).await.is_empty());
}

#[test]
fn what_is_not_checked_is_not_encrypted_for_anybody() {
    let message = |builder: RedisAdapterBuilder| builder.check().expect_err("it is wrong").to_string();
    let insecure = message(RedisAdapter::builder("rediss://127.0.0.1/#insecure"));
    assert!(insecure.contains("is always checked"), "{insecure}");
    let empty = message(RedisAdapter::builder("rediss://127.0.0.1/").ca_certificates("nothing"));
    assert!(empty.starts_with("ca_certificates:"), "{empty}");
}

/// What the documentation of the crate says that a user needs.
const CLASSIC: &str =
    "&socket.io-* &socket.io#/#* +subscribe +unsubscribe +psubscribe +punsubscribe +publish +pubsub|numsub";
const SHARDED: &str = "&socket.io* +ssubscribe +sunsubscribe +spublish +pubsub|shardnumsub";

#[tokio::test]
async fn a_user_needs_few_rights() {
    let redis = Redis::start().await;
    for (kind, rights) in [(Kind::Classic, CLASSIC), (Kind::Sharded(SubscriptionMode::Dynamic), SHARDED)] {
        let user = format!("ACL SETUSER me on >pass resetchannels -@all +select {rights}");
        assert_eq!(redis.command(&user).await, "+OK");
        let url = redis.url().replace("redis://", "redis://me:pass@") + "3";
        let start = async || Node::with(RedisAdapter::builder(&url).kind(kind)).await;
        let pair = [start().await, start().await];
        settle().await;
        works(&pair).await;
        let mut client = pair[0].client_in("r1").await;
        pair[1].io.to("r1").emit("hello", ());
        assert_eq!(client.event().await, r#"["hello"]"#);
        assert_eq!(pair[0].io.fetch_sockets().await.map(|found| found.len()), Ok(1), "{kind:?}");
        client.ask(2, r#"["leave","r1"]"#).await;
        for node in &pair {
            assert_eq!(node.adapter.status(), Status::Up);
            assert_eq!(node.metric("fanfare_adapter_not_published_total"), 0.0, "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_user_of_a_redis_cluster_needs_a_few_more() {
    let redis = RedisCluster::start().await;
    for member in &redis.members {
        let user = format!("ACL SETUSER me on >pass resetchannels -@all {SHARDED} +ping +cluster|slots +cluster|info");
        assert_eq!(member.command(&user).await, "+OK");
    }
    let urls: Vec<_> = redis.urls().iter().map(|url| url.replace("redis://", "redis://me:pass@")).collect();
    let kind = Kind::Sharded(SubscriptionMode::Dynamic);
    let start = async || Node::with(RedisAdapter::cluster(urls.clone()).kind(kind)).await;
    let pair = [start().await, start().await];
    settle().await;
    works(&pair).await;
    assert_eq!(pair[0].io.server_count().await, Ok(2));
    assert_eq!(pair.each_ref().map(|node| node.metric("fanfare_adapter_not_published_total")), [0.0, 0.0]);
}

#[tokio::test]
async fn a_right_that_is_missing_is_named() {
    let redis = Redis::start().await;
    let url = redis.url().replace("redis://", "redis://me:pass@");
    for missing in ["psubscribe", "publish"] {
        let user = format!("ACL SETUSER me reset on >pass {CLASSIC} -{missing}");
        assert_eq!(redis.command(&user).await, "+OK");
        let reason = refused(RedisAdapter::builder(&url)).await;
        assert!(reason.contains("right") && reason.contains(missing), "{reason}");
    }
    redis.command("ACL SETUSER me resetchannels +@all &other*").await;
    let reason = refused(RedisAdapter::builder(&url)).await;
    assert!(reason.contains("right") && reason.contains("channel"), "{reason}");
}
