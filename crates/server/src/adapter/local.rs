//! The sockets of one namespace on this node.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use fanfare_engine::{Engine, Outgoing};
use fanfare_proto::ids::SocketId;
use fanfare_proto::socket::{Args, EmitArgs, Encoded, Parser};
use parking_lot::RwLock;

use super::members::{Joined, Left, Members};
use super::{AckCollector, Broadcast, Selection};
use crate::ack::ServerReply;
use crate::emit::{EmitError, check_name};
use crate::handler::shield;
use crate::metrics::Metrics;
use crate::remote::RemoteSocketData;
use crate::room::Room;
use crate::socket::Socket;

/// The sockets of one namespace on this node: what an [`Adapter`](super::Adapter) delivers to. Cheap to clone.
#[derive(Clone)]
pub struct Local(Arc<Inner>);

struct Inner {
    namespace: Box<str>,
    engine: Engine,
    parser: Parser,
    recovery: Option<Duration>,
    metrics: Metrics,
    members: RwLock<Members<Socket>>,
    next_ack_id: AtomicU64,
    room_listeners: RwLock<Vec<RoomListener>>,
    /// Handles events of other servers; the namespace, once it is there.
    server_events: OnceLock<ServerEvents>,
}

type ServerEvents = Box<dyn Fn(&str, &Args<'_>, Option<ServerReply>) + Send + Sync>;

pub(crate) type RoomListener = Arc<dyn Fn(&RoomEvent) + Send + Sync>;

/// What happens to rooms. Sockets in the room of their own id take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomEvent {
    /// `create-room`: a first socket is about to join.
    Created(Room),
    /// `join-room`: a socket has joined.
    Joined(Room, SocketId),
    /// `leave-room`: a socket has left.
    Left(Room, SocketId),
    /// `delete-room`: the last socket has left.
    Deleted(Room),
}

/// An event, encoded once for all sockets of a namespace. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Packet {
    outgoing: Outgoing,
    args: Range<usize>,
    parser: Parser,
}

/// An event that has been sent to all sockets it is for.
#[derive(Debug)]
#[must_use = "those who listen to what is sent are still to be told"]
pub struct Delivered {
    packet: Packet,
    /// The sockets that have handlers for what is sent to them.
    listening: Vec<Socket>,
}

impl Delivered {
    /// Tells those who listen to what is sent. No lock may be held: they may do anything, send something for one.
    pub fn tell(self) {
        self.listening.iter().for_each(|socket| socket.tell_outgoing(&self.packet));
    }
}

impl Local {
    pub(crate) fn new(
        namespace: &str,
        engine: Engine,
        parser: Parser,
        recovery: Option<Duration>,
        metrics: Metrics,
    ) -> Self {
        Self(Arc::new(Inner {
            namespace: namespace.into(),
            engine,
            parser,
            recovery,
            metrics,
            members: RwLock::default(),
            next_ack_id: AtomicU64::new(0),
            room_listeners: RwLock::default(),
            server_events: OnceLock::new(),
        }))
    }

    /// The name of the namespace.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// How long events and lost sessions are to be kept, where connection state recovery is on.
    pub fn recovery(&self) -> Option<Duration> {
        self.0.recovery
    }

    /// How many sockets there are.
    pub fn len(&self) -> usize {
        self.0.members.read().len()
    }

    /// Whether there is no socket.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a room has a socket here.
    pub fn has_room(&self, room: &str) -> bool {
        self.0.members.read().has_room(room)
    }

    /// All rooms and how many sockets are in each, without those of single sockets.
    pub fn rooms(&self) -> Vec<(Room, usize)> {
        self.0.members.read().rooms().map(|(room, sockets)| (room.clone(), sockets)).collect()
    }

    /// How many rooms there are, without those of single sockets.
    pub fn room_count(&self) -> usize {
        self.0.members.read().room_count()
    }

    /// The socket of an id.
    pub fn socket(&self, id: SocketId) -> Option<Socket> {
        self.0.members.read().get(id).cloned()
    }

    /// The selected sockets.
    pub fn sockets(&self, selection: &Selection) -> Vec<Socket> {
        let mut sockets = Vec::new();
        self.0.members.read().for_each(selection, |socket| sockets.push(socket.clone()));
        sockets
    }

