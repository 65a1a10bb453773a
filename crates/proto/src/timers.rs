//! Deadlines of many sessions, gathered in shared time slots.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Holds items until their time has come.
///
/// Deadlines are rounded up to a multiple of one tick, so that sessions with neighbouring deadlines are
/// served by one wake-up. An item cannot be taken out early: whoever pops it looks whether it still
/// matters, and inserts it again when its deadline has moved.
#[derive(Debug)]
pub struct Timers<T> {
    origin: Instant,
    tick: Duration,
    slots: BTreeMap<Slot, Vec<T>>,
}

/// The tick, counted from the start of the timers, at which an item is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(u64);

impl<T> Timers<T> {
    /// Starts at `now`, with slots of `tick` (at least one microsecond).
    pub fn new(now: Instant, tick: Duration) -> Self {
        Self { origin: now, tick: tick.max(Duration::from_micros(1)), slots: BTreeMap::new() }
    }

    /// The slot of a deadline: the first tick that is not before it.
    pub fn slot(&self, deadline: Instant) -> Slot {
        let since = deadline.saturating_duration_since(self.origin);
        let ticks = since.as_micros().div_ceil(self.tick.as_micros());
        Slot(u64::try_from(ticks).unwrap_or(u64::MAX))
    }

    /// Adds an item; says whether it is now the first to be due, so that the caller wakes its clock.
    pub fn insert(&mut self, slot: Slot, item: T) -> bool {
        let first = self.slots.first_key_value().is_none_or(|(at, _)| slot < *at);
        self.slots.entry(slot).or_default().push(item);
        first
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if anything waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let (Slot(ticks), _) = self.slots.first_key_value()?;
        let micros = ticks.saturating_mul(u64::try_from(self.tick.as_micros()).unwrap_or(u64::MAX));
        self.origin.checked_add(Duration::from_micros(micros))
    }

    /// Takes out the earliest slot that is due at `now`; `None` when nothing is.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Vec<T>> {
        if now < self.poll_timeout()? {
            return None;
        }
        self.slots.pop_first().map(|(_, items)| items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    fn at(timers: &Timers<&str>, millis: u64) -> Slot {
        timers.slot(timers.origin + Duration::from_millis(millis))
    }

    #[test]
    fn neighbours_share_a_slot_and_nobody_is_early() {
        let start = Instant::now();
        let mut timers = Timers::new(start, TICK);
        for (item, millis) in [("a", 11), ("b", 20), ("c", 21)] {
            timers.insert(at(&timers, millis), item);
        }
        assert_eq!(timers.poll_timeout(), Some(start + TICK * 2));
        assert_eq!(timers.handle_timeout(start + TICK), None);
        assert_eq!(timers.handle_timeout(start + TICK * 2), Some(vec!["a", "b"]));
        assert_eq!(timers.handle_timeout(start + TICK * 2), None);
        assert_eq!(timers.handle_timeout(start + TICK * 9), Some(vec!["c"]));
        assert_eq!(timers.poll_timeout(), None);
    }

    #[test]
    fn only_an_earlier_deadline_wakes_the_clock() {
        let mut timers = Timers::new(Instant::now(), TICK);
        assert!(timers.insert(at(&timers, 50), "first"));
        assert!(!timers.insert(at(&timers, 50), "same slot"));
        assert!(!timers.insert(at(&timers, 90), "later"));
        assert!(timers.insert(at(&timers, 5), "earlier"));
    }

    #[test]
    fn a_deadline_in_the_past_is_due_at_once() {
        let start = Instant::now();
        let mut timers = Timers::new(start + TICK, TICK);
        timers.insert(timers.slot(start), "late");
        assert_eq!(timers.handle_timeout(start + TICK), Some(vec!["late"]));
    }
}
