//! Counters that many threads add to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use prometheus::IntCounter;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;

use crate::stripes::Striped;

/// A Prometheus counter for what happens with every message: threads that add to it do not wait for each other, and whoever
/// reads it adds up what they have counted. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Counter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    counted: Striped<AtomicU64>,
    /// What has been collected.
    shown: IntCounter,
    collecting: Mutex<()>,
}

impl Counter {
    /// Starts at 0. Fails if Prometheus does not allow the name.
    pub fn new(name: &str, help: &str) -> prometheus::Result<Self> {
        let shown = IntCounter::new(name, help)?;
        Ok(Self(Arc::new(Inner { counted: Striped::new(AtomicU64::default), shown, collecting: Mutex::default() })))
    }

    /// Adds one.
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Adds so many.
    pub fn inc_by(&self, count: u64) {
        self.0.counted.own().fetch_add(count, Ordering::Relaxed);
    }

    /// How many there have been so far.
    pub fn get(&self) -> u64 {
        self.0.counted.iter().map(|counted| counted.load(Ordering::Relaxed)).sum()
    }
}

impl Collector for Counter {
    fn desc(&self) -> Vec<&Desc> {
        self.0.shown.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _collecting = self.0.collecting.lock();
        self.0.shown.inc_by(self.get() - self.0.shown.get());
        self.0.shown.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_have_counted_is_added_up() {
        let counter = Counter::new("counted_total", "What was counted.").unwrap();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| (0..1000).for_each(|_| counter.inc()));
            }
        });
        counter.inc_by(5);
        let collected = || counter.collect()[0].get_metric()[0].get_counter().get_value();
        assert_eq!((counter.get(), collected(), collected()), (20_005, 20_005.0, 20_005.0));
        counter.inc();
        assert_eq!(collected(), 20_006.0);
    }
}
