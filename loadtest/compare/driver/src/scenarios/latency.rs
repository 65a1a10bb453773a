//! Time from sending a broadcast to each of its deliveries, at a steady rate.

use std::time::{Duration, Instant};

use super::{Broadcasts, Run};
use crate::crowd::{Crowd, PATIENCE};
use crate::failure::Failure;

/// Broadcasts 20 times a second and notes the percentiles.
pub(super) fn measure(run: &mut Run, crowd: &mut Crowd) -> Result<(), Failure> {
    let mut latencies = steady(crowd, INTERVAL, run.time() * 4)?;
    latencies.sort_unstable();
    let count = latencies.len() as u64;
    run.value("latency-p50", percentile(&latencies, 0.50), count);
    run.value("latency-p99", percentile(&latencies, 0.99), count);
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
            return Err(Failure::Lost { missing: broadcasts.in_flight(), seconds: PATIENCE.as_secs() });
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
    let at = ((sorted.len() as f64 * part) as usize).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1e3
}

const INTERVAL: Duration = Duration::from_millis(50);
const TURN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_value_that_so_many_stay_below() {
        let sorted: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 0.50), 51.0);
        assert_eq!(percentile(&sorted, 0.99), 100.0);
        assert_eq!(percentile(&sorted[..1], 0.99), 1.0);
    }
}
