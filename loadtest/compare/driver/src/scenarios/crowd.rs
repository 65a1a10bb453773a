//! 1,000 clients: broadcasts one at a time, and with 16 in flight.

use super::{Broadcasts, Meter, Run};
use crate::crowd::Crowd;
use crate::failure::Failure;
use crate::servers::Setting;

pub(super) fn run(run: &mut Run) -> Result<(), Failure> {
    let server = run.start(&Setting::default())?;
    let mut crowd = Crowd::of(server.address(), CLIENTS)?;
    for (row, in_flight) in [("broadcast-1000", 1), ("broadcast-1000-16", 16)] {
        if !run.wants(row) {
            continue;
        }
        let mut broadcasts = Broadcasts::new(CLIENTS);
        broadcasts.run(&mut crowd, in_flight, run.warm_up())?;
        let meter = Meter::start([&server])?;
        let deliveries = broadcasts.run(&mut crowd, in_flight, run.time())?;
        run.spent(row, &meter, deliveries, broadcasts.reordered())?;
    }
    Ok(())
}

const CLIENTS: usize = 1000;
