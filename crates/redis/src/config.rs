//! The options of an adapter.

use std::time::Duration;

use fanfare_proto::cluster::SubscriptionMode;
use redis::RedisError;

use crate::connection::Connector;
use crate::{ConfigError, RedisAdapter};

/// Builds a [`RedisAdapter`].
///
/// ```no_run
/// use std::time::Duration;
/// use fanfare_redis::RedisAdapter;
///
/// # async fn run() -> Result<(), fanfare_redis::ConfigError> {
/// let adapter = RedisAdapter::builder("redis://127.0.0.1/")
///     .prefix("myapp")
///     .requests_timeout(Duration::from_secs(2))
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisAdapterBuilder {
    pub(crate) config: Config,
}

#[derive(Clone)]
pub(crate) struct Config {
    pub(crate) topology: Topology,
    pub(crate) kind: Kind,
    pub(crate) prefix: String,
    pub(crate) requests_timeout: Duration,
    pub(crate) answer_on_own_channel: bool,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) ping_interval: Duration,
    pub(crate) pool_size: u32,
    pub(crate) max_queue_bytes: usize,
    pub(crate) max_message_bytes: usize,
    pub(crate) ca_certificates: Option<Vec<u8>>,
    pub(crate) registry: prometheus::Registry,
}

#[derive(Clone)]
pub(crate) enum Topology {
    Server(String),
    Cluster(Vec<String>),
    Sentinel { urls: Vec<String>, primary: String },
}

/// How the nodes of a cluster talk. All of them have to do it the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Classic pub/sub, as `createAdapter` of `@socket.io/redis-adapter`.
    #[default]
    Classic,
    /// Sharded pub/sub of Redis 7, as `createShardedAdapter`.
    Sharded(SubscriptionMode),
}

impl RedisAdapterBuilder {
    pub(crate) fn new(topology: Topology) -> Self {
        Self {
            config: Config {
                topology,
                kind: Kind::Classic,
                prefix: "socket.io".to_owned(),
                requests_timeout: Duration::from_secs(5),
                answer_on_own_channel: false,
                connect_timeout: Duration::from_secs(2),
                response_timeout: Duration::from_secs(2),
                ping_interval: Duration::from_secs(2),
                pool_size: 4,
                max_queue_bytes: 64 << 20,
                max_message_bytes: 16 << 20,
                ca_certificates: None,
                registry: prometheus::Registry::new(),
            },
        }
    }

    /// How the nodes talk. Default: classic pub/sub.
    pub fn kind(mut self, kind: Kind) -> Self {
        self.config.kind = kind;
        self
    }

    /// What all channels begin with: the `key` or `channelPrefix` of the reference. Default: `socket.io`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.config.prefix = prefix.into();
        self
    }

    /// How long the answers of other nodes are waited for. Default: 5 s.
    pub fn requests_timeout(mut self, timeout: Duration) -> Self {
        self.config.requests_timeout = timeout;
        self
    }

    /// Whether answers go to the channel of the node that asks, instead of one that all nodes read: the reference's
    /// `publishOnSpecificResponseChannel`. Default: false.
    pub fn publish_on_specific_response_channel(mut self, specific: bool) -> Self {
        self.config.answer_on_own_channel = specific;
        self
    }

    /// How long a connection may take to be made. Default: 2 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// How long Redis may take to answer. Default: 2 s.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.config.response_timeout = timeout;
        self
    }

    /// How often the connection that listens is asked whether it is alive. Default: 2 s.
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.ping_interval = interval;
        self
    }

    /// Connections besides the one that listens: one of them publishes, the others ask how many nodes there are. At least 2;
    /// default: 4.
    pub fn pool_size(mut self, connections: u32) -> Self {
        self.config.pool_size = connections;
        self
    }

    /// Bytes that may wait to be published; what comes on top is dropped and counted. Default: 64 MiB.
    pub fn max_queue_bytes(mut self, bytes: usize) -> Self {
        self.config.max_queue_bytes = bytes;
        self
    }

    /// Largest message, in bytes, that is published or read. Default: 16 MiB.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.config.max_message_bytes = bytes;
        self
    }

    /// The authorities that vouch for a Redis at `rediss://`, as certificates in PEM. Default: those that browsers trust.
    pub fn ca_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.config.ca_certificates = Some(pem.into());
        self
    }

    /// Where the metrics are registered. Default: a registry of its own.
    pub fn registry(mut self, registry: prometheus::Registry) -> Self {
        self.config.registry = registry;
        self
    }

    /// Checks the options, and nothing else.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.config.validate()?;
        Connector::new(&self.config).map(drop)
    }

    /// Checks the options and begins to connect. It returns when Redis has been reached, or has turned out to be away:
    /// the adapter then goes on trying.
    pub async fn connect(self) -> Result<RedisAdapter, ConfigError> {
        self.config.validate()?;
        RedisAdapter::start(self.config).await
    }
}