    /// Encodes a broadcast, with the offset of connection state recovery where it is on.
    pub fn encode(&self, broadcast: &Broadcast<'_>, offset: Option<&str>) -> Result<Packet, EmitError> {
        self.encode_event(None, broadcast.name, broadcast.args, offset, broadcast.compress)
    }

    /// Sends an encoded event to the selected sockets. Those who listen to what is sent are still to be told.
    pub fn broadcast(&self, broadcast: &Broadcast<'_>, packet: &Packet) -> Delivered {
        self.deliver(&broadcast.scope.selection, |socket| socket.deliver(packet, broadcast.volatile), packet)
    }

    /// Sends an event to the selected sockets and tells the collector how many there were; their answers go there too.
    ///
    /// Hold no lock: those who listen to what sockets are sent may do anything.
    pub fn broadcast_with_ack(&self, broadcast: &Broadcast<'_>, collector: &AckCollector) -> Result<(), EmitError> {
        let id = self.next_ack_id();
        let packet = self.encode_event(Some(id), broadcast.name, broadcast.args, None, broadcast.compress)?;
        let mut sent = 0;
        let send = |socket: &Socket| sent += usize::from(socket.deliver_with_ack(&packet, id, collector));
        let delivered = self.deliver(&broadcast.scope.selection, send, &packet);
        collector.add_clients(sent);
        delivered.tell();
        Ok(())
    }

    /// Describes the selected sockets.
    pub fn fetch_sockets(&self, selection: &Selection) -> Vec<RemoteSocketData> {
        self.sockets(selection).iter().map(Socket::describe).collect()
    }

    /// Makes the selected sockets join rooms.
    pub fn sockets_join(&self, selection: &Selection, rooms: &[Room]) {
        for socket in self.sockets(selection) {
            socket.join(rooms);
        }
    }

    /// Makes the selected sockets leave rooms.
    pub fn sockets_leave(&self, selection: &Selection, rooms: &[Room]) {
        for socket in self.sockets(selection) {
            rooms.iter().for_each(|room| socket.leave(room));
        }
    }

    /// Disconnects the selected sockets; with `close`, also the connections below them.
    pub fn disconnect_sockets(&self, selection: &Selection, close: bool) {
        self.sockets(selection).iter().for_each(|socket| socket.disconnect(close));
    }

    /// Hands an event of another server to the handlers of the namespace. The first that answers answers by `reply`.
    ///
    /// Hold no lock: they may do anything.
    pub fn handle_server_event(&self, name: &str, args: &Args<'_>, reply: Option<ServerReply>) {
        if let Some(handle) = self.0.server_events.get() {
            handle(name, args, reply);
        }
    }

    pub(crate) fn on_server_event(&self, handle: ServerEvents) {
        let _ = self.0.server_events.set(handle);
    }

    pub(crate) fn parser(&self) -> Parser {
        self.0.parser
    }

    pub(crate) fn next_ack_id(&self) -> u64 {
        self.0.next_ack_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn encode_event(
        &self,
        id: Option<u64>,
        name: &str,
        args: &dyn EmitArgs,
        offset: Option<&str>,
        compress: bool,
    ) -> Result<Packet, EmitError> {
        check_name(name)?;
        let encoded = self.0.parser.encode_event(&self.0.namespace, id, name, args, offset)?;
        Ok(Packet::new(encoded, self.0.parser, &self.0.engine, compress))
    }

    /// Adds a socket with its first rooms; returns what is to be [told](Self::tell) of it.
    pub(crate) fn insert<'a>(&self, socket: &Socket, rooms: impl Iterator<Item = &'a Room>) -> Vec<RoomEvent> {
        let id = socket.id();
        self.change_members(|members| {
            members.insert(id, socket.clone());
            let mut events = vec![RoomEvent::Created(id.into()), RoomEvent::Joined(id.into(), id)];
            rooms.for_each(|room| events.extend(joined_events(room, members.join(id, room), id)));
            events
        })
    }

    /// Removes a socket.
    pub(crate) fn remove(&self, id: SocketId) {
        let Some(mut left) = self.change_members(|members| members.remove(id)) else { return };
        left.push((id.into(), Left::Last));
        let events: Vec<_> = left.iter().flat_map(|(room, left)| left_events(room, *left, id)).collect();
        self.tell(&events);
    }

