//! The server.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use fanfare_engine::{self as engine, Engine, EngineLayer, EngineService, Listener, ListenerHandle, Session};
use fanfare_proto::socket::{Parser, Value};
use parking_lot::{Mutex, RwLock};
use regex::Regex;
use tokio::net::ToSocketAddrs;

use crate::adapter::{AdapterFactory, Local};
use crate::builder::{Recovery, ServerBuilder};
use crate::client::Client;
use crate::handler::{FailureHook, shield};
use crate::metrics::Metrics;
use crate::namespace::{Matcher, Namespace, ParentNamespace, Visit};
use crate::socket::DisconnectReason;

/// A Socket.IO server. Cheap to clone; all clones are the same server.
///
/// It is its own main namespace `/`: everything a [`Namespace`] can do can be done with it.
///
/// ```no_run
/// use fanfare::{Data, Server, Socket};
///
/// # async fn run() -> std::io::Result<()> {
/// let io = Server::new();
/// io.on_connect(async |socket: Socket| {
///     socket.on("message", async |io: Server, Data(text): Data<String>| io.emit("message", &text));
/// });
/// io.listen("0.0.0.0:3000").await
/// # }
/// ```
#[derive(Clone)]
pub struct Server(Arc<Inner>);

struct Inner {
    settings: Settings,
    metrics: Metrics,
    engine: OnceLock<Engine>,
    main: OnceLock<Namespace>,
    namespaces: RwLock<HashMap<String, Namespace>>,
    parents: RwLock<Vec<ParentNamespace>>,
    namespace_listeners: RwLock<Vec<NamespaceListener>>,
    /// What the server listens on; nothing more once it is closed.
    listeners: Mutex<Option<Vec<ListenerHandle>>>,
}

type NamespaceListener = Arc<dyn Fn(&Namespace) + Send + Sync>;

/// What the builder has settled.
pub(crate) struct Settings {
    pub(crate) parser: Parser,
    pub(crate) connect_timeout: Duration,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) cleanup_empty_child_namespaces: bool,
    pub(crate) adapter: Box<dyn AdapterFactory>,
    pub(crate) failure_hook: Option<FailureHook>,
    pub(crate) states: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    pub(crate) limits: Limits,
}

