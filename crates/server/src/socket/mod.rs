//! One client in one namespace.

mod data;
mod disconnect;
mod dispatch;
mod lifecycle;
mod listeners;
mod listening;
mod operator;
mod rooms;
mod sending;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fanfare_engine::Session;
use fanfare_proto::ids::SocketId;
use hashbrown::HashMap;
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ack::AckSink;
use crate::client::{Client, Conn};
use crate::handshake::Handshake;
use crate::namespace::Namespace;
use crate::room::Room;
use crate::server::Server;
pub use data::{AnyData, SocketData};
pub use disconnect::DisconnectReason;
pub(crate) use disconnect::Ended;
pub use listeners::ListenerId;
use listeners::Listeners;
pub use operator::SocketOperator;

/// One client in one namespace. Cheap to clone; it outlives the client.
///
/// ```
/// use fanfare::{Data, DisconnectReason, Server, Socket};
///
/// let io = Server::new();
/// io.on_connect(async |socket: Socket| {
///     socket.join("lobby");
///     socket.emit("welcome", &socket.id());
///     socket.to("lobby").emit("joined", &socket.id());
///     socket.on("say", async |socket: Socket, Data(text): Data<String>| socket.to("lobby").emit("said", &text));
///     socket.on_disconnect(async |socket: Socket, reason: DisconnectReason| println!("{}: {reason}", socket.id()));
/// });
/// ```
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

/// Laid out as it is written: what a broadcast looks at stands beside the reference count.
#[repr(C)]
struct Inner {
    /// That of the client, so that a broadcast finds it without a detour.
    session: Session,
    listens_to_outgoing: AtomicBool,
    connected: AtomicBool,
    recovered: bool,
    id: SocketId,
    namespace: Namespace,
    client: Client,
    state: Mutex<State>,
    /// The secret by which the client can get the session back, where connection state recovery is on.
    pid: Option<Box<str>>,
    auth: Option<Box<str>>,
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
    ///
    /// ```
    /// use fanfare::{Data, Socket};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct User {
    ///     name: String,
    /// }
    ///
    /// async fn login(socket: Socket, Data(name): Data<String>) {
    ///     socket.set_data(User { name });
    /// }
    ///
    /// async fn who_am_i(socket: Socket) -> Option<String> {
    ///     socket.data::<User>().map(|user| user.name.clone())
    /// }
    /// # fanfare::Server::new().on_connect(async |socket: Socket| {
    /// #     socket.on("login", login);
    /// #     socket.on("who am i", who_am_i);
    /// # });
    /// ```
    pub fn set_data<T: Serialize + Send + Sync + 'static>(&self, data: T) {
        // What was there is dropped when the lock is released: it is the application's.
        let _old = self.0.state.lock().data.replace(SocketData::new(data));
    }

    fn session(&self) -> &Session {
        &self.0.session
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