    /// Lets a socket join a room, unless it is in as many as it may be; says whether it is in it now.
    pub(crate) fn join(&self, id: SocketId, room: &Room, max_rooms: usize) -> bool {
        let joined = self.change_members(|members| {
            let is_full = members.rooms_of(id).len() >= max_rooms && !members.is_in(id, room);
            (!is_full).then(|| members.join(id, room))
        });
        let Some(joined) = joined else { return false };
        self.tell(&joined_events(room, joined, id));
        joined != Joined::Unknown
    }

    pub(crate) fn leave(&self, id: SocketId, room: &str) {
        let left = self.change_members(|members| members.leave(id, room));
        self.tell(&left_events(&room.into(), left, id));
    }

    /// Changes who is where, and counts the rooms that come and go with it.
    fn change_members<R>(&self, change: impl FnOnce(&mut Members<Socket>) -> R) -> R {
        let mut members = self.0.members.write();
        let before = members.room_count();
        let result = change(&mut members);
        self.0.metrics.rooms.add(members.room_count() as i64 - before as i64);
        result
    }

    pub(crate) fn rooms_of(&self, id: SocketId) -> Vec<Room> {
        self.0.members.read().rooms_of(id).to_vec()
    }

    /// Hears of everything that happens to rooms on this node.
    pub fn on_room_event(&self, listener: impl Fn(&RoomEvent) + Send + Sync + 'static) {
        self.0.room_listeners.write().push(Arc::new(listener));
    }

    fn deliver(&self, selection: &Selection, mut send: impl FnMut(&Socket), packet: &Packet) -> Delivered {
        let (mut listening, mut sockets) = (Vec::new(), 0_u32);
        self.0.members.read().for_each(selection, |socket| {
            sockets += 1;
            send(socket);
            if socket.listens_to_outgoing() {
                listening.push(socket.clone());
            }
        });
        self.0.metrics.events_sent.inc_by(u64::from(sockets));
        self.0.metrics.broadcast_sockets.observe(f64::from(sockets));
        Delivered { packet: packet.clone(), listening }
    }

    /// Tells those who listen what has happened to rooms. No lock may be held: they may do anything.
    pub(crate) fn tell(&self, events: &[RoomEvent]) {
        let listeners = self.0.room_listeners.read().clone();
        for event in events {
            listeners.iter().for_each(|listener| shield("room", || listener(event)));
        }
    }
}

fn joined_events(room: &Room, joined: Joined, id: SocketId) -> Vec<RoomEvent> {
    match joined {
        Joined::First => vec![RoomEvent::Created(room.clone()), RoomEvent::Joined(room.clone(), id)],
        Joined::Others => vec![RoomEvent::Joined(room.clone(), id)],
        Joined::Already | Joined::Unknown => Vec::new(),
    }
}

fn left_events(room: &Room, left: Left, id: SocketId) -> Vec<RoomEvent> {
    match left {
        Left::NotIn => Vec::new(),
        Left::Others => vec![RoomEvent::Left(room.clone(), id)],
        Left::Last => vec![RoomEvent::Left(room.clone(), id), RoomEvent::Deleted(room.clone())],
    }
}

impl Packet {
    fn new(encoded: Encoded, parser: Parser, engine: &Engine, compress: bool) -> Self {
        let args = encoded.args.clone();
        Self { outgoing: engine.encode(encoded.into_frames(), compress), args, parser }
    }

    /// Bytes of all frames.
    pub fn len(&self) -> usize {
        self.outgoing.len()
    }

    /// Whether there is nothing in it, which never is so.
    pub fn is_empty(&self) -> bool {
        self.outgoing.is_empty()
    }

    /// The name of the event and its arguments, as they were written.
    pub fn with_args<R>(&self, read: impl FnOnce(Args<'_>) -> R) -> R {
        let mut payloads = self.outgoing.payloads();
        let head = payloads.next().unwrap_or_default();
        let attachments: Vec<Bytes> = payloads.collect();
        read(self.parser.args(&head, self.args.clone(), &attachments))
    }

    pub(crate) fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("namespace", &self.namespace()).field("sockets", &self.len()).finish()
    }
}
