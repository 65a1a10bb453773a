//! Time to delivery on a server that is busy, without clients that hardly read, and beside some.

use std::time::Duration;

use super::latency::{INTERVAL, percentile, sorted};
use super::steady::{self, Steady};
use super::{Broadcasts, Laggards, Meter, Run, Sample};
use crate::cores::Place;
use crate::crowd::Crowd;
use crate::failure::Failure;
use crate::process::Process;
use crate::servers::Setting;

/// Times broadcasts beside other traffic, which is the same without laggards and with them.
pub(super) fn run(run: &mut Run) -> Result<(), Failure> {
    let server = run.start(&Setting { place: Place::Apart, ..Setting::default() })?;
    let mut crowd = Crowd::of(server.address(), READERS)?;
    let interval = calibrate(run, &server, &mut crowd)?;

    let mut traffic = Traffic::new(interval, 0);
    let latencies = traffic.run(&mut crowd, run.time() * 4, &mut |_| Ok(()))?;
    traffic.note(run, "latency-busy", latencies);

    let mut laggards = Laggards::connect(server.address(), LAGGARDS)?;
    laggards.flood(&mut crowd, FLOOD)?;
    let mut traffic = Traffic::new(interval, LAGGARDS);
    let mut beside = |time| traffic.run(&mut crowd, time, &mut |sent| laggards.sip(SIP, sent));
    beside(run.warm_up())?;
    let latencies = beside(run.time() * 4)?;
    laggards.catch_up(&mut traffic.0)?;
    traffic.note(run, "latency-slow", latencies);
    Ok(())
}

/// The interval between bursts of other traffic at which the server is as busy as it is to be.
///
/// What a burst takes at one pace is not what it takes at another, so the first guess is tried.
fn calibrate(run: &Run, server: &Process, crowd: &mut Crowd) -> Result<Duration, Failure> {
    let Traffic([_, mut others]) = Traffic::new(INTERVAL, 0);
    others.broadcasts.run(crowd, BURST, run.warm_up())?;
    let (meter, before) = (Meter::start([server])?, others.broadcasts.sent());
    others.broadcasts.run(crowd, 2 * BURST, run.warm_up())?;
    let mut interval = interval_of(&meter, others.broadcasts.sent() - before)?;
    for _ in 0..GUESSES {
        let (meter, mut traffic) = (Meter::start([server])?, Traffic::new(interval, 0));
        traffic.run(crowd, run.warm_up(), &mut |_| Ok(()))?;
        interval = interval_of(&meter, traffic.0[1].broadcasts.sent())?;
    }
    Ok(interval)
}

/// What would have been the right interval for messages that have been sent in bursts.
fn interval_of(meter: &Meter<'_>, messages: u64) -> Result<Duration, Failure> {
    let bursts = messages as f64 / BURST as f64;
    Ok(meter.spent()?.div_f64(bursts * LOAD))
}

/// Broadcasts that are timed, and the others beside which they are.
struct Traffic([Steady; 2]);

impl Traffic {
    fn new(interval: Duration, laggards: usize) -> Self {
        let broadcasts = || Broadcasts::new(READERS).followers(laggards);
        let others = broadcasts().sender(1).padding("other traffic ".repeat(OTHERS_REPEATED));
        Self([Steady::new(broadcasts(), INTERVAL), Steady::new(others, interval).in_bursts(BURST)])
    }

    fn run(
        &mut self,
        crowd: &mut Crowd,
        time: Duration,
        beside: &mut steady::Beside<'_>,
    ) -> Result<Vec<Duration>, Failure> {
        steady::run(crowd, &mut self.0, time, beside).map(sorted)
    }

    fn note(&self, run: &mut Run, row: &'static str, latencies: Vec<Duration>) {
        let (value, units) = (percentile(&latencies, 99.0), latencies.len() as u64);
        let reordered = self.0.iter().map(|steady| steady.broadcasts.reordered()).sum();
        run.samples.push(Sample { row, value, units, reordered, others: 0.0, percentiles: Vec::new() });
    }
}

const READERS: usize = 900;
const LAGGARDS: usize = 100;

/// The part of its time that the server works.
const LOAD: f64 = 0.7;
const GUESSES: usize = 2;

/// Messages of other traffic that leave at once: few reads for many of them, so that the driver has less to do than the server.
const BURST: usize = 4;
/// About 1 kB.
const OTHERS_REPEATED: usize = 70;

/// What fills the socket of a laggard, which takes up to 4 MB, so that the rest waits in the server.
const FLOOD: usize = 5 << 20;
/// What a laggard that reads takes at a time: in all, about as much as comes.
const SIP: usize = 64 << 10;
