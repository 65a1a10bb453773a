//! How often one line of the program may log.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

/// Counts what every place in the program logs, so that no client can fill a disk by doing something again and again.
#[derive(Debug, Default)]
pub(super) struct Limit {
    places: Mutex<HashMap<Identifier, Place>>,
}

/// Lets as much pass as a [`Limit`] allows.
pub(super) struct Limited(pub(super) Arc<Limit>);

#[derive(Debug)]
struct Place {
    metadata: &'static Metadata<'static>,
    /// When the running period began.
    since: Instant,
    /// Lines in this period.
    logged: u32,
    left_out: u64,
}

impl Limit {
    /// Whether a place may log once more.
    fn allows(&self, metadata: &'static Metadata<'static>, now: Instant) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(metadata.callsite()).or_insert(Place { metadata, since: now, logged: 0, left_out: 0 });
        if now.saturating_duration_since(place.since) >= PERIOD {
            (place.since, place.logged) = (now, 0);
        }
        place.logged = place.logged.saturating_add(1);
        let allowed = place.logged <= LINES_PER_PERIOD;
        place.left_out += u64::from(!allowed);
        allowed
    }

    /// Where lines were left out since this was last asked, and how many: module and line of the program.
    pub(super) fn take_left_out(&self) -> Vec<(&'static str, u32, u64)> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let with_some = places.values_mut().filter(|place| place.left_out > 0);
        let taken = with_some.map(|place| {
            let line = place.metadata.line().unwrap_or_default();
            (place.metadata.target(), line, std::mem::take(&mut place.left_out))
        });
        taken.collect()
    }
}

impl<S: Subscriber> Filter<S> for Limited {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.0.allows(event.metadata(), Instant::now())
    }
}

const PERIOD: Duration = Duration::from_secs(1);

/// Enough to follow a busy server, and less than a disk notices.
const LINES_PER_PERIOD: u32 = 100;

#[cfg(test)]
mod tests {
    use tracing::Callsite as _;

    use super::*;

    fn place() -> &'static Metadata<'static> {
        tracing::callsite! { name: "test", kind: tracing::metadata::Kind::EVENT, fields: message }.metadata()
    }

    #[test]
    fn a_place_that_logs_too_much_rests_until_the_period_is_over() {
        let (limit, start) = (Limit::default(), Instant::now());
        let place = place();
        let allowed = (0..150).filter(|_| limit.allows(place, start)).count();
        assert_eq!(allowed, 100);
        assert_eq!(limit.take_left_out().iter().map(|(.., lines)| lines).sum::<u64>(), 50);
        assert!(limit.take_left_out().is_empty());
        assert!(limit.allows(place, start + PERIOD));
    }
}
