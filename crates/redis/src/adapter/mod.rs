//! One namespace of one node, as a member of the cluster: what it tells and asks the other nodes.

mod convert;
mod incoming;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use fanfare::adapter::{
    AckCollector, Adapter, AdapterError, Answer, Broadcast, Local, Packet, PersistedSession, RoomEvent, Scope,
};
use fanfare::{EmitArgs, EmitError, RemoteSocketData, Room, Value};
use fanfare_proto::cluster::{
    Asked, Awaited, Event, Gathered, Node, Publish, Request, Requester, Response, Subscription, Wire, hex_id,
};
use fanfare_proto::ids::SocketId;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use convert::{borrowed, borrowed_opts, first, opts, remote};

use crate::hub::Hub;
use crate::subscriber::Listener;

/// Carries the operations of one namespace over Redis.
///
/// Local sockets are always served at once. What other nodes are to hear is handed to the [`Hub`], which keeps the order;
/// what they say comes in through [`Listener::message`], one message at a time.
pub(crate) struct NamespaceAdapter(Arc<Inner>);

struct Inner {
    local: Local,
    hub: Arc<Hub>,
    wire: Wire,
    node: Mutex<Node>,
    /// Who waits for what the node waits for.
    waiting: Mutex<HashMap<Box<str>, Waiting>>,
    me: Weak<Self>,
}

enum Waiting {
    Acks(AckCollector),
    Gathered(oneshot::Sender<Gathered>),
}

impl NamespaceAdapter {
    pub(crate) fn new(local: Local, hub: &Arc<Hub>, wire: Wire) -> Self {
        if local.recovery().is_some() {
            tracing::warn!("connection state recovery needs the streams adapter; lost sessions will not be restored");
        }
        let inner = Arc::new_cyclic(|me| Inner {
            local,
            hub: hub.clone(),
            node: Mutex::new(Node::new(wire.clone())),
            wire,
            waiting: Mutex::default(),
            me: me.clone(),
        });
        inner.listen();
        Self(inner)
    }
}

impl Inner {
    fn listen(self: &Arc<Self>) {
        let listener: Arc<dyn Listener> = self.clone();
        for subscription in self.wire.subscriptions() {
            self.hub.subscribe(subscription, listener.clone());
        }
        let adapter = self.me.clone();
        self.local.on_room_event(move |event| {
            if let Some(adapter) = adapter.upgrade() {
                adapter.handle_room_event(event);
            }
        });
    }

    /// Rooms with a channel of their own are listened to as long as somebody here is in them, and a little longer.
    fn handle_room_event(self: &Arc<Self>, event: &RoomEvent) {
        let listener = || -> Arc<dyn Listener> { self.clone() };
        match event {
            RoomEvent::Created(room) => {
                if let Some(subscription) = self.room_subscription(room) {
                    self.hub.subscribe(subscription, listener());
                }
            }
            RoomEvent::Deleted(room) => {
                if let Some(subscription) = self.room_subscription(room) {
                    self.hub.unsubscribe_in_a_while(&subscription, &listener());
                }
            }
            RoomEvent::Joined(..) | RoomEvent::Left(..) => {}
        }
    }

    /// A room is private if it is that of a socket here, which is there before its room is and gone behind it.
    fn room_subscription(&self, room: &Room) -> Option<Subscription> {
        let private = room.parse::<SocketId>().is_ok();
        self.wire.room_subscription(room, private)
    }

    fn publish(&self, request: &Request<'_>) -> Result<(), EmitError> {
        self.hub.publish(self.wire.request(request)?);
        Ok(())
    }

    /// Publishes something that has no arguments that could fail to be written.
    fn tell(&self, request: &Request<'_>) {
        if let Err(error) = self.publish(request) {
            tracing::error!(%error, "a request to other nodes was not sent");
        }
    }

    fn respond(&self, to: &Requester, response: &Response<'_>) {
        match self.wire.respond(to, response) {
            Ok(publish) => self.hub.publish(publish),
            Err(error) => tracing::error!(%error, "an answer to another node was not sent"),
        }
    }

    /// Asks all other nodes, in words that have been written already, and waits for their answers; `None` when there is no
    /// other node.
    async fn gather(
        self: Arc<Self>,
        id: Box<str>,
        what: Awaited,
        publish: Publish,
        timeout: Duration,
    ) -> Result<Option<Gathered>, AdapterError> {
        let nodes = self.hub.count_nodes(self.wire.counted_channel()).await?.saturating_sub(1);
        if nodes == 0 {
            return Ok(None);
        }
        let (sender, receiver) = oneshot::channel();
        let until = Instant::now() + timeout;
        self.waiting.lock().insert(id.clone(), Waiting::Gathered(sender));
        self.node.lock().expect(&id, what, Asked { nodes, until: until.into_std() });
        let _pending = Pending::new(&self, id);
        self.hub.publish(publish);
        match tokio::time::timeout_at(until, receiver).await {
            Ok(Ok(gathered)) => Ok(Some(gathered)),
            _ => {
                self.hub.metrics().requests_timed_out.inc();
                Err(self.expire(until).unwrap_or(AdapterError::Timeout { received: 0, expected: nodes }))
            }
        }
    }