/// The bounds on what one client can make the server hold. Source: `limits.md`.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) max_attachments: usize,
    pub(crate) max_attachment_bytes: usize,
    pub(crate) max_namespaces: usize,
    pub(crate) max_rooms_per_socket: usize,
    pub(crate) max_room_name_bytes: usize,
    pub(crate) max_pending_acks: usize,
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Server {
    /// A server with the reference server's options.
    pub fn new() -> Self {
        Self::builder().build().expect("the defaults are valid")
    }

    /// Starts with the reference server's options.
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    pub(crate) fn with_settings(settings: Settings, registry: &prometheus::Registry) -> Self {
        Self(Arc::new(Inner {
            settings,
            metrics: Metrics::new(registry),
            engine: OnceLock::new(),
            main: OnceLock::new(),
            namespaces: RwLock::default(),
            parents: RwLock::default(),
            namespace_listeners: RwLock::default(),
            listeners: Mutex::new(Some(Vec::new())),
        }))
    }

    /// The last step of the builder: the engine hands its sessions to this server.
    pub(crate) fn start(&self, engine: Engine) {
        let _ = self.0.engine.set(engine);
        let main = self.of("/");
        let _ = self.0.main.set(main);
    }

    /// A namespace, which is made if there is none of this name. A leading slash is added where it is missing; the empty
    /// name is the main namespace.
    ///
    /// ```
    /// let io = fanfare::Server::new();
    /// let admin = io.of("/admin");
    /// admin.emit("maintenance", "in five minutes");
    /// assert_eq!(io.of("admin"), admin);
    /// ```
    pub fn of(&self, name: &str) -> Namespace {
        let name = if name.starts_with('/') { name.to_owned() } else { format!("/{name}") };
        if let Some(namespace) = self.namespace(&name) {
            return namespace;
        }
        let parent = self.parents().into_iter().find(|parent| parent.matches_pattern(&name));
        self.make_namespace(&name, parent.as_ref())
    }

    /// Namespaces whose names match a pattern. Each is made when a client first asks for it.
    ///
    /// ```
    /// use fanfare::{Namespace, Regex, Server, Socket};
    ///
    /// let io = Server::new();
    /// io.of_pattern(Regex::new("^/tenant-[0-9]+$").unwrap())
    ///     .on_connect(async |tenant: Namespace, socket: Socket| socket.emit("welcome", tenant.name()));
    /// ```
    pub fn of_pattern(&self, pattern: Regex) -> ParentNamespace {
        self.add_parent(Matcher::Pattern(pattern))
    }

    /// Namespaces for which a function says so, given the name and the authentication payload of the client that asks.
    /// Each is made when a client first asks for it.
    ///
    /// ```
    /// let io = fanfare::Server::new();
    /// let private = io.of_dynamic(async |name, auth| name == "/private" && auth["token"].as_str() == Some("secret"));
    /// ```
    pub fn of_dynamic<F, Fut>(&self, allows: F) -> ParentNamespace
    where
        F: Fn(String, Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = bool> + Send + 'static,
    {
        self.add_parent(Matcher::function(allows))
    }

    /// Hears of every namespace that is made: `new_namespace` of the reference.
    ///
    /// ```
    /// let io = fanfare::Server::new();
    /// io.on_new_namespace(|namespace| println!("there is {} now", namespace.name()));
    /// ```
    pub fn on_new_namespace(&self, listener: impl Fn(&Namespace) + Send + Sync + 'static) {
        self.0.namespace_listeners.write().push(Arc::new(listener));
    }

    /// The Engine.IO server below.
    pub fn engine(&self) -> &Engine {
        self.0.engine.get().expect("set before the builder gives the server away")
    }

    /// The registry with the metrics of the server.
    pub fn registry(&self) -> &prometheus::Registry {
        self.engine().registry()
    }

    /// A tower service that answers the requests of the server's path, and any other with 404.
    ///
    /// ```
    /// let io = fanfare::Server::new();
    /// let app: axum::Router = axum::Router::new().route_service("/socket.io/", io.service());
    /// ```
    pub fn service(&self) -> EngineService {
        self.engine().service()
    }

    /// A tower layer that answers the requests of the server's path, and leaves any other to the service behind it.
    ///
    /// ```
    /// use axum::{Router, routing::get};
    ///
    /// let io = fanfare::Server::new();
    /// let app: Router = Router::new().route("/", get(async || "the rest")).layer(io.layer());
    /// ```
    pub fn layer(&self) -> EngineLayer {
        self.engine().layer()
    }

    /// Serves on an address, such as `0.0.0.0:3000`, until the server is [closed](Self::close).
    pub async fn listen(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.serve(Listener::bind(address).await?).await
    }

    /// Serves on a listener, with TLS for one, until the server is [closed](Self::close).
    ///
    /// ```no_run
    /// # async fn run(io: fanfare::Server) -> std::io::Result<()> {
    /// let listener = fanfare::Listener::bind("127.0.0.1:0").await?.max_connections(1000);
    /// println!("listening on {}", listener.local_addr()?);
    /// io.serve(listener).await
    /// # }
    /// ```
    pub async fn serve(&self, listener: Listener) -> io::Result<()> {
        match &mut *self.0.listeners.lock() {
            Some(listeners) => listeners.push(listener.handle()),
            None => return Ok(()),
        }
        listener.registry(self.registry()).serve(self.service()).await
    }

    /// Sends the clients away, one after the other, evenly over `time`; no more are let in. Before
    /// [closing](Self::close) a server of many: its clients come back to others a few at a time.
    ///
    /// Until its turn comes, a client is served as before. Then its connection is closed, on which it connects again by
    /// itself, and its sockets end with `server shutting down`. Returns when the last turn has come.
    pub async fn drain(&self, time: Duration) {
        self.engine().drain(time).await;
    }

    /// Closes the server: no more sessions are opened, every socket disconnects with `server shutting down`, and what
    /// waits to be sent is sent, for 5 s at most. Then the listeners end.
    ///
    /// Up to there they accept connections: a polling client needs one to hear that its session is over.
    ///
    /// ```no_run
    /// # async fn run() -> std::io::Result<()> {
    /// let io = fanfare::Server::new();
    /// let closing = io.clone();
    /// tokio::spawn(async move {
    ///     let _ = tokio::signal::ctrl_c().await;
    ///     closing.close().await;
    /// });
    /// io.listen("0.0.0.0:3000").await // until the server is closed
    /// # }
    /// ```
    pub async fn close(&self) {
        let namespaces: Vec<_> = self.0.namespaces.read().values().cloned().collect();
        for namespace in &namespaces {
            namespace.sockets().iter().for_each(|socket| socket.end(DisconnectReason::ServerShuttingDown));
            namespace.close();
        }
        self.engine().shutdown(CLOSE_GRACE).await;
        let listeners = self.0.listeners.lock().take();
        listeners.iter().flatten().for_each(ListenerHandle::shutdown);
    }

    /// The state of a type that the builder was given.
    pub fn state<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.settings.states.get(&TypeId::of::<T>())?.downcast_ref().cloned()
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.settings.limits
    }

    pub(crate) fn parser(&self) -> Parser {
        self.0.settings.parser
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        self.0.settings.connect_timeout
    }

    pub(crate) fn failure_hook(&self) -> Option<&FailureHook> {
        self.0.settings.failure_hook.as_ref()
    }

    pub(crate) fn adapter_factory(&self) -> &dyn AdapterFactory {
        &*self.0.settings.adapter
    }

    /// Whether connection state recovery is on.
    pub(crate) fn recovers(&self) -> bool {
        self.0.settings.recovery.is_some()
    }

    pub(crate) fn skips_middlewares(&self) -> bool {
        self.0.settings.recovery.as_ref().is_some_and(|recovery| recovery.skip_middlewares)
    }

    /// The local side of a namespace that is being made.
    pub(crate) fn local(&self, name: &str) -> Local {
        let recovery = self.0.settings.recovery.as_ref().map(|recovery| recovery.max_disconnection_duration);
        Local::new(name, self.engine().clone(), self.parser(), recovery, self.metrics().clone())
    }

    /// The namespace of this exact name, if there is one.
    pub(crate) fn namespace(&self, name: &str) -> Option<Namespace> {
        self.0.namespaces.read().get(name).cloned()
    }

    pub(crate) fn parents(&self) -> Vec<ParentNamespace> {
        self.0.parents.read().clone()
    }

    /// Lets a client into the namespace of this exact name, if there is one.
    pub(crate) fn visit(&self, name: &str) -> Option<Visit> {
        self.0.namespaces.read().get(name).map(Namespace::visit)
    }

    /// Lets a client into the child of a parent namespace; one, however many clients ask for it at once.
    pub(crate) fn visit_child(&self, parent: &ParentNamespace, name: &str) -> Visit {
        loop {
            self.make_namespace(name, Some(parent));
            // Others may have come and gone meanwhile, and the namespace with them.
            if let Some(visit) = self.visit(name) {
                return visit;
            }
        }
    }

    /// Removes a namespace that nobody is in or on the way to.
    pub(crate) fn remove_namespace(&self, namespace: &Namespace) {
        {
            let mut namespaces = self.0.namespaces.write();
            if namespaces.get(namespace.name()).is_none_or(|known| known != namespace) || !namespace.is_deserted() {
                return;
            }
            namespaces.remove(namespace.name());
            self.parents().iter().for_each(|parent| parent.disown(namespace));
        }
        self.metrics().namespaces.dec();
        namespace.close();
    }

    fn add_parent(&self, matcher: Matcher) -> ParentNamespace {
        let parent = ParentNamespace::new(matcher);
        self.0.parents.write().push(parent.clone());
        parent
    }

    /// The namespace of this name, which is made if there is none.
    fn make_namespace(&self, name: &str, parent: Option<&ParentNamespace>) -> Namespace {
        let mut namespaces = self.0.namespaces.write();
        if let Some(namespace) = namespaces.get(name) {
            return namespace.clone();
        }
        let hooks = parent.map(ParentNamespace::hooks).unwrap_or_default();
        let is_temporary = parent.is_some() && self.0.settings.cleanup_empty_child_namespaces;
        let namespace = Namespace::new(self, name, hooks, is_temporary);
        namespaces.insert(name.to_owned(), namespace.clone());
        if let Some(parent) = parent {
            parent.adopt(&namespace);
        }
        drop(namespaces);
        self.metrics().namespaces.inc();
        let _opening = namespace.open();
        if name != "/" {
            let listeners = self.0.namespace_listeners.read().clone();
            listeners.iter().for_each(|listener| shield("new_namespace", || listener(&namespace)));
        }
        namespace
    }
}

/// The server is its own main namespace.
impl Deref for Server {
    type Target = Namespace;

    fn deref(&self) -> &Namespace {
        self.0.main.get().expect("set before the builder gives the server away")
    }
}

/// The application of the engine.
pub(crate) struct App(pub(crate) Server);

impl engine::Application for App {
    fn connect(&self, session: &Session) -> Box<dyn engine::Connection> {
        Box::new(Client::new(&self.0, session))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("engine", &self.0.engine.get()).finish_non_exhaustive()
    }
}

/// Random bytes for an id.
pub(crate) fn random_id() -> [u8; 15] {
    let mut bytes = [0; 15];
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    bytes
}

/// How long a server that closes waits for what is being sent.
const CLOSE_GRACE: Duration = Duration::from_secs(5);
