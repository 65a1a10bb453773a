//! Time from sending a broadcast to each of its deliveries, at a steady rate.

use std::time::{Duration, Instant};

use super::{Broadcasts, Run};
use crate::cores::Place;
use crate::crowd::{Crowd, PATIENCE};
use crate::failure::Failure;
use crate::servers::Setting;

/// Broadcasts 20 times a second and notes the percentiles.
pub(super) fn run(run: &mut Run) -> Result<(), Failure> {
    let server = run.kind.start(&Setting { place: Place::Apart, ..Setting::default() })?;
    let mut crowd = Crowd::of(server.address(), CLIENTS)?;
    steady(&mut crowd, INTERVAL, run.warm_up())?;
    let mut latencies = steady(&mut crowd, INTERVAL, run.time() * 4)?;
    latencies.sort_unstable();
    let count = latencies.len() as u64;
    run.value("latency-p50", percentile(&latencies, 50.0), count);
    run.value("latency-p99", percentile(&latencies, 99.0), count);
    let median = run.samples.first_mut().expect("it has just been noted");
    median.percentiles = PERCENTILES.map(|part| (part, percentile(&latencies, part))).into();
    Ok(())
}

/// Broadcasts at a steady rate, whether or not the ones before have arrived.
fn steady(crowd: &mut Crowd, interval: Duration, time: Duration) -> Result<Vec<Duration>, Failure> {
    let mut broadcasts = Broadcasts::new(crowd.len());
    let mut sent = Vec::new();
    let mut latencies = Vec::new();
    let start = Instant::now();
    let mut next = start;
    while next < start + time || broadcasts.in_flight() > 0 {
        let now = Instant::now();
        if now >= next && next < start + time {
            // Late is late: the clock runs from when it was due.
            sent.push(next);
            broadcasts.send(crowd)?;
            next += interval;
        }
        if now > start + time + PATIENCE {
            return Err(Failure::Lost { missing: broadcasts.in_flight(), patience: PATIENCE });
        }
        crowd.turn(next.saturating_duration_since(now).min(TURN), &mut |client, message, _| {
            let number = broadcasts.arrived(client, message)?;
            latencies.push(sent[number as usize].elapsed());
            Ok(())
        })?;
    }
    Ok(latencies)
}

/// In milliseconds.
fn percentile(sorted: &[Duration], part: f64) -> f64 {
    let at = ((sorted.len() as f64 * part / 100.0) as usize).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1e3
}

const CLIENTS: usize = 1000;
const PERCENTILES: [f64; 6] = [10.0, 50.0, 90.0, 99.0, 99.9, 100.0];
const INTERVAL: Duration = Duration::from_millis(50);
const TURN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_value_that_so_many_stay_below() {
        let sorted: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 50.0), 51.0);
        assert_eq!(percentile(&sorted, 99.0), 100.0);
        assert_eq!(percentile(&sorted[..1], 99.0), 1.0);
    }
}
