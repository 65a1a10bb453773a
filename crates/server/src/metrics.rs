//! What a server counts.

use std::cell::Cell;

use fanfare_engine::{Counter, Histogram};
use prometheus::{HistogramOpts, HistogramTimer, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

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
    pub(crate) events_received: Counter,
    pub(crate) events_sent: Counter,
    pub(crate) broadcasts: Counter,
    violations: IntCounterVec,
    handler_failures: IntCounterVec,
    handlers_running: IntGauge,
    handler_seconds: prometheus::Histogram,
    pub(crate) ack_seconds: Histogram,
    pub(crate) rooms: IntGauge,
    pub(crate) broadcast_sockets: Histogram,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let counters = |name, help, label| register(registry, IntCounterVec::new(Opts::new(name, help), &[label]));
        let counted = |name, help| register(registry, Counter::new(name, help));
        let counter = |name, help| register(registry, IntCounter::new(name, help));
        let buckets = |name, help, buckets: &[f64]| HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let histogram = |name, help, sizes: &[f64]| {
            let options = buckets(name, help, sizes);
            register(registry, Histogram::with_opts(options))
        };
        let gauge = |name, help| register(registry, IntGauge::new(name, help));
        Self {
            sockets: gauge("fanfare_sockets", "Connected Socket.IO sockets, in all namespaces."),
            namespaces: gauge("fanfare_namespaces", "Namespaces that exist."),
            connects: counter("fanfare_socket_connects_total", "Sockets connected."),
            refused_connects: counters("fanfare_refused_connects_total", "CONNECT_ERRORs sent, by kind.", "kind"),
            disconnects: counters("fanfare_socket_disconnects_total", "Sockets disconnected, by reason.", "reason"),
            events_received: counted("fanfare_events_received_total", "Events received from clients."),
            events_sent: counted(
                "fanfare_events_sent_total",
                "Events sent to clients of this node, once for each of them.",
            ),
            broadcasts: counted("fanfare_broadcasts_total", "Events sent to many."),
            violations: counters("fanfare_protocol_violations_total", "Connections closed, by what was wrong.", "kind"),
            handler_failures: counters("fanfare_handler_failures_total", "Handlers that failed, by how.", "kind"),
            handlers_running: gauge("fanfare_handlers_running", "Handlers that wait for something."),
            handler_seconds: register(registry, {
                let help = "Time handlers take, waits included; one in 32.";
                let options = buckets("fanfare_handler_seconds", help, SECONDS);
                prometheus::Histogram::with_opts(options)
            }),
            ack_seconds: histogram("fanfare_ack_seconds", "Time clients took to acknowledge an event.", SECONDS),
            rooms: gauge("fanfare_rooms", "Rooms with sockets of this node, in all namespaces."),
            broadcast_sockets: histogram(
                "fanfare_broadcast_sockets",
                "Sockets of this node that a broadcast went to.",
                SIZES,
            ),
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

    /// Measures one in so many handlers of a thread, the first among them, until what is returned is dropped.
    pub(crate) fn time_handler(&self) -> Option<HistogramTimer> {
        thread_local!(static STARTED: Cell<u32> = const { Cell::new(0) });
        let started = STARTED.replace(STARTED.get().wrapping_add(1));
        started.is_multiple_of(ONE_IN).then(|| self.handler_seconds.start_timer())
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

/// How many handlers there are for each that is measured: most take less than the clock.
const ONE_IN: u32 = 32;

const SECONDS: &[f64] = &[0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];

const SIZES: &[f64] = &[0.0, 1.0, 2.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1e3, 5e3, 1e4, 5e4, 1e5];

/// Registers a metric; a second server on the same registry counts for itself.
fn register<M: prometheus::core::Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<M>) -> M {
    let metric = metric.expect("names, labels and buckets are written in this file, and valid");
    let _ = registry.register(Box::new(metric.clone()));
    metric
}
