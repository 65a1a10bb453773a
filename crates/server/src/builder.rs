//! The options of a server, with the reference server's names, defaults and meaning.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fanfare_engine::{ConfigError, Cookie, Cors, Denied, Engine, EngineBuilder, Transport};
use fanfare_proto::socket::Parser;

use crate::adapter::{AdapterFactory, MemoryAdapter};
use crate::client_bundle::ClientBundle;
use crate::handler::{Failure, FailureHook};
use crate::server::{App, Limits, Server, Settings};

/// Builds a [`Server`]. Every option has the reference server's default unless it says otherwise.
///
/// ```
/// use std::time::Duration;
/// use fanfare::{Cors, Server};
///
/// let io = Server::builder()
///     .ping_interval(Duration::from_secs(10))
///     .cors(Cors::origins(["https://example.com"]))
///     .build()
///     .unwrap();
/// ```
#[must_use]
pub struct ServerBuilder {
    engine: EngineBuilder,
    parser: Parser,
    connect_timeout: Duration,
    recovery: Option<Recovery>,
    cleanup_empty_child_namespaces: bool,
    client: Client,
    adapter: Box<dyn AdapterFactory>,
    failure_hook: Option<FailureHook>,
    states: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    limits: Limits,
}

/// Connection state recovery: a client that loses its connection gets its socket back, with its id, rooms, data and the
/// events it has missed.
///
/// ```
/// use std::time::Duration;
/// use fanfare::{Recovery, Server, Socket};
///
/// let recovery = Recovery { max_disconnection_duration: Duration::from_secs(60), ..Recovery::default() };
/// let io = Server::builder().connection_state_recovery(recovery).build().unwrap();
/// io.on_connect(async |socket: Socket| {
///     if !socket.recovered() {
///         socket.join("lobby"); // otherwise it is there again
///     }
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Recovery {
    /// How long a lost session is kept. Default: 2 minutes.
    pub max_disconnection_duration: Duration,
    /// Whether a session that is restored passes the middlewares again. Default: true, it does not.
    pub skip_middlewares: bool,
}

impl Default for Recovery {
    fn default() -> Self {
        Self { max_disconnection_duration: Duration::from_secs(120), skip_middlewares: true }
    }
}

/// Where the files of the JavaScript client come from.
enum Client {
    /// From an npm package nearby, if there is one.
    Discover,
    Bundle(ClientBundle),
    Nowhere,
}

impl Default for ServerBuilder {
    fn default() -> Self {
        let max_payload_bytes = 1_000_000;
        Self {
            engine: Engine::builder().path("/socket.io/").max_http_buffer_size(max_payload_bytes),
            parser: Parser::default(),
            connect_timeout: Duration::from_secs(45),
            recovery: None,
            cleanup_empty_child_namespaces: false,
            client: Client::Discover,
            adapter: Box::new(MemoryAdapter),
            failure_hook: None,
            states: HashMap::new(),
            limits: Limits {
                max_attachments: 10,
                max_attachment_bytes: max_payload_bytes,
                max_namespaces: 32,
                max_rooms_per_socket: 1024,
                max_room_name_bytes: 255,
                max_pending_acks: 1024,
            },
        }
    }
}

/// Options of the engine.
impl ServerBuilder {
    /// The path of all requests. Default: `/socket.io/`.
    pub fn path(self, path: impl AsRef<str>) -> Self {
        self.engine(|engine| engine.path(path))
    }

    /// Time between a pong and the next ping. Default: 25 s.
    pub fn ping_interval(self, interval: Duration) -> Self {
        self.engine(|engine| engine.ping_interval(interval))
    }

    /// Time a client has to answer a ping. Default: 20 s.
    pub fn ping_timeout(self, timeout: Duration) -> Self {
        self.engine(|engine| engine.ping_timeout(timeout))
    }

    /// Time a client has to complete an upgrade. Default: 10 s.
    pub fn upgrade_timeout(self, timeout: Duration) -> Self {
        self.engine(|engine| engine.upgrade_timeout(timeout))
    }

