//! What ends a run: the server did something that it must not do.

use std::io;
use std::time::Duration;

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A message that was expected has not come in time.
    #[error("lost: {missing} deliveries did not come within {patience:?}")]
    Lost {
        /// Deliveries that are still due.
        missing: usize,
        /// How long it was waited for them.
        patience: Duration,
    },
    /// A message came to a client that had got it already.
    #[error("doubled: client {client} got {message:?} again")]
    Doubled {
        /// The number of the client.
        client: usize,
        /// The message.
        message: String,
    },
    /// A message is none that was sent.
    #[error("altered: client {client} got {message:?}, expected {expected:?}")]
    Altered {
        /// The number of the client.
        client: usize,
        /// What came.
        message: String,
        /// What should have come.
        expected: String,
    },
    /// A message has not come while very many that were sent after it did.
    #[error("client {client}: a message was overtaken by all that were sent after it")]
    Overtaken {
        /// The number of the client.
        client: usize,
    },
    /// The server closed a connection.
    #[error("client {client}: the server closed the connection")]
    Closed {
        /// The number of the client.
        client: usize,
    },
    /// The server broke the protocol, or the driver does not know this part of it.
    #[error("client {client}: {what}")]
    Protocol {
        /// The number of the client.
        client: usize,
        /// What happened.
        what: String,
    },
    /// A process did not start, or ended.
    #[error("{0}")]
    Process(String),
    /// A socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The beginning of a message, for people.
pub(crate) fn excerpt(bytes: &[u8]) -> String {
    const SHOWN: usize = 80;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned();
    if bytes.len() > SHOWN { text + "…" } else { text }
}
