//! The sessions that have moved to other nodes.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use fanfare_proto::ids::Sid;

/// Remembers for a while which sessions have moved, so that what is left of their polling is answered as on the node they
/// have moved to, and not as if they had never been.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    sids: HashSet<Sid>,
    /// In the order in which they moved.
    order: VecDeque<(Instant, Sid)>,
}

impl Moved {
    pub(crate) fn insert(&mut self, sid: Sid, now: Instant) {
        self.forget(now);
        if self.sids.insert(sid) {
            self.order.push_back((now, sid));
        }
    }

    pub(crate) fn contains(&mut self, sid: Sid, now: Instant) -> bool {
        self.forget(now);
        self.sids.contains(&sid)
    }

    /// Forgets those that have moved long ago, and the oldest of too many.
    fn forget(&mut self, now: Instant) {
        while let Some(&(moved, sid)) = self.order.front()
            && (self.order.len() >= MAX_SESSIONS || now >= moved + REMEMBERED)
        {
            self.order.pop_front();
            self.sids.remove(&sid);
        }
    }
}

/// A request that was under way when its session moved arrives within this time.
const REMEMBERED: Duration = Duration::from_secs(60);

const MAX_SESSIONS: usize = 65_536;

#[cfg(test)]
mod tests {
    use fanfare_proto::ids::NodeId;

    use super::*;

    fn sid(number: u32) -> Sid {
        let mut random = [0; 15];
        random[..4].copy_from_slice(&number.to_be_bytes());
        Sid::from_random(NodeId::from_random([0; 3]), random)
    }

    #[test]
    fn they_are_forgotten_after_a_while() {
        let (mut moved, now) = (Moved::default(), Instant::now());
        moved.insert(sid(1), now);
        moved.insert(sid(2), now + REMEMBERED / 2);
        assert!(moved.contains(sid(1), now + REMEMBERED / 2));
        assert!(!moved.contains(sid(1), now + REMEMBERED));
        assert!(moved.contains(sid(2), now + REMEMBERED));
        assert_eq!(moved.order.len(), 1);
    }

    #[test]
    fn there_are_only_so_many() {
        let (mut moved, now) = (Moved::default(), Instant::now());
        let count = u32::try_from(MAX_SESSIONS).unwrap() + 10;
        (0..count).for_each(|number| moved.insert(sid(number), now));
        assert!(!moved.contains(sid(0), now) && moved.contains(sid(count - 1), now));
        assert!(moved.sids.len() <= MAX_SESSIONS && moved.order.len() == moved.sids.len());
    }
}
