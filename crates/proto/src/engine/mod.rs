//! Engine.IO protocol 4: what carries Socket.IO over HTTP long-polling and WebSocket.
//!
//! Source: the Engine.IO protocol text, revision 4, and the behaviour of the reference server where the
//! text is silent.

mod close;
mod heartbeat;
mod open;
mod packet;
pub mod payload;
pub mod peer;
mod refusal;
mod session;

pub use close::{CloseReason, Closed};
pub use heartbeat::Heartbeat;
pub use open::Open;
pub use packet::{DecodeError, Packet};
pub use refusal::Refusal;
pub use session::{Action, Answer, Input, Poll, Post, Probe, Session, SessionSettings, Transport, Upgrade, WhenClosed};
