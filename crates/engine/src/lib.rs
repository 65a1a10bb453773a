//! An Engine.IO server, protocol 4: sessions with clients over HTTP long-polling and WebSocket.
//!
//! ```no_run
//! use fanfare_engine::{Connection, Engine, Listener, Received, Session};
//!
//! struct Echo;
//!
//! impl Connection for Echo {
//!     fn message(&self, session: &Session, received: Received<'_>) {
//!         let _ = session.send(received.message);
//!     }
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::builder().build(|_: &Session| Echo)?;
//! Listener::bind("127.0.0.1:3000").await?.serve(engine.service()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! It is one tower service: serve it with the [`Listener`] of this crate, with hyper, or as a layer in front of an axum
//! application, see the examples. It knows nothing of namespaces, rooms and events; those are the `fanfare` crate's.
//!
//! - [`Engine`] and [`EngineBuilder`]: the server and its options.
//! - [`Application`] and [`Connection`]: what you implement. [`Session`]: one client, whichever transport it is on.
//! - [`Outgoing`]: a message encoded once for any number of sessions.
//! - [`WebSocket`]: a plain WebSocket without Engine.IO, on the same code, for programs that also need one.
//! - [`Counter`], [`Histogram`]: Prometheus metrics for what happens with every message.
//! - [`Listener`]: a hardened HTTP/1.1 server with TLS.

mod addresses;
mod application;
mod budget;
mod clock;
mod config;
mod counter;
mod engine;
mod flusher;
#[cfg(fuzzing)]
pub mod fuzzing;
mod handshake;
mod histogram;
mod http;
mod listener;
mod meter;
mod metrics;
mod outbox;
mod outgoing;
mod peers;
mod session;
mod sessions;
mod stripes;
mod websocket;

pub use application::{Application, Connection, Message, Received};
pub use config::{ConfigError, Denied, EngineBuilder, MessageRate};
pub use counter::Counter;
pub use engine::Engine;
pub use fanfare_proto::buffer::{Buffer, Frame};
pub use fanfare_proto::engine::{CloseReason, Closed, Transport};
pub use fanfare_proto::ids::{NodeId, Sid};
pub use handshake::Handshake;
pub use histogram::Histogram;
pub use http::{AllowedOrigin, Body, Cookie, Cors, EngineLayer, EngineService, PeerAddr, SameSite, Secure, WithEngine};
pub use listener::{Listener, ListenerHandle};
pub use outgoing::Outgoing;
pub use peers::{Fate, Peers, Receive, Sending};
pub use session::{Cork, SendError, Session};
pub use websocket::{OwnedMessage, WebSocket};
