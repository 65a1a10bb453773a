//! The Engine.IO and Socket.IO protocols as plain values and state machines that do no I/O.
//!
//! Everything here takes bytes and the current time and returns bytes and decisions; sockets, clocks,
//! tasks and randomness belong to the caller. So every timeout and race can be tested in microseconds:
//!
//! ```
//! use std::time::{Duration, Instant};
//! use fanfare_proto::engine::{Action, Session, SessionSettings, Transport};
//!
//! let opened = Instant::now();
//! let mut session = Session::new(SessionSettings::default(), Transport::Polling, opened);
//! let first_ping = opened + Duration::from_secs(25);
//! assert_eq!(session.poll_timeout(), Some(first_ping));
//! assert_eq!(session.handle_timeout(first_ping), Some(Action::SendPing));
//! ```
//!
//! - [`engine`]: Engine.IO protocol 4, the transport layer: packets, payloads, heartbeat, sessions.
//! - [`socket`]: Socket.IO protocol 5, what travels in its messages: packets, attachments, arguments,
//!   as JSON or MessagePack.
//! - [`cluster`]: what the nodes of a cluster tell each other, as Node.js servers do.
//! - [`buffer`]: encoded messages that a transport can frame without copying them.
//! - [`ids`]: the identifiers of nodes, sessions and sockets.
//! - [`dates`]: dates in JavaScript's two text forms.
//! - [`timers`]: deadlines of many sessions in shared time slots.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test has to start at some instant"))]

pub mod buffer;
pub mod cluster;
pub mod dates;
pub mod engine;
pub mod ids;
pub mod socket;

pub mod timers;
