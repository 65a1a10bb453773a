//! Broadcasts at a steady rate, whether or not the ones before have arrived.

use std::time::{Duration, Instant};

use super::Broadcasts;
use crate::crowd::{Crowd, PATIENCE};
use crate::failure::Failure;

/// Broadcasts, and when they are due.
pub(super) struct Steady {
    pub(super) broadcasts: Broadcasts,
    /// How many leave at once.
    burst: usize,
    interval: Duration,
    /// Whether they leave at another moment of each interval.
    spread: bool,
    bursts: u32,
    next: Instant,
    /// When each was due.
    due: Vec<Instant>,
}

impl Steady {
    /// One in each interval.
    pub(super) fn new(broadcasts: Broadcasts, interval: Duration) -> Self {
        Self { broadcasts, burst: 1, interval, spread: false, bursts: 0, next: Instant::now(), due: Vec::new() }
    }

    /// So many at a time, once in each interval, but each time at another moment of it: what leaves with a rhythm of its own
    /// meets them at every stage.
    pub(super) fn in_bursts(self, of: usize) -> Self {
        Self { burst: of, spread: true, ..self }
    }

    fn start(&mut self, at: Instant) {
        (self.bursts, self.next) = (0, at);
    }

    /// Sends what is due, if something is.
    fn send_due(&mut self, crowd: &mut Crowd, start: Instant) -> Result<(), Failure> {
        if Instant::now() < self.next || !self.broadcasts.has_room(self.burst) {
            return Ok(());
        }
        // Late is late: the clock runs from when it was due.
        self.due.extend(std::iter::repeat_n(self.next, self.burst));
        self.broadcasts.send(crowd, self.burst)?;
        self.bursts += 1;
        self.next = start + self.due_in(self.bursts);
        Ok(())
    }

    /// When the burst with this number leaves, from the start.
    fn due_in(&self, burst: u32) -> Duration {
        let within = if self.spread { (f64::from(burst) * GOLDEN).fract() } else { 0.0 };
        self.interval.mul_f64(f64::from(burst) + within)
    }
}

impl AsMut<Broadcasts> for Steady {
    fn as_mut(&mut self) -> &mut Broadcasts {
        &mut self.broadcasts
    }
}

/// Broadcasts for some time and returns how long each delivery of the first ones took. Does something beside, again and again.
pub(super) fn run(
    crowd: &mut Crowd,
    steady: &mut [Steady],
    time: Duration,
    beside: &mut Beside<'_>,
) -> Result<Vec<Duration>, Failure> {
    let mut latencies = Vec::new();
    let start = Instant::now();
    let end = start + time;
    steady.iter_mut().for_each(|steady| steady.start(start));
    while Instant::now() < end || steady.iter().any(|steady| steady.broadcasts.in_flight() > 0) {
        let mut going_on = steady.iter_mut().filter(|steady| steady.next < end);
        going_on.try_for_each(|steady| steady.send_due(crowd, start))?;
        beside(steady)?;
        if end.elapsed() > PATIENCE {
            let missing = steady.iter().map(|steady| steady.broadcasts.in_flight()).sum();
            return Err(Failure::Lost { missing, patience: PATIENCE });
        }
        let next = steady.iter().map(|steady| steady.next).filter(|next| *next < end).min();
        let patience = next.map_or(TURN, |next| next.saturating_duration_since(Instant::now()).min(TURN));
        crowd.turn(patience, &mut |client, message, _| {
            // What nobody has sent fails as one of the first.
            let at = steady.iter().position(|steady| steady.broadcasts.wrote(message)).unwrap_or(0);
            let number = steady[at].broadcasts.arrived(client, message)?;
            if at == 0 {
                latencies.push(steady[0].due[number as usize].elapsed());
            }
            Ok(())
        })?;
    }
    Ok(latencies)
}

/// Something that is done with the broadcasts meanwhile.
pub(super) type Beside<'a> = dyn FnMut(&mut [Steady]) -> Result<(), Failure> + 'a;

/// Multiples of the golden ratio, without what stands before the point, are spread evenly however many there are.
const GOLDEN: f64 = 0.618_033_988_749_895;
const TURN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_broadcasts_have_a_rhythm_and_bursts_a_rate() {
        const MILLIS: Duration = Duration::from_millis(1);
        let single = Steady::new(Broadcasts::new(1), 10 * MILLIS);
        assert_eq!([0, 1, 50].map(|number| single.due_in(number)), [0, 10, 500].map(|millis| millis * MILLIS));
        let bursts = single.in_bursts(4);
        let mut moments: Vec<_> = (0..10).map(|number| bursts.due_in(number) - number * 10 * MILLIS).collect();
        assert!(moments.iter().all(|moment| *moment < 10 * MILLIS), "one in each interval: {moments:?}");
        moments.sort_unstable();
        assert!(moments.windows(2).all(|pair| pair[1] - pair[0] < 2 * MILLIS), "at every stage of it: {moments:?}");
    }
}
