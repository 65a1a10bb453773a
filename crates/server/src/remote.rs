//! Sockets of any node.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fanfare_proto::socket::{EmitArgs, Value};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ack::{AckError, FromAck};
use crate::broadcast::BroadcastOperator;
use crate::emit::Emitted;
use crate::namespace::Namespace;
use crate::room::{IntoRooms, Room};
use crate::socket::SocketData;

/// A socket, perhaps of another node, as it was when it was [fetched](crate::Namespace::fetch_sockets).
#[derive(Clone, Debug)]
pub struct RemoteSocket {
    namespace: Namespace,
    data: Arc<RemoteSocketData>,
}

/// What nodes tell each other of a socket. As in the reference, the fields may be of any shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RemoteSocketData {
    /// Its id.
    pub id: String,
    /// How its client has connected.
    #[serde(default)]
    pub handshake: Value,
    /// Its rooms, that of its own id among them.
    #[serde(default)]
    pub rooms: Vec<Room>,
    /// What the application has stored with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl RemoteSocket {
    pub(crate) fn new(namespace: &Namespace, data: RemoteSocketData) -> Self {
        Self { namespace: namespace.clone(), data: Arc::new(data) }
    }

    /// The id of the socket.
    pub fn id(&self) -> &str {
        &self.data.id
    }

    /// How its client has connected, as the object of the reference.
    pub fn handshake(&self) -> &Value {
        &self.data.handshake
    }

    /// Its rooms, that of its own id among them.
    pub fn rooms(&self) -> &[Room] {
        &self.data.rooms
    }

    /// What the application has stored with it, if it can be read as this type.
    pub fn data<T: DeserializeOwned + Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        SocketData::Written(self.data.data.clone()?).get()
    }

    /// Sends it an event.
    pub fn emit(&self, event: &str, args: impl EmitArgs) -> Emitted {
        self.operator().emit(event, args)
    }

    /// Sends it an event and asks for an acknowledgement, which is waited for 5 s unless a [timeout](Self::timeout) is set.
    pub fn emit_with_ack<T: FromAck + 'static>(&self, event: &str, args: impl EmitArgs) -> RemoteAck<T> {
        self.operator().emit_with_ack(event, args)
    }

    /// What is sent next waits so long at most for its acknowledgement.
    pub fn timeout(&self, timeout: Duration) -> RemoteOperator {
        self.operator().timeout(timeout)
    }

    /// What is sent next may be lost: it is dropped where the client cannot take it at once.
    pub fn volatile(&self) -> RemoteOperator {
        self.operator().volatile()
    }

    /// Makes it join rooms.
    pub fn join(&self, rooms: impl IntoRooms) {
        self.operator().0.sockets_join(rooms);
    }

    /// Makes it leave rooms.
    pub fn leave(&self, rooms: impl IntoRooms) {
        self.operator().0.sockets_leave(rooms);
    }

    /// Disconnects it; with `close`, also the connection below it.
    pub fn disconnect(&self, close: bool) {
        self.operator().0.disconnect_sockets(close);
    }

    fn operator(&self) -> RemoteOperator {
        RemoteOperator(self.namespace.to(self.id()))
    }
}

/// How the next event is sent to a [`RemoteSocket`].
#[derive(Clone, Debug)]
#[must_use = "nothing is sent before emit is called"]
pub struct RemoteOperator(BroadcastOperator);

/// The answer of one client, once it is there.
pub type RemoteAck<T> = Pin<Box<dyn Future<Output = Result<T, AckError>> + Send>>;

impl RemoteOperator {
    /// Waits so long at most for the acknowledgement.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self(self.0.timeout(timeout))
    }

    /// Drops the event where the client cannot take it at once.
    pub fn volatile(self) -> Self {
        Self(self.0.volatile())
    }

    /// Sends an event.
    pub fn emit(&self, event: &str, args: impl EmitArgs) -> Emitted {
        self.0.emit(event, args)
    }

    /// Sends an event and asks for an acknowledgement.
    pub fn emit_with_ack<T: FromAck + 'static>(&self, event: &str, args: impl EmitArgs) -> RemoteAck<T> {
        let answers = self.0.emit_with_ack(event, args);
        Box::pin(async move {
            let mut answers: Vec<T> = answers.await.map_err(|error| error.into_ack_error())?;
            answers.pop().ok_or(AckError::Disconnected)
        })
    }
}
