//! Scripted clients that say exactly what a test wants said, wrong things too.
//!
//! - [`Http`]: HTTP/1.1 over a bare socket, one request at a time or whatever bytes.
//! - [`WebSocket`]: WebSocket frames over a bare socket.
//! - [`Polling`]: an Engine.IO session over HTTP long-polling.
//! - [`Canary`]: an Engine.IO session that checks that it is served.
//! - [`Client`]: a Socket.IO client over WebSocket.
//! - [`Redis`], [`RedisCluster`]: Redis servers that live as long as a test.
//! - [`Proxy`]: a way to a server that can fall silent.
//!
//! Everything panics when it does not get what it asks for within [`PATIENCE`]: a test that waits is a test that fails.

mod canary;
mod client;
mod http;
mod polling;
mod proxy;
mod redis;
mod redis_cluster;
mod websocket;

use std::time::Duration;

pub use canary::Canary;
pub use client::Client;
pub use http::{Http, Response};
pub use polling::Polling;
pub use proxy::Proxy;
pub use redis::{Redis, free_port};
pub use redis_cluster::RedisCluster;
pub use websocket::{Frame, WebSocket};

/// How long anything may take that is to happen, on a machine that is busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for something that has to happen.
async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: nothing within {PATIENCE:?}"),
    }
}
