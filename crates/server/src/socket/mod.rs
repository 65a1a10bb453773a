//! One client in one namespace.

mod data;
mod disconnect;
mod dispatch;
mod listeners;
mod operator;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fanfare_engine::Session;
use fanfare_proto::ids::SocketId;
use fanfare_proto::socket::{Args, EmitArgs};
use hashbrown::HashMap;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::ack::{AckFuture, AckSink, FromAck};
use crate::adapter::{AckCollector, Broadcast, Packet, PersistedSession, RoomEvent, Scope, Selection};
use crate::broadcast::BroadcastOperator;
use crate::client::{Client, Conn};
use crate::emit::{EmitError, Emitted};
use crate::handler::{
    self, DisconnectHandler, EventHandler, EventMiddleware, disconnect_handler, event_handler, event_middleware,
};
use crate::handshake::Handshake;
use crate::namespace::Namespace;
use crate::remote::RemoteSocketData;
use crate::room::{IntoRooms, Room};
use crate::server::Server;
pub use data::{AnyData, SocketData};
pub use disconnect::DisconnectReason;
pub use listeners::ListenerId;
use listeners::Listeners;
pub use operator::SocketOperator;

/// One client in one namespace. Cheap to clone; it outlives the client.
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    id: SocketId,
    /// The secret by which the client can get the session back, where connection state recovery is on.
    pid: Option<Box<str>>,
    recovered: bool,
    namespace: Namespace,
    client: Client,
    /// That of the client, so that a broadcast finds it without a detour.
    session: Session,
    auth: Option<Box<str>>,
    connected: AtomicBool,
    listens_to_outgoing: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    listeners: Listeners,
    acks: HashMap<u64, AckSink>,
    data: Option<SocketData>,
    /// Rooms joined before the socket was connected.
    early_rooms: Vec<Room>,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// Middlewares are looking at it.
    #[default]
    Connecting,
    Connected,
    Disconnected,
}

impl Socket {
    /// The id of the socket: public, and not that of the session below it.
    pub fn id(&self) -> SocketId {
        self.0.id
    }

    /// Whether the client is connected.
    pub fn connected(&self) -> bool {
        self.0.connected.load(Ordering::Acquire)
    }

    /// Whether this is a session that was lost and has been restored, with its id, rooms and data.
    pub fn recovered(&self) -> bool {
        self.0.recovered
    }

    /// The namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.0.namespace
    }

    /// The server.
    pub fn server(&self) -> &Server {
        self.0.namespace.server()
    }

    /// How the client has connected.
    pub fn handshake(&self) -> Handshake {
        Handshake::new(self.0.session.handshake().clone(), self.auth())
    }

    /// The connection below the socket, which others of the same client in other namespaces share.
    pub fn conn(&self) -> Conn {
        Conn::new(&self.0.client)
    }

    /// What the application has stored with the socket, if it is of this type.
    pub fn data<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.0.state.lock().data.as_ref().and_then(SocketData::get)
    }

    /// Stores something with the socket, instead of what was there. Other nodes can see it, and a session that is
    /// restored has it again.
    pub fn set_data<T: Serialize + Send + Sync + 'static>(&self, data: T) {
        self.0.state.lock().data = Some(SocketData::new(data));
    }
}

/// Rooms.
impl Socket {
    /// The rooms of the socket, that of its own id first.
    pub fn rooms(&self) -> Vec<Room> {
        let state = self.0.state.lock();
        let mut rooms = vec![Room::from(self.id())];
        match state.phase {
            Phase::Connecting => rooms.extend(state.early_rooms.iter().cloned()),
            _ => rooms.extend(self.0.namespace.local_sockets().rooms_of(self.id())),
        }
        rooms
    }

    /// Joins one room or several. Says whether it is in all of them now: it is not when it is disconnected, or when a
    /// name or their number exceeds the limits of the server.
    pub fn join(&self, rooms: impl IntoRooms) -> bool {
        rooms.into_rooms().iter().fold(true, |joined, room| joined & self.join_one(room))
    }

