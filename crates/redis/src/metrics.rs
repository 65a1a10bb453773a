//! What an adapter counts.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The metrics of an adapter. Labels are bounded: no other node can add one.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) published: IntCounter,
    pub(crate) not_published: IntCounterVec,
    pub(crate) received: IntCounter,
    pub(crate) ignored: IntCounterVec,
    pub(crate) malformed: IntCounterVec,
    pub(crate) publish_seconds: Histogram,
    pub(crate) up: IntGauge,
    pub(crate) connects: IntCounter,
    pub(crate) requests_pending: IntGauge,
    pub(crate) requests_timed_out: IntCounter,
    pub(crate) nodes: IntGauge,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let name = "the name is valid";
        let counter = |name_, help| register(registry, IntCounter::new(name_, help).expect(name));
        let gauge = |name_, help| register(registry, IntGauge::new(name_, help).expect(name));
        let counters =
            |name_, help, label| register(registry, IntCounterVec::new(Opts::new(name_, help), &[label]).expect(name));
        let publish_seconds =
            HistogramOpts::new("fanfare_adapter_publish_seconds", "Time Redis took to take a batch of messages.")
                .buckets(vec![0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 2.5]);
        Self {
            published: counter("fanfare_adapter_published_total", "Messages published for other nodes."),
            not_published: counters(
                "fanfare_adapter_not_published_total",
                "Messages for other nodes that were dropped, by reason.",
                "reason",
            ),
            received: counter("fanfare_adapter_received_total", "Messages of other nodes received."),
            ignored: counters("fanfare_adapter_ignored_total", "Messages received for nobody here, by kind.", "kind"),
            malformed: counters("fanfare_adapter_malformed_total", "Messages that made no sense, by kind.", "kind"),
            publish_seconds: register(registry, Histogram::with_opts(publish_seconds).expect(name)),
            up: gauge("fanfare_adapter_up", "Whether Redis can be reached: 1, or 0."),
            connects: counter("fanfare_adapter_connects_total", "Times the connection that listens was made."),
            requests_pending: gauge("fanfare_adapter_requests_pending", "Requests that wait for other nodes."),
            requests_timed_out: counter(
                "fanfare_adapter_requests_timed_out_total",
                "Requests that other nodes did not answer in time.",
            ),
            nodes: gauge("fanfare_adapter_nodes", "Nodes of the cluster, as counted last."),
        }
    }
}

/// Registers a collector; a second adapter on the same registry counts for itself.
fn register<C: prometheus::core::Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    let _ = registry.register(Box::new(collector.clone()));
    collector
}