    /// Lets go of what has waited too long; returns what the caller, who is the first of them, is to be told.
    fn expire(&self, until: Instant) -> Option<AdapterError> {
        let expired = self.node.lock().handle_timeout(until.into_std())?;
        Some(AdapterError::Timeout { received: expired.received, expected: expired.expected })
    }

    fn forget(&self, id: &str) {
        self.waiting.lock().remove(id);
        self.node.lock().forget(id);
    }

    /// Waits for the acknowledgements of other nodes in the background, until all are there or the time is over.
    async fn gather_acks(self: Arc<Self>, id: Box<str>, collector: AckCollector, until: Instant) {
        let _pending = Pending::new(&self, id);
        // The reference counts the nodes behind the broadcast too.
        let nodes = self.hub.count_nodes(self.wire.counted_channel()).await.unwrap_or(1);
        collector.expect_servers(nodes.max(1));
        if tokio::time::timeout_at(until, collector.completed()).await.is_err() {
            self.hub.metrics().requests_timed_out.inc();
        }
    }
}

impl Adapter for NamespaceAdapter {
    fn broadcast(&self, broadcast: &Broadcast<'_>) -> Result<(), EmitError> {
        let packet = self.0.local.encode(broadcast, None)?;
        if !broadcast.scope.local {
            self.0.publish(&Request::Broadcast {
                event: Event::emit(broadcast.name, broadcast.args),
                opts: opts(broadcast),
                id: None,
                unwanted_ack: false,
            })?;
        }
        self.0.local.broadcast(broadcast, &packet).tell();
        Ok(())
    }

    fn broadcast_with_ack(&self, broadcast: &Broadcast<'_>, collector: &AckCollector) -> Result<(), EmitError> {
        if broadcast.scope.local || !self.0.hub.is_up() {
            return self.0.local.broadcast_with_ack(broadcast, collector);
        }
        let id = new_id();
        let timeout = broadcast.scope.timeout.unwrap_or(self.0.hub.requests_timeout());
        let until = Instant::now() + timeout;
        let mut opts = opts(broadcast);
        opts.flags.timeout = Some(timeout);
        let event = Event::emit(broadcast.name, broadcast.args);
        let request = Request::Broadcast { event, opts, id: Some((&*id).into()), unwanted_ack: false };
        let publish = self.0.wire.request(&request)?;
        // Not complete before the nodes have been counted.
        collector.expect_servers(usize::MAX);
        self.0.waiting.lock().insert(id.clone(), Waiting::Acks(collector.clone()));
        self.0.node.lock().expect(&id, Awaited::Acks, Asked { nodes: 0, until: until.into_std() });
        self.0.hub.publish(publish);
        self.0.hub.spawn(self.0.clone().gather_acks(id, collector.clone(), until));
        self.0.local.broadcast_with_ack(broadcast, collector)
    }

    fn fetch_sockets(&self, scope: &Scope) -> Answer<Vec<RemoteSocketData>> {
        let mut sockets = self.0.local.fetch_sockets(&scope.selection);
        if scope.local {
            return Box::pin(std::future::ready(Ok(sockets)));
        }
        let timeout = scope.timeout.unwrap_or(self.0.hub.requests_timeout());
        let id = new_id();
        let request = Request::FetchSockets { opts: borrowed_opts(&scope.selection), id: (&*id).into() };
        let (adapter, publish) = (self.0.clone(), self.0.wire.request(&request));
        Box::pin(async move {
            let publish = publish.map_err(EmitError::from)?;
            if let Some(Gathered::Sockets(others)) = adapter.gather(id, Awaited::Sockets, publish, timeout).await? {
                sockets.extend(others.into_iter().map(remote));
            }
            Ok(sockets)
        })
    }

    fn sockets_join(&self, scope: &Scope, rooms: &[Room]) {
        // At once, so that what is emitted to the rooms next reaches these sockets too.
        self.0.local.sockets_join(&scope.selection, rooms);
        if !scope.local {
            self.0.tell(&Request::SocketsJoin { opts: borrowed_opts(&scope.selection), rooms: borrowed(rooms) });
        }
    }

