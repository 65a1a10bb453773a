//! What a session decides, and what it is told.

use crate::engine::Refusal;
#[cfg(doc)]
use crate::engine::Session;

/// What becomes of a GET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Poll {
    /// It waits for packets, or for [`Session::poll_answer`].
    Wait,
    /// A GET was pending already: 400, and the session is closed.
    Overlap,
    /// It is turned away.
    Refuse(Refusal),
}

/// What becomes of a POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Post {
    /// Its body is received for as long as [`Session::is_receiving_post`] says so, its packets are handled if
    /// [`Session::handle_post_received`] does, and at the end [`Session::handle_post_end`] is due.
    Accept,
    /// The session is closing: answered `ok`. Of its packets only a `1` matters, and no
    /// [`Session::handle_post_end`] is due.
    Ignore,
    /// A POST was in progress already: 400, and the session is closed.
    Overlap,
    /// It is turned away.
    Refuse(Refusal),
}

/// What becomes of a WebSocket that names this session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// It is to be probed.
    Probe,
    /// The session has or is getting a WebSocket: accepted with 101, then closed. The official clients
    /// and suites take any other answer for a crash.
    Occupied,
    /// It is turned away before 101.
    Refuse(Refusal),
}

/// What to do with a probing WebSocket after a packet of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Send `3probe` on it.
    Pong,
    /// The session is on it now.
    Upgraded,
    /// Close it, and tell [`Session::handle_upgrade_aborted`]; the session goes on over polling.
    Abort,
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// It is a message for the application.
    Deliver,
    /// The session has dealt with it.
    Handled,
}

/// What ends a pending GET beyond the packets that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `6`, unless there are packets.
    Noop,
    /// The packets that wait, then `1`.
    Close,
    /// As `Close`, but with `6` where no packet waits.
    NoopClose,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a ping.
    SendPing,
    /// Look at [`Session::poll_answer`].
    AnswerPoll,
    /// Close the probing WebSocket, and tell [`Session::handle_upgrade_aborted`].
    AbortUpgrade,
    /// Look at [`Session::poll_closed`].
    Close,
}

/// How the server closes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenClosed {
    /// What waits is still delivered: a polling client without a pending GET is told at its next one, or over the
    /// WebSocket that is being probed. Where nothing waits, that is closed.
    Flushed {
        /// Whether any packet waits.
        packets_wait: bool,
    },
    /// Now; what waits is dropped.
    AtOnce,
}
