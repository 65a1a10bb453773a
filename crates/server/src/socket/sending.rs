//! What is sent to one client, and to the others by it.

use std::time::{Duration, Instant};

use fanfare_proto::socket::EmitArgs;
use hashbrown::HashMap;
use tokio::sync::oneshot;

use super::{Phase, Socket, SocketOperator};
use crate::ack::{AckFuture, AckSink, FromAck};
use crate::adapter::{AckCollector, Broadcast, Packet, Scope, Selection};
use crate::broadcast::BroadcastOperator;
use crate::emit::{EmitError, Emitted};
use crate::room::IntoRooms;
use crate::socket::DisconnectReason;

impl Socket {
    /// Sends an event to the client. Happens at once; see [`Emitted`] for what can be done with the result.
    ///
    /// `args` are a reference for one argument, a tuple for several, `()` for none: see
    /// [`EmitArgs`](crate::EmitArgs).
    ///
    /// ```
    /// use bytes::Bytes;
    ///
    /// # async fn send(socket: &fanfare::Socket) -> Result<(), fanfare::EmitError> {
    /// socket.emit("nothing", ());
    /// socket.emit("one", "text");
    /// socket.emit("list", &[1, 2]);
    /// socket.emit("several", (1, "two", Bytes::from_static(b"binary")));
    /// socket.emit("and wait while the client is behind", ()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit(&self, event: &str, args: impl EmitArgs) -> Emitted {
        Emitted::to(self.session(), self.emit_with(event, &args, false, true))
    }

    /// Sends a `message` event.
    pub fn send(&self, args: impl EmitArgs) -> Emitted {
        self.emit("message", args)
    }

    /// Sends an event and asks for an acknowledgement. Without a [`timeout`](Self::timeout), it is waited for as long as
    /// the socket is connected.
    ///
    /// ```
    /// use std::time::Duration;
    /// use fanfare::{AckArgs, AckError};
    ///
    /// # async fn ask(socket: &fanfare::Socket) -> Result<(), AckError> {
    /// let name: String = socket.emit_with_ack("your name?", ()).await?;
    /// let AckArgs(all) = socket.timeout(Duration::from_secs(1)).emit_with_ack("all you have", ()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn emit_with_ack<T: FromAck>(&self, event: &str, args: impl EmitArgs) -> AckFuture<T> {
        self.ask(event, &args, true, None)
    }

    /// What is sent next waits so long at most for its acknowledgement.
    pub fn timeout(&self, timeout: Duration) -> SocketOperator<'_> {
        SocketOperator::new(self).timeout(timeout)
    }

    /// What is sent next may be lost: it is dropped where the client cannot take it at once.
    pub fn volatile(&self) -> SocketOperator<'_> {
        SocketOperator::new(self).volatile()
    }

    /// Whether polling answers with what is sent next in them may be compressed. Default: true.
    pub fn compress(&self, compress: bool) -> SocketOperator<'_> {
        SocketOperator::new(self).compress(compress)
    }

    /// Everybody in these rooms but this client.
    pub fn to(&self, rooms: impl IntoRooms) -> BroadcastOperator {
        self.broadcast().to(rooms)
    }

    /// As [`to`](Self::to).
    pub fn within(&self, rooms: impl IntoRooms) -> BroadcastOperator {
        self.to(rooms)
    }

    /// Everybody but this client and those in these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> BroadcastOperator {
        self.broadcast().except(rooms)
    }

    /// Everybody but this client.
    pub fn broadcast(&self) -> BroadcastOperator {
        BroadcastOperator::new(self.namespace()).except(self.id())
    }

    /// Everybody on this node but this client.
    pub fn local(&self) -> BroadcastOperator {
        self.broadcast().local()
    }

    /// Disconnects the client from the namespace; with `close`, from all of them, and closes the connection.
    ///
    /// ```
    /// use fanfare::{Server, Socket};
    ///
    /// Server::new().on_connect(async |socket: Socket| {
    ///     socket.on("logout", async |socket: Socket| socket.disconnect(true));
    /// });
    /// ```
    pub fn disconnect(&self, close: bool) {
        if close {
            self.0.client.disconnect();
        } else if self.connected() {
            let frame = self.0.namespace.local_sockets().parser().encode_disconnect(self.namespace().name());
            self.0.client.send_frame(frame);
            self.end(DisconnectReason::ServerNamespaceDisconnect);
        }
    }

    pub(super) fn emit_with(
        &self,
        event: &str,
        args: &dyn EmitArgs,
        volatile: bool,
        compress: bool,
    ) -> Result<(), EmitError> {
        let local = self.0.namespace.local_sockets();
        if local.recovery().is_some() && !volatile {
            // The adapter keeps it for the client in case it is lost.
            let selection = Selection { rooms: self.id().into_rooms(), ..Selection::default() };
            let scope = Scope { selection, ..Scope::default() };
            let broadcast = Broadcast { name: event, args, scope: &scope, volatile, compress };
            return self.0.namespace.adapter().broadcast(&broadcast);
        }
        let packet = local.encode_event(None, event, args, None, compress)?;
        if !self.connected() {
            return Err(EmitError::Disconnected);
        }
        self.deliver_own(&packet, volatile);
        Ok(())
    }

    pub(super) fn ask<T>(
        &self,
        event: &str,
        args: &dyn EmitArgs,
        compress: bool,
        timeout: Option<Duration>,
    ) -> AckFuture<T> {
        let local = self.0.namespace.local_sockets();
        let id = local.next_ack_id();
        let (sender, receiver) = oneshot::channel();
        let asked = local.encode_event(Some(id), event, args, None, compress).and_then(|packet| {
            self.expect_ack(id, AckSink::One(sender, Instant::now()))?;
            self.deliver_own(&packet, false);
            Ok(())
        });
        match asked {
            Ok(()) => AckFuture::new(self, id, receiver, timeout),
            Err(error) => AckFuture::failed(error),
        }
    }

    /// Delivers what is for this client alone.
    fn deliver_own(&self, packet: &Packet, volatile: bool) {
        self.namespace().server().metrics().events_sent.inc();
        self.deliver(packet, volatile);
        self.tell_outgoing(packet);
    }

    /// Hands an encoded event to the client's session.
    pub(crate) fn deliver(&self, packet: &Packet, volatile: bool) {
        let session = self.session();
        // A session that has just closed tells its sockets by itself.
        let _ = if volatile {
            session.send_volatile(packet.outgoing())
        } else {
            session.send_encoded(packet.outgoing()).map(|()| true)
        };
    }

    /// Hands an encoded event to the client's session and lets its answer go to a collector; says whether it is sent.
    pub(crate) fn deliver_with_ack(&self, packet: &Packet, id: u64, collector: &AckCollector) -> bool {
        match self.expect_ack(id, AckSink::Many(collector.downgrade())) {
            Ok(()) => {}
            // It gets the event like everybody else, but owes too much for its answer to be waited for.
            Err(EmitError::TooManyAcks { .. }) => collector.add_lost(),
            Err(_) => return false,
        }
        self.deliver(packet, false);
        true
    }

    pub(crate) fn send_ack(&self, id: u64, args: &dyn EmitArgs) -> Result<(), EmitError> {
        if !self.connected() {
            return Err(EmitError::Disconnected);
        }
        let encoded = self.0.namespace.local_sockets().parser().encode_ack(self.namespace().name(), id, args)?;
        self.0.client.send(encoded);
        Ok(())
    }

    fn expect_ack(&self, id: u64, sink: AckSink) -> Result<(), EmitError> {
        let limit = self.0.namespace.limits().max_pending_acks;
        let mut state = self.0.state.lock();
        if state.phase == Phase::Disconnected {
            return Err(EmitError::Disconnected);
        }
        // Before the table grows: broadcasts whose time is over leave it to us to forget them.
        if state.acks.len() >= state.acks.capacity().min(limit) {
            state.acks.retain(|_, sink| sink.is_wanted());
        }
        let pending = state.acks.len();
        if pending >= limit {
            return Err(EmitError::TooManyAcks { pending });
        }
        state.acks.insert(id, sink);
        Ok(())
    }

    /// Nobody waits for this acknowledgement any more.
    pub(crate) fn forget_ack(&self, id: u64) {
        let mut state = self.0.state.lock();
        state.acks.remove(&id);
        if state.acks.is_empty() {
            state.acks = HashMap::new();
        }
    }
}
