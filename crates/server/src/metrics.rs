//! What a server counts.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use crate::handler::FailureKind;
use crate::socket::DisconnectReason;

/// The metrics of a server. Labels are bounded: no client can add one.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    sockets: IntGauge,
    pub(crate) namespaces: IntGauge,
    connects: IntCounter,
    refused_connects: IntCounterVec,
    disconnects: IntCounterVec,
    pub(crate) events_received: IntCounter,
    pub(crate) broadcasts: IntCounter,
    violations: IntCounterVec,
    handler_failures: IntCounterVec,
    handlers_running: IntGauge,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let counters = |name, help, label| {
            register(registry, IntCounterVec::new(Opts::new(name, help), &[label]).expect("the name is valid"))
        };
        let counter = |name, help| register(registry, IntCounter::new(name, help).expect("the name is valid"));
        let gauge = |name, help| register(registry, IntGauge::new(name, help).expect("the name is valid"));
        Self {
            sockets: gauge("fanfare_sockets", "Connected Socket.IO sockets, in all namespaces."),
            namespaces: gauge("fanfare_namespaces", "Namespaces that exist."),
            connects: counter("fanfare_socket_connects_total", "Sockets connected."),
            refused_connects: counters("fanfare_refused_connects_total", "CONNECT_ERRORs sent, by kind.", "kind"),
            disconnects: counters("fanfare_socket_disconnects_total", "Sockets disconnected, by reason.", "reason"),
            events_received: counter("fanfare_events_received_total", "Events received from clients."),
            broadcasts: counter("fanfare_broadcasts_total", "Events sent to many."),
            violations: counters("fanfare_protocol_violations_total", "Connections closed, by what was wrong.", "kind"),
            handler_failures: counters("fanfare_handler_failures_total", "Handlers that failed, by how.", "kind"),
            handlers_running: gauge("fanfare_handlers_running", "Handlers that wait for something."),
        }
    }

    pub(crate) fn connected(&self) {
        self.connects.inc();
        self.sockets.inc();
    }

    pub(crate) fn disconnected(&self, reason: DisconnectReason) {
        self.disconnects.with_label_values(&[reason.as_str()]).inc();
        self.sockets.dec();
    }

    /// A client was sent a `CONNECT_ERROR`.
    pub(crate) fn refused(&self, kind: &str) {
        self.refused_connects.with_label_values(&[kind]).inc();
    }

    /// A connection was closed because of what the client has sent.
    pub(crate) fn violated(&self, kind: &str) {
        self.violations.with_label_values(&[kind]).inc();
    }

    pub(crate) fn handler_failed(&self, kind: &FailureKind) {
        let kind = match kind {
            FailureKind::Extract(_) => "extract",
            FailureKind::Returned(_) => "returned",
            FailureKind::Panicked(_) => "panicked",
        };
        self.handler_failures.with_label_values(&[kind]).inc();
    }

    /// Counts a handler as running until the guard is dropped.
    pub(crate) fn running_handler(&self) -> Running {
        self.handlers_running.inc();
        Running(self.handlers_running.clone())
    }
}

pub(crate) struct Running(IntGauge);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Registers a metric; a second server on the same registry counts for itself.
fn register<M: prometheus::core::Collector + Clone + 'static>(registry: &Registry, metric: M) -> M {
    let _ = registry.register(Box::new(metric.clone()));
    metric
}
