//! The options of an engine, with the reference server's names, defaults and meaning.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use fanfare_proto::engine::{SessionSettings, Transport};
use fanfare_proto::ids::NodeId;
use http::request::Parts;
use http::{HeaderMap, Response};
use ipnet::IpNet;

use crate::engine::Engine;
use crate::http::{Body, Cookie, Cors};
use crate::{Application, Handshake, Peers};

/// Builds an [`Engine`]. Every option has the reference server's default unless it says otherwise.
///
/// ```
/// use std::time::Duration;
/// use fanfare_engine::Engine;
///
/// let engine = Engine::builder()
///     .path("/chat")
///     .ping_interval(Duration::from_secs(10))
///     .build(|_: &fanfare_engine::Session| Ignore)
///     .unwrap();
/// assert_eq!(engine.path(), "/chat/");
///
/// struct Ignore;
/// impl fanfare_engine::Connection for Ignore {
///     fn message(&self, _: &fanfare_engine::Session, _: fanfare_engine::Received<'_>) {}
/// }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct EngineBuilder {
    config: Config,
}

/// An option with a value it cannot have. The program should not start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {value} is not allowed; {allowed}")]
pub struct ConfigError {
    /// The name of the option.
    pub option: &'static str,
    /// The value it was given.
    pub value: String,
    /// What it may be.
    pub allowed: &'static str,
}

/// Why `allow_request` turned a client away: the message of the 403 answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied(pub String);

impl<T: Into<String>> From<T> for Denied {
    fn from(message: T) -> Self {
        Self(message.into())
    }
}

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) path: String,
    pub(crate) session: SessionSettings,
    pub(crate) max_payload_bytes: usize,
    pub(crate) transports: Vec<Transport>,
    pub(crate) allow_upgrades: bool,
    pub(crate) allow_request: Option<AllowRequest>,
    pub(crate) cookie: Option<Cookie>,
    pub(crate) cors: Option<Cors>,
    pub(crate) http_compression_threshold_bytes: Option<usize>,
    pub(crate) initial_headers: Option<HeadersHook>,
    pub(crate) headers: Option<HeadersHook>,
    pub(crate) intercept: Option<Intercept>,
    pub(crate) allow_missing_origin: bool,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) node: Option<NodeId>,
    pub(crate) peers: Option<Arc<dyn Peers>>,
    pub(crate) delayed_connection: Duration,
    pub(crate) limits: Limits,
    pub(crate) registry: prometheus::Registry,
}

/// The bounds on what one client, and all together, can make a node hold. Source: `limits.md`.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) outbox_bytes: usize,
    pub(crate) all_outboxes_bytes: usize,
    pub(crate) write_timeout: Duration,
    pub(crate) packets_per_payload: usize,
    pub(crate) body_timeout: Duration,
    pub(crate) sessions_per_address: usize,
    pub(crate) message_rate: Option<MessageRate>,
}

/// How many messages a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageRate {
    /// Messages a second, in the long run.
    pub per_second: u32,
    /// Messages at once.
    pub burst: u32,
}

pub(crate) type HeadersHook = Arc<dyn Fn(&mut HeaderMap, &Handshake) + Send + Sync>;
pub(crate) type Intercept = Arc<dyn Fn(&Parts) -> Option<Response<Body>> + Send + Sync>;
pub(crate) type AllowRequest = Arc<dyn Fn(Handshake) -> Allowing + Send + Sync>;
type Allowing = Pin<Box<dyn Future<Output = Result<(), Denied>> + Send>>;

impl Default for EngineBuilder {
    fn default() -> Self {
        Self {
            config: Config {
                path: "/engine.io/".to_owned(),
                session: SessionSettings::default(),
                max_payload_bytes: 1_000_000,
                transports: vec![Transport::Polling, Transport::WebSocket],
                allow_upgrades: true,
                allow_request: None,
                cookie: None,
                cors: None,
                http_compression_threshold_bytes: Some(1024),
                initial_headers: None,
                headers: None,
                intercept: None,
                allow_missing_origin: true,
                trusted_proxies: Vec::new(),
                node: None,
                peers: None,
                delayed_connection: Duration::from_millis(300),
                limits: Limits {
                    outbox_bytes: 4 << 20,
                    all_outboxes_bytes: 1 << 30,
                    write_timeout: Duration::from_secs(10),
                    packets_per_payload: 65_536,
                    body_timeout: Duration::from_secs(30),
                    sessions_per_address: 0,
                    message_rate: None,
                },
                registry: prometheus::Registry::new(),
            },
        }
    }
}

impl EngineBuilder {
    /// The path of all requests. Default: `/engine.io/`. A missing slash at the end is added.
    pub fn path(mut self, path: impl AsRef<str>) -> Self {
        self.config.path = format!("{}/", path.as_ref().trim_end_matches('/'));
        self
    }

