//! The internal side of a node: its metrics, and whether it is well.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use fanfare::Listener;
use fanfare_redis::{RedisAdapter, Status};
use prometheus::{Registry, TextEncoder};

/// Where operators and load balancers ask.
pub(crate) struct Admin {
    listener: Listener,
    address: SocketAddr,
}

impl Admin {
    pub(crate) async fn bind(address: &str) -> std::io::Result<Self> {
        let listener = Listener::bind(address).await?.max_connections(MAX_CONNECTIONS);
        Ok(Self { address: listener.local_addr()?, listener })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until the program ends.
    pub(crate) async fn serve(self, registry: Registry, readiness: Readiness) -> std::io::Result<()> {
        let router = Router::new()
            .route("/metrics", get(metrics).with_state(registry))
            .route("/healthz", get(async || "ok\n"))
            .route("/readyz", get(ready).with_state(readiness));
        self.listener.serve(router).await
    }
}

/// Whether clients should be sent here. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Readiness {
    adapter: Option<RedisAdapter>,
    draining: Arc<AtomicBool>,
}

impl Readiness {
    pub(crate) fn new(adapter: Option<RedisAdapter>) -> Self {
        Self { adapter, draining: Arc::default() }
    }

    /// From now on there is no use in sending clients here.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Why not.
    fn obstacle(&self) -> Option<String> {
        if self.draining.load(Ordering::Acquire) {
            return Some("draining".to_owned());
        }
        match self.adapter.as_ref().map(RedisAdapter::status) {
            Some(Status::Down(reason)) => Some(format!("Redis cannot be reached: {reason}")),
            Some(Status::Up) | None => None,
        }
    }
}

async fn metrics(State(registry): State<Registry>) -> Response {
    match TextEncoder::new().encode_to_string(&registry.gather()) {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    match readiness.obstacle() {
        None => "ready\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

/// A few scrapers and load balancers.
const MAX_CONNECTIONS: usize = 256;
