//! Namespaces.

pub(crate) mod connect;
mod dynamic;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use fanfare_proto::ids::SocketId;
use fanfare_proto::socket::{Args, EmitArgs, Value};
use parking_lot::RwLock;
use smol_str::SmolStr;
use tokio::sync::Semaphore;

use crate::ack::{Ack, FromAck, ServerReply};
use crate::adapter::{Adapter, Answer, Local, RoomEvent, Selection};
use crate::broadcast::{BroadcastAcks, BroadcastOperator};
use crate::emit::{EmitError, Emitted};
use crate::handler::{
    ConnectHandler, Failures, Middleware, ServerEventContext, ServerEventHandler, SharedConnectHandler,
    SharedMiddleware, SharedServerEventHandler, connect_handler, middleware, server_event_handler, start,
};
use crate::remote::RemoteSocket;
use crate::room::{IntoRooms, Room};
use crate::server::{Limits, Server};
use crate::socket::Socket;
pub(crate) use dynamic::Matcher;
pub use dynamic::{ParentNamespace, ParentOperator};

/// A namespace: sockets that share handlers, middlewares and rooms. Cheap to clone.
///
/// ```
/// use fanfare::{Auth, ConnectError, Namespace, Server, Socket};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Credentials {
///     token: String,
/// }
///
/// let io = Server::new();
/// let admin = io.of("/admin");
/// admin.middleware(async |Auth(credentials): Auth<Credentials>| match credentials.token.as_str() {
///     "secret" => Ok(()),
///     _ => Err(ConnectError::new("unauthorized")),
/// });
/// admin.on_connect(async |admin: Namespace, socket: Socket| {
///     admin.except(socket.id()).emit("admins", &admin.sockets_count());
/// });
/// ```
#[derive(Clone)]
pub struct Namespace(Arc<Inner>);

struct Inner {
    name: Box<str>,
    server: Server,
    local: Local,
    adapter: Arc<dyn Adapter>,
    hooks: RwLock<Hooks>,
    server_handlers: RwLock<Vec<(SmolStr, SharedServerEventHandler)>>,
    /// Whether it goes when its last socket goes.
    is_temporary: bool,
    /// How many clients are on the way into it.
    visits: AtomicUsize,
    /// Clients wait here until it is opened; closing a semaphore lets everybody go.
    gate: Semaphore,
    closed: AtomicBool,
}

/// What a namespace does with new sockets. A parent namespace copies its own to its children.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    middlewares: Vec<SharedMiddleware>,
    connect: Vec<SharedConnectHandler>,
}

impl Namespace {
    pub(crate) fn new(server: &Server, name: &str, hooks: Hooks, is_temporary: bool) -> Self {
        let local = server.local(name);
        let adapter = server.adapter_factory().adapter(local.clone());
        let namespace = Self(Arc::new(Inner {
            name: name.into(),
            server: server.clone(),
            local,
            adapter,
            hooks: RwLock::new(hooks),
            server_handlers: RwLock::default(),
            is_temporary,
            visits: AtomicUsize::new(0),
            gate: Semaphore::new(0),
            closed: AtomicBool::new(false),
        }));
        // Weak, since the namespace holds the local side itself.
        let handlers = Arc::downgrade(&namespace.0);
        namespace.0.local.on_server_event(Box::new(move |name, args, reply| {
            if let Some(namespace) = handlers.upgrade().map(Self) {
                namespace.handle_server_event(name, args, reply);
            }
        }));
        namespace
    }

