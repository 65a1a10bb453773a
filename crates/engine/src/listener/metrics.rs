//! What a listener counts.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};
use tokio::sync::OwnedSemaphorePermit;

#[derive(Clone, Debug)]
pub(super) struct Metrics {
    connections: IntGauge,
    accepted: IntCounter,
    pub(super) rejected: IntCounter,
    errors: IntCounterVec,
}

/// The place of one connection, upgraded or not; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connections: IntGauge,
    _permit: OwnedSemaphorePermit,
}

impl Default for Metrics {
    fn default() -> Self {
        let name = "the name is valid";
        let errors = Opts::new("fanfare_http_errors_total", "Connections that failed below HTTP, by kind.");
        Self {
            connections: IntGauge::new("fanfare_connections", "Open TCP connections.").expect(name),
            accepted: IntCounter::new("fanfare_connections_total", "TCP connections accepted.").expect(name),
            rejected: IntCounter::new("fanfare_connections_rejected_total", "TCP connections over the limit.")
                .expect(name),
            errors: IntCounterVec::new(errors, &["kind"]).expect(name),
        }
    }
}

impl Metrics {
    pub(super) fn register(&self, registry: &Registry) {
        let collectors: [Box<dyn prometheus::core::Collector>; 4] = [
            Box::new(self.connections.clone()),
            Box::new(self.accepted.clone()),
            Box::new(self.rejected.clone()),
            Box::new(self.errors.clone()),
        ];
        for collector in collectors {
            // A second listener on the same registry counts for itself.
            let _ = registry.register(collector);
        }
    }

    pub(super) fn hold(&self, permit: OwnedSemaphorePermit) -> Place {
        self.accepted.inc();
        self.connections.inc();
        Place { connections: self.connections.clone(), _permit: permit }
    }

    pub(super) fn failed(&self, kind: &str) {
        self.errors.with_label_values(&[kind]).inc();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.dec();
    }
}
