//! One connection of a client: decodes what it sends and finds the socket it is for.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use fanfare_engine::{self as engine, CloseReason, Closed, Frame, Session, Transport};
use fanfare_proto::socket::{Body, DecodeError, Decoded, Decoder, DecoderLimits, Encoded, Packet};
use parking_lot::Mutex;
use smallvec::SmallVec;
use tokio::sync::oneshot;

use crate::handler::{ConnectError, shield};
use crate::namespace::connect;
use crate::server::Server;
use crate::socket::{DisconnectReason, Ended, Socket};

/// One connection of a client. Its sockets, one for each namespace it has joined, share it.
#[derive(Clone)]
pub(crate) struct Client(Arc<Inner>);

struct Inner {
    server: Server,
    session: Session,
    /// When it has to have joined a first namespace.
    connect_by: Instant,
    decoder: Mutex<Decoder>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The namespaces it has joined or is joining; one, for most clients.
    slots: SmallVec<[Slot; 1]>,
    /// How often it has been refused.
    refused: usize,
    /// Whether it has ever joined one.
    joined: bool,
    closed: bool,
    upgrade_listeners: Vec<UpgradeListener>,
}

enum Slot {
    Connecting(Reservation),
    Connected(Socket),
}

/// A namespace that the client is joining.
struct Reservation {
    namespace: Box<str>,
    /// Dropped with the slot, which [`Left`] hears of.
    _client_is_there: oneshot::Sender<Infallible>,
}

/// Ends when the client has left while it was joining a namespace.
pub(crate) type Left = oneshot::Receiver<Infallible>;

type UpgradeListener = Arc<dyn Fn(Transport) + Send + Sync>;

impl Slot {
    fn namespace(&self) -> &str {
        match self {
            Self::Connecting(reservation) => &reservation.namespace,
            Self::Connected(socket) => socket.namespace().name(),
        }
    }

    fn is_reserved_for(&self, name: &str) -> bool {
        matches!(self, Self::Connecting(reservation) if *reservation.namespace == *name)
    }
}

/// Why a client cannot begin to join a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSlot {
    /// It has joined it, or is joining it: a violation of the protocol.
    Taken,
    /// It has joined as many as it may.
    TooMany,
    /// It is gone.
    Closed,
}

impl Client {
    pub(crate) fn new(server: &Server, session: &Session) -> Self {
        let limits = DecoderLimits {
            max_attachments: server.limits().max_attachments,
            max_attachment_bytes: server.limits().max_attachment_bytes,
        };
        let connect_by = tokio::time::Instant::now().into_std() + server.connect_timeout();
        session.expire_at(Some(connect_by));
        Self(Arc::new(Inner {
            server: server.clone(),
            session: session.clone(),
            connect_by,
            decoder: Mutex::new(Decoder::new(server.parser(), limits)),
            state: Mutex::default(),
        }))
    }

    pub(crate) fn session(&self) -> &Session {
        &self.0.session
    }

    pub(crate) fn server(&self) -> &Server {
        &self.0.server
    }

    /// Sends one message.
    pub(crate) fn send_frame(&self, frame: Frame) {
        let outgoing = self.0.server.engine().encode([frame], true);
        // A session that has just closed tells its sockets by itself.
        let _ = self.0.session.send_encoded(&outgoing);
    }

    /// Sends a packet.
    pub(crate) fn send(&self, packet: Encoded) {
        let outgoing = self.0.server.engine().encode(packet.into_frames(), true);
        let _ = self.0.session.send_encoded(&outgoing);
    }

    /// Begins to join a namespace.
    pub(crate) fn reserve(&self, namespace: &str) -> Result<Left, NoSlot> {
        let left = {
            let mut state = self.0.state.lock();
            if state.closed {
                return Err(NoSlot::Closed);
            }
            if state.slots.iter().any(|slot| slot.namespace() == namespace) {
                return Err(NoSlot::Taken);
            }
            if state.slots.len() >= self.0.server.limits().max_namespaces {
                return Err(NoSlot::TooMany);
            }
            let (client_is_there, left) = oneshot::channel();
            let reservation = Reservation { namespace: namespace.into(), _client_is_there: client_is_there };
            state.slots.push(Slot::Connecting(reservation));
            left
        };
        // From here on it is not the client that takes its time.
        self.0.session.move_expiry(Some(self.0.connect_by), None);
        Ok(left)
    }

