//! More and more nodes over one Redis, on this machine: what all of them spend, not how fast they would be elsewhere.

use std::time::Duration;

use super::lab::{Lab, in_order};
use super::watch::Watch;
use crate::crowd::{Crowd, unexpected};
use crate::failure::Failure;
use crate::frame::Message;
use crate::process::Process;
use crate::scenarios::redis::{free_port, start_redis};
use crate::scenarios::rooms::Rooms;
use crate::servers::{Kind, Setting};

pub(super) fn run(lab: &mut Lab) -> Result<(), Failure> {
    alone(lab)?;
    for (curve, sharded) in [("classic pub/sub", false), ("sharded pub/sub", true)] {
        [1, 2, 4, 8].into_iter().try_for_each(|nodes| spread(lab, curve, sharded, nodes))?;
        unconcerned(lab, curve, sharded)?;
    }
    Ok(())
}

/// One node without Redis, to compare with.
fn alone(lab: &mut Lab) -> Result<(), Failure> {
    let node = Kind::Fanfare.start(&Setting::default())?;
    let mut crowd = Crowd::of(node.address(), CLIENTS)?;
    let mut rooms = Rooms::join(&mut crowd, ROOMS)?;
    rooms.run(&mut crowd, IN_FLIGHT, lab.warm_up())?;
    let watch = Watch::start([&node])?;
    let deliveries = rooms.run(&mut crowd, IN_FLIGHT, lab.time())?;
    lab.note("nodes-delivery", "without Redis", 1, watch.each(deliveries)?, deliveries);
    in_order(rooms.reordered())
}

/// Rooms of 5, whose clients are on 5 nodes if there are so many. All nodes send alike.
fn spread(lab: &mut Lab, curve: &'static str, sharded: bool, nodes: usize) -> Result<(), Failure> {
    let cluster = Cluster::start(nodes, sharded)?;
    let mut crowd = Crowd::new()?;
    for client in 0..CLIENTS {
        crowd.connect(cluster.nodes[client % nodes].address(), 1)?;
    }
    let mut rooms = cluster.join(&mut crowd)?;
    rooms.run(&mut crowd, IN_FLIGHT, lab.warm_up())?;
    let (of_nodes, of_redis) = (Watch::start(&cluster.nodes)?, Watch::start([&cluster.redis])?);
    let deliveries = rooms.run(&mut crowd, IN_FLIGHT, lab.time())?;
    let events = deliveries / MEMBERS;
    lab.note("nodes-delivery", curve, nodes, of_nodes.each(deliveries)?, deliveries);
    lab.note("nodes-redis", curve, nodes, of_redis.each(events)?, events);
    in_order(rooms.reordered())
}

/// All clients on one node, and one more node.
fn unconcerned(lab: &mut Lab, curve: &'static str, sharded: bool) -> Result<(), Failure> {
    let cluster = Cluster::start(2, sharded)?;
    let mut crowd = Crowd::of(cluster.nodes[0].address(), CLIENTS)?;
    let mut rooms = cluster.join(&mut crowd)?;
    for in_flight in [1, 8, 64] {
        rooms.run(&mut crowd, in_flight, lab.warm_up())?;
        let watch = Watch::start([&cluster.nodes[1]])?;
        let events = rooms.run(&mut crowd, in_flight, lab.time())? / MEMBERS;
        lab.note("nodes-idle", curve, in_flight, watch.each(events)?, events);
    }
    in_order(rooms.reordered())
}

struct Cluster {
    nodes: Vec<Process>,
    redis: Process,
}

impl Cluster {
    fn start(nodes: usize, sharded: bool) -> Result<Self, Failure> {
        let port = free_port()?;
        let redis = start_redis(port)?;
        let setting = Setting { redis: Some(port), sharded, ..Setting::default() };
        let nodes = (0..nodes).map(|_| Kind::Fanfare.start(&setting)).collect::<Result<_, _>>()?;
        Ok(Self { nodes, redis })
    }

    /// Lets all clients join their rooms, and all nodes know of them. A subscription that is late loses a message, which
    /// fails the run.
    fn join(&self, crowd: &mut Crowd) -> Result<Rooms, Failure> {
        let idle = &mut |client, message: Message<'_>, _: &mut Vec<u8>| Err(unexpected(client, message));
        crowd.serve(SETTLE, idle)?;
        let rooms = Rooms::join(crowd, ROOMS)?;
        crowd.serve(SETTLE, idle)?;
        Ok(rooms)
    }
}

/// An odd number, so that the clients of a room are on different nodes.
const ROOMS: usize = 201;
const MEMBERS: u64 = 5;
const CLIENTS: usize = ROOMS * MEMBERS as usize;
const IN_FLIGHT: usize = 64;
const SETTLE: Duration = Duration::from_millis(500);
