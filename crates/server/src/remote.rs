//! Sockets of any node.

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

    /// Sends it an event and waits so long at most for its acknowledgement.
    pub async fn emit_with_ack<T: FromAck>(
        &self,
        timeout: Duration,
        event: &str,
        args: impl EmitArgs,
    ) -> Result<T, AckError> {
        let answers = self.operator().timeout(timeout).emit_with_ack(event, args).await;
        let mut answers = answers.map_err(|error| error.into_ack_error())?;
        answers.pop().ok_or(AckError::Disconnected)
    }

    /// Makes it join rooms.
    pub fn join(&self, rooms: impl IntoRooms) {
        self.operator().sockets_join(rooms);
    }

    /// Makes it leave rooms.
    pub fn leave(&self, rooms: impl IntoRooms) {
        self.operator().sockets_leave(rooms);
    }

    /// Disconnects it; with `close`, also the connection below it.
    pub fn disconnect(&self, close: bool) {
        self.operator().disconnect_sockets(close);
    }

    fn operator(&self) -> BroadcastOperator {
        self.namespace.to(self.id())
    }
}
