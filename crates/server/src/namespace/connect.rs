//! How a client joins a namespace. Source: Socket.IO v5, "Connection to a namespace".

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fanfare_proto::ids::SocketId;
use fanfare_proto::socket::{ConnectReply, Value};
use futures_util::FutureExt as _;
use serde::Deserialize;

use super::{Namespace, Visit};
use crate::ack::UNWANTED;
use crate::adapter::{Packet, PersistedSession};
use crate::client::{Client, Left, NoSlot};
use crate::handler::{
    ConnectContext, ConnectError, ExtractError, Failures, HandlerError, Prepared, report_panic, run, start,
};
use crate::server::random_id;
use crate::socket::Socket;

/// A client asks to join a namespace.
pub(crate) fn begin(client: &Client, name: &str, auth: Option<&str>) {
    let left = match client.reserve(name) {
        Ok(left) => left,
        Err(NoSlot::Taken) => return client.violate("second_connect"),
        Err(NoSlot::TooMany) => return client.refuse_namespace(name, &"too many namespaces".into(), "too_many"),
        Err(NoSlot::Closed) => return,
    };
    let joining = Joining { client: client.clone(), name: name.to_owned(), auth: auth.map(str::to_owned) };
    run(joining.join(left));
}

/// A client on its way into a namespace.
struct Joining {
    client: Client,
    name: String,
    auth: Option<String>,
}

/// Why a client is not let in.
struct Refused {
    error: ConnectError,
    kind: &'static str,
}

impl Refused {
    fn new(error: impl Into<ConnectError>, kind: &'static str) -> Self {
        Self { error: error.into(), kind }
    }
}

impl Joining {
    /// Asks everybody who has a say, for as long as the client waits for the answer and no longer than a client may
    /// take to connect.
    async fn join(self, left: Left) {
        let timeout = self.client.server().connect_timeout();
        let asked = tokio::select! {
            biased;
            asked = tokio::time::timeout(timeout, self.ask()) => asked,
            _ = left => return,
        };
        let entered = match asked {
            Ok(asked) => asked.and_then(|candidate| self.enter(candidate)),
            Err(_) => Err(Refused::new("timeout", "timeout")),
        };
        if let Err(Refused { error, kind }) = entered {
            self.client.refuse_namespace(&self.name, &error, kind);
        }
    }

    async fn ask(&self) -> Result<Candidate, Refused> {
        let visit =
            self.find_namespace().await.ok_or_else(|| Refused::new("Invalid namespace", "unknown_namespace"))?;
        visit.opened().await;
        let mut candidate = self.make_candidate(visit).await;
        let skip = candidate.restored.is_some() && self.client.server().skips_middlewares();
        if !skip && let Err(refused) = candidate.ask_middlewares().await {
            // Whoever is refused does not get a session back later either.
            candidate.restored = None;
            return Err(refused);
        }
        Ok(candidate)
    }

    async fn find_namespace(&self) -> Option<Visit> {
        let server = self.client.server();
        if let Some(visit) = server.visit(&self.name) {
            return Some(visit);
        }
        let auth: Value = serde_json::from_str(self.auth.as_deref().unwrap_or("{}")).unwrap_or_default();
        for parent in server.parents() {
            match AssertUnwindSafe(parent.matches(&self.name, &auth)).catch_unwind().await {
                Ok(true) => return Some(server.visit_child(&parent, &self.name)),
                Ok(false) => {}
                // One that panics allows nobody.
                Err(panic) => report_panic(server, "of_dynamic", &*panic),
            }
        }
        None
    }

    /// A new socket, or the one that the client has lost.
    async fn make_candidate(&self, visit: Visit) -> Candidate {
        let namespace: &Namespace = &visit;
        let restored = self.restore(&visit).await;
        let session = restored.as_ref().map(|restored| &restored.session);
        let id = session.map_or_else(|| SocketId::from_random(random_id()), |session| session.id);
        let pid = match session {
            Some(session) => Some(session.pid.clone()),
            None => namespace.server().recovers().then(|| SocketId::from_random(random_id()).to_string()),
        };
        let socket = Socket::new(namespace, &self.client, self.auth.as_deref(), id, pid, session);
        Candidate { socket, restored, visit }
    }

