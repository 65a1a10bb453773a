//! What Redis does for a cluster: who listens to what, and how many bytes that makes.

use std::collections::HashMap;

use fanfare_proto::cluster::{Publish, Subscription};

/// One Redis, or the servers of a Redis Cluster.
#[derive(Debug)]
pub(crate) struct Redis {
    channels: HashMap<String, Vec<usize>>,
    /// Those of classic pub/sub end with a star, and have no other.
    patterns: HashMap<String, Vec<usize>>,
    sharded: bool,
    pub(crate) servers: Vec<Traffic>,
}

/// Messages and bytes, framing of the Redis protocol included.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) messages_in: u64,
    pub(crate) bytes_in: u64,
    pub(crate) messages_out: u64,
    pub(crate) bytes_out: u64,
}

/// One copy of a message, for a node.
pub(crate) struct Copy {
    pub(crate) node: usize,
    pub(crate) bytes: u64,
}

impl Redis {
    pub(crate) fn new(servers: usize, sharded: bool) -> Self {
        let servers = vec![Traffic::default(); servers];
        Self { channels: HashMap::new(), patterns: HashMap::new(), sharded, servers }
    }

    pub(crate) fn subscribe(&mut self, node: usize, subscription: &Subscription) {
        let listeners = match subscription {
            Subscription::Channel(name) | Subscription::Sharded(name) => self.channels.entry(name.clone()),
            Subscription::Pattern(name) => self.patterns.entry(name.clone()),
        };
        listeners.or_default().push(node);
    }

    /// How many subscriptions there are.
    pub(crate) fn subscriptions(&self) -> usize {
        self.channels.values().chain(self.patterns.values()).map(Vec::len).sum()
    }

    /// Takes a message; returns the copies of it, and how many bytes it took to send.
    pub(crate) fn publish(&mut self, publish: &Publish) -> (Vec<Copy>, u64) {
        let Publish { channel, payload } = publish;
        let command = if self.sharded { "SPUBLISH" } else { "PUBLISH" };
        let sent = framed(&[command.len(), channel.len(), payload.len()]);
        let by_channel = self.channels.get(channel).into_iter().flatten();
        let word = if self.sharded { "smessage" } else { "message" };
        let bytes = framed(&[word.len(), channel.len(), payload.len()]);
        let mut copies: Vec<_> = by_channel.map(|&node| Copy { node, bytes }).collect();
        for (pattern, nodes) in &self.patterns {
            if channel.starts_with(pattern.trim_end_matches('*')) {
                let bytes = framed(&["pmessage".len(), pattern.len(), channel.len(), payload.len()]);
                copies.extend(nodes.iter().map(|&node| Copy { node, bytes }));
            }
        }
        let servers = self.servers.len();
        let traffic = &mut self.servers[usize::from(slot(channel)) * servers / SLOTS];
        traffic.messages_in += 1;
        traffic.bytes_in += sent;
        traffic.messages_out += copies.len() as u64;
        traffic.bytes_out += copies.iter().map(|copy| copy.bytes).sum::<u64>();
        (copies, sent)
    }
}

/// Bytes of an array of strings of these lengths. Source: the Redis serialization protocol.
fn framed(parts: &[usize]) -> u64 {
    let header = |number: usize| 3 + number.to_string().len();
    let parts_len: usize = parts.iter().map(|&len| header(len) + len + 2).sum();
    (header(parts.len()) + parts_len) as u64
}

/// Which slot of a Redis Cluster a channel belongs to. Source: the Redis Cluster specification, CRC16 (XMODEM).
fn slot(channel: &str) -> u16 {
    let crc = channel.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(byte) << 8),
            |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            },
        )
    });
    crc % SLOTS as u16
}

const SLOTS: usize = 16_384;
