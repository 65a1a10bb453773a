//! Time from sending a broadcast to each of its deliveries, at a steady rate.

use std::time::Duration;

use super::steady::{self, Steady};
use super::{Broadcasts, Run};
use crate::cores::Place;
use crate::crowd::Crowd;
use crate::failure::Failure;
use crate::servers::Setting;

/// Broadcasts 20 times a second and notes the percentiles.
pub(super) fn run(run: &mut Run) -> Result<(), Failure> {
    let server = run.start(&Setting { place: Place::Apart, ..Setting::default() })?;
    let mut crowd = Crowd::of(server.address(), CLIENTS)?;
    let mut steady = [Steady::new(Broadcasts::new(CLIENTS), INTERVAL)];
    let mut broadcast = |time| steady::run(&mut crowd, &mut steady, time, &mut |_| Ok(()));
    broadcast(run.warm_up())?;
    let latencies = sorted(broadcast(run.time() * 4)?);
    let count = latencies.len() as u64;
    run.value("latency-p50", percentile(&latencies, 50.0), count);
    run.value("latency-p99", percentile(&latencies, 99.0), count);
    let median = run.samples.first_mut().expect("it has just been noted");
    median.percentiles = PERCENTILES.map(|part| (part, percentile(&latencies, part))).into();
    Ok(())
}

pub(super) fn sorted(mut latencies: Vec<Duration>) -> Vec<Duration> {
    latencies.sort_unstable();
    latencies
}

/// In milliseconds.
pub(super) fn percentile(sorted: &[Duration], part: f64) -> f64 {
    let at = ((sorted.len() as f64 * part / 100.0) as usize).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1e3
}

const CLIENTS: usize = 1000;
const PERCENTILES: [f64; 6] = [10.0, 50.0, 90.0, 99.0, 99.9, 100.0];
/// Between broadcasts whose deliveries are timed.
pub(super) const INTERVAL: Duration = Duration::from_millis(50);

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