impl Config {
    fn validate(&self) -> Result<(), ConfigError> {
        let durations = [
            ("requests_timeout", self.requests_timeout),
            ("connect_timeout", self.connect_timeout),
            ("response_timeout", self.response_timeout),
            ("ping_interval", self.ping_interval),
        ];
        for (option, duration) in durations {
            if duration.is_zero() {
                return Err(ConfigError {
                    option,
                    value: format!("{duration:?}"),
                    allowed: "it is longer than nothing",
                });
            }
        }
        if self.pool_size < 2 {
            let value = self.pool_size.to_string();
            return Err(ConfigError { option: "pool_size", value, allowed: "it is at least 2" });
        }
        if self.prefix.is_empty() || self.prefix.contains('#') {
            let allowed = "it has at least one character and no `#`";
            return Err(ConfigError { option: "prefix", value: self.prefix.clone(), allowed });
        }
        let certificate: &[u8] = b"-----BEGIN CERTIFICATE-----";
        if self.ca_certificates.as_ref().is_some_and(|pem| !pem.windows(certificate.len()).any(|at| at == certificate))
        {
            let allowed = "it has at least one certificate in PEM";
            return Err(ConfigError { option: "ca_certificates", value: "this".to_owned(), allowed });
        }
        if matches!((&self.topology, self.kind), (Topology::Cluster(_), Kind::Classic)) {
            let allowed = "over Redis Cluster, nodes talk by sharded pub/sub";
            return Err(ConfigError { option: "kind", value: "classic".to_owned(), allowed });
        }
        Ok(())
    }
}

/// What is wrong with an address, without the password in it.
pub(crate) fn wrong_url(url: &str, error: &RedisError) -> ConfigError {
    let allowed = "it is redis://[user:password@]host[:port][/database], or rediss:// for TLS";
    tracing::debug!(%error, "the address of Redis cannot be read");
    ConfigError { option: "url", value: redacted(url), allowed }
}

/// An address of Redis as it can be shown: without user, password and query. What is no address stays as it is.
pub fn redacted(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, _)| url.split_at(scheme.len() + 3));
    // The address of a Unix socket has the password in its query, and perhaps an `@` in the password.
    let host =
        rest.rfind('@').filter(|_| !rest.starts_with('/')).map_or(rest.to_owned(), |at| format!("…{}", &rest[at..]));
    match host.split_once('?').filter(|_| !scheme.is_empty()) {
        Some((before, _)) => format!("{scheme}{before}?…"),
        None => format!("{scheme}{host}"),
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("kind", &self.kind).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        assert_eq!(redacted("redis://user:secret@host:6379/1"), "redis://…@host:6379/1");
        assert_eq!(redacted("redis://host"), "redis://host");
        assert_eq!(redacted("nonsense"), "nonsense");
        assert_eq!(redacted("user:secret@host"), "…@host");
        assert_eq!(redacted("redis://user:se@cr?et@host?protocol=resp3"), "redis://…@host?…");
        assert_eq!(redacted("unix:///run/redis.sock?pass=sec@ret"), "unix:///run/redis.sock?…");
    }

    #[tokio::test]
    async fn a_wrong_option_is_named_with_what_is_allowed() {
        let error = async |builder: RedisAdapterBuilder| builder.connect().await.expect_err("it is wrong").to_string();
        let builder = || RedisAdapter::builder("redis://127.0.0.1/");
        assert_eq!(error(builder().pool_size(1)).await, "pool_size: 1 is not allowed; it is at least 2");
        assert!(error(builder().prefix("a#b")).await.starts_with("prefix: a#b is not allowed"));
        assert!(error(builder().requests_timeout(Duration::ZERO)).await.starts_with("requests_timeout: 0ns"));
        let message = error(RedisAdapter::builder("http://me:secret@host")).await;
        assert!(message.starts_with("url: http://…@host is not allowed") && !message.contains("secret"), "{message}");
        assert!(error(RedisAdapter::cluster(["redis://127.0.0.1/"])).await.starts_with("kind: classic"));
    }
}
