//! What an engine does for clients that behave, over real sockets: bodies, headers, frames and times as they are on the
//! wire. The bad ones are in `limits`.

mod backpressure;
mod broadcast;
mod closing;
mod compression;
mod cors;
mod handshake;
mod headers;
mod heartbeat;
mod intercept;
mod leaks;
mod metrics;
mod options;
mod polling;
mod posts;
mod refusals;
mod server;
mod serving;
mod shutdown;
mod tls;
mod upgrade;
mod upgrade_order;
mod websocket;
