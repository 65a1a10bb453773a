//! How the next event is sent to one client.

use std::time::Duration;

use fanfare_proto::socket::EmitArgs;

use super::Socket;
use crate::ack::{AckFuture, FromAck};
use crate::emit::Emitted;

/// Sends one event to one client, with the flags it was given.
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is sent before emit is called"]
pub struct SocketOperator<'a> {
    socket: &'a Socket,
    timeout: Option<Duration>,
    volatile: bool,
    compress: bool,
}

impl<'a> SocketOperator<'a> {
    pub(super) fn new(socket: &'a Socket) -> Self {
        Self { socket, timeout: None, volatile: false, compress: true }
    }

    /// Waits so long at most for the acknowledgement.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Drops the event where the client cannot take it at once.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Whether polling answers with it in them may be compressed.
    pub fn compress(mut self, compress: bool) -> Self {
        self.compress = compress;
        self
    }

    /// Sends an event.
    pub fn emit(self, event: &str, args: impl EmitArgs) -> Emitted {
        let result = self.socket.emit_with(event, &args, self.volatile, self.compress);
        Emitted::to(self.socket.session(), result)
    }

    /// Sends an event and asks for an acknowledgement.
    pub fn emit_with_ack<T: FromAck>(self, event: &str, args: impl EmitArgs) -> AckFuture<T> {
        self.socket.ask(event, &args, self.compress, self.timeout)
    }
}
