//! Deadlines of many sessions, gathered in shared time slots.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Holds items until their time has come.
///
/// An item cannot be taken out early: whoever pops it looks whether it still matters, and inserts it again
/// when its deadline has moved.
#[derive(Debug)]
pub struct Timers<T> {
    scale: Scale,
    slots: BTreeMap<Slot, Vec<T>>,
}

/// Divides time into slots.
///
/// Deadlines are rounded up to a multiple of one tick, so that sessions with neighbouring deadlines are
/// served by one wake-up.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    origin: Instant,
    tick_micros: u64,
}

/// The tick, counted from the start of the timers, at which an item is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot(u64);

impl Scale {
    /// Starts at `now`, with slots of `tick` (at least one microsecond).
    pub fn new(now: Instant, tick: Duration) -> Self {
        Self { origin: now, tick_micros: u64::try_from(tick.as_micros()).unwrap_or(u64::MAX).max(1) }
    }

    /// The slot of a deadline: the first tick that is not before it.
    pub fn slot(&self, deadline: Instant) -> Slot {
        let since = deadline.saturating_duration_since(self.origin).as_micros();
        Slot(u64::try_from(since).unwrap_or(u64::MAX).div_ceil(self.tick_micros))
    }

    /// When a slot begins; `None` in a future that no clock reaches.
    pub fn instant(&self, slot: Slot) -> Option<Instant> {
        self.origin.checked_add(Duration::from_micros(slot.0.saturating_mul(self.tick_micros)))
    }
}

impl<T> Timers<T> {
    /// Starts without an item.
    pub fn new(scale: Scale) -> Self {
        Self { scale, slots: BTreeMap::new() }
    }

    /// Adds an item; says whether it is now the first to be due, so that the caller wakes its clock.
    pub fn insert(&mut self, slot: Slot, item: T) -> bool {
        let first = self.slots.first_key_value().is_none_or(|(at, _)| slot < *at);
        self.slots.entry(slot).or_default().push(item);
        first
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if anything waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.scale.instant(*self.slots.first_key_value()?.0)
    }

    /// Takes out the earliest slot that is due at `now`; `None` when nothing is.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<(Slot, Vec<T>)> {
        if now < self.poll_timeout()? {
            return None;
        }
        self.slots.pop_first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    fn started() -> (Timers<&'static str>, Instant) {
        let now = Instant::now();
        (Timers::new(Scale::new(now, TICK)), now)
    }

    fn at(timers: &Timers<&str>, millis: u64) -> Slot {
        timers.scale.slot(timers.scale.origin + Duration::from_millis(millis))
    }

    fn due(timers: &mut Timers<&'static str>, now: Instant) -> Option<Vec<&'static str>> {
        timers.handle_timeout(now).map(|(_, items)| items)
    }

    #[test]
    fn neighbours_share_a_slot_and_nobody_is_early() {
        let (mut timers, start) = started();
        for (item, millis) in [("a", 11), ("b", 20), ("c", 21)] {
            timers.insert(at(&timers, millis), item);
        }
        assert_eq!(timers.poll_timeout(), Some(start + TICK * 2));
        assert_eq!(due(&mut timers, start + TICK), None);
        assert_eq!(due(&mut timers, start + TICK * 2), Some(vec!["a", "b"]));
        assert_eq!(due(&mut timers, start + TICK * 2), None);
        assert_eq!(due(&mut timers, start + TICK * 9), Some(vec!["c"]));
        assert_eq!(timers.poll_timeout(), None);
    }

    #[test]
    fn only_an_earlier_deadline_wakes_the_clock() {
        let (mut timers, _) = started();
        assert!(timers.insert(at(&timers, 50), "first"));
        assert!(!timers.insert(at(&timers, 50), "same slot"));
        assert!(!timers.insert(at(&timers, 90), "later"));
        assert!(timers.insert(at(&timers, 5), "earlier"));
    }

    #[test]
    fn a_deadline_in_the_past_is_due_at_once() {
        let (mut timers, start) = started();
        timers.insert(timers.scale.slot(start - TICK), "late");
        assert_eq!(due(&mut timers, start), Some(vec!["late"]));
    }
}
