//! Pings and their pongs, of more and more clients that do nothing else.

use std::time::Duration;

use super::lab::Lab;
use super::watch::Watch;
use crate::crowd::{Crowd, unexpected};
use crate::failure::Failure;
use crate::frame::Message;
use crate::servers::{Kind, Setting};

pub(super) fn run(lab: &mut Lab) -> Result<(), Failure> {
    [100, 1000, 5000].into_iter().try_for_each(|clients| with(lab, clients))
}

fn with(lab: &mut Lab, clients: usize) -> Result<(), Failure> {
    let server = Kind::Fanfare.start(&Setting { ping_interval: Some(INTERVAL), ..Setting::default() })?;
    let mut crowd = Crowd::of(server.address(), clients)?;
    let idle = &mut |client, message: Message<'_>, _: &mut Vec<u8>| Err(unexpected(client, message));
    crowd.serve(INTERVAL, idle)?;
    let (watch, before) = (Watch::start([&server])?, crowd.pings());
    crowd.serve(INTERVAL + lab.time(), idle)?;
    let pings = crowd.pings() - before;
    if pings == 0 {
        return Err(Failure::Lost { missing: clients, patience: INTERVAL });
    }
    lab.note("clients-heartbeat", "WebSocket", clients, watch.each(pings)?, pings);
    Ok(())
}

/// Much shorter than anybody's, so that there is something to measure.
const INTERVAL: Duration = Duration::from_secs(1);
