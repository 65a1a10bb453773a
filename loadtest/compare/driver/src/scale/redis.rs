//! What a message and a subscription cost Redis, with more and more nodes that are subscribed.

use std::time::{Duration, Instant};

use super::lab::Lab;
use super::resp::{PubSub, Topic, listen_to_rooms};
use super::watch::Watch;
use crate::failure::Failure;
use crate::scenarios::redis::{free_port, start_redis};

pub(super) fn run(lab: &mut Lab) -> Result<(), Failure> {
    for topic in [Topic::Classic, Topic::Sharded] {
        for work in WORK {
            NODES.into_iter().try_for_each(|nodes| publish(lab, topic, work, nodes))?;
        }
    }
    NODES.into_iter().try_for_each(|nodes| subscribe(lab, nodes))
}

/// So many nodes, each of which listens to the same many rooms.
fn subscribe(lab: &mut Lab, nodes: usize) -> Result<(), Failure> {
    const ROOMS: usize = 10_000;
    let redis = start_redis(free_port()?)?;
    let (watch, before) = (Watch::start([&redis])?, redis.resident_bytes()?);
    let streams: Vec<_> = (0..nodes).map(|_| listen_to_rooms(redis.address(), ROOMS)).collect::<Result<_, _>>()?;
    let all = (streams.len() * ROOMS) as u64;
    lab.note("redis-subscribe", "sharded pub/sub", nodes, watch.each(all)?, all);
    let grown = redis.resident_bytes()?.saturating_sub(before);
    lab.note("redis-memory", "sharded pub/sub", nodes, grown as f64 / all as f64, all);
    Ok(())
}

fn publish(lab: &mut Lab, topic: Topic, work: &Work, nodes: usize) -> Result<(), Failure> {
    let redis = start_redis(free_port()?)?;
    let mut pubsub = PubSub::open(redis.address(), topic, work.at_a_time, nodes, work.bytes)?;
    publish_for(&mut pubsub, lab.warm_up())?;
    let watch = Watch::start([&redis])?;
    let published = publish_for(&mut pubsub, lab.time())?;
    let chart = match topic {
        Topic::Classic => "redis-classic",
        Topic::Sharded => "redis-sharded",
    };
    lab.note(chart, work.curve, nodes, watch.each(published)?, published);
    Ok(())
}

fn publish_for(pubsub: &mut PubSub, time: Duration) -> Result<u64, Failure> {
    let (mut published, end) = (0, Instant::now() + time);
    while Instant::now() < end {
        published += pubsub.publish()?;
    }
    Ok(published)
}

/// What is published.
struct Work {
    curve: &'static str,
    bytes: usize,
    /// A Redis that is busy finds messages of many nodes whenever it looks.
    at_a_time: usize,
}

const WORK: &[Work] = &[
    Work { curve: "200 B, one at a time", bytes: 200, at_a_time: 1 },
    Work { curve: "200 B, 16 at a time", bytes: 200, at_a_time: 16 },
    Work { curve: "2 kB, 16 at a time", bytes: 2000, at_a_time: 16 },
];
const NODES: [usize; 6] = [1, 2, 4, 8, 16, 64];
