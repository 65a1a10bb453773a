//! Which subscriptions are wanted, and which of them Redis may have to be told of.

use std::collections::{HashMap, HashSet};

use fanfare_proto::cluster::Subscription;

/// How many want each subscription.
#[derive(Default)]
pub(crate) struct Wanted {
    counts: HashMap<Subscription, usize>,
    /// What may be different from what Redis knows.
    changed: HashSet<Subscription>,
    /// Wanted by nobody, and perhaps by somebody again before long: since this turn, and since the one before.
    lingering: [HashSet<Subscription>; 2],
    /// Grows with every change.
    version: u64,
}

impl Wanted {
    /// One more wants it.
    pub(crate) fn add(&mut self, subscription: Subscription) {
        *self.counts.entry(subscription.clone()).or_default() += 1;
        self.changed(subscription);
    }

    /// One fewer wants it.
    pub(crate) fn remove(&mut self, subscription: &Subscription) {
        if self.is_last(subscription) {
            self.changed(subscription.clone());
        }
    }

    /// One fewer wants it. If that was the last, Redis is told one or two turns from now.
    ///
    /// A room that is left and joined again at once would otherwise miss what is published between.
    pub(crate) fn remove_in_a_while(&mut self, subscription: &Subscription) {
        if !self.is_last(subscription) {
            return;
        }
        let [young, old] = &mut self.lingering;
        if young.len() < MAX_LINGERING {
            old.remove(subscription);
            young.insert(subscription.clone());
        } else {
            self.changed(subscription.clone());
        }
    }

    /// Ends what has lingered since before the last turn; says whether there was any.
    pub(crate) fn turn(&mut self) -> bool {
        self.lingering.swap(0, 1);
        let [old, _] = &mut self.lingering;
        let ended = !old.is_empty();
        self.changed.extend(old.drain());
        ended
    }

    /// Redis knows nothing: the connection is new.
    pub(crate) fn start_over(&mut self) {
        self.lingering.iter_mut().for_each(HashSet::clear);
        self.changed = self.counts.keys().cloned().collect();
    }

    /// Redis may know something else of this than it did.
    pub(crate) fn doubt(&mut self, subscription: Subscription) {
        self.changed.insert(subscription);
    }

    /// Takes some of what may be different; nothing if all has been taken.
    pub(crate) fn take_changed(&mut self, max: usize) -> Vec<Subscription> {
        self.changed.extract_if(|_| true).take(max).collect()
    }

    pub(crate) fn contains(&self, subscription: &Subscription) -> bool {
        self.counts.contains_key(subscription)
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    fn changed(&mut self, subscription: Subscription) {
        self.changed.insert(subscription);
        self.version += 1;
    }

    /// Takes one away; says whether it was there and the last.
    fn is_last(&mut self, subscription: &Subscription) -> bool {
        let Some(count) = self.counts.get_mut(subscription) else { return false };
        *count -= 1;
        *count == 0 && self.counts.remove(subscription).is_some()
    }
}

/// Subscriptions that linger since one turn.
const MAX_LINGERING: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> Subscription {
        Subscription::Sharded(name.to_owned())
    }

    /// One that everybody has been told of.
    fn told(names: &[&str]) -> Wanted {
        let mut wanted = Wanted::default();
        names.iter().for_each(|name| wanted.add(room(name)));
        wanted.take_changed(usize::MAX);
        wanted
    }

    #[test]
    fn what_nobody_wants_any_more_has_changed() {
        let mut wanted = told(&["a", "a"]);
        wanted.remove(&room("a"));
        assert!(wanted.contains(&room("a")));
        assert!(wanted.take_changed(9).is_empty());
        wanted.remove(&room("a"));
        assert!(!wanted.contains(&room("a")));
        assert_eq!(wanted.take_changed(9), [room("a")]);
    }

    #[test]
    fn what_lingers_changes_after_two_turns() {
        let mut wanted = told(&["a"]);
        wanted.remove_in_a_while(&room("a"));
        assert!(!wanted.turn());
        assert!(wanted.take_changed(9).is_empty());
        assert!(wanted.turn());
        assert_eq!(wanted.take_changed(9), [room("a")]);
        assert!(!wanted.turn());
    }

    #[test]
    fn what_is_left_again_lingers_anew() {
        let mut wanted = told(&["a"]);
        wanted.remove_in_a_while(&room("a"));
        wanted.turn();
        wanted.add(room("a"));
        wanted.take_changed(9);
        wanted.remove_in_a_while(&room("a"));
        assert!(!wanted.turn());
        assert!(wanted.turn());
    }

    #[test]
    fn few_linger() {
        let names: Vec<String> = (0..MAX_LINGERING + 3).map(|index| index.to_string()).collect();
        let mut wanted = told(&names.iter().map(String::as_str).collect::<Vec<_>>());
        names.iter().for_each(|name| wanted.remove_in_a_while(&room(name)));
        assert_eq!(wanted.take_changed(usize::MAX).len(), 3);
    }

    #[test]
    fn a_new_connection_is_told_what_is_wanted_and_nothing_else() {
        let mut wanted = told(&["a", "b"]);
        wanted.remove_in_a_while(&room("b"));
        wanted.start_over();
        assert_eq!(wanted.take_changed(9), [room("a")]);
        assert!(!wanted.turn() && !wanted.turn());
    }
}
