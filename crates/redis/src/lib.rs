//! Makes one cluster of many Fanfare nodes, and of Node.js servers beside them, over Redis.
//!
//! ```no_run
//! use fanfare::{Server, Socket};
//! use fanfare_redis::RedisAdapter;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let adapter = RedisAdapter::builder("redis://127.0.0.1/").connect().await?;
//! let io = Server::builder().adapter(adapter).build()?;
//! io.on_connect(async |io: Server, socket: Socket| io.emit("joined", &socket.id()));
//! io.listen("0.0.0.0:3000").await?;
//! # Ok(())
//! # }
//! ```
//!
//! What is emitted on one node reaches the clients of all; rooms, acknowledgements and
//! [`fetch_sockets`](fanfare::Namespace::fetch_sockets) span the cluster. On the wire nodes speak what
//! `@socket.io/redis-adapter` speaks, so that Node.js servers are nodes like any other.
//!
//! No load balancer has to keep the requests of a client together: a request that comes to another node than the one that
//! owns its session is served through that, over a channel that each node has for itself.
//!
//! What a node sends arrives in order and at most once. While Redis is away every node serves its own clients; what it
//! would have told the others meanwhile is dropped and counted, and [`RedisAdapter::status`] says why.
//!
//! - [`RedisAdapter`], [`RedisAdapterBuilder`]: the adapter and its options.
//! - Inside: the `Hub` holds the connections; the `Publisher` keeps the order of what is sent, the `Subscriber` sees to it
//!   that what is wanted is heard; a `NamespaceAdapter` is one namespace, `RedisPeers` one node. The messages themselves are
//!   `fanfare_proto::cluster`'s.
//!
//! # What it needs of Redis
//!
//! Redis 6 or later, for sharded pub/sub 7; one server, the primary that Sentinel names, or a Redis Cluster. Over a Redis
//! Cluster nodes talk by sharded pub/sub only: the classic one would be carried by all of its servers, none of which could
//! say how many nodes there are. A node counts as connected while it reaches all of its primaries and they find the cluster
//! whole. When a channel moves to another server, what is published before a node has heard of it may be lost, and is counted.
//!
//! At `rediss://`, the certificate is checked against the authorities that browsers trust, or against
//! [those given](RedisAdapterBuilder::ca_certificates). There is no way not to check it.
//!
//! A user with no right but these is enough, for the prefix `socket.io`. A pattern has to be allowed as it stands, so classic
//! pub/sub needs one for each namespace:
//!
//! ```text
//! classic:  resetchannels &socket.io-* &socket.io#/#* &socket.io#/admin#*
//!           -@all +subscribe +unsubscribe +psubscribe +punsubscribe +publish +pubsub|numsub
//! sharded:  resetchannels &socket.io*
//!           -@all +ssubscribe +sunsubscribe +spublish +pubsub|shardnumsub
//! ```
//!
//! A database in the address asks for `+select` too, though all databases share their channels; a Redis Cluster for `+ping`,
//! `+cluster|slots` and `+cluster|info`. With `+client|info` and `+client|kill`, a node that has lost its connection without
//! a word ends it in Redis too, which would otherwise count it as one node more until its `tcp-keepalive` is over.

mod adapter;
mod backoff;
mod config;
mod connection;
mod hub;
mod metrics;
mod peers;
mod pool;
mod publisher;
mod status;
mod subscriber;
mod wanted;

use std::fmt;
use std::sync::Arc;

use fanfare::adapter::{Adapter, AdapterFactory, Local, Peers};
use tokio::sync::watch;

use adapter::NamespaceAdapter;
use config::{Config, Topology};
pub use config::{Kind, RedisAdapterBuilder, redacted};
pub use fanfare::ConfigError;
pub use fanfare_proto::cluster::SubscriptionMode;
use hub::Hub;
use peers::RedisPeers;
pub use status::Status;

/// Connects the nodes of a cluster over Redis. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct RedisAdapter(Arc<Hub>);

impl RedisAdapter {
    /// Over one Redis server, at `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.
    pub fn builder(url: impl Into<String>) -> RedisAdapterBuilder {
        RedisAdapterBuilder::new(Topology::Server(url.into()))
    }

    /// Over the primary that Sentinel names. User, password and database of the first address are those of the primary.
    pub fn sentinel<T: Into<String>>(
        urls: impl IntoIterator<Item = T>,
        primary: impl Into<String>,
    ) -> RedisAdapterBuilder {
        let urls = urls.into_iter().map(Into::into).collect();
        RedisAdapterBuilder::new(Topology::Sentinel { urls, primary: primary.into() })
    }

    /// Over a Redis Cluster, for [sharded](Kind::Sharded) pub/sub.
    pub fn cluster<T: Into<String>>(urls: impl IntoIterator<Item = T>) -> RedisAdapterBuilder {
        RedisAdapterBuilder::new(Topology::Cluster(urls.into_iter().map(Into::into).collect()))
    }

    /// Over one Redis server, with the default options.
    pub async fn connect(url: impl Into<String>) -> Result<Self, ConfigError> {
        Self::builder(url).connect().await
    }

    pub(crate) async fn start(config: Config) -> Result<Self, ConfigError> {
        let hub = Hub::start(config)?;
        hub.settled().await;
        Ok(Self(Arc::new(hub)))
    }

    /// Whether the other nodes can be reached.
    pub fn status(&self) -> Status {
        self.0.status().get()
    }

    /// Sees every change of the [status](Self::status).
    pub fn watch_status(&self) -> watch::Receiver<Status> {
        self.0.status().watch()
    }
}

impl AdapterFactory for RedisAdapter {
    fn adapter(&self, local: Local) -> Arc<dyn Adapter> {
        let wire = self.0.wire(local.namespace());
        Arc::new(NamespaceAdapter::new(local, &self.0, wire))
    }

    fn peers(&self) -> Option<Arc<dyn Peers>> {
        Some(Arc::new(RedisPeers::new(&self.0)))
    }
}

impl fmt::Debug for RedisAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisAdapter").field("status", &self.status()).finish()
    }
}
