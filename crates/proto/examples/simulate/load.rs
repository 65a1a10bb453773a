//! What there is to simulate.

use clap::{Parser, ValueEnum};
use fanfare_proto::cluster::{Classic, Sharded, SubscriptionMode, Wire};

/// What a cluster gives its nodes and Redis to do, in one second of a load.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Load {
    /// How many nodes there are
    #[arg(long, default_value_t = 3)]
    pub(crate) nodes: usize,
    /// How many clients there are, on all nodes together
    #[arg(long, default_value_t = 10_000)]
    pub(crate) clients: usize,
    /// How many rooms there are
    #[arg(long, default_value_t = 1000)]
    pub(crate) rooms: usize,
    /// How many rooms each client is in
    #[arg(long, default_value_t = 1)]
    pub(crate) rooms_per_client: usize,
    /// Where the clients of a room are
    #[arg(long, value_enum, default_value_t = Placement::Spread)]
    pub(crate) placement: Placement,
    /// Events to one room each, per second
    #[arg(long, default_value_t = 1000)]
    pub(crate) room_events: usize,
    /// Events to everybody, per second
    #[arg(long, default_value_t = 1)]
    pub(crate) broadcasts: usize,
    /// Questions that every node answers (`fetch_sockets` of a room), per second
    #[arg(long, default_value_t = 0)]
    pub(crate) questions: usize,
    /// Bytes of text in each event
    #[arg(long, default_value_t = 100)]
    pub(crate) payload: usize,
    /// What carries the messages
    #[arg(long, value_enum, default_value_t = Kind::Classic)]
    pub(crate) adapter: Kind,
    /// Redis servers; more than one are a Redis Cluster, which sharded adapters spread their channels over
    #[arg(long, default_value_t = 1)]
    pub(crate) redis: usize,
    /// The same seed gives the same run
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Where the clients of a room are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Placement {
    /// On any nodes, as a load balancer leaves them
    Spread,
    /// All of a room on one node
    Together,
}

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Classic pub/sub
    Classic,
    /// Sharded pub/sub, one channel for each room
    Sharded,
    /// Sharded pub/sub, one channel for everything
    ShardedStatic,
}

impl Load {
    /// Says what cannot be.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.nodes == 0 || self.redis == 0 {
            return Err("--nodes and --redis: at least 1 is needed");
        }
        if self.redis > 1 && self.adapter == Kind::Classic {
            return Err("--redis: classic pub/sub sends everything through every server, so more than 1 gain nothing");
        }
        if self.rooms == 0 && (self.rooms_per_client > 0 || self.room_events > 0) {
            return Err("--rooms: at least 1 is needed for --rooms-per-client and --room-events");
        }
        Ok(())
    }

    /// How a node of this number writes its messages.
    pub(crate) fn wire(&self, number: usize) -> Wire {
        let sharded = |mode| Wire::Sharded(Sharded::node("socket.io", "/", &format!("{number:016x}"), mode));
        match self.adapter {
            Kind::Classic => Wire::Classic(Classic::node("socket.io", "/", &format!("{number:06}"))),
            Kind::Sharded => sharded(SubscriptionMode::Dynamic),
            Kind::ShardedStatic => sharded(SubscriptionMode::Static),
        }
    }
}