    /// Largest message or polling body, and all attachments of a packet together, in bytes. Default: 1 000 000.
    pub fn max_http_buffer_size(mut self, bytes: usize) -> Self {
        self.limits.max_attachment_bytes = bytes;
        self.engine(|engine| engine.max_http_buffer_size(bytes))
    }

    /// The transports that clients may use. Default: polling and WebSocket.
    pub fn transports(self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.engine(|engine| engine.transports(transports))
    }

    /// Whether a polling client may move to WebSocket. Default: true.
    pub fn allow_upgrades(self, allow: bool) -> Self {
        self.engine(|engine| engine.allow_upgrades(allow))
    }

    /// Decides on every connection by the request that opens it; refused ones get 403 with the message.
    ///
    /// ```
    /// use fanfare::{Denied, Server, engine::Handshake};
    ///
    /// let io = Server::builder().allow_request(async |request: Handshake| match request.header("x-api-key") {
    ///     Some("secret") => Ok(()),
    ///     _ => Err(Denied("no key".to_owned())),
    /// });
    /// ```
    pub fn allow_request<F, Fut>(self, decide: F) -> Self
    where
        F: Fn(fanfare_engine::Handshake) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Denied>> + Send + 'static,
    {
        self.engine(|engine| engine.allow_request(decide))
    }

    /// Sends a session cookie with the polling handshake. Default: off.
    pub fn cookie(self, cookie: Cookie) -> Self {
        self.engine(|engine| engine.cookie(cookie))
    }

    /// Lets pages of other origins in. Default: off.
    pub fn cors(self, cors: Cors) -> Self {
        self.engine(|engine| engine.cors(cors))
    }

    /// Compresses polling answers of at least this many bytes; `None` never. Default: 1024.
    pub fn http_compression(self, threshold_bytes: Option<usize>) -> Self {
        self.engine(|engine| engine.http_compression(threshold_bytes))
    }

    /// Sets any option of the engine, those that have no method here too.
    ///
    /// ```
    /// use fanfare::Server;
    ///
    /// let io = Server::builder().engine(|engine| engine.max_sessions_per_address(20)).build().unwrap();
    /// ```
    pub fn engine(mut self, configure: impl FnOnce(EngineBuilder) -> EngineBuilder) -> Self {
        self.engine = configure(self.engine);
        self
    }
}

/// Options of Socket.IO.
impl ServerBuilder {
    /// Time a client has to join its first namespace. Default: 45 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How packets are written. Default: JSON. All clients must use the same.
    pub fn parser(mut self, parser: Parser) -> Self {
        self.parser = parser;
        self
    }

    /// Lets clients get their sockets back after a loss of connection. Default: off.
    pub fn connection_state_recovery(mut self, recovery: Recovery) -> Self {
        self.recovery = Some(recovery);
        self
    }

    /// Whether a dynamic namespace goes when its last socket goes. Default: false.
    pub fn cleanup_empty_child_namespaces(mut self, cleanup: bool) -> Self {
        self.cleanup_empty_child_namespaces = cleanup;
        self
    }

    /// Whether the JavaScript client is served below the path, as `socket.io.js` for one. Default: true, from the npm
    /// package `socket.io-client` in or above the current folder; without that, it is not.
    pub fn serve_client(mut self, serve: bool) -> Self {
        self.client = if serve { Client::Discover } else { Client::Nowhere };
        self
    }

    /// Serves these files of the JavaScript client.
    ///
    /// ```
    /// use fanfare::{ClientBundle, Server};
    ///
    /// # fn build() -> Result<Server, Box<dyn std::error::Error>> {
    /// let bundle = ClientBundle::from_dir("web/node_modules/socket.io-client/dist")?;
    /// Ok(Server::builder().client_bundle(bundle).build()?)
    /// # }
    /// ```
    pub fn client_bundle(mut self, bundle: ClientBundle) -> Self {
        self.client = Client::Bundle(bundle);
        self
    }

    /// What connects this server with others. Default: nothing, [`MemoryAdapter`].
    pub fn adapter(mut self, adapter: impl AdapterFactory) -> Self {
        self.adapter = Box::new(adapter);
        self
    }

