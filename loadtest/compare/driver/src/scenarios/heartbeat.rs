//! Pings and their pongs, for 5,000 clients that do nothing else.

use std::time::Duration;

use super::{Meter, Run};
use crate::crowd::{Crowd, unexpected};
use crate::failure::Failure;
use crate::servers::Setting;

pub(super) fn run(run: &mut Run) -> Result<(), Failure> {
    let server = run.start(&Setting { ping_interval: Some(INTERVAL), ..Setting::default() })?;
    let mut crowd = Crowd::of(server.address(), CLIENTS)?;
    let idle = &mut |client, message: crate::frame::Message<'_>, _: &mut Vec<u8>| Err(unexpected(client, message));
    crowd.serve(INTERVAL, idle)?;
    let meter = Meter::start([&server])?;
    let before = crowd.pings();
    crowd.serve(run.time() * 4, idle)?;
    let pings = crowd.pings() - before;
    if pings == 0 {
        return Err(Failure::Lost { missing: CLIENTS, patience: run.time() * 4 });
    }
    run.spent("heartbeat", &meter, pings, 0)
}

const CLIENTS: usize = 5000;
const INTERVAL: Duration = Duration::from_secs(1);
