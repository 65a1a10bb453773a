//! The engine: its sessions, and what they share.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fanfare_proto::buffer::Frame;
use fanfare_proto::engine::{CloseReason, Closed, Open, Packet, Transport};
use fanfare_proto::ids::{NodeId, Sid};
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tower_http::cors::CorsLayer;

use crate::addresses::Addresses;
use crate::budget::Budget;
use crate::clock::{Clock, now};
use crate::config::Config;
use crate::flusher::Flusher;
use crate::http::{EngineLayer, EngineService};
use crate::metrics::Metrics;
use crate::outgoing::Outgoing;
use crate::peers::{Exchange, Moved};
use crate::session::Session;
use crate::sessions::Sessions;
use crate::{Application, ConfigError, EngineBuilder, Handshake};

/// An Engine.IO server. Cheap to clone; all clones are the same server.
///
/// It answers HTTP requests as a tower service, see [`service`](Self::service) and [`layer`](Self::layer), and hands
/// its sessions to an [`Application`]. It runs on the tokio runtime in which its first request comes.
#[derive(Clone)]
pub struct Engine(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) application: Box<dyn Application>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) metrics: Metrics,
    pub(crate) cors: Option<CorsLayer>,
    /// A ping, encoded once for everybody.
    pub(crate) ping: Outgoing,
    node: NodeId,
    peers: Option<Arc<Exchange>>,
    /// What runs for the engine, once it has been started.
    running: OnceLock<Running>,
    next_shard: AtomicU32,
    sessions: Sessions,
    /// Those that have gone to other nodes.
    moved: Mutex<Moved>,
    addresses: Addresses,
    /// Held by the task of every WebSocket.
    websockets: Arc<()>,
    closed: AtomicBool,
    shedding: AtomicBool,
}

struct Running {
    runtime: tokio::runtime::Handle,
    /// One for each worker of the runtime.
    flushers: Vec<Arc<Flusher>>,
}

/// Why no session was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotOpened {
    /// The address has as many sessions as it may have.
    TooMany,
    /// The engine is closed.
    Closed,
}

/// Where a session is.
pub(crate) enum Whereabouts {
    Here(Session),
    /// It has been here, and has gone to the node of its WebSocket.
    Moved,
    /// If anywhere, on the node that its id names, which can be reached through this.
    Elsewhere(Arc<Exchange>),
    Unknown,
}

impl Engine {
    /// Starts with the reference server's options.
    pub fn builder() -> EngineBuilder {
        EngineBuilder::default()
    }

    pub(crate) fn new(config: Config, application: Box<dyn Application>) -> Result<Self, ConfigError> {
        let metrics = Metrics::new(&config.registry);
        let budget = Budget::new(config.limits.all_outboxes_bytes);
        Metrics::show_budget(&config.registry, &budget);
        let session = config.session;
        let node = config.node.unwrap_or_else(|| NodeId::from_random(random()));
        Ok(Self(Arc::new_cyclic(|shared| Shared {
            application,
            // It is kept for good, so it is not charged as something that waits.
            ping: Outgoing::packet(&Packet::Ping("").encode(), &Budget::unlimited()),
            budget,
            clock: Arc::new(Clock::new(now(), session.ping_interval, session.ping_timeout)),
            metrics,
            cors: config.cors.as_ref().map(|cors| cors.layer()),
            node,
            peers: config
                .peers
                .as_ref()
                .map(|peers| Exchange::new(node, peers.clone(), shared.clone(), u64::from_be_bytes(random()))),
            running: OnceLock::new(),
            next_shard: AtomicU32::new(0),
            sessions: Sessions::default(),
            moved: Mutex::default(),
            addresses: Addresses::new(config.limits.sessions_per_address),
            websockets: Arc::default(),
            closed: AtomicBool::new(false),
            shedding: AtomicBool::new(false),
            config,
        })))
    }

    /// The path of all requests, with a slash at its end.
    pub fn path(&self) -> &str {
        &self.0.config.path
    }

    /// The name of this node, the first four characters of its session ids.
    pub fn node_id(&self) -> NodeId {
        self.0.node
    }

    /// How many sessions are open.
    pub fn clients_count(&self) -> usize {
        self.0.sessions.len()
    }

    /// The session of an id, if it is open here.
    pub fn session(&self, sid: Sid) -> Option<Session> {
        self.0.session(sid)
    }

    /// All open sessions.
    pub fn sessions(&self) -> Vec<Session> {
        self.0.sessions.all()
    }

