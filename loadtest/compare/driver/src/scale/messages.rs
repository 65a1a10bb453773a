//! Longer and longer messages.

use super::lab::{Lab, in_order};
use super::watch::Watch;
use crate::crowd::Crowd;
use crate::failure::Failure;
use crate::scenarios::Broadcasts;
use crate::scenarios::echo::{Echoes, Payload};
use crate::servers::{Kind, Setting};

pub(super) fn run(lab: &mut Lab) -> Result<(), Failure> {
    SIZES.into_iter().try_for_each(|bytes| broadcast(lab, bytes))?;
    SIZES.into_iter().try_for_each(|bytes| echo(lab, bytes))
}

fn broadcast(lab: &mut Lab, bytes: usize) -> Result<(), Failure> {
    const CLIENTS: usize = 200;
    let server = Kind::Fanfare.start(&Setting::default())?;
    let mut crowd = Crowd::of(server.address(), CLIENTS)?;
    for (curve, in_flight) in [("one at a time", 1), ("16 in flight", 16)] {
        let mut broadcasts = Broadcasts::new(CLIENTS).padding(text(bytes));
        broadcasts.run(&mut crowd, in_flight, lab.warm_up())?;
        let watch = Watch::start([&server])?;
        let deliveries = broadcasts.run(&mut crowd, in_flight, lab.time())?;
        lab.note("messages-delivery", curve, bytes, watch.each(deliveries)?, deliveries);
        in_order(broadcasts.reordered())?;
    }
    Ok(())
}

fn echo(lab: &mut Lab, bytes: usize) -> Result<(), Failure> {
    const CLIENTS: usize = 50;
    let server = Kind::Fanfare.start(&Setting::default())?;
    let mut crowd = Crowd::of(server.address(), CLIENTS)?;
    for (curve, in_flight) in [("one at a time", 1), ("8 in flight", 8)] {
        let mut echoes = Echoes::new(CLIENTS, Payload::Text(format!("\"{}\"", text(bytes))));
        echoes.run(&mut crowd, in_flight, lab.warm_up())?;
        let watch = Watch::start([&server])?;
        let echoed = echoes.run(&mut crowd, in_flight, lab.time())?;
        lab.note("messages-echo", curve, bytes, watch.each(echoed)?, echoed);
        in_order(echoes.reordered())?;
    }
    Ok(())
}

/// Letters and blanks, of which nothing has to be escaped.
fn text(bytes: usize) -> String {
    "All mimsy were the borogoves ".chars().cycle().take(bytes).collect()
}

const SIZES: [usize; 7] = [16, 64, 256, 1024, 4096, 16_384, 65_536];
