//! How many messages a client may send.

use std::time::{Duration, Instant};

use crate::MessageRate;

/// A token bucket: a client that has used up its tokens is not read from until it has some again; one that keeps
/// the bucket empty for long is to be closed.
#[derive(Debug)]
pub(crate) struct Meter {
    rate: MessageRate,
    /// Messages it may send now; negative when one read has brought more.
    tokens: f64,
    filled: Instant,
    empty_since: Option<Instant>,
}

impl Meter {
    pub(crate) fn new(rate: MessageRate, now: Instant) -> Self {
        Self { rate, tokens: rate.burst.into(), filled: now, empty_since: None }
    }

    /// A message has come.
    pub(crate) fn count(&mut self) {
        self.tokens -= 1.0;
    }

    /// How long the client has to wait before it is read from again, or found to be exhausted.
    pub(crate) fn wait(&mut self, now: Instant) -> Option<Duration> {
        self.fill(now);
        if self.tokens >= 1.0 {
            return None;
        }
        let end = *self.empty_since.get_or_insert(now) + PATIENCE;
        let filled = Duration::from_secs_f64((1.0 - self.tokens) / f64::from(self.rate.per_second));
        Some(filled.min(end.saturating_duration_since(now)))
    }

    /// Whether it has been asking for more than it may get for so long that it is no mishap.
    pub(crate) fn is_exhausted(&mut self, now: Instant) -> bool {
        self.fill(now);
        self.empty_since.is_some_and(|since| now >= since + PATIENCE)
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(std::mem::replace(&mut self.filled, now));
        let burst = f64::from(self.rate.burst);
        self.tokens = burst.min(self.tokens + elapsed.as_secs_f64() * f64::from(self.rate.per_second));
        if self.tokens > burst / 2.0 {
            self.empty_since = None;
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> (Meter, Instant) {
        let now = Instant::now();
        (Meter::new(MessageRate { per_second: 10, burst: 20 }, now), now)
    }

    #[test]
    fn a_burst_passes_and_what_follows_waits() {
        let (mut meter, now) = meter();
        (0..20).for_each(|_| meter.count());
        assert_eq!(meter.wait(now), Some(Duration::from_millis(100)));
        assert_eq!(meter.wait(now + Duration::from_millis(101)), None);
    }

    #[test]
    fn a_client_that_never_lets_up_is_exhausted() {
        let (mut meter, mut now) = meter();
        let begin = now;
        while !meter.is_exhausted(now) {
            meter.count();
            now += meter.wait(now).unwrap_or_default();
        }
        assert!(now - begin >= PATIENCE && now - begin < PATIENCE + Duration::from_secs(3));
    }

    #[test]
    fn a_client_deep_in_debt_is_exhausted_without_waiting_it_out() {
        let (mut meter, now) = meter();
        (0..10_000).for_each(|_| meter.count());
        assert_eq!(meter.wait(now), Some(PATIENCE));
        assert!(meter.is_exhausted(now + PATIENCE));
    }

    #[test]
    fn a_client_that_rests_is_forgiven() {
        let (mut meter, now) = meter();
        (0..20).for_each(|_| meter.count());
        meter.wait(now);
        assert_eq!(meter.wait(now + Duration::from_secs(2)), None);
        assert!(!meter.is_exhausted(now + Duration::from_secs(20)));
    }
}
