//! Sending to many.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use fanfare_proto::socket::EmitArgs;
use tokio::time::Instant;

use crate::ack::{AckError, FromAck};
use crate::adapter::{AckCollector, Answer, Broadcast, Scope};
use crate::emit::{EmitError, Emitted};
use crate::namespace::Namespace;
use crate::remote::RemoteSocket;
use crate::room::{IntoRooms, Rooms};

/// Whom something is for, and how it is sent. Every call returns another operator; a clone of one can be used as a
/// beginning for several.
///
/// ```
/// # let io = fanfare::Server::new();
/// io.to("kitchen").emit("dinner", ());
/// io.to(["kitchen", "garden"]).except("guests").emit("dinner", "at eight");
/// io.local().volatile().emit("tick", &1);
///
/// let kitchen = io.to("kitchen");
/// let cooks = kitchen.clone().except("guests");
/// cooks.sockets_join("staff");
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing happens before emit or another operation is called"]
pub struct BroadcastOperator {
    namespace: Namespace,
    audience: Audience,
}

/// Whom something is for, in whichever namespace, and how it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Audience {
    pub(crate) scope: Scope,
    pub(crate) volatile: bool,
    pub(crate) compress: bool,
}

impl Default for Audience {
    fn default() -> Self {
        Self { scope: Scope::default(), volatile: false, compress: true }
    }
}

impl Audience {
    pub(crate) fn add_rooms(&mut self, rooms: impl IntoRooms) {
        add_missing(&mut self.scope.selection.rooms, rooms);
    }

    pub(crate) fn except_rooms(&mut self, rooms: impl IntoRooms) {
        add_missing(&mut self.scope.selection.except, rooms);
    }
}

fn add_missing(known: &mut Rooms, rooms: impl IntoRooms) {
    for room in rooms.into_rooms() {
        if !known.contains(&room) {
            known.push(room);
        }
    }
}

/// Why not all clients have acknowledged a broadcast.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BroadcastAckError<T> {
    /// Some have not answered in time, or are gone.
    #[error("operation has timed out: {missing} clients have not answered")]
    Incomplete {
        /// The answers there are.
        responses: Vec<T>,
        /// How many clients have not answered, of those that are known.
        missing: usize,
    },
    /// An answer is not of the type that was asked for.
    #[error(transparent)]
    Answer(AckError),
    /// The event was not sent.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// The answers to a broadcast, once they are there.
pub type BroadcastAcks<T> = Pin<Box<dyn Future<Output = Result<Vec<T>, BroadcastAckError<T>>> + Send>>;

impl<T> BroadcastAckError<T> {
    pub(crate) fn into_ack_error(self) -> AckError {
        match self {
            Self::Incomplete { .. } => AckError::Timeout,
            Self::Answer(error) => error,
            Self::Emit(error) => AckError::Emit(error),
        }
    }
}

impl BroadcastOperator {
    pub(crate) fn new(namespace: &Namespace) -> Self {
        Self::with_audience(namespace, Audience::default())
    }

    pub(crate) fn with_audience(namespace: &Namespace, audience: Audience) -> Self {
        Self { namespace: namespace.clone(), audience }
    }

    /// Only sockets in these rooms, besides those named before. Each gets it once.
    pub fn to(mut self, rooms: impl IntoRooms) -> Self {
        self.audience.add_rooms(rooms);
        self
    }

    /// As [`to`](Self::to).
    pub fn within(self, rooms: impl IntoRooms) -> Self {
        self.to(rooms)
    }

    /// Not sockets in these rooms, whatever else they are in.
    pub fn except(mut self, rooms: impl IntoRooms) -> Self {
        self.audience.except_rooms(rooms);
        self
    }

    /// Only sockets of this node.
    pub fn local(mut self) -> Self {
        self.audience.scope.local = true;
        self
    }

    /// Not to clients that cannot take it at once.
    pub fn volatile(mut self) -> Self {
        self.audience.volatile = true;
        self
    }