    /// Encodes messages once, to be [sent](Session::send_encoded) to any number of sessions.
    ///
    /// Several messages stay together: nothing comes between them. `compress` allows polling answers with them
    /// in it to be compressed.
    pub fn encode(&self, messages: impl IntoIterator<Item = Frame>, compress: bool) -> Outgoing {
        self.0.encode(messages, compress)
    }

    /// A tower service that answers the requests of the engine's path, and any other with 404.
    pub fn service(&self) -> EngineService {
        EngineService::new(self.clone())
    }

    /// A tower layer that answers the requests of the engine's path, and leaves any other to the service behind it.
    pub fn layer(&self) -> EngineLayer {
        EngineLayer::new(self.clone())
    }

    /// The registry with the metrics of the engine.
    pub fn registry(&self) -> &prometheus::Registry {
        &self.0.config.registry
    }

    /// Closes all sessions at once, with `forced close`, and opens no more.
    pub fn close(&self) {
        self.0.closed.store(true, Ordering::Release);
        self.sessions().iter().for_each(Session::discard);
        self.0.peers.iter().for_each(|peers| peers.retire());
        self.0.stop();
    }

    /// Whether no more sessions are opened, for the engine is closed or about to be.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Opens no more sessions, and closes those there are one after the other, evenly over `time`, so that their clients
    /// do not all come back somewhere else at once. Until its turn comes, a session goes on as before; then what waits for
    /// it is delivered first. Returns when the last turn has come.
    pub async fn drain(&self, time: Duration) {
        self.0.closed.store(true, Ordering::Release);
        let begin = tokio::time::Instant::now();
        let sessions = self.sessions();
        let slot = time.as_secs_f64() / sessions.len().max(1) as f64;
        for (number, session) in sessions.iter().enumerate().filter(|(_, session)| session.is_open()) {
            // Any moment of its slot: clients that were closed in step would also come back in step.
            let jitter = f64::from(u32::from_le_bytes(random())) / f64::from(u32::MAX);
            tokio::time::sleep_until(begin + Duration::from_secs_f64(slot * (number as f64 + jitter))).await;
            session.close();
        }
    }

    /// Opens no more sessions and closes those there are once what waits for them has been delivered, but no later
    /// than after `grace`.
    pub async fn shutdown(&self, grace: Duration) {
        self.0.closed.store(true, Ordering::Release);
        self.0.peers.iter().for_each(|peers| peers.retire());
        self.sessions().iter().for_each(Session::close);
        let deadline = tokio::time::Instant::now() + grace;
        while !self.0.is_drained() && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(DRAIN_CHECK).await;
        }
        self.close();
    }
}

impl Shared {
    pub(crate) fn session(&self, sid: Sid) -> Option<Session> {
        self.sessions.get(sid)
    }

    /// Where the session of an id is, as far as this node can know.
    pub(crate) fn find(&self, sid: Sid) -> Whereabouts {
        if let Some(session) = self.session(sid) {
            return Whereabouts::Here(session);
        }
        match &self.peers {
            Some(_) if self.moved.lock().contains(sid, now()) => Whereabouts::Moved,
            Some(peers) if sid.node() != self.node => Whereabouts::Elsewhere(peers.clone()),
            _ => Whereabouts::Unknown,
        }
    }