    /// Time between a pong and the next ping. Default: 25 s.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.session.ping_interval = interval;
        self
    }

    /// Time a client has to answer a ping. Default: 20 s.
    pub fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.config.session.ping_timeout = timeout;
        self
    }

    /// Time a client has to complete an upgrade. Default: 10 s.
    pub fn upgrade_timeout(mut self, timeout: Duration) -> Self {
        self.config.session.upgrade_timeout = timeout;
        self
    }

    /// Largest message or polling body, in bytes, in both directions. Default: 1 000 000.
    ///
    /// Sent to the client as `maxPayload`. A larger POST is answered with 413, a larger WebSocket message
    /// closes the session with 1009. A polling answer holds as many packets as fit, and at least one.
    pub fn max_http_buffer_size(mut self, bytes: usize) -> Self {
        self.config.max_payload_bytes = bytes;
        self
    }

    /// The transports that clients may use. Default: polling and WebSocket. The order does not matter.
    pub fn transports(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.config.transports = transports.into_iter().collect();
        self
    }

    /// Whether a polling session may move to WebSocket. Default: true.
    ///
    /// Where it may not, a client that tries all the same is refused; the reference lets it.
    pub fn allow_upgrades(mut self, allow: bool) -> Self {
        self.config.allow_upgrades = allow;
        self
    }

    /// Decides on every handshake, before a session is opened; refused ones get 403 with the message.
    pub fn allow_request<F, Fut>(mut self, decide: F) -> Self
    where
        F: Fn(Handshake) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Denied>> + Send + 'static,
    {
        self.config.allow_request = Some(Arc::new(move |handshake| Box::pin(decide(handshake))));
        self
    }

    /// Sends the session id as a cookie with the polling handshake, for load balancers. Default: off.
    pub fn cookie(mut self, cookie: Cookie) -> Self {
        self.config.cookie = Some(cookie);
        self
    }

    /// Lets pages of other origins in. Default: off, no CORS header at all.
    ///
    /// The origins also apply to WebSockets, which browsers open across origins without asking.
    pub fn cors(mut self, cors: Cors) -> Self {
        self.config.cors = Some(cors);
        self
    }

    /// Compresses polling answers of at least this many bytes; `None` never. Default: 1024.
    pub fn http_compression(mut self, threshold_bytes: Option<usize>) -> Self {
        self.config.http_compression_threshold_bytes = threshold_bytes;
        self
    }

    /// Changes the headers of the first answer of every session: the polling handshake or the WebSocket 101.
    pub fn initial_headers(mut self, hook: impl Fn(&mut HeaderMap, &Handshake) + Send + Sync + 'static) -> Self {
        self.config.initial_headers = Some(Arc::new(hook));
        self
    }

    /// Changes the headers of every polling answer and every WebSocket 101.
    pub fn headers(mut self, hook: impl Fn(&mut HeaderMap, &Handshake) + Send + Sync + 'static) -> Self {
        self.config.headers = Some(Arc::new(hook));
        self
    }

    /// Looks at every request of the engine's path before the engine does; a request that it answers goes no further. The
    /// answer gets the CORS headers of the engine.
    pub fn intercept(mut self, answer: impl Fn(&Parts) -> Option<Response<Body>> + Send + Sync + 'static) -> Self {
        self.config.intercept = Some(Arc::new(answer));
        self
    }

    /// Whether a WebSocket without `Origin`, as programs other than browsers open it, is let in when
    /// [`cors`](Self::cors) names the origins. Default: true.
    pub fn allow_missing_origin(mut self, allow: bool) -> Self {
        self.config.allow_missing_origin = allow;
        self
    }

    /// The proxies whose `X-Forwarded-For` is believed. Default: none.
    pub fn trusted_proxies(mut self, proxies: impl IntoIterator<Item = IpNet>) -> Self {
        self.config.trusted_proxies = proxies.into_iter().collect();
        self
    }

    /// The name of this node in the session ids it hands out. Default: random. No two nodes of a cluster may have the
    /// same.
    pub fn node_id(mut self, node: NodeId) -> Self {
        self.config.node = Some(node);
        self
    }

    /// How the other nodes of a cluster are reached, so that a request may come to any node. Default: there are none.
    pub fn peers(mut self, peers: Arc<dyn Peers>) -> Self {
        self.config.peers = Some(peers);
        self
    }

    /// How long the application hears nothing of a session that begins over polling, where there are
    /// [peers](Self::peers). Default: 300 ms.
    ///
    /// A session that moves to WebSocket in this time is at home on the node that has its WebSocket, whichever that is;
    /// later it stays where it is, and its WebSocket is relayed. What the client sends meanwhile is kept. Every attempt
    /// to upgrade begins the time anew, up to three times as much altogether. At zero nothing is delayed.
    pub fn delayed_connection(mut self, delay: Duration) -> Self {
        self.config.delayed_connection = delay;
        self
    }

    /// Bytes that may wait for one client, each packet charged 64 more, before it is disconnected as a slow
    /// consumer. Default: 4 MiB. The reference has no bound.
    pub fn max_outbox_size(mut self, bytes: usize) -> Self {
        self.config.limits.outbox_bytes = bytes;
        self
    }

    /// Bytes that may wait for all clients together, shared ones counted once, before those with the most
    /// are disconnected. Default: 1 GiB.
    pub fn max_outboxes_size(mut self, bytes: usize) -> Self {
        self.config.limits.all_outboxes_bytes = bytes;
        self
    }

    /// How long a client may take none of what waits for it. Default: 10 s.
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.config.limits.write_timeout = timeout;
        self
    }

    /// Packets in one polling body. Default: 65 536: a client that has gathered events while it was offline sends them all
    /// at once.
    pub fn max_packets_per_payload(mut self, packets: usize) -> Self {
        self.config.limits.packets_per_payload = packets;
        self
    }

    /// How long the body of a POST may take; it must also come at 1 kB/s or faster. Default: 30 s.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.config.limits.body_timeout = timeout;
        self
    }

    /// Sessions that one address may have at a time; more are answered with 503. Default: 0, no limit.
    pub fn max_sessions_per_address(mut self, sessions: usize) -> Self {
        self.config.limits.sessions_per_address = sessions;
        self
    }

    /// Messages that one client may send: over it, it is no longer read, and closed if it keeps on.
    /// Default: no limit.
    pub fn message_rate(mut self, rate: MessageRate) -> Self {
        self.config.limits.message_rate = Some(rate);
        self
    }

    /// Where the metrics are registered. Default: a registry of its own.
    pub fn registry(mut self, registry: prometheus::Registry) -> Self {
        self.config.registry = registry;
        self
    }

    /// The registry in which the metrics will be.
    pub fn registered(&self) -> &prometheus::Registry {
        &self.config.registry
    }

    /// Checks the options and makes an engine that hands its sessions to `application`.
    pub fn build(self, application: impl Application) -> Result<Engine, ConfigError> {
        self.config.validate()?;
        Engine::new(self.config, Box::new(application))
    }
}

