//! The WebSocket transport: handshake, frames, and the task that reads from the client.

mod accept;
mod buffers;
pub(crate) mod decoder;
mod driver;
mod events;
mod plain;
mod stream;
mod turn;

pub(crate) use accept::Acceptance;
pub(crate) use buffers::with_buffer;
pub(crate) use driver::Driver;
pub use plain::{OwnedMessage, WebSocket};
pub(crate) use stream::{Stream, write_now};

/// How long a closed socket waits for the client to close it too.
const LINGER: std::time::Duration = std::time::Duration::from_millis(500);