    fn sockets_leave(&self, scope: &Scope, rooms: &[Room]) {
        self.0.local.sockets_leave(&scope.selection, rooms);
        if !scope.local {
            self.0.tell(&Request::SocketsLeave { opts: borrowed_opts(&scope.selection), rooms: borrowed(rooms) });
        }
    }

    fn disconnect_sockets(&self, scope: &Scope, close: bool) {
        if !scope.local {
            self.0.tell(&Request::DisconnectSockets { opts: borrowed_opts(&scope.selection), close });
        }
        self.0.local.disconnect_sockets(&scope.selection, close);
    }

    fn server_side_emit(&self, name: &str, args: &dyn EmitArgs) -> Result<(), EmitError> {
        self.0.publish(&Request::ServerSideEmit { event: Event::emit(name, args), id: None })
    }

    fn server_side_emit_with_ack(&self, name: &str, args: &dyn EmitArgs) -> Answer<Vec<Value>> {
        let id = new_id();
        let request = Request::ServerSideEmit { event: Event::emit(name, args), id: Some((&*id).into()) };
        let publish = self.0.wire.request(&request);
        let (adapter, timeout) = (self.0.clone(), self.0.hub.requests_timeout());
        Box::pin(async move {
            let publish = publish.map_err(EmitError::from)?;
            match adapter.gather(id, Awaited::Answers, publish, timeout).await? {
                Some(Gathered::Answers(answers)) => {
                    Ok(answers.iter().map(|answer| first(&answer.0.as_args())).collect())
                }
                _ => Ok(Vec::new()),
            }
        })
    }

    fn all_rooms(&self) -> Answer<Vec<Room>> {
        let local: Vec<Room> = self.0.local.rooms().into_iter().map(|(room, _)| room).collect();
        let id = new_id();
        let Ok(publish) = self.0.wire.request(&Request::AllRooms { id: (&*id).into() }) else {
            return self.rooms_of_sockets();
        };
        let (adapter, timeout) = (self.0.clone(), self.0.hub.requests_timeout());
        Box::pin(async move {
            let mut rooms: std::collections::BTreeSet<Room> = local.into_iter().collect();
            if let Some(Gathered::Rooms(others)) = adapter.gather(id, Awaited::Rooms, publish, timeout).await? {
                rooms.extend(others.iter().filter(|room| room.parse::<SocketId>().is_err()).map(Room::from));
            }
            Ok(rooms.into_iter().collect())
        })
    }

    fn server_count(&self) -> Answer<usize> {
        let adapter = self.0.clone();
        Box::pin(async move { adapter.hub.count_nodes(adapter.wire.counted_channel()).await })
    }

    fn rooms_ready(&self) -> Answer<()> {
        let adapter = self.0.clone();
        Box::pin(async move { adapter.hub.listening().await })
    }

    fn persist_session(&self, _: PersistedSession) {}

    fn restore_session(&self, _: &str, _: &str) -> Answer<Option<PersistedSession>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn replay(&self, _: &PersistedSession, _: &str, attach: &mut dyn FnMut(&[Packet])) {
        attach(&[]);
    }

    fn close(&self) {
        let listener: Arc<dyn Listener> = self.0.clone();
        for subscription in self.0.wire.subscriptions() {
            self.0.hub.unsubscribe(&subscription, &listener);
        }
    }
}

impl NamespaceAdapter {
    /// The rooms of all nodes, from the descriptions of their sockets, for adapters that have no request for rooms.
    fn rooms_of_sockets(&self) -> Answer<Vec<Room>> {
        let sockets = self.fetch_sockets(&Scope::default());
        Box::pin(async move {
            let sockets = sockets.await?;
            let own: std::collections::HashSet<&str> = sockets.iter().map(|socket| &*socket.id).collect();
            let rooms = sockets.iter().flat_map(|socket| &socket.rooms).filter(|room| !own.contains(room.as_str()));
            let rooms: std::collections::BTreeSet<Room> = rooms.cloned().collect();
            Ok(rooms.into_iter().collect())
        })
    }
}

/// A request that is being waited for; forgotten when nobody waits any more.
struct Pending<'a> {
    adapter: &'a Inner,
    id: Box<str>,
}

impl<'a> Pending<'a> {
    fn new(adapter: &'a Inner, id: Box<str>) -> Self {
        adapter.hub.metrics().requests_pending.inc();
        Self { adapter, id }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.adapter.hub.metrics().requests_pending.dec();
        self.adapter.forget(&self.id);
    }
}

fn new_id() -> Box<str> {
    hex_id(crate::hub::random()).into()
}

impl fmt::Debug for NamespaceAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamespaceAdapter").field("local", &self.0.local).finish_non_exhaustive()
    }
}