impl Config {
    fn validate(&self) -> Result<(), ConfigError> {
        let positive = [
            ("ping_interval", self.session.ping_interval),
            ("ping_timeout", self.session.ping_timeout),
            ("upgrade_timeout", self.session.upgrade_timeout),
            ("write_timeout", self.limits.write_timeout),
            ("body_timeout", self.limits.body_timeout),
        ];
        for (option, duration) in positive {
            let value = format!("{duration:?}");
            check(option, value, duration >= MIN_DURATION && duration <= MAX_DURATION, "it is between 1 ms and 24 h")?;
        }
        let delay = self.delayed_connection;
        check("delayed_connection", format!("{delay:?}"), delay <= MAX_DELAY, "it is no longer than 10 s")?;
        let sized = [
            ("max_http_buffer_size", self.max_payload_bytes),
            ("max_outbox_size", self.limits.outbox_bytes),
            ("max_outboxes_size", self.limits.all_outboxes_bytes),
            ("max_packets_per_payload", self.limits.packets_per_payload),
        ];
        for (option, number) in sized {
            check(option, number.to_string(), number > 0, "it is at least 1")?;
        }
        let transports = format!("{:?}", self.transports);
        check("transports", transports, !self.transports.is_empty(), "name at least one")?;
        let path = self.path.clone();
        check("path", path, is_path(&self.path), "it begins with `/` and has no query, `%` or space")?;
        if let Some(rate) = self.limits.message_rate {
            let value = format!("{rate:?}");
            check("message_rate", value, rate.per_second > 0 && rate.burst > 0, "both numbers are at least 1")?;
        }
        self.cookie.as_ref().map_or(Ok(()), Cookie::validate)?;
        self.cors.as_ref().map_or(Ok(()), Cors::validate)
    }
}

fn check(option: &'static str, value: String, holds: bool, allowed: &'static str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { option, value, allowed }) }
}

fn is_path(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'%'))
}

const MIN_DURATION: Duration = Duration::from_millis(1);
const MAX_DURATION: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_DELAY: Duration = Duration::from_secs(10);

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("path", &self.path)
            .field("session", &self.session)
            .field("max_payload_bytes", &self.max_payload_bytes)
            .field("transports", &self.transports)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Connection, Received, Session};

    struct Ignore;

    impl Connection for Ignore {
        fn message(&self, _: &Session, _: Received<'_>) {}
    }

    fn error(builder: EngineBuilder) -> String {
        builder.build(|_: &Session| Ignore).expect_err("the option is wrong").to_string()
    }

    #[test]
    fn a_wrong_option_is_named_with_what_is_allowed() {
        let builder = Engine::builder;
        assert_eq!(
            error(builder().ping_interval(Duration::ZERO)),
            "ping_interval: 0ns is not allowed; it is between 1 ms and 24 h"
        );
        assert_eq!(
            error(builder().max_http_buffer_size(0)),
            "max_http_buffer_size: 0 is not allowed; it is at least 1"
        );
        assert_eq!(error(builder().transports([])), "transports: [] is not allowed; name at least one");
        assert!(error(builder().delayed_connection(Duration::from_secs(11))).starts_with("delayed_connection: 11s"));
        assert!(error(builder().path("no-slash")).starts_with("path: no-slash/ is not allowed"));
        assert!(error(builder().message_rate(MessageRate { per_second: 0, burst: 1 })).starts_with("message_rate"));
        assert!(error(builder().cors(Cors::any().credentials(true))).starts_with("cors"));
    }
}
