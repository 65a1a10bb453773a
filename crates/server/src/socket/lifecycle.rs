//! How a socket comes into being, joins its namespace and ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fanfare_proto::ids::SocketId;
use fanfare_proto::socket::Args;
use parking_lot::Mutex;

use super::{Ended, Inner, Phase, Socket, SocketData, State};
use crate::ack::{AckSink, UNWANTED};
use crate::adapter::{PersistedSession, RoomEvent};
use crate::client::Client;
use crate::handler::{self, SharedDisconnectHandler};
use crate::namespace::Namespace;
use crate::remote::RemoteSocketData;
use crate::room::Room;

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
    pub(crate) fn end(&self, ended: impl Into<Ended>) {
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
            self.leave_namespace(ended.into());
        }
        self.let_go();
        self.0.namespace.clean_up();
    }

    /// The client is not let in after all. A socket that is connected, or was, stays what it is.
    pub(crate) fn dismiss(&self) {
        {
            let mut state = self.0.state.lock();
            if state.phase != Phase::Connecting {
                return;
            }
            state.phase = Phase::Disconnected;
        }
        self.let_go();
    }

    /// Lets go of everything that may hold the socket in turn: nothing comes for it any more.
    fn let_go(&self) {
        let (listeners, acks) = {
            let mut state = self.0.state.lock();
            (std::mem::take(&mut state.listeners), std::mem::take(&mut state.acks))
        };
        drop(listeners);
        acks.into_values().for_each(AckSink::lose);
    }

    fn leave_namespace(&self, ended: Ended) {
        let (disconnecting, disconnect) = {
            let state = self.0.state.lock();
            (state.listeners.disconnecting(), state.listeners.disconnect())
        };
        self.run_disconnect_handlers(&disconnecting, "disconnecting", ended);
        let local = self.0.namespace.local_sockets();
        let lost = self.pid().filter(|_| ended.reason.is_recoverable()).map(|pid| PersistedSession {
            id: self.id(),
            pid: pid.to_owned(),
            rooms: local.rooms_of(self.id()),
            data: self.0.state.lock().data.clone(),
        });
        local.remove(self.id());
        if let Some(session) = lost {
            // Not before its place is free: the client may be back at once.
            self.0.namespace.adapter().persist_session(session);
        }
        self.0.connected.store(false, Ordering::Release);
        self.server().metrics().disconnected(ended.reason);
        self.run_disconnect_handlers(&disconnect, "disconnect", ended);
    }

    fn run_disconnect_handlers(&self, handlers: &[SharedDisconnectHandler], event: &str, ended: Ended) {
        let context = handler::DisconnectContext { socket: self, ended };
        for handler in handlers {
            let failures = handler::Failures::new(self, event, &UNWANTED);
            handler::start(|| handler.call(&context), failures);
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
            sink.answer(args, self.server().metrics());
        }
    }
}