    async fn restore(&self, visit: &Visit) -> Option<Restored> {
        if !self.client.server().recovers() {
            return None;
        }
        let Recovery { pid, offset } = serde_json::from_str(self.auth.as_deref()?).ok()?;
        let session = visit.adapter().restore_session(&pid, &offset).await.ok()??;
        Some(Restored { session, offset })
    }

    /// The last step, which nothing interrupts: the client hears that it is connected when its handlers are in place.
    fn enter(&self, mut candidate: Candidate) -> Result<(), Refused> {
        let handlers = candidate.prepare_handlers()?;
        let Candidate { socket, restored, visit } = &mut candidate;
        if !self.client.occupy(socket) {
            return Ok(());
        }
        let namespace: &Namespace = visit;
        let session = self.client.session();
        let _cork = session.cork();
        let parser = namespace.local_sockets().parser();
        let rooms = restored.as_ref().map(|restored| restored.session.rooms.clone()).unwrap_or_default();
        let mut entered = None;
        let mut attach = |missed: &[Packet]| {
            for packet in missed {
                // A session that has just closed tells its sockets by itself.
                let _ = session.send_encoded(packet.outgoing());
            }
            let id = socket.id();
            let reply = ConnectReply { sid: id.as_str(), pid: socket.pid() };
            self.client.send_frame(parser.encode_connect(namespace.name(), reply));
            entered = socket.enter(&rooms);
        };
        match restored {
            Some(Restored { session, offset }) => namespace.adapter().replay(session, offset, &mut attach),
            None => attach(&[]),
        }
        let Some(events) = entered else { return Ok(()) };
        *restored = None;
        namespace.local_sockets().tell(&events);
        namespace.server().metrics().connected();
        for handler in handlers {
            start(|| Ok(handler()), Failures::new(socket, "connection", &UNWANTED));
        }
        Ok(())
    }
}

/// A client that is being looked at. Dropped before it has been let in, it leaves nothing behind.
struct Candidate {
    socket: Socket,
    restored: Option<Restored>,
    visit: Visit,
}

impl Candidate {
    async fn ask_middlewares(&self) -> Result<(), Refused> {
        for middleware in self.visit.middlewares() {
            let decided = async { middleware.call(&ConnectContext { socket: &self.socket }).await };
            match AssertUnwindSafe(decided).catch_unwind().await {
                Ok(decision) => decision.map_err(|error| Refused::new(error, "middleware"))?,
                Err(panic) => return Err(self.panicked(&*panic)),
            }
        }
        Ok(())
    }

    fn prepare_handlers(&mut self) -> Result<Vec<PreparedHandler>, Refused> {
        let context = ConnectContext { socket: &self.socket };
        let prepare = || -> Result<Vec<_>, ExtractError> {
            self.visit.connect_handlers().iter().map(|handler| handler.prepare(&context)).collect()
        };
        let refused = match catch_unwind(AssertUnwindSafe(prepare)) {
            Ok(Ok(handlers)) => return Ok(handlers),
            Ok(Err(error)) => Refused::new(error, "middleware"),
            Err(panic) => self.panicked(&*panic),
        };
        self.restored = None;
        Err(refused)
    }

    fn panicked(&self, panic: &(dyn Any + Send)) -> Refused {
        Failures::new(&self.socket, "connection", &UNWANTED).panicked(panic);
        Refused::new("internal error", "panic")
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        self.socket.dismiss();
        // The client has left before it had its session back: it may ask for it again.
        if let Some(Restored { session, .. }) = self.restored.take() {
            self.visit.adapter().persist_session(session);
        }
    }
}

type PreparedHandler = Prepared<Result<(), HandlerError>>;

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