    /// Leaves a room.
    pub fn leave(&self, room: impl AsRef<str>) {
        let mut state = self.0.state.lock();
        if state.phase == Phase::Connecting {
            state.early_rooms.retain(|known| **known != *room.as_ref());
        } else {
            drop(state);
            self.0.namespace.local_sockets().leave(self.id(), room.as_ref());
        }
    }

    fn join_one(&self, room: &Room) -> bool {
        let limits = self.0.namespace.limits();
        if room.len() > limits.max_room_name_bytes {
            return false;
        }
        let mut state = self.0.state.lock();
        match state.phase {
            Phase::Connecting if state.early_rooms.contains(room) => true,
            Phase::Connecting => {
                let has_place = state.early_rooms.len() < limits.max_rooms_per_socket;
                state.early_rooms.extend(has_place.then(|| room.clone()));
                has_place
            }
            Phase::Connected => {
                drop(state);
                self.0.namespace.local_sockets().join(self.id(), room, limits.max_rooms_per_socket)
            }
            Phase::Disconnected => false,
        }
    }
}

/// Sending.
impl Socket {
    /// Sends an event to the client. Happens at once; see [`Emitted`] for what can be done with the result.
    ///
    /// `args` are a reference for one argument, a tuple for several, `()` for none: see
    /// [`EmitArgs`](crate::EmitArgs).
    pub fn emit(&self, event: &str, args: impl EmitArgs) -> Emitted {
        Emitted::to(self.session(), self.emit_with(event, &args, false, true))
    }

    /// Sends a `message` event.
    pub fn send(&self, args: impl EmitArgs) -> Emitted {
        self.emit("message", args)
    }

    /// Sends an event and asks for an acknowledgement. Without a [`timeout`](Self::timeout), it is waited for as long as
    /// the socket is connected.
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
    pub fn disconnect(&self, close: bool) {
        if close {
            self.0.client.disconnect();
        } else if self.connected() {
            let frame = self.0.namespace.local_sockets().parser().encode_disconnect(self.namespace().name());
            self.0.client.send_frame(frame);
            self.end(DisconnectReason::ServerNamespaceDisconnect);
        }
    }

    fn emit_with(&self, event: &str, args: &dyn EmitArgs, volatile: bool, compress: bool) -> Result<(), EmitError> {
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
        self.deliver(&packet, volatile);
        self.tell_outgoing(&packet);
        Ok(())
    }

    fn ask<T>(&self, event: &str, args: &dyn EmitArgs, compress: bool, timeout: Option<Duration>) -> AckFuture<T> {
        let local = self.0.namespace.local_sockets();
        let id = local.next_ack_id();
        let (sender, receiver) = oneshot::channel();
        let asked = local.encode_event(Some(id), event, args, None, compress).and_then(|packet| {
            self.expect_ack(id, AckSink::One(sender))?;
            self.deliver(&packet, false);
            self.tell_outgoing(&packet);
            Ok(())
        });
        match asked {
            Ok(()) => AckFuture::new(self, id, receiver, timeout),
            Err(error) => AckFuture::failed(error),
        }
    }

    /// Hands an encoded event to the client's session.
    pub(crate) fn deliver(&self, packet: &Packet, volatile: bool) {
        let session = &self.0.session;
        // A session that has just closed tells its sockets by itself.
        let _ = if volatile {
            session.send_volatile(packet.outgoing())
        } else {
            session.send_encoded(packet.outgoing()).map(|()| true)
        };
    }

