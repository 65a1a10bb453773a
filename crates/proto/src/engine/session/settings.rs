//! How long a session waits, and what carries it.

use std::time::Duration;

/// The durations that govern a session, with the reference server's defaults.
#[derive(Clone, Copy, Debug)]
pub struct SessionSettings {
    /// Time between a pong and the next ping. Default: 25 s.
    pub ping_interval: Duration,
    /// Time a client has to answer a ping. Default: 20 s.
    pub ping_timeout: Duration,
    /// Time a client has to complete an upgrade. Default: 10 s.
    pub upgrade_timeout: Duration,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            upgrade_timeout: Duration::from_secs(10),
        }
    }
}

/// What carries the packets of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
}

impl Transport {
    /// The name in the `transport` query parameter.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}