    /// Whether polling answers with it in them may be compressed. Default: true.
    pub fn compress(mut self, compress: bool) -> Self {
        self.audience.compress = compress;
        self
    }

    /// How long answers are waited for. Default: 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.audience.scope.timeout = Some(timeout);
        self
    }

    /// Sends an event. Happens at once for the sockets of this node; see [`Emitted`] for the result.
    ///
    /// `args` are a reference for one argument, a tuple for several, `()` for none.
    pub fn emit(&self, event: &str, args: impl EmitArgs) -> Emitted {
        self.emit_ref(event, &args)
    }

    /// As [`emit`](Self::emit), for arguments that are sent more than once.
    pub(crate) fn emit_ref(&self, event: &str, args: &dyn EmitArgs) -> Emitted {
        self.namespace.server().metrics().broadcasts.inc();
        Emitted::new(self.namespace.adapter().broadcast(&self.broadcast(event, args)))
    }

    /// Sends a `message` event.
    pub fn send(&self, args: impl EmitArgs) -> Emitted {
        self.emit("message", args)
    }

    /// Sends an event and collects the acknowledgements of all clients: the first argument of each.
    ///
    /// The event has been sent when this returns; awaiting it waits for the answers.
    pub fn emit_with_ack<T: FromAck>(&self, event: &str, args: impl EmitArgs) -> BroadcastAcks<T> {
        let collector = AckCollector::new(1);
        let broadcast = self.broadcast(event, &args);
        let sent = self.namespace.adapter().broadcast_with_ack(&broadcast, &collector);
        let deadline = Instant::now() + self.audience.scope.timeout.unwrap_or(DEFAULT_TIMEOUT);
        Box::pin(async move {
            sent?;
            let _ = tokio::time::timeout_at(deadline, collector.completed()).await;
            let acks = collector.acks();
            let responses: Result<Vec<T>, AckError> = acks.responses.iter().map(T::from_ack).collect();
            let responses = responses.map_err(BroadcastAckError::Answer)?;
            if acks.complete {
                Ok(responses)
            } else {
                Err(BroadcastAckError::Incomplete { responses, missing: acks.missing })
            }
        })
    }

    /// The selected sockets, of all nodes.
    ///
    /// ```
    /// # async fn run(io: fanfare::Server) -> Result<(), fanfare::adapter::AdapterError> {
    /// for socket in io.to("kitchen").fetch_sockets().await? {
    ///     println!("{} is in {:?}", socket.id(), socket.rooms());
    ///     socket.emit("found", ());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn fetch_sockets(&self) -> Answer<Vec<RemoteSocket>> {
        let answer = self.namespace.adapter().fetch_sockets(&self.audience.scope);
        let namespace = self.namespace.clone();
        Box::pin(async move {
            let sockets = answer.await?;
            Ok(sockets.into_iter().map(|data| RemoteSocket::new(&namespace, data)).collect())
        })
    }

    /// Makes the selected sockets join rooms.
    pub fn sockets_join(&self, rooms: impl IntoRooms) {
        self.namespace.adapter().sockets_join(&self.audience.scope, &rooms.into_rooms());
    }

    /// Makes the selected sockets leave rooms.
    pub fn sockets_leave(&self, rooms: impl IntoRooms) {
        self.namespace.adapter().sockets_leave(&self.audience.scope, &rooms.into_rooms());
    }

    /// Disconnects the selected sockets; with `close`, also the connections below them.
    pub fn disconnect_sockets(&self, close: bool) {
        self.namespace.adapter().disconnect_sockets(&self.audience.scope, close);
    }

    fn broadcast<'a>(&'a self, name: &'a str, args: &'a dyn EmitArgs) -> Broadcast<'a> {
        let Audience { scope, volatile, compress } = &self.audience;
        Broadcast { name, args, scope, volatile: *volatile, compress: *compress }
    }
}

/// How long answers are waited for. The reference gives up at once unless it is told; nobody can want that.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