    /// The name, with its leading slash.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.0.server
    }

    /// Handles new sockets: `connection` of the reference.
    ///
    /// It runs to its first `await` before the client hears that it is connected: a handler registered up to there
    /// misses no event. One that asks for something the client has not sent, [`Auth`](crate::Auth) of another type for
    /// one, refuses the client.
    pub fn on_connect<P: 'static>(&self, handler: impl ConnectHandler<P>) -> &Self {
        self.0.hooks.write().connect.push(connect_handler(handler));
        self
    }

    /// Decides who may connect: `use` of the reference. Middlewares run in the order they were added; the first that
    /// returns an error refuses the client with it.
    ///
    /// All of them together have the [connect timeout](crate::ServerBuilder::connect_timeout) for it. They are dropped
    /// where they wait when that is over, or the client is gone.
    pub fn middleware<P: 'static>(&self, decide: impl Middleware<P>) -> &Self {
        self.0.hooks.write().middlewares.push(middleware(decide));
        self
    }

    /// Handles an event of another server of the cluster, sent with [`server_side_emit`](Self::server_side_emit). What the
    /// handler returns is the answer of this server, where one is asked for.
    ///
    /// Clients are [`on_connect`](Self::on_connect)'s, and their events [`Socket::on`]'s.
    ///
    /// ```
    /// use fanfare::{Data, Server};
    ///
    /// # async fn run() -> Result<(), fanfare::adapter::AdapterError> {
    /// let io = Server::new(); // with an adapter that connects it to others
    /// io.on("load", async |io: Server| io.engine().clients_count());
    /// io.on("announce", async |io: Server, Data(text): Data<String>| io.local().emit("announcement", &text));
    ///
    /// io.server_side_emit("announce", "lunch");
    /// let others = io.server_side_emit_with_ack("load", ()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn on<P: 'static>(&self, event: &str, handler: impl ServerEventHandler<P>) -> &Self {
        if RESERVED_SERVER_EVENTS.contains(&event) {
            tracing::warn!(event, "no server can send this event; see on_connect and on_new_namespace");
        }
        self.0.server_handlers.write().push((event.into(), server_event_handler(handler)));
        self
    }

    /// Hears of everything that happens to rooms on this node.
    ///
    /// ```
    /// use fanfare::{RoomEvent, Server};
    ///
    /// let io = Server::new();
    /// io.on_room_event(|event| {
    ///     if let RoomEvent::Joined(room, id) = event {
    ///         println!("{id} is in {room}");
    ///     }
    /// });
    /// ```
    pub fn on_room_event(&self, listener: impl Fn(&RoomEvent) + Send + Sync + 'static) -> &Self {
        self.0.local.on_room_event(listener);
        self
    }

    /// The connected socket of an id, if it is on this node.
    pub fn socket(&self, id: SocketId) -> Option<Socket> {
        self.0.local.socket(id)
    }

    /// The connected sockets of this node.
    pub fn sockets(&self) -> Vec<Socket> {
        self.0.local.sockets(&Selection::default())
    }

    /// How many sockets are connected to this node.
    pub fn sockets_count(&self) -> usize {
        self.0.local.len()
    }

    /// The rooms that have sockets on this node and how many, without those of single sockets.
    pub fn rooms(&self) -> Vec<(Room, usize)> {
        self.0.local.rooms()
    }

    /// Sends an event to everybody. Happens at once for the sockets of this node.
    ///
    /// ```
    /// # let io = fanfare::Server::new();
    /// io.emit("news", "one argument");
    /// io.emit("news", ("several", 2, [3, 4]));
    /// io.emit("news", ());
    /// ```
    pub fn emit(&self, event: &str, args: impl EmitArgs) -> Emitted {
        self.everybody().emit(event, args)
    }

    /// Sends a `message` event to everybody.
    pub fn send(&self, args: impl EmitArgs) -> Emitted {
        self.emit("message", args)
    }

    /// Sends an event to everybody and collects the acknowledgements, for 5 s unless a [timeout](Self::timeout) is set.
    ///
    /// ```
    /// use std::time::Duration;
    /// use fanfare::BroadcastAckError;
    ///
    /// # async fn run(io: fanfare::Server) {
    /// match io.timeout(Duration::from_secs(1)).emit_with_ack::<String>("your name?", ()).await {
    ///     Ok(names) => println!("{names:?}"),
    ///     Err(BroadcastAckError::Incomplete { responses, missing }) => println!("{responses:?}, {missing} are silent"),
    ///     Err(error) => println!("{error}"),
    /// }
    /// # }
    /// ```
    pub fn emit_with_ack<T: FromAck>(&self, event: &str, args: impl EmitArgs) -> BroadcastAcks<T> {
        self.everybody().emit_with_ack(event, args)
    }

    /// Those in these rooms.
    pub fn to(&self, rooms: impl IntoRooms) -> BroadcastOperator {
        self.everybody().to(rooms)
    }

    /// As [`to`](Self::to).
    pub fn within(&self, rooms: impl IntoRooms) -> BroadcastOperator {
        self.to(rooms)
    }

    /// Everybody but those in these rooms.
    pub fn except(&self, rooms: impl IntoRooms) -> BroadcastOperator {
        self.everybody().except(rooms)
    }

    /// Everybody on this node.
    pub fn local(&self) -> BroadcastOperator {
        self.everybody().local()
    }

    /// Everybody who can take what is sent at once.
    pub fn volatile(&self) -> BroadcastOperator {
        self.everybody().volatile()
    }

    /// Everybody; whether polling answers with what is sent in them may be compressed.
    pub fn compress(&self, compress: bool) -> BroadcastOperator {
        self.everybody().compress(compress)
    }

    /// Everybody; answers are waited for so long.
    pub fn timeout(&self, timeout: Duration) -> BroadcastOperator {
        self.everybody().timeout(timeout)
    }

    /// All sockets, of all nodes.
    pub fn fetch_sockets(&self) -> Answer<Vec<RemoteSocket>> {
        self.everybody().fetch_sockets()
    }

    /// Makes all sockets join rooms.
    pub fn sockets_join(&self, rooms: impl IntoRooms) {
        self.everybody().sockets_join(rooms);
    }

    /// Makes all sockets leave rooms.
    pub fn sockets_leave(&self, rooms: impl IntoRooms) {
        self.everybody().sockets_leave(rooms);
    }

    /// Disconnects all sockets; with `close`, also the connections below them.
    pub fn disconnect_sockets(&self, close: bool) {
        self.everybody().disconnect_sockets(close);
    }

    /// Sends an event to the other servers of the cluster, where handlers [registered](Self::on) for it take it.
    pub fn server_side_emit(&self, event: &str, args: impl EmitArgs) -> Emitted {
        let sent = check_server_event(event).and_then(|()| self.0.adapter.server_side_emit(event, &args));
        Emitted::new(sent)
    }

    /// Sends an event to the other servers of the cluster and collects one answer of each.
    pub fn server_side_emit_with_ack(&self, event: &str, args: impl EmitArgs) -> Answer<Vec<Value>> {
        match check_server_event(event) {
            Ok(()) => self.0.adapter.server_side_emit_with_ack(event, &args),
            Err(error) => Box::pin(std::future::ready(Err(error.into()))),
        }
    }

    /// The rooms of all servers, those of single sockets left out.
    pub fn all_rooms(&self) -> Answer<Vec<Room>> {
        self.0.adapter.all_rooms()
    }

    /// How many servers have the namespace, this one included.
    pub fn server_count(&self) -> Answer<usize> {
        self.0.adapter.server_count()
    }

    /// Waits until what other servers send to the rooms that sockets here have joined so far arrives here.
    ///
    /// Only sharded Pub/Sub takes time for that: this server listens to a room from when its first socket has joined, and the
    /// cluster has to hear of it. A handler that tells its client "you are in" when this is ready promises that the
    /// client misses nothing from then on.
    ///
    /// ```
    /// # use fanfare::{Data, Namespace, Socket};
    /// async fn join(socket: Socket, namespace: Namespace, Data(room): Data<String>) -> bool {
    ///     socket.join(room) && namespace.rooms_ready().await.is_ok()
    /// }
    /// ```
    ///
    /// Errors: the cluster cannot be reached.
    pub fn rooms_ready(&self) -> Answer<()> {
        self.0.adapter.rooms_ready()
    }

    pub(crate) fn local_sockets(&self) -> &Local {
        &self.0.local
    }

    pub(crate) fn adapter(&self) -> &dyn Adapter {
        &*self.0.adapter
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.0.server.limits()
    }

    /// A client is on the way into it. The server calls this where it cannot remove the namespace meanwhile.
    pub(crate) fn visit(&self) -> Visit {
        self.0.visits.fetch_add(1, Ordering::AcqRel);
        Visit(self.clone())
    }

    /// Whether nobody is in it or on the way into it.
    pub(crate) fn is_deserted(&self) -> bool {
        self.0.visits.load(Ordering::Acquire) == 0 && self.0.local.is_empty()
    }

    /// Somebody has left: a namespace that was made for them may go too.
    pub(crate) fn clean_up(&self) {
        if self.0.is_temporary && self.is_deserted() {
            self.0.server.remove_namespace(self);
        }
    }

    /// Lets clients in when what is returned is dropped.
    pub(crate) fn open(&self) -> Opening {
        Opening(self.clone())
    }

    pub(crate) fn close(&self) {
        if !self.0.closed.swap(true, Ordering::AcqRel) {
            self.0.adapter.close();
        }
    }

    fn handle_server_event(&self, name: &str, args: &Args<'_>, reply: Option<ServerReply>) {
        let ack = Ack::for_server(reply);
        let handlers = self.0.server_handlers.read().clone();
        for (_, handler) in handlers.iter().filter(|(event, _)| event == name) {
            let mut context = ServerEventContext::new(self, name, *args, &ack);
            start(|| handler.call(&mut context), Failures::without_socket(self, name, &ack));
        }
    }

    fn middlewares(&self) -> Vec<SharedMiddleware> {
        self.0.hooks.read().middlewares.clone()
    }

    fn connect_handlers(&self) -> Vec<SharedConnectHandler> {
        self.0.hooks.read().connect.clone()
    }

    fn everybody(&self) -> BroadcastOperator {
        BroadcastOperator::new(self)
    }
}

fn check_server_event(name: &str) -> Result<(), EmitError> {
    if RESERVED_SERVER_EVENTS.contains(&name) { Err(EmitError::Reserved(name.to_owned())) } else { Ok(()) }
}

/// Events that servers do not send to each other: in the reference, handlers of a server's own would take them.
const RESERVED_SERVER_EVENTS: [&str; 3] = ["connect", "connection", "new_namespace"];

/// A client on the way into a namespace, which stays at least until this is dropped.
pub(crate) struct Visit(Namespace);

impl Visit {
    /// Waits until those who hear of new namespaces have heard of this one, and registered their handlers.
    pub(crate) async fn opened(&self) {
        // There never is a permit: this ends when there never will be one.
        let _ = self.0.0.gate.acquire().await;
    }
}

impl Deref for Visit {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        &self.0
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.0.visits.fetch_sub(1, Ordering::AcqRel);
        self.0.clean_up();
    }
}

/// Opens a new namespace to clients when it is dropped.
pub(crate) struct Opening(Namespace);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.0.gate.close();
    }
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Namespace {}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Namespace").field(&self.name()).finish()
    }
}