    /// Joins the namespace that was reserved; not if the client is gone meanwhile, or about to be closed.
    pub(crate) fn occupy(&self, socket: &Socket) -> bool {
        if !self.0.session.is_open() {
            return false;
        }
        {
            let mut state = self.0.state.lock();
            let name = socket.namespace().name();
            let reserved = state.slots.iter_mut().find(|slot| slot.is_reserved_for(name));
            let Some(slot) = reserved else { return false };
            *slot = Slot::Connected(socket.clone());
            state.joined = true;
        }
        self.0.session.move_expiry(Some(self.0.connect_by), None);
        true
    }

    /// Tells the client that it cannot join a namespace, and gives back what it has reserved of it. A client that is
    /// refused all the time is closed.
    pub(crate) fn refuse_namespace(&self, namespace: &str, error: &ConnectError, kind: &'static str) {
        let (refused, has_nothing) = {
            let mut state = self.0.state.lock();
            state.slots.retain(|slot| !slot.is_reserved_for(namespace));
            state.refused += 1;
            (state.refused, !state.joined && state.slots.is_empty())
        };
        self.0.server.metrics().refused(kind);
        self.send_frame(self.0.server.parser().encode_connect_error(namespace, error.message(), error.data()));
        if has_nothing {
            // Time goes on for it, what it has waited included.
            self.0.session.move_expiry(None, Some(self.0.connect_by));
        }
        if refused > MAX_REFUSALS {
            self.violate("refusals");
        }
    }

    /// A socket has left.
    pub(crate) fn forget(&self, socket: &Socket) {
        let mut state = self.0.state.lock();
        state.slots.retain(|slot| !matches!(slot, Slot::Connected(known) if known == socket));
    }

    /// The server closes the connection and everything on it: `disconnect(true)`.
    pub(crate) fn disconnect(&self) {
        self.sockets().iter().for_each(|socket| socket.disconnect(false));
        self.close();
    }

    /// The client has broken the protocol.
    pub(crate) fn violate(&self, kind: &'static str) {
        self.violate_with(kind, None);
    }

    fn violate_with(&self, kind: &'static str, error: Option<&DecodeError>) {
        self.0.server.metrics().violated(kind);
        // The error may repeat what the client has sent: escaped, it is one line of text.
        tracing::debug!(sid = ?self.0.session.sid(), kind, error = ?error.map(ToString::to_string), "protocol violated");
        self.close();
    }

    /// Closes the connection. What the sockets hear depends on whether the client can be told at once, as in the
    /// reference.
    fn close(&self) {
        self.0.session.close();
        self.end_all(DisconnectReason::ForcedServerClose);
    }

    fn end_all(&self, ended: impl Into<Ended>) {
        let ended = ended.into();
        let slots = {
            let mut state = self.0.state.lock();
            state.closed = true;
            std::mem::take(&mut state.slots)
        };
        for slot in slots {
            if let Slot::Connected(socket) = slot {
                socket.end(ended);
            }
        }
    }

    fn sockets(&self) -> Vec<Socket> {
        let state = self.0.state.lock();
        let connected = state.slots.iter().filter_map(|slot| match slot {
            Slot::Connected(socket) => Some(socket.clone()),
            Slot::Connecting(_) => None,
        });
        connected.collect()
    }

    fn socket(&self, namespace: &str) -> Option<Socket> {
        let state = self.0.state.lock();
        state.slots.iter().find_map(|slot| match slot {
            Slot::Connected(socket) if socket.namespace().name() == namespace => Some(socket.clone()),
            _ => None,
        })
    }

