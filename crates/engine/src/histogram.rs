//! Histograms that many threads add to.

use std::sync::Arc;

use prometheus::HistogramOpts;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, Metric, MetricFamily};

use crate::stripes::Striped;

/// A Prometheus histogram for what happens all the time, as [`Counter`](crate::Counter). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Striped<prometheus::Histogram>>);

impl Histogram {
    /// Starts empty. Fails if Prometheus does not allow the name or the buckets, or there are labels.
    pub fn with_opts(options: HistogramOpts) -> prometheus::Result<Self> {
        let one = prometheus::Histogram::with_opts(options.clone())?;
        // What has worked once works again.
        let other = || prometheus::Histogram::with_opts(options.clone()).unwrap_or_else(|_| one.clone());
        Ok(Self(Arc::new(Striped::new(other))))
    }

    /// Adds one value.
    pub fn observe(&self, value: f64) {
        self.0.own().observe(value);
    }

    /// What all threads have observed.
    fn total(&self) -> proto::Histogram {
        let (mut total, mut buckets) = (proto::Histogram::default(), Vec::<proto::Bucket>::new());
        for collected in self.0.iter().flat_map(Collector::collect) {
            for part in collected.get_metric().iter().map(Metric::get_histogram) {
                total.set_sample_count(total.get_sample_count() + part.get_sample_count());
                total.set_sample_sum(total.get_sample_sum() + part.get_sample_sum());
                if buckets.is_empty() {
                    buckets = part.get_bucket().to_vec();
                    continue;
                }
                for (bucket, more) in buckets.iter_mut().zip(part.get_bucket()) {
                    bucket.set_cumulative_count(bucket.cumulative_count() + more.cumulative_count());
                }
            }
        }
        total.set_bucket(buckets);
        total
    }
}

impl Collector for Histogram {
    fn desc(&self) -> Vec<&Desc> {
        self.0.own().desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut collected = self.0.own().collect();
        for metric in collected.iter_mut().flat_map(|family| family.mut_metric()) {
            metric.set_histogram(self.total());
        }
        collected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_have_observed_is_added_up() {
        let options = HistogramOpts::new("size", "How large.").buckets(vec![1.0, 10.0]);
        let histogram = Histogram::with_opts(options).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| [0.5, 5.0, 50.0].iter().for_each(|&size| histogram.observe(size)));
            }
        });
        for _ in 0..2 {
            let collected = histogram.collect();
            let total = collected[0].get_metric()[0].get_histogram();
            assert_eq!((total.get_sample_count(), total.get_sample_sum()), (60, 1110.0));
            let buckets = total.get_bucket().iter().map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()));
            assert_eq!(buckets.collect::<Vec<_>>(), [(1.0, 20), (10.0, 40)]);
        }
    }

    #[test]
    fn what_prometheus_refuses_is_refused() {
        assert!(Histogram::with_opts(HistogramOpts::new("no name", "")).is_err());
        assert!(Histogram::with_opts(HistogramOpts::new("size", "").buckets(vec![2.0, 1.0])).is_err());
    }
}
