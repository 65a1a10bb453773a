//! Rooms of different sizes, and clients that are in many.

use std::time::{Duration, Instant};

use super::lab::{Lab, in_order};
use super::watch::Watch;
use crate::crowd::{Crowd, PATIENCE};
use crate::failure::Failure;
use crate::frame;
use crate::ledger::Ledger;
use crate::scenarios::rooms::Rooms;
use crate::servers::{Kind, Setting};

pub(super) fn run(lab: &mut Lab) -> Result<(), Failure> {
    [2, 5, 50, 1000].into_iter().try_for_each(|size| of_size(lab, size))?;
    [1, 10, 100, 1000].into_iter().try_for_each(|rooms| in_turn(lab, rooms))?;
    for name in [Names::Own, Names::Shared] {
        [1, 10, 100, 1000].into_iter().try_for_each(|rooms| memberships(lab, name, rooms))?;
    }
    Ok(())
}

/// 1,000 clients in rooms of this size.
fn of_size(lab: &mut Lab, size: usize) -> Result<(), Failure> {
    const CLIENTS: usize = 1000;
    let server = Kind::Fanfare.start(&Setting::default())?;
    let mut crowd = Crowd::of(server.address(), CLIENTS)?;
    let mut rooms = Rooms::join(&mut crowd, CLIENTS / size)?;
    for (curve, in_flight) in [("one at a time", 1), ("16 in flight", 16)] {
        rooms.run(&mut crowd, in_flight, lab.warm_up())?;
        let watch = Watch::start([&server])?;
        let deliveries = rooms.run(&mut crowd, in_flight, lab.time())?;
        lab.note("rooms-delivery", curve, size, watch.each(deliveries)?, deliveries);
    }
    in_order(rooms.reordered())
}

/// One client in many rooms, which sends to one after the other.
fn in_turn(lab: &mut Lab, rooms: usize) -> Result<(), Failure> {
    let server = Kind::Fanfare.start(&Setting::default())?;
    let mut crowd = Crowd::of(server.address(), 1)?;
    join(&mut crowd, Names::Own, rooms)?;
    send_in_turn(&mut crowd, rooms, lab.warm_up())?;
    let watch = Watch::start([&server])?;
    let events = send_in_turn(&mut crowd, rooms, lab.time())?;
    lab.note("rooms-many", "one at a time", rooms, watch.each(events)?, events);
    Ok(())
}

fn send_in_turn(crowd: &mut Crowd, rooms: usize, time: Duration) -> Result<u64, Failure> {
    let (mut ledger, end) = (Ledger::new(1), Instant::now() + time);
    while Instant::now() < end {
        let number = ledger.sent();
        let room = Names::Own.room(0, number as usize % rooms);
        ledger.expect_text(format!(r#"42["room",{number}]"#));
        crowd.send_text(0, &format!(r#"42["room","{room}",{number}]"#))?;
        crowd.complete(&mut ledger, PATIENCE)?;
    }
    Ok(ledger.sent())
}

/// Many clients, each in so many rooms.
fn memberships(lab: &mut Lab, names: Names, rooms: usize) -> Result<(), Failure> {
    let clients = (MEMBERSHIPS / rooms).min(MOST_CLIENTS);
    let server = Kind::Fanfare.start(&Setting::default())?;
    let mut crowd = Crowd::of(server.address(), clients)?;
    let (watch, before) = (Watch::start([&server])?, server.resident_bytes()?);
    join(&mut crowd, names, rooms)?;
    let all = (clients * rooms) as u64;
    lab.note("rooms-join", names.curve(), rooms, watch.each(all)?, all);
    let grown = server.resident_bytes()?.saturating_sub(before);
    lab.note("rooms-memory", names.curve(), rooms, grown as f64 / all as f64, all);
    Ok(())
}

/// Lets every client join so many rooms.
fn join(crowd: &mut Crowd, names: Names, rooms: usize) -> Result<(), Failure> {
    let mut acks = Ledger::new(crowd.len());
    let numbers: Vec<_> = (0..rooms).collect();
    for some in numbers.chunks(AT_A_TIME) {
        some.iter().for_each(|number| acks.expect_text(format!(r#"43{number}["ok"]"#)));
        for client in 0..crowd.len() {
            let mut frames = Vec::new();
            for number in some {
                let room = names.room(client, *number);
                frame::text(format!(r#"42{number}["join","{room}"]"#).as_bytes(), &mut frames);
            }
            crowd.send(client, &frames)?;
        }
        crowd.complete(&mut acks, PATIENCE)?;
    }
    Ok(())
}

/// Which rooms clients join.
#[derive(Clone, Copy)]
enum Names {
    /// Rooms that nobody else is in.
    Own,
    /// The same ones.
    Shared,
}

impl Names {
    fn room(self, client: usize, number: usize) -> String {
        match self {
            Self::Own => format!("room-{client}-{number}"),
            Self::Shared => format!("room-{number}"),
        }
    }

    fn curve(self) -> &'static str {
        match self {
            Self::Own => "alone in each room",
            Self::Shared => "all in the same rooms",
        }
    }
}

const MEMBERSHIPS: usize = 100_000;
const MOST_CLIENTS: usize = 10_000;
const AT_A_TIME: usize = 100;
