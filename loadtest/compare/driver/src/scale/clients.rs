//! More and more clients: what they take to connect, what they hold, and what a broadcast to all of them costs, beside what
//! the kernel takes for the same writes.

use std::fs;
use std::time::Duration;

use super::lab::{Lab, in_order};
use super::watch::Watch;
use crate::crowd::{Crowd, unexpected};
use crate::failure::Failure;
use crate::process::Process;
use crate::scenarios::Broadcasts;
use crate::servers::{Kind, Setting};

pub(super) fn run(lab: &mut Lab) -> Result<(), Failure> {
    let most = most_clients()?;
    for clients in SIZES.map(|clients| clients.min(most)) {
        with(lab, clients)?;
        compare(lab, Kind::Floor, ("bare, one at a time", 1), clients)?;
        compare(lab, Kind::Flush, ("bare, 16 in flight", 16), clients)?;
    }
    Ok(())
}

fn with(lab: &mut Lab, clients: usize) -> Result<(), Failure> {
    let server = Kind::Fanfare.start(&Setting::default())?;
    let mut crowd = Crowd::new()?;
    let watch = Watch::start([&server])?;
    crowd.connect(server.address(), clients)?;
    // The first ones cost more than the others: they are the first in everything.
    if clients >= MANY {
        lab.note("clients-connect", "WebSocket", clients, watch.each(clients as u64)?, clients as u64);
    }
    crowd.serve(SETTLE, &mut |client, message, _| Err(unexpected(client, message)))?;
    lab.note("clients-memory", "resident", clients, server.resident_bytes()? as f64 / 1e6, clients as u64);
    broadcast(lab, &server, &mut crowd, ("one at a time", 1))?;
    broadcast(lab, &server, &mut crowd, ("16 in flight", 16))
}

/// The same with a server that does nothing but write.
fn compare(lab: &mut Lab, kind: Kind, work: (&'static str, usize), clients: usize) -> Result<(), Failure> {
    let server = kind.start(&Setting::default())?;
    let mut crowd = Crowd::of(server.address(), clients)?;
    broadcast(lab, &server, &mut crowd, work)
}

fn broadcast(
    lab: &mut Lab,
    server: &Process,
    crowd: &mut Crowd,
    (curve, in_flight): (&'static str, usize),
) -> Result<(), Failure> {
    let mut broadcasts = Broadcasts::new(crowd.len());
    broadcasts.run(crowd, in_flight, lab.warm_up())?;
    let watch = Watch::start([server])?;
    let deliveries = broadcasts.run(crowd, in_flight, lab.time())?;
    lab.note("clients-delivery", curve, crowd.len(), watch.each(deliveries)?, deliveries);
    in_order(broadcasts.reordered())
}

/// As many as this process may have descriptors for, which is what the server may have, too.
fn most_clients() -> Result<usize, Failure> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let limit = line.and_then(|line| line.split_ascii_whitespace().next()).and_then(|soft| soft.parse().ok());
    Ok(limit.unwrap_or(usize::MAX).saturating_sub(OTHER_DESCRIPTORS))
}

const SIZES: [usize; 7] = [1, 10, 100, 1000, 5000, 10_000, 20_000];
const MANY: usize = 100;

/// What a process has open besides its clients, generously.
const OTHER_DESCRIPTORS: usize = 100;

/// How long a server gets to come to rest.
const SETTLE: Duration = Duration::from_millis(1500);