    /// Hands an encoded event to the client's session and lets its answer go to a collector; says whether it will.
    pub(crate) fn deliver_with_ack(&self, packet: &Packet, id: u64, collector: &AckCollector) -> bool {
        let expected = self.expect_ack(id, AckSink::Many(collector.clone())).is_ok();
        if expected {
            self.deliver(packet, false);
        }
        expected
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
        let mut state = self.0.state.lock();
        let pending = state.acks.len();
        if state.phase == Phase::Disconnected {
            return Err(EmitError::Disconnected);
        }
        if pending >= self.0.namespace.limits().max_pending_acks {
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

/// Listening.
impl Socket {
    /// Handles an event of the client.
    pub fn on<P: 'static>(&self, event: &str, handler: impl EventHandler<P>) -> ListenerId {
        self.0.state.lock().listeners.on(event, false, event_handler(handler))
    }

    /// Handles an event of the client when it comes first, and no more.
    pub fn once<P: 'static>(&self, event: &str, handler: impl EventHandler<P>) -> ListenerId {
        self.0.state.lock().listeners.on(event, true, event_handler(handler))
    }

    /// Takes a handler away; says whether it was there.
    pub fn off(&self, listener: ListenerId) -> bool {
        let mut state = self.0.state.lock();
        let removed = state.listeners.remove(listener);
        self.0.listens_to_outgoing.store(!state.listeners.any_outgoing().is_empty(), Ordering::Release);
        removed
    }

    /// Takes all handlers of an event away.
    pub fn remove_all_listeners(&self, event: &str) {
        self.0.state.lock().listeners.remove_all(event);
    }

    /// The names of the events that have a handler.
    pub fn event_names(&self) -> Vec<String> {
        self.0.state.lock().listeners.event_names().map(str::to_owned).collect()
    }

    /// Handles every event of the client, before its own handlers do.
    pub fn on_any<P: 'static>(&self, handler: impl EventHandler<P>) -> ListenerId {
        self.0.state.lock().listeners.on_any(event_handler(handler), false)
    }

    /// As [`on_any`](Self::on_any), before those that are there.
    pub fn prepend_any<P: 'static>(&self, handler: impl EventHandler<P>) -> ListenerId {
        self.0.state.lock().listeners.on_any(event_handler(handler), true)
    }

    /// Handles every event that is sent to the client, broadcasts that reach it included; acknowledgements are none.
    pub fn on_any_outgoing<P: 'static>(&self, handler: impl EventHandler<P>) -> ListenerId {
        self.0.listens_to_outgoing.store(true, Ordering::Release);
        self.0.state.lock().listeners.on_any_outgoing(event_handler(handler), false)
    }

    /// As [`on_any_outgoing`](Self::on_any_outgoing), before those that are there.
    pub fn prepend_any_outgoing<P: 'static>(&self, handler: impl EventHandler<P>) -> ListenerId {
        self.0.listens_to_outgoing.store(true, Ordering::Release);
        self.0.state.lock().listeners.on_any_outgoing(event_handler(handler), true)
    }

    /// Looks at every event of the client before its handlers do: `use` of the reference. An error drops the event and
    /// goes to the hook of the server.
    pub fn middleware<P: 'static>(&self, middleware: impl EventMiddleware<P>) -> ListenerId {
        self.0.state.lock().listeners.add_middleware(event_middleware(middleware))
    }

    /// Handles the end of the socket while it is still in its rooms.
    pub fn on_disconnecting<P: 'static>(&self, handler: impl DisconnectHandler<P>) -> ListenerId {
        self.0.state.lock().listeners.on_disconnecting(disconnect_handler(handler))
    }

    /// Handles the end of the socket.
    pub fn on_disconnect<P: 'static>(&self, handler: impl DisconnectHandler<P>) -> ListenerId {
        self.0.state.lock().listeners.on_disconnect(disconnect_handler(handler))
    }
}

/// What connects and ends it.
impl Socket {
    pub(crate) fn new(
        namespace: &Namespace,
        client: &Client,
        auth: Option<&str>,
        id: SocketId,
        pid: Option<String>,
        restored: Option<&PersistedSession>,
    ) -> Self {
        let state = State { data: restored.and_then(|session| session.data.clone()), ..State::default() };
        Self(Arc::new(Inner {
            id,
            pid: pid.map(Into::into),
            recovered: restored.is_some(),
            namespace: namespace.clone(),
            client: client.clone(),
            session: client.session().clone(),
            auth: auth.map(Into::into),
            connected: AtomicBool::new(false),
            listens_to_outgoing: AtomicBool::new(false),
            state: Mutex::new(state),
        }))
    }