    fn handle_decoded(&self, decoded: Result<Decoded<'_>, DecodeError>, is_farewell: bool) {
        match decoded {
            Ok(Decoded::Packet(packet)) => self.handle_packet(&packet, is_farewell),
            Ok(Decoded::Assembled(assembled)) => self.handle_packet(&assembled.packet(), is_farewell),
            Ok(Decoded::Incomplete) => {}
            Err(error) => self.refuse(&error),
        }
    }

    /// The client has sent something that is no packet.
    fn refuse(&self, error: &DecodeError) {
        self.end_all(DisconnectReason::ParseError);
        self.violate_with("packet", Some(error));
    }

    fn handle_packet(&self, packet: &Packet<'_>, is_farewell: bool) {
        if let Body::Connect { auth } = &packet.body {
            return connect::begin(self, &packet.namespace, auth.as_deref());
        }
        let Some(socket) = self.socket(&packet.namespace) else {
            // While the server closes the connection, the client cannot know.
            if self.0.session.is_open() && !self.0.state.lock().closed {
                self.violate("namespace");
            }
            return;
        };
        match &packet.body {
            Body::Event { name, args, id } => {
                self.0.server.metrics().events_received.inc();
                socket.handle_event(name, args, *id);
            }
            Body::Ack { id: Some(id), args } => socket.handle_ack(*id, args),
            Body::Ack { id: None, .. } => {}
            // The reference is done with the connection before it is with its packets.
            Body::Disconnect if is_farewell => {}
            Body::Disconnect => socket.end(DisconnectReason::ClientNamespaceDisconnect),
            Body::ConnectError | Body::Connect { .. } => self.violate("connect_error"),
        }
    }
}

impl engine::Connection for Client {
    fn message(&self, _: &Session, received: engine::Received<'_>) {
        let decoded = match received.message {
            engine::Message::Text(text) => self.0.decoder.lock().handle_text(text),
            engine::Message::Binary(data) => self.0.decoder.lock().handle_binary(data),
        };
        self.handle_decoded(decoded, received.is_farewell);
    }

    fn upgraded(&self, _: &Session, transport: Transport) {
        let listeners = self.0.state.lock().upgrade_listeners.clone();
        listeners.iter().for_each(|listener| shield("upgrade", || listener(transport)));
    }

    fn closed(&self, _: &Session, closed: Closed) {
        let mut ended = Ended::from(closed);
        if closed.reason == CloseReason::ForcedClose && self.0.server.engine().is_closed() {
            ended.reason = DisconnectReason::ServerShuttingDown;
        }
        self.end_all(ended);
        let listeners = std::mem::take(&mut self.0.state.lock().upgrade_listeners);
        drop(listeners);
    }
}

/// The connection below a socket: `socket.conn` of the reference.
#[derive(Clone)]
pub struct Conn(Client);

impl Conn {
    pub(crate) fn new(client: &Client) -> Self {
        Self(client.clone())
    }

    /// The Engine.IO session. Its id is a secret of the client.
    pub fn session(&self) -> &Session {
        self.0.session()
    }

    /// The transport in use.
    pub fn transport(&self) -> Transport {
        self.0.session().transport()
    }

    /// Calls a function when the connection has moved to another transport.
    ///
    /// ```
    /// use fanfare::{Server, Socket};
    ///
    /// Server::new().on_connect(async |socket: Socket| {
    ///     println!("connected over {}", socket.conn().transport().as_str());
    ///     socket.conn().on_upgrade(|transport| println!("now over {}", transport.as_str()));
    /// });
    /// ```
    pub fn on_upgrade(&self, listener: impl Fn(Transport) + Send + Sync + 'static) {
        let listener: UpgradeListener = Arc::new(listener);
        let mut state = self.0.0.state.lock();
        // One that is over has let go of its listeners, which may hold it in turn.
        if !state.closed {
            state.upgrade_listeners.push(listener.clone());
        }
    }

    /// Closes the connection, and with it all sockets on it.
    pub fn close(&self) {
        self.0.close();
    }
}

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conn").field("transport", &self.transport()).finish_non_exhaustive()
    }
}

/// How many refusals a client may collect before its connection is closed.
const MAX_REFUSALS: usize = 256;
