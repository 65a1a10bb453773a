//! How a client joins a namespace. Source: Socket.IO v5, "Connection to a namespace".

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fanfare_proto::ids::SocketId;
use fanfare_proto::socket::{ConnectReply, Value};
use futures_util::FutureExt as _;
use serde::Deserialize;

use super::{Namespace, Visit};
use crate::Ack;
use crate::adapter::PersistedSession;
use crate::client::{Client, NoSlot};
use crate::handler::{ConnectContext, ConnectError, Failures, HandlerError, Prepared, run, start};
use crate::server::random_id;
use crate::socket::Socket;

/// A client asks to join a namespace.
pub(crate) fn begin(client: &Client, name: &str, auth: Option<&str>) {
    match client.reserve(name) {
        Ok(()) => {}
        Err(NoSlot::Taken) => return client.violate("second_connect"),
        Err(NoSlot::TooMany) => return refuse(client, name, &"too many namespaces".into(), "too_many"),
        Err(NoSlot::Closed) => return,
    }
    let joining = Joining { client: client.clone(), name: name.to_owned(), auth: auth.map(str::to_owned) };
    run(joining.join());
}

/// A client on its way into a namespace.
struct Joining {
    client: Client,
    name: String,
    auth: Option<String>,
}

impl Joining {
    async fn join(self) {
        let Some(namespace) = self.find_namespace().await else {
            self.client.release(&self.name);
            return refuse(&self.client, &self.name, &"Invalid namespace".into(), "unknown_namespace");
        };
        let (socket, restored) = self.make_socket(&namespace).await;
        let skip = restored.is_some() && namespace.server().skips_middlewares();
        if !skip && let Err(error) = self.ask_middlewares(&namespace, &socket).await {
            return self.refuse(&error);
        }
        self.enter(&namespace, &socket, restored.as_ref());
    }

    async fn find_namespace(&self) -> Option<Visit> {
        let server = self.client.server();
        if let Some(namespace) = server.visit(&self.name) {
            return Some(namespace);
        }
        let auth: Value = serde_json::from_str(self.auth.as_deref().unwrap_or("{}")).unwrap_or_default();
        for parent in server.parents() {
            // One that panics allows nobody.
            if let Ok(true) = AssertUnwindSafe(parent.matches(&self.name, &auth)).catch_unwind().await {
                return Some(server.visit_child(&parent, &self.name));
            }
        }
        None
    }

    /// A new socket, or the one that the client has lost.
    async fn make_socket(&self, namespace: &Namespace) -> (Socket, Option<Restored>) {
        let restored = self.restore(namespace).await;
        let session = restored.as_ref().map(|restored| &restored.session);
        let id = session.map_or_else(|| SocketId::from_random(random_id()), |session| session.id);
        let pid = match session {
            Some(session) => Some(session.pid.clone()),
            None => namespace.server().recovers().then(|| SocketId::from_random(random_id()).to_string()),
        };
        let socket = Socket::new(namespace, &self.client, self.auth.as_deref(), id, pid, session);
        (socket, restored)
    }

    async fn restore(&self, namespace: &Namespace) -> Option<Restored> {
        if !namespace.server().recovers() {
            return None;
        }
        let Recovery { pid, offset } = serde_json::from_str(self.auth.as_deref()?).ok()?;
        let session = namespace.adapter().restore_session(&pid, &offset).await.ok()??;
        Some(Restored { session, offset })
    }

    async fn ask_middlewares(&self, namespace: &Namespace, socket: &Socket) -> Result<(), ConnectError> {
        let asking = async {
            for middleware in namespace.middlewares() {
                let decided = async { middleware.call(&ConnectContext { socket }).await };
                let decision = AssertUnwindSafe(decided).catch_unwind().await;
                decision.unwrap_or_else(|panic| Err(panicked(socket, &*panic)))?;
            }
            Ok(())
        };
        let timeout = namespace.server().connect_timeout();
        tokio::time::timeout(timeout, asking).await.unwrap_or_else(|_| Err(ConnectError::new("timeout")))
    }

    /// The last step, which nothing interrupts: the client hears that it is connected when its handlers are in place.
    fn enter(&self, namespace: &Namespace, socket: &Socket, restored: Option<&Restored>) {
        let handlers = match prepare_handlers(namespace, socket) {
            Ok(handlers) => handlers,
            Err(error) => return self.refuse(&error),
        };
        if !self.client.occupy(socket) {
            // A client that has broken off on its way back may try again.
            restored.into_iter().for_each(|restored| namespace.adapter().persist_session(restored.session.clone()));
            return;
        }
        let session = self.client.session();
        let _cork = session.cork();
        session.expire_at(None);
        let parser = namespace.local_sockets().parser();
        let mut entered = None;
        let mut attach = |missed: &[crate::adapter::Packet]| {
            for packet in missed {
                // A session that has just closed tells its sockets by itself.
                let _ = session.send_encoded(packet.outgoing());
            }
            let id = socket.id();
            let reply = ConnectReply { sid: id.as_str(), pid: socket.pid() };
            self.client.send_frame(parser.encode_connect(namespace.name(), reply));
            entered = socket.enter(restored.map_or(&[], |restored| &restored.session.rooms));
        };
        match restored {
            Some(Restored { session, offset }) => namespace.adapter().replay(session, offset, &mut attach),
            None => attach(&[]),
        }
        let Some(events) = entered else { return };
        namespace.local_sockets().tell(&events);
        namespace.server().metrics().connected();
        for handler in handlers {
            start(|| Ok(handler()), Failures::new(socket, "connection", &Ack::new_unwanted()));
        }
    }

    fn refuse(&self, error: &ConnectError) {
        self.client.release(&self.name);
        refuse(&self.client, &self.name, error, "middleware");
    }
}

/// Gets everything that the handlers of new sockets ask for; a client that has not sent it is refused.
fn prepare_handlers(namespace: &Namespace, socket: &Socket) -> Result<Vec<PreparedHandler>, ConnectError> {
    let context = ConnectContext { socket };
    let handlers = namespace.connect_handlers();
    let prepared = catch_unwind(AssertUnwindSafe(|| {
        handlers.iter().map(|handler| handler.prepare(&context).map_err(ConnectError::from)).collect()
    }));
    prepared.unwrap_or_else(|panic| Err(panicked(socket, &*panic)))
}

type PreparedHandler = Prepared<Result<(), HandlerError>>;

/// Reports that code of the application has panicked; the client only hears that it may not connect.
fn panicked(socket: &Socket, panic: &(dyn Any + Send)) -> ConnectError {
    Failures::new(socket, "connection", &Ack::new_unwanted()).panicked(panic);
    ConnectError::new("internal error")
}

/// A session that is being given back, and the last event its client has seen.
struct Restored {
    session: PersistedSession,
    offset: String,
}

/// What a client that was lost sends along.
#[derive(Deserialize)]
struct Recovery {
    pid: String,
    offset: String,
}

fn refuse(client: &Client, namespace: &str, error: &ConnectError, kind: &'static str) {
    client.server().metrics().refused(kind);
    let parser = client.server().parser();
    client.send_frame(parser.encode_connect_error(namespace, error.message(), error.data()));
}
