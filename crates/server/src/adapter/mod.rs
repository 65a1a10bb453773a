//! What reaches the sockets of a namespace, on this node and on others.
//!
//! A [`Local`] knows the sockets of this node and delivers to them. An [`Adapter`] decides what else happens: the
//! [`MemoryAdapter`] leaves it at that, adapters of other crates carry the same operations to other nodes.

mod collector;
#[cfg(feature = "conformance")]
pub mod conformance;
mod local;
mod members;
mod memory;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fanfare_proto::ids::SocketId;
use fanfare_proto::socket::{EmitArgs, Value};

use crate::emit::EmitError;
use crate::remote::RemoteSocketData;
use crate::room::{Room, Rooms};
pub(crate) use collector::WeakCollector;
pub use collector::{AckCollector, AckEvent, Acks};
pub use fanfare_engine::{Fate, NodeId, Peers, Receive, Sending};
pub use local::{Delivered, Local, Packet, RoomEvent};
pub use memory::MemoryAdapter;

/// Carries the operations of one namespace to every node that has it.
///
/// A namespace makes its adapter when it is created, through an [`AdapterFactory`], and calls it for everything that
/// concerns more than one socket. No call waits: what takes time returns a future, or goes on by itself.
///
/// Every adapter delivers to the local sockets through its [`Local`] before the call returns, so that what one caller
/// sends keeps its order. An operation with the `local` flag stays on this node.
pub trait Adapter: Send + Sync + 'static {
    /// Sends an event to the selected sockets of all nodes.
    fn broadcast(&self, broadcast: &Broadcast<'_>) -> Result<(), EmitError>;

    /// Sends an event to the selected sockets of all nodes and collects their answers.
    ///
    /// The collector ends when all nodes have said how many sockets they have sent it to, and all those have answered.
    fn broadcast_with_ack(&self, broadcast: &Broadcast<'_>, collector: &AckCollector) -> Result<(), EmitError>;

    /// Describes the selected sockets of all nodes.
    fn fetch_sockets(&self, scope: &Scope) -> Answer<Vec<RemoteSocketData>>;

    /// Makes the selected sockets of all nodes join rooms.
    fn sockets_join(&self, scope: &Scope, rooms: &[Room]);

    /// Makes the selected sockets of all nodes leave rooms.
    fn sockets_leave(&self, scope: &Scope, rooms: &[Room]);

    /// Disconnects the selected sockets of all nodes; with `close`, also the connections below them.
    fn disconnect_sockets(&self, scope: &Scope, close: bool);

    /// Sends an event to the other nodes themselves.
    fn server_side_emit(&self, name: &str, args: &dyn EmitArgs) -> Result<(), EmitError>;

    /// Sends an event to the other nodes themselves and collects one answer of each.
    fn server_side_emit_with_ack(&self, name: &str, args: &dyn EmitArgs) -> Answer<Vec<Value>>;

    /// The rooms of all nodes, those of single sockets left out.
    fn all_rooms(&self) -> Answer<Vec<Room>>;

    /// How many nodes there are, this one included.
    fn server_count(&self) -> Answer<usize>;

    /// Waits until what other nodes send to the rooms that sockets here have joined so far arrives here. Default: it does
    /// at once.
    fn rooms_ready(&self) -> Answer<()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Keeps a session that may be restored, for as long as the server allows. Called when a socket is lost, and only
    /// where connection state recovery is on.
    fn persist_session(&self, session: PersistedSession);

    /// Takes out a session that was kept. It is gone then: nobody restores it twice.
    ///
    /// `offset` is that of the last event the client has seen; without it the session cannot be restored.
    fn restore_session(&self, pid: &str, offset: &str) -> Answer<Option<PersistedSession>>;

    /// Calls `attach` with the events that a restored session has missed since `offset`, while no other event can reach
    /// the session: what `attach` adds to the namespace hears of everything behind them, and of nothing twice.
    fn replay(&self, session: &PersistedSession, offset: &str, attach: &mut dyn FnMut(&[Packet]));

    /// The namespace is closed.
    fn close(&self);
}

/// Makes the adapter of each namespace. Given to [`ServerBuilder::adapter`](crate::ServerBuilder::adapter).
pub trait AdapterFactory: Send + Sync + 'static {
    /// Makes the adapter of a namespace that has just been created.
    fn adapter(&self, local: Local) -> Arc<dyn Adapter>;

    /// How the nodes reach each other about single connections, so that a request may come to any of them. Default: they
    /// do not, and a load balancer has to send all requests of a connection to the same node.
    fn peers(&self) -> Option<Arc<dyn Peers>> {
        None
    }
}

/// The answer to a question that other nodes may have to be asked.
pub type Answer<T> = Pin<Box<dyn Future<Output = Result<T, AdapterError>> + Send>>;

/// Why other nodes did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdapterError {
    /// Not all of them have answered in time.
    #[error("timeout reached: only {received} responses received out of {expected}")]
    Timeout {
        /// How many have.
        received: usize,
        /// How many should have.
        expected: usize,
    },
    /// They cannot be reached.
    #[error("the cluster cannot be reached: {0}")]
    Unreachable(String),
    /// What was to be sent cannot be encoded.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// An event for many sockets.
#[derive(Clone, Copy)]
pub struct Broadcast<'a> {
    /// The name of the event.
    pub name: &'a str,
    /// Its arguments.
    pub args: &'a dyn EmitArgs,
    /// Whom it is for.
    pub scope: &'a Scope,
    /// Sockets whose transport cannot take it at once do not get it.
    pub volatile: bool,
    /// Whether polling answers with it in them may be compressed.
    pub compress: bool,
}

/// Which sockets something is for, and how far it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The sockets.
    pub selection: Selection,
    /// Only those of this node.
    pub local: bool,
    /// How long answers are waited for. Default: as long as the adapter sees fit.
    pub timeout: Option<Duration>,
}

/// Sockets, by the rooms they are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Sockets in any of these; empty means all sockets.
    pub rooms: Rooms,
    /// But not those in any of these.
    pub except: Rooms,
}

/// What is kept of a socket that was lost.
#[derive(Clone, Debug)]
pub struct PersistedSession {
    /// The id of the socket, which it gets back.
    pub id: SocketId,
    /// The secret by which its client asks for it.
    pub pid: String,
    /// Its rooms, without the one of its id.
    pub rooms: Vec<Room>,
    /// Its data.
    pub data: Option<crate::socket::SocketData>,
}

impl Broadcast<'_> {
    /// Whether the event can be replayed to a session that has missed it.
    pub fn is_recoverable(&self) -> bool {
        !self.volatile
    }
}
