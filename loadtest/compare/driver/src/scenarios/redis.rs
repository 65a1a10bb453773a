//! Two nodes that are connected by Redis: broadcasts, and rooms with members on both.

use std::process::Command;
use std::time::Duration;

use super::{Broadcasts, Meter, Run, rooms::Rooms};
use crate::crowd::{Crowd, unexpected};
use crate::failure::Failure;
use crate::process::Process;
use crate::servers::Setting;

pub(super) fn run(run: &mut Run) -> Result<(), Failure> {
    let port = free_port()?;
    let redis = start_redis(port)?;
    let setting = Setting { redis: Some(port), ..Setting::default() };
    let nodes = [run.start(&setting)?, run.start(&setting)?];
    let mut crowd = Crowd::new()?;
    for node in &nodes {
        crowd.connect(node.address(), CLIENTS_OF_A_NODE)?;
    }
    // Nobody says when the subscriptions are in place.
    crowd.serve(SETTLE, &mut |client, message, _| Err(unexpected(client, message)))?;
    let processes = || nodes.iter().chain([&redis]);

    let mut rooms = Rooms::join(&mut crowd, ROOMS)?;
    rooms.run(&mut crowd, ROOMS_IN_FLIGHT, run.warm_up())?;
    let meter = Meter::start(processes())?;
    let deliveries = rooms.run(&mut crowd, ROOMS_IN_FLIGHT, run.time())?;
    run.spent("redis-rooms", &meter, deliveries, rooms.reordered())?;

    let mut broadcasts = Broadcasts::new(crowd.len());
    broadcasts.run(&mut crowd, 16, run.warm_up())?;
    let meter = Meter::start(processes())?;
    let deliveries = broadcasts.run(&mut crowd, 16, run.time())?;
    run.spent("redis-broadcast", &meter, deliveries, broadcasts.reordered())
}

/// A Redis that keeps nothing. It says when it is ready, but not where.
pub(crate) fn start_redis(port: u16) -> Result<Process, Failure> {
    let mut command = Command::new("redis-server");
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
    Process::start_at(command, ([127, 0, 0, 1], port).into(), "Ready to accept connections")
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16, Failure> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

const CLIENTS_OF_A_NODE: usize = 500;
const ROOMS: usize = 200;
const ROOMS_IN_FLIGHT: usize = 64;
const SETTLE: Duration = Duration::from_millis(500);
