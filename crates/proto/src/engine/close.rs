//! Why a session ended.

use std::fmt;

/// The reason a session closed, in the words of the reference server, and one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// The connection broke, or a transport rule was violated.
    TransportError,
    /// The client ended the session or its connection.
    TransportClose,
    /// The server ended the session.
    ForcedClose,
    /// The client did not answer a ping in time.
    PingTimeout,
    /// The client sent something that is no packet.
    ParseError,
    /// The client did not read what was sent to it. The reference server has no bound and no such reason.
    SlowConsumer,
}

impl CloseReason {
    /// The reason as the reference server writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::ForcedClose => "forced close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::SlowConsumer => "slow consumer",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A reason, and what exactly happened where the reason alone does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The reason.
    pub reason: CloseReason,
    /// What happened, for logs and for the `description` of a `disconnect` event.
    pub description: Option<&'static str>,
}

impl Closed {
    /// A transport rule was violated, or the connection broke.
    pub const fn transport_error(description: &'static str) -> Self {
        Self { reason: CloseReason::TransportError, description: Some(description) }
    }
}

impl From<CloseReason> for Closed {
    fn from(reason: CloseReason) -> Self {
        Self { reason, description: None }
    }
}
