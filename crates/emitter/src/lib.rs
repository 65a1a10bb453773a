//! Emits into a Socket.IO cluster from any Rust process, without being a node of it: a worker, a cron job, a backend.
//!
//! ```no_run
//! use fanfare_emitter::Emitter;
//!
//! # async fn run() -> Result<(), fanfare_emitter::EmitterError> {
//! let emitter = Emitter::connect("redis://127.0.0.1/").await?;
//! emitter.emit("news", &"hello everybody").await?;
//! emitter.of("/admin").to("room").except("user 7").emit("alarm", ("fire", 3)).await?;
//! emitter.to("room").disconnect_sockets(true).await?;
//! # Ok(())
//! # }
//! ```
//!
//! It has the calls of `@socket.io/redis-emitter` and writes what that writes, so that Fanfare nodes and Node.js servers
//! with the classic Redis adapter both hear it. It only writes: acknowledgements and questions need a node.

mod rooms;

use std::borrow::Cow;
use std::fmt;

use fanfare_proto::cluster::{Classic, Event, Flags, Opts, Publish, Request};
use fanfare_proto::socket::{EncodeError, RESERVED_EVENTS};
use redis::RedisError;
use redis::aio::ConnectionManager;

pub use fanfare_proto::socket::EmitArgs;
pub use rooms::IntoRooms;

/// Emits into a cluster. Every call that narrows down returns another emitter; clones share the connection.
///
/// What is emitted has been taken by Redis when the call returns. The connection is made again by itself when it is lost;
/// a call that meets a Redis that is away is an error.
#[derive(Clone)]
#[must_use = "nothing happens before emit or another operation is called"]
pub struct Emitter {
    connection: ConnectionManager,
    prefix: String,
    namespace: String,
    rooms: Vec<String>,
    except: Vec<String>,
    flags: Flags,
}

/// Why nothing was emitted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmitterError {
    /// Redis is away, or refuses.
    #[error("redis: {0}")]
    Redis(#[from] RedisError),
    /// An argument cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The name of the event is one of Socket.IO's own.
    #[error("{0:?} is a reserved event name")]
    Reserved(String),
}

impl Emitter {
    /// Connects to `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS.
    pub async fn connect(url: &str) -> Result<Self, EmitterError> {
        Ok(Self::new(redis::Client::open(url)?.get_connection_manager().await?))
    }

    /// Emits over a connection that is there already.
    pub fn new(connection: ConnectionManager) -> Self {
        Self {
            connection,
            prefix: "socket.io".to_owned(),
            namespace: "/".to_owned(),
            rooms: Vec::new(),
            except: Vec::new(),
            flags: Flags::default(),
        }
    }

    /// What the channels of the cluster begin with: its `key`. Default: `socket.io`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// For another namespace. A leading slash is added where it is missing.
    pub fn of(&self, namespace: &str) -> Self {
        let namespace = if namespace.starts_with('/') { namespace.to_owned() } else { format!("/{namespace}") };
        Self { namespace, ..self.clone() }
    }

    /// Only to sockets in these rooms, besides those named before. Each gets it once.
    pub fn to(&self, rooms: impl IntoRooms) -> Self {
        let mut emitter = self.clone();
        rooms.add_to(&mut emitter.rooms);
        emitter
    }

    /// Not to sockets in these rooms, whatever else they are in.
    pub fn except(&self, rooms: impl IntoRooms) -> Self {
        let mut emitter = self.clone();
        rooms.add_to(&mut emitter.except);
        emitter
    }

    /// Not to clients that cannot take it at once.
    pub fn volatile(&self) -> Self {
        let flags = Flags { volatile: true, ..self.flags };
        Self { flags, ..self.clone() }
    }

    /// Whether the nodes may compress it.
    pub fn compress(&self, compress: bool) -> Self {
        let flags = Flags { compress: Some(compress), ..self.flags };
        Self { flags, ..self.clone() }
    }

    /// Sends an event. `args` are a reference for one argument, a tuple for several, `()` for none.
    pub async fn emit(&self, event: &str, args: impl EmitArgs) -> Result<(), EmitterError> {
        if RESERVED_EVENTS.contains(&event) {
            return Err(EmitterError::Reserved(event.to_owned()));
        }
        let message = {
            let event = Event::emit(event, &args);
            self.write(&Request::Broadcast { event, opts: self.opts(), id: None, unwanted_ack: false })?
        };
        self.publish(message).await
    }

    /// Makes the selected sockets join rooms.
    pub async fn sockets_join(&self, rooms: impl IntoRooms) -> Result<(), EmitterError> {
        let message = self.write(&Request::SocketsJoin { opts: self.opts(), rooms: names(rooms) })?;
        self.publish(message).await
    }

    /// Makes the selected sockets leave rooms.
    pub async fn sockets_leave(&self, rooms: impl IntoRooms) -> Result<(), EmitterError> {
        let message = self.write(&Request::SocketsLeave { opts: self.opts(), rooms: names(rooms) })?;
        self.publish(message).await
    }

    /// Disconnects the selected sockets; with `close`, also the connections below them.
    pub async fn disconnect_sockets(&self, close: bool) -> Result<(), EmitterError> {
        let message = self.write(&Request::DisconnectSockets { opts: self.opts(), close })?;
        self.publish(message).await
    }

    /// Sends an event to the nodes themselves.
    pub async fn server_side_emit(&self, event: &str, args: impl EmitArgs) -> Result<(), EmitterError> {
        let message = self.write(&Request::ServerSideEmit { event: Event::emit(event, &args), id: None })?;
        self.publish(message).await
    }

    fn opts(&self) -> Opts<'_> {
        Opts { rooms: borrowed(&self.rooms), except: borrowed(&self.except), flags: self.flags }
    }

    fn write(&self, request: &Request<'_>) -> Result<Publish, EmitterError> {
        Ok(Classic::emitter(&self.prefix, &self.namespace).request(request)?)
    }

    async fn publish(&self, message: Publish) -> Result<(), EmitterError> {
        let mut connection = self.connection.clone();
        redis::cmd("PUBLISH").arg(message.channel).arg(message.payload).exec_async(&mut connection).await?;
        Ok(())
    }
}

fn borrowed(rooms: &[String]) -> Vec<Cow<'_, str>> {
    rooms.iter().map(|room| Cow::Borrowed(room.as_str())).collect()
}

fn names(rooms: impl IntoRooms) -> Vec<Cow<'static, str>> {
    let mut names = Vec::new();
    rooms.add_to(&mut names);
    names.into_iter().map(Cow::Owned).collect()
}

impl fmt::Debug for Emitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prefix, namespace, rooms, except, .. } = self;
        let mut shown = f.debug_struct("Emitter");
        shown.field("prefix", prefix).field("namespace", namespace).field("rooms", rooms).field("except", except);
        shown.finish_non_exhaustive()
    }
}