    pub(crate) fn encode(&self, messages: impl IntoIterator<Item = Frame>, compress: bool) -> Outgoing {
        Outgoing::messages(messages, compress, &self.budget, &self.metrics.delivery_seconds)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Opens a session; its handshake packet is the first thing in its outbox.
    pub(crate) fn open(self: &Arc<Self>, transport: Transport, handshake: Handshake) -> Result<Session, NotOpened> {
        if self.is_closed() {
            return Err(NotOpened::Closed);
        }
        if !self.addresses.admit(handshake.address()) {
            return Err(NotOpened::TooMany);
        }
        self.start();
        let sid = Sid::from_random(self.node, random());
        let delay = self.delay(transport);
        let session = Session::open(self, sid, transport, handshake, delay);
        self.metrics.opened(transport);
        self.sessions.insert(session.clone());
        let open = Open {
            sid,
            may_upgrade: transport == Transport::Polling && self.may_upgrade(),
            ping_interval: self.config.session.ping_interval,
            ping_timeout: self.config.session.ping_timeout,
            max_payload_bytes: self.config.max_payload_bytes,
        };
        // A session that was closed meanwhile has no use for it.
        let _ = session.send_encoded(&Outgoing::packet(&open.encode(), &self.budget));
        if delay.is_none() {
            session.connect();
        }
        Ok(session)
    }

    /// How long the application hears nothing of a session: until it has moved to WebSocket, its node may change.
    fn delay(&self, transport: Transport) -> Option<Duration> {
        let may_move = self.config.peers.is_some() && transport == Transport::Polling && self.may_upgrade();
        Some(self.config.delayed_connection).filter(|delay| may_move && !delay.is_zero())
    }

    /// Opens a session that has been another node's until now. Its client has been let in there.
    pub(crate) fn take_over(self: &Arc<Self>, sid: Sid, handshake: Handshake) -> Option<Session> {
        if self.is_closed() || self.session(sid).is_some() {
            return None;
        }
        self.addresses.count(handshake.address());
        self.start();
        let session = Session::open(self, sid, Transport::WebSocket, handshake, None);
        self.metrics.moved_here();
        self.sessions.insert(session.clone());
        Some(session)
    }

    /// The session goes on on another node; nobody here is told.
    pub(crate) fn give_away(&self, session: &Session) {
        self.moved.lock().insert(session.sid(), now());
        self.sessions.remove(session.sid());
        self.addresses.release(session.handshake().address());
        self.metrics.moved_away();
    }

    /// There is a WebSocket, or there is about to be, until what is returned is dropped.
    pub(crate) fn count_websocket(&self) -> Arc<()> {
        self.websockets.clone()
    }

    /// Whether there is no session and no WebSocket that still writes.
    fn is_drained(&self) -> bool {
        self.sessions.is_empty()
            && Arc::strong_count(&self.websockets) == 1
            && self.peers.as_ref().is_none_or(|peers| peers.is_drained())
    }

    /// Whether a polling session may move to WebSocket.
    pub(crate) fn may_upgrade(&self) -> bool {
        self.config.allow_upgrades && self.config.transports.contains(&Transport::WebSocket)
    }

    /// The session is over.
    pub(crate) fn forget(&self, session: &Session, closed: Closed) {
        self.sessions.remove(session.sid());
        self.addresses.release(session.handshake().address());
        self.metrics.closed(session.transport(), closed.reason);
        tracing::debug!(
            sid = ?session.sid(),
            reason = closed.reason.as_str(),
            description = closed.description,
            "session closed"
        );
    }

    /// The flusher of a session.
    pub(crate) fn flusher(&self, shard: u32) -> &Flusher {
        let flushers = &self.running().flushers;
        &flushers[shard as usize % flushers.len()]
    }

    /// Runs something in the runtime of the engine: messages may be sent from threads that have none.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.running().runtime.spawn(task).abort_handle()
    }

    fn running(&self) -> &Running {
        self.running.get().expect("started before the first session was opened")
    }

    pub(crate) fn next_shard(&self) -> u32 {
        self.next_shard.fetch_add(1, Ordering::Relaxed)
    }

    /// Closes the sessions with the fullest outboxes while all together hold too much.
    pub(crate) fn shed_load(self: &Arc<Self>) {
        if self.budget.is_exceeded() && !self.shedding.swap(true, Ordering::AcqRel) {
            let engine = self.clone();
            self.spawn(async move {
                engine.close_fullest();
                engine.shedding.store(false, Ordering::Release);
            });
        }
    }

    fn close_fullest(&self) {
        let sessions = self.sessions.all().into_iter();
        let mut sessions: Vec<_> = sessions.map(|session| (session.outbox_bytes(), session)).collect();
        sessions.sort_unstable_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        for (bytes, session) in sessions {
            // Whoever holds nothing has nothing to give.
            if bytes == 0 || !self.budget.is_exceeded() {
                break;
            }
            session.handle_error(CloseReason::SlowConsumer.into());
        }
    }

    /// Starts the tasks of the engine, in the runtime of its first request.
    fn start(&self) {
        self.running.get_or_init(|| {
            let runtime = tokio::runtime::Handle::current();
            runtime.spawn(self.clock.clone().run());
            let flushers: Vec<Arc<Flusher>> = (0..runtime.metrics().num_workers()).map(|_| Arc::default()).collect();
            for flusher in &flushers {
                runtime.spawn(flusher.clone().run());
            }
            Running { runtime, flushers }
        });
    }

    fn stop(&self) {
        self.peers.iter().for_each(|peers| peers.leave());
        self.clock.stop();
        self.running.get().into_iter().flat_map(|running| &running.flushers).for_each(|flusher| flusher.stop());
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("config", &self.0.config).finish_non_exhaustive()
    }
}

/// How often a shutdown looks whether it is done.
const DRAIN_CHECK: Duration = Duration::from_millis(10);

/// Bytes from the random source of the operating system.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    bytes
}
