//! Why sockets end.

use std::fmt;

use fanfare_engine::{CloseReason, Closed};

/// Why a socket has disconnected, in the words of the reference server, and one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The connection broke.
    TransportError,
    /// The client has closed its connection.
    TransportClose,
    /// The server has closed the connection, after a violation of the protocol for one.
    ForcedClose,
    /// The client did not answer a ping in time.
    PingTimeout,
    /// The client has sent something that is no packet.
    ParseError,
    /// The client did not read what was sent to it.
    SlowConsumer,
    /// The server is closing.
    ServerShuttingDown,
    /// The server has closed the connection, over polling, before the client could be told.
    ForcedServerClose,
    /// The client has left the namespace.
    ClientNamespaceDisconnect,
    /// The server has disconnected the socket.
    ServerNamespaceDisconnect,
}

impl DisconnectReason {
    /// The reason as the reference server writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::ForcedClose => "forced close",
            Self::PingTimeout => "ping timeout",
            Self::ParseError => "parse error",
            Self::SlowConsumer => "slow consumer",
            Self::ServerShuttingDown => "server shutting down",
            Self::ForcedServerClose => "forced server close",
            Self::ClientNamespaceDisconnect => "client namespace disconnect",
            Self::ServerNamespaceDisconnect => "server namespace disconnect",
        }
    }

    /// Whether the session is kept for the client to come back to, where connection state recovery is on: it is lost
    /// through no wish of anybody.
    pub(crate) fn is_recoverable(self) -> bool {
        !matches!(self, Self::ClientNamespaceDisconnect | Self::ServerNamespaceDisconnect | Self::ParseError)
    }
}

impl From<CloseReason> for DisconnectReason {
    fn from(reason: CloseReason) -> Self {
        match reason {
            CloseReason::TransportClose => Self::TransportClose,
            CloseReason::ForcedClose => Self::ForcedClose,
            CloseReason::PingTimeout => Self::PingTimeout,
            CloseReason::ParseError => Self::ParseError,
            CloseReason::SlowConsumer => Self::SlowConsumer,
            _ => Self::TransportError,
        }
    }
}

/// Why a socket has disconnected, and what exactly has happened where that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) reason: DisconnectReason,
    pub(crate) description: Option<&'static str>,
}

impl From<DisconnectReason> for Ended {
    fn from(reason: DisconnectReason) -> Self {
        Self { reason, description: None }
    }
}

impl From<Closed> for Ended {
    fn from(closed: Closed) -> Self {
        Self { reason: closed.reason.into(), description: closed.description }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
