//! 5,000 clients: connecting, broadcasts, and 1,000 rooms of 5.

use super::{Broadcasts, Meter, Run, rooms::Rooms};
use crate::crowd::Crowd;
use crate::failure::Failure;
use crate::process::Process;
use crate::servers::Setting;

pub(super) fn run(run: &mut Run) -> Result<(), Failure> {
    let server = run.start(&Setting::default())?;
    let mut crowd = Crowd::of(server.address(), WARM_UP)?;
    let meter = Meter::start([&server])?;
    crowd.connect(server.address(), CLIENTS - WARM_UP)?;
    run.spent("set-up", &meter, (CLIENTS - WARM_UP) as u64, 0)?;

    if run.wants("rooms") {
        send_to_rooms(run, &server, &mut crowd)?;
    }
    if run.wants("broadcast-5000-16") { broadcast(run, &server, &mut crowd) } else { Ok(()) }
}

fn send_to_rooms(run: &mut Run, server: &Process, crowd: &mut Crowd) -> Result<(), Failure> {
    let mut rooms = Rooms::join(crowd, ROOMS)?;
    rooms.run(crowd, ROOMS_IN_FLIGHT, run.warm_up())?;
    let meter = Meter::start([server])?;
    let deliveries = rooms.run(crowd, ROOMS_IN_FLIGHT, run.time())?;
    run.spent("rooms", &meter, deliveries, rooms.reordered())
}

fn broadcast(run: &mut Run, server: &Process, crowd: &mut Crowd) -> Result<(), Failure> {
    let mut broadcasts = Broadcasts::new(CLIENTS);
    broadcasts.run(crowd, 16, run.warm_up())?;
    let meter = Meter::start([server])?;
    let deliveries = broadcasts.run(crowd, 16, run.time())?;
    run.spent("broadcast-5000-16", &meter, deliveries, broadcasts.reordered())
}

const CLIENTS: usize = 5000;
const WARM_UP: usize = 500;
const ROOMS: usize = 1000;
const ROOMS_IN_FLIGHT: usize = 64;
