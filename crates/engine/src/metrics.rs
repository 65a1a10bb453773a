//! What an engine counts.

use std::sync::Arc;

use fanfare_proto::engine::{CloseReason, Transport};
use http::{Method, StatusCode};
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, PullingGauge, Registry,
};

use crate::budget::Budget;
use crate::counter::Counter;

/// The metrics of an engine. Labels are bounded: no client can add one.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    pub(crate) sessions: IntGaugeVec,
    pub(crate) handshakes: IntCounterVec,
    pub(crate) upgrades: IntCounterVec,
    pub(crate) disconnects: IntCounterVec,
    pub(crate) refused: IntCounterVec,
    polling: IntCounterVec,
    /// Those of it that have nothing the matter with them, which is nearly all.
    polling_get: IntCounter,
    polling_post: IntCounter,
    pub(crate) errors: IntCounterVec,
    pub(crate) messages_received: Counter,
    pub(crate) bytes_received: Counter,
    pub(crate) bytes_sent: Counter,
    pub(crate) pings: IntCounter,
    pub(crate) overflows: IntCounter,
    pub(crate) volatile_dropped: IntCounter,
    pub(crate) forwarded: IntCounterVec,
    pub(crate) answered_for_peers: IntCounterVec,
    pub(crate) relays: IntGauge,
    pub(crate) moved: IntCounterVec,
    pub(crate) malformed_peer_messages: IntCounter,
    pub(crate) delivery_seconds: Histogram,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Self {
        let counters = |name, help, label| register(registry, IntCounterVec::new(Opts::new(name, help), &[label]));
        let counted = |name, help| register(registry, Counter::new(name, help));
        let counter = |name, help| register(registry, IntCounter::new(name, help));
        let polling = counters("fanfare_polling_requests_total", "Polling requests, by how they ended.", "outcome");
        Self {
            sessions: register(
                registry,
                IntGaugeVec::new(Opts::new("fanfare_sessions", "Open Engine.IO sessions."), &["transport"]),
            ),
            handshakes: counters("fanfare_handshakes_total", "Sessions opened, by their first transport.", "transport"),
            upgrades: counters("fanfare_upgrades_total", "Upgrades to WebSocket, by how they ended.", "outcome"),
            disconnects: counters("fanfare_disconnects_total", "Sessions closed, by reason.", "reason"),
            refused: counters("fanfare_refused_requests_total", "Requests turned away, by reason.", "reason"),
            polling_get: polling.with_label_values(&["get"]),
            polling_post: polling.with_label_values(&["post"]),
            polling,
            errors: counters("fanfare_client_errors_total", "What clients did wrong, by kind.", "kind"),
            messages_received: counted("fanfare_messages_received_total", "Messages received from clients."),
            bytes_received: counted("fanfare_bytes_received_total", "Payload bytes received from clients."),
            bytes_sent: counted("fanfare_bytes_sent_total", "Bytes of frames and payloads written to clients."),
            pings: counter("fanfare_pings_total", "Heartbeat pings sent."),
            overflows: counter("fanfare_outbox_overflows_total", "Sessions closed because they did not read."),
            volatile_dropped: counter("fanfare_volatile_dropped_total", "Volatile messages dropped."),
            forwarded: register(
                registry,
                IntCounterVec::new(
                    Opts::new(
                        "fanfare_forwarded_requests_total",
                        "Requests of sessions of other nodes, by kind and by how they ended.",
                    ),
                    &["kind", "outcome"],
                ),
            ),
            answered_for_peers: counters(
                "fanfare_answered_for_peers_total",
                "Requests answered here that have come to other nodes, by kind.",
                "kind",
            ),
            relays: register(
                registry,
                IntGauge::new("fanfare_relays", "WebSockets held here whose sessions are other nodes'."),
            ),
            moved: counters(
                "fanfare_moved_sessions_total",
                "Sessions that have moved between nodes when they upgraded, by direction.",
                "direction",
            ),
            malformed_peer_messages: counter(
                "fanfare_malformed_peer_messages_total",
                "Messages of other nodes about sessions that made no sense.",
            ),
            delivery_seconds: register(registry, {
                let help = "Time from when a message is made until a client has been written to; one message in 64.";
                let buckets = vec![0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0, 10.0];
                let options = HistogramOpts::new("fanfare_delivery_seconds", help).buckets(buckets);
                Histogram::with_opts(options)
            }),
        }
    }

    /// Shows what waits in all outboxes.
    pub(crate) fn show_budget(registry: &Registry, budget: &Arc<Budget>) {
        let (help, budget) = ("Bytes waiting in all outboxes, shared ones counted once.", budget.clone());
        let used = move || budget.used() as f64;
        register(registry, PullingGauge::new("fanfare_outbox_bytes", help, Box::new(used)));
    }

    /// A polling request has been answered.
    pub(crate) fn polled(&self, method: &Method, status: StatusCode) {
        let outcome = match (method, status.as_u16()) {
            (&Method::GET, 200) => return self.polling_get.inc(),
            (&Method::POST, 200) => return self.polling_post.inc(),
            (_, 408) => "timeout",
            (_, 413) => "too_large",
            _ => "refused",
        };
        self.polling.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn opened(&self, transport: Transport) {
        self.handshakes.with_label_values(&[transport.as_str()]).inc();
        self.sessions.with_label_values(&[transport.as_str()]).inc();
    }

    pub(crate) fn upgraded(&self) {
        self.upgrades.with_label_values(&["completed"]).inc();
        self.sessions.with_label_values(&[Transport::Polling.as_str()]).dec();
        self.sessions.with_label_values(&[Transport::WebSocket.as_str()]).inc();
    }

    /// A session that begins over polling has gone to the node of its WebSocket.
    pub(crate) fn moved_away(&self) {
        self.moved.with_label_values(&["away"]).inc();
        self.sessions.with_label_values(&[Transport::Polling.as_str()]).dec();
    }

    /// Such a session has come.
    pub(crate) fn moved_here(&self) {
        self.moved.with_label_values(&["here"]).inc();
        self.sessions.with_label_values(&[Transport::WebSocket.as_str()]).inc();
    }

    pub(crate) fn closed(&self, transport: Transport, reason: CloseReason) {
        self.disconnects.with_label_values(&[reason.as_str()]).inc();
        self.sessions.with_label_values(&[transport.as_str()]).dec();
    }

    pub(crate) fn refused(&self, reason: &str) {
        self.refused.with_label_values(&[reason]).inc();
    }

    /// A client has done something that the protocol forbids.
    pub(crate) fn error(&self, kind: &str) {
        self.errors.with_label_values(&[kind]).inc();
    }
}

/// Registers a metric; two engines on one registry share their metrics.
fn register<M: prometheus::core::Collector + Clone + 'static>(registry: &Registry, metric: prometheus::Result<M>) -> M {
    let metric = metric.expect("names, labels and buckets are written in this file, and valid");
    // A duplicate stays unregistered and counts for itself: programs with two engines give each a registry.
    let _ = registry.register(Box::new(metric.clone()));
    metric
}