    fn session(&self) -> &Session {
        &self.0.session
    }

    pub(crate) fn pid(&self) -> Option<&str> {
        self.0.pid.as_deref()
    }

    /// The authentication payload, as JSON.
    pub(crate) fn auth(&self) -> &str {
        self.0.auth.as_deref().unwrap_or("{}")
    }

    /// Becomes a member of the namespace, with the rooms it has joined so far and some more; returns what is to be told of
    /// it. Not if it has ended already.
    pub(crate) fn enter(&self, rooms: &[Room]) -> Option<Vec<RoomEvent>> {
        let mut state = self.0.state.lock();
        if state.phase != Phase::Connecting {
            return None;
        }
        state.phase = Phase::Connected;
        self.0.connected.store(true, Ordering::Release);
        let early = std::mem::take(&mut state.early_rooms);
        Some(self.0.namespace.local_sockets().insert(self, rooms.iter().chain(&early)))
    }

    /// The socket is over. Later calls change nothing.
    pub(crate) fn end(&self, reason: DisconnectReason) {
        let was_connected = {
            let mut state = self.0.state.lock();
            let phase = std::mem::replace(&mut state.phase, Phase::Disconnected);
            if phase == Phase::Disconnected {
                return;
            }
            phase == Phase::Connected
        };
        self.0.client.forget(self);
        if was_connected {
            self.leave_namespace(reason);
        }
        let acks = {
            let mut state = self.0.state.lock();
            state.listeners.clear();
            std::mem::take(&mut state.acks)
        };
        acks.into_values().for_each(AckSink::lose);
        self.0.namespace.socket_gone();
    }

    fn leave_namespace(&self, reason: DisconnectReason) {
        let (disconnecting, disconnect) = {
            let state = self.0.state.lock();
            (state.listeners.disconnecting(), state.listeners.disconnect())
        };
        self.run_disconnect_handlers(&disconnecting, "disconnecting", reason);
        let local = self.0.namespace.local_sockets();
        if let Some(pid) = self.pid().filter(|_| reason.is_recoverable()) {
            let data = self.0.state.lock().data.clone();
            let rooms = local.rooms_of(self.id());
            let session = PersistedSession { id: self.id(), pid: pid.to_owned(), rooms, data };
            self.0.namespace.adapter().persist_session(session);
        }
        local.remove(self.id());
        self.0.connected.store(false, Ordering::Release);
        self.server().metrics().disconnected(reason);
        self.run_disconnect_handlers(&disconnect, "disconnect", reason);
    }

    fn run_disconnect_handlers(
        &self,
        handlers: &[handler::SharedDisconnectHandler],
        event: &str,
        reason: DisconnectReason,
    ) {
        let context = handler::DisconnectContext { socket: self, reason };
        for handler in handlers {
            let failures = handler::Failures::new(self, event, &crate::Ack::new_unwanted());
            match handler.call(&context) {
                Ok(work) => handler::start(work, failures),
                Err(error) => failures.refused(error),
            }
        }
    }

    /// What other nodes may know of it.
    pub(crate) fn describe(&self) -> RemoteSocketData {
        RemoteSocketData {
            id: self.id().to_string(),
            handshake: self.handshake().describe(),
            rooms: self.rooms(),
            data: self.0.state.lock().data.as_ref().map(SocketData::write),
        }
    }

    /// An acknowledgement of the client has come.
    pub(crate) fn handle_ack(&self, id: u64, args: &Args<'_>) {
        let sink = self.0.state.lock().acks.remove(&id);
        if let Some(sink) = sink {
            sink.answer(args);
        }
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("id", &self.id()).field("namespace", &self.namespace().name()).finish()
    }
}
