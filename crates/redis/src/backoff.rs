//! How long to wait before the next attempt.

use std::time::Duration;

/// Longer and longer pauses, none of them the same on two nodes.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// How long to wait now.
    pub(crate) fn next(&mut self) -> Duration {
        let longest = FIRST_PAUSE * 2_u32.pow(self.attempts.min(5));
        self.attempts += 1;
        let mut random = [0];
        getrandom::fill(&mut random).expect("the operating system has a random source");
        longest.min(MAX_PAUSE).mul_f64(0.5 + f64::from(random[0]) / 510.0)
    }
}

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const MAX_PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_none_is_longer_than_a_second() {
        let mut backoff = Backoff::default();
        let pauses: Vec<Duration> = (0..50).map(|_| backoff.next()).collect();
        assert!(pauses[0] <= FIRST_PAUSE && pauses[0] >= FIRST_PAUSE / 2, "{pauses:?}");
        assert!(pauses[10..].iter().all(|pause| (MAX_PAUSE / 2..=MAX_PAUSE).contains(pause)), "{pauses:?}");
        assert!(pauses[10..].windows(2).any(|pair| pair[0] != pair[1]), "{pauses:?}");
    }
}
