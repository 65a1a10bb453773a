//! A Redis Cluster that lives as long as a test.

use std::time::Duration;

use crate::{Redis, within};

/// Three primaries that share the slots, without replicas. Ends with its owner.
#[derive(Debug)]
pub struct RedisCluster {
    /// The servers, in the order of their slots.
    pub members: Vec<Redis>,
}

impl RedisCluster {
    /// Starts the servers and waits until they agree.
    pub async fn start() -> Self {
        let mut members = Vec::new();
        for (index, slots) in ["0 5460", "5461 10922", "10923 16383"].iter().enumerate() {
            let member = Redis::start_member().await;
            expect_ok(&member, &format!("CLUSTER ADDSLOTSRANGE {slots}")).await;
            expect_ok(&member, &format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1)).await;
            members.push(member);
        }
        for other in &members[1..] {
            let bus = other.query("CONFIG GET cluster-port").await.remove(1);
            expect_ok(&members[0], &format!("CLUSTER MEET 127.0.0.1 {} {bus}", other.port())).await;
        }
        let cluster = Self { members };
        cluster.agrees().await;
        cluster
    }

    /// The addresses for a client.
    pub fn urls(&self) -> Vec<String> {
        self.members.iter().map(Redis::url).collect()
    }

    /// Waits until every server knows all others and serves.
    pub async fn agrees(&self) {
        let agreed = async {
            for member in &self.members {
                loop {
                    let info = member.query("CLUSTER INFO").await.concat();
                    if info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384") {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        };
        within("agreement of the Redis Cluster", agreed).await;
    }

    /// The server that has the slot of a channel.
    pub async fn member_of(&self, channel: &str) -> usize {
        let slot = self.slot(channel).await;
        let owner = async |member: &Redis| {
            // Each range: its first and last slot, then where it is.
            let slots = member.query("CLUSTER NODES").await.concat();
            let myself = slots.lines().find(|line| line.contains("myself")).expect("it knows itself").to_owned();
            myself.split(' ').skip(8).any(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                first.parse().is_ok_and(|first: u16| first <= slot) && last.parse().is_ok_and(|last: u16| slot <= last)
            })
        };
        for (index, member) in self.members.iter().enumerate() {
            if owner(member).await {
                return index;
            }
        }
        panic!("nobody has slot {slot}");
    }

    /// Gives the slot of a channel to another server.
    pub async fn move_slot_of(&self, channel: &str, to: usize) {
        let slot = self.slot(channel).await;
        let from = &self.members[self.member_of(channel).await];
        let to = &self.members[to];
        let id = async |member: &Redis| member.query("CLUSTER MYID").await.remove(0);
        expect_ok(to, &format!("CLUSTER SETSLOT {slot} IMPORTING {}", id(from).await)).await;
        expect_ok(from, &format!("CLUSTER SETSLOT {slot} MIGRATING {}", id(to).await)).await;
        for member in [to, from] {
            expect_ok(member, &format!("CLUSTER SETSLOT {slot} NODE {}", id(to).await)).await;
        }
    }

    async fn slot(&self, channel: &str) -> u16 {
        self.members[0].query(&format!("CLUSTER KEYSLOT {channel}")).await[0].parse().expect("a slot")
    }
}

async fn expect_ok(member: &Redis, command: &str) {
    assert_eq!(member.command(command).await, "+OK", "{command}");
}
