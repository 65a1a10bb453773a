//! What a run has shown, for people.

use std::fmt;

use super::load::{Kind, Load};
use super::model::{Cluster, Member};
use super::redis::Traffic;

/// Prints as tables.
pub(crate) struct Report<'a> {
    load: &'a Load,
    cluster: &'a Cluster,
}

impl<'a> Report<'a> {
    pub(crate) fn new(load: &'a Load, cluster: &'a Cluster) -> Self {
        Self { load, cluster }
    }

    fn nodes(&self, f: &mut fmt::Formatter<'_>, name: &str, of: fn(&Member) -> u64) -> fmt::Result {
        let values = self.cluster.members.iter().map(of);
        let (sum, max) = values.fold((0, 0), |(sum, max), value| (sum + value, value.max(max)));
        line(f, name, sum / self.load.nodes as u64, max, sum)
    }

    fn redis(&self, f: &mut fmt::Formatter<'_>, name: &str, of: fn(&Traffic) -> u64) -> fmt::Result {
        let values = self.cluster.redis.servers.iter().map(of);
        let (sum, max) = values.fold((0, 0), |(sum, max), value| (sum + value, value.max(max)));
        line(f, name, sum / self.load.redis as u64, max, sum)
    }
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Load { nodes, clients, rooms, redis, .. } = self.load;
        let adapter = match self.load.adapter {
            Kind::Classic => "classic pub/sub",
            Kind::Sharded => "sharded pub/sub, a channel for each room",
            Kind::ShardedStatic => "sharded pub/sub, one channel",
        };
        writeln!(f, "{nodes} nodes, {clients} clients, {rooms} rooms, {redis} Redis; {adapter}")?;
        writeln!(f, "{} subscriptions\n", self.cluster.redis.subscriptions())?;
        writeln!(f, "{:<34}{:>14}{:>14}{:>16}", "per second", "mean", "most", "all")?;
        self.nodes(f, "a node publishes", |member| member.published)?;
        self.nodes(f, "    bytes", |member| member.bytes_out)?;
        self.nodes(f, "a node receives", |member| member.received)?;
        self.nodes(f, "    of them for nobody it has", |member| member.in_vain)?;
        self.nodes(f, "    bytes", |member| member.bytes_in)?;
        self.nodes(f, "a node delivers to its clients", |member| member.deliveries)?;
        self.redis(f, "a Redis takes", |traffic| traffic.messages_in)?;
        self.redis(f, "    bytes", |traffic| traffic.bytes_in)?;
        self.redis(f, "a Redis sends", |traffic| traffic.messages_out)?;
        self.redis(f, "    bytes", |traffic| traffic.bytes_out)?;
        if self.load.questions > 0 {
            writeln!(f, "\n{} of {} questions were answered by all", self.cluster.answered, self.load.questions)?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, mean: u64, most: u64, all: u64) -> fmt::Result {
    writeln!(f, "{name:<34}{mean:>14}{most:>14}{all:>16}")
}