    /// Gives all handlers a state, which they get as [`State`](crate::State). There can be one of each type.
    pub fn state<T: Clone + Send + Sync + 'static>(mut self, state: T) -> Self {
        self.states.insert(TypeId::of::<T>(), Box::new(state));
        self
    }

    /// Hears of everything that goes wrong in handlers: arguments of a wrong type, errors, panics.
    ///
    /// ```
    /// use fanfare::Server;
    ///
    /// let io = Server::builder()
    ///     .on_failure(|failure| eprintln!("{} in {}: {:?}", failure.event, failure.namespace, failure.kind))
    ///     .build()
    ///     .unwrap();
    /// ```
    pub fn on_failure(mut self, hook: impl Fn(&Failure) + Send + Sync + 'static) -> Self {
        self.failure_hook = Some(Arc::new(hook));
        self
    }

    /// Attachments in one packet. Default: 10.
    pub fn max_attachments(mut self, attachments: usize) -> Self {
        self.limits.max_attachments = attachments;
        self
    }

    /// Namespaces that one connection may join. Default: 32.
    pub fn max_namespaces(mut self, namespaces: usize) -> Self {
        self.limits.max_namespaces = namespaces;
        self
    }

    /// Rooms that one socket may be in, besides that of its id. Default: 1024.
    pub fn max_rooms_per_socket(mut self, rooms: usize) -> Self {
        self.limits.max_rooms_per_socket = rooms;
        self
    }

    /// Acknowledgements that one socket may owe. Default: 1024.
    pub fn max_pending_acks(mut self, acks: usize) -> Self {
        self.limits.max_pending_acks = acks;
        self
    }

    /// Checks the options and makes the server.
    pub fn build(self) -> Result<Server, ConfigError> {
        check_duration("connect_timeout", self.connect_timeout)?;
        if let Some(recovery) = &self.recovery {
            check_duration("max_disconnection_duration", recovery.max_disconnection_duration)?;
        }
        let bundle = match self.client {
            Client::Discover => ClientBundle::discover(),
            Client::Bundle(bundle) => Some(bundle),
            Client::Nowhere => None,
        };
        let mut engine = self.engine;
        if let Some(bundle) = bundle {
            engine = engine.intercept(move |request| bundle.answer(request));
        }
        if let Some(peers) = self.adapter.peers() {
            engine = engine.peers(peers);
        }
        let settings = Settings {
            parser: self.parser,
            connect_timeout: self.connect_timeout,
            recovery: self.recovery,
            cleanup_empty_child_namespaces: self.cleanup_empty_child_namespaces,
            adapter: self.adapter,
            failure_hook: self.failure_hook,
            states: self.states,
            limits: self.limits,
        };
        let server = Server::with_settings(settings, engine.registered());
        server.start(engine.build(App(server.clone()))?);
        Ok(server)
    }
}

/// A deadline has to be an instant that can be told.
fn check_duration(option: &'static str, duration: Duration) -> Result<(), ConfigError> {
    if duration >= MIN_DURATION && duration <= MAX_DURATION {
        return Ok(());
    }
    Err(ConfigError { option, value: format!("{duration:?}"), allowed: "it is between 1 ms and 24 h" })
}

const MIN_DURATION: Duration = Duration::from_millis(1);
const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);

impl std::fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerBuilder").field("engine", &self.engine).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_option_is_named_with_what_is_allowed() {
        let check = |builder: ServerBuilder, expected: &str| {
            assert_eq!(builder.build().unwrap_err().to_string(), expected);
        };
        check(
            Server::builder().connect_timeout(Duration::ZERO),
            "connect_timeout: 0ns is not allowed; it is between 1 ms and 24 h",
        );
        let recovery = Recovery { max_disconnection_duration: Duration::from_secs(86_401), ..Recovery::default() };
        check(
            Server::builder().connection_state_recovery(recovery),
            "max_disconnection_duration: 86401s is not allowed; it is between 1 ms and 24 h",
        );
    }
}
