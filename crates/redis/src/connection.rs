//! How Redis is reached: one server, the primary that Sentinel names, or a cluster.

use std::collections::HashMap;
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, ResponsePolicy, RoutingInfo};
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, Pipeline,
    ProtocolVersion, PushInfo, RedisError, RedisFuture, RedisResult, TlsCertificates, TlsMode, Value,
};
use tokio::sync::{Mutex, watch};

use crate::config::{Config, Topology};
use crate::status::Ability;
use crate::{ConfigError, config};

/// Makes connections.
pub(crate) struct Connector {
    to: To,
    connect_timeout: Duration,
    response_timeout: Duration,
    /// Told when connections that were made until now are not to be trusted any more.
    distrusted: watch::Sender<()>,
}

enum To {
    Server(Client),
    /// It remembers the sentinels it has found, which takes it for itself while it connects.
    Sentinel(Mutex<SentinelClient>),
    Cluster(Vec<ConnectionInfo>, Option<TlsCertificates>),
}

/// Takes what Redis sends without being asked. Must not wait.
pub(crate) type Pushed = Box<dyn Fn(PushInfo) -> Result<(), redis::aio::SendError> + Send + Sync>;

/// One connection. Clones share it.
#[derive(Clone)]
pub(crate) enum Link {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// What Redis calls a connection. With the address, no other server has one that is called the same.
pub(crate) struct Identity {
    id: String,
    address: String,
}

impl Connector {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let to = match &config.topology {
            Topology::Server(url) => To::Server(server(url, certificates(config))?),
            Topology::Cluster(urls) => {
                let nodes = urls.iter().map(|url| connection_info(url)).collect::<Result<Vec<_>, _>>()?;
                let certificates = certificates(config).filter(|_| nodes.iter().any(is_tls));
                To::Cluster(nodes, certificates)
            }
            Topology::Sentinel { urls, primary } => {
                To::Sentinel(Mutex::new(sentinel(urls, primary, certificates(config))?))
            }
        };
        let distrusted = watch::Sender::new(());
        Ok(Self { to, connect_timeout: config.connect_timeout, response_timeout: config.response_timeout, distrusted })
    }

    /// One connection has turned out to lead nowhere, and so may all others.
    pub(crate) fn distrust(&self) {
        self.distrusted.send_replace(());
    }

    /// Sees a change when the connections that are made from now on are not to be trusted any more.
    pub(crate) fn watch_trust(&self) -> watch::Receiver<()> {
        self.distrusted.subscribe()
    }

    /// Connects, within the connect timeout, to a server that can be used.
    pub(crate) async fn connect(&self, to: Ability, pushed: Pushed) -> RedisResult<Link> {
        let connecting = async {
            let mut link = self.open(to, pushed).await?;
            link.check().await?;
            Ok(link)
        };
        let timeout = self.connect_timeout + self.response_timeout;
        tokio::time::timeout(timeout, connecting).await.unwrap_or_else(|_| Err(timed_out("connecting")))
    }

    async fn open(&self, to: Ability, pushed: Pushed) -> RedisResult<Link> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.response_timeout));
        match &self.to {
            To::Server(client) => {
                let config = config.set_push_sender(pushed);
                client.get_multiplexed_async_connection_with_config(&config).await.map(Link::Server)
            }
            To::Sentinel(client) => {
                let config = config.set_push_sender(pushed);
                client.lock().await.get_async_connection_with_config(&config).await.map(Link::Server)
            }
            To::Cluster(nodes, certificates) => {
                let mut builder = ClusterClientBuilder::new(nodes.clone())
                    .use_protocol(ProtocolVersion::RESP3)
                    .connection_timeout(self.connect_timeout)
                    .response_timeout(self.response_timeout)
                    .retries(match to {
                        Ability::Listen => 3,
                        // What is sent again may arrive twice.
                        Ability::Publish => 0,
                    })
                    .push_sender(pushed);
                if let Some(certificates) = certificates {
                    builder = builder.certs(certificates.clone());
                }
                builder.build()?.get_async_connection().await.map(Link::Cluster)
            }
        }
    }
}

impl Link {
    /// Whether the link is to a cluster, where each sharded channel has its node.
    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// What Redis calls this connection, if it says so to this user.
    pub(crate) async fn identity(&mut self) -> Option<Identity> {
        let Self::Server(connection) = self else { return None };
        let info: String = redis::cmd("CLIENT").arg("INFO").query_async(connection).await.ok()?;
        let field = |name: &str| info.split(' ').find_map(|field| field.strip_prefix(name)).map(str::to_owned);
        Some(Identity { id: field("id=")?, address: field("addr=")? })
    }

    /// Has Redis end another connection of ours, which it may not know to be dead: it would count it as a node for minutes.
    pub(crate) async fn end(&mut self, other: &Identity) {
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL").arg("ID").arg(&other.id).arg("ADDR").arg(&other.address);
        // It is gone, or the user may not do that.
        let _ = kill.exec_async(self).await;
    }

    /// Whether it leads to a primary, or to all that a cluster has, and they serve.
    pub(crate) async fn check(&mut self) -> RedisResult<()> {
        match self {
            Self::Server(connection) => check_server(connection).await,
            Self::Cluster(connection) => check_cluster(connection).await,
        }
    }
}

impl ConnectionLike for Link {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// An error of ours, where nothing has come in time.
pub(crate) fn timed_out(what: &str) -> RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, format!("{what} took too long")).into()
}

/// Whether a server is what we need; HELLO is what any user may say.
async fn check_server(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let hello: HashMap<String, Value> = redis::cmd("HELLO").query_async(connection).await?;
    let is =
        |key: &str, value: &str| matches!(hello.get(key), Some(Value::BulkString(text)) if text == value.as_bytes());
    let wrong = if is("role", "replica") {
        "this Redis is a read-only replica, and what is published there stays there"
    } else if is("mode", "cluster") {
        "this Redis is one of a Redis Cluster, which takes the addresses of several, and sharded pub/sub"
    } else if is("mode", "sentinel") {
        "this Redis is a Sentinel, which takes the name of its primary"
    } else {
        return Ok(());
    };
    Err(std::io::Error::other(wrong).into())
}

/// Whether every primary of a cluster answers, and finds that the cluster is whole: any of them may have our channels.
async fn check_cluster(connection: &mut ClusterConnection) -> RedisResult<()> {
    let every_primary = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, Some(ResponsePolicy::Special)));
    let mut info = redis::cmd("CLUSTER");
    info.arg("INFO");
    let answers: HashMap<String, String> =
        redis::from_redis_value(connection.route_command(info, every_primary).await?)?;
    let expected = ["cluster_state:ok".to_owned(), format!("cluster_size:{}", answers.len())];
    let whole = |info: &String| expected.iter().all(|expected| info.lines().any(|line| line == expected));
    if answers.values().all(whole) {
        Ok(())
    } else {
        Err(std::io::Error::other("a part of the Redis Cluster is away").into())
    }
}

fn server(url: &str, certificates: Option<TlsCertificates>) -> Result<Client, ConfigError> {
    let info = connection_info(url)?;
    let client = match certificates.filter(|_| is_tls(&info)) {
        Some(certificates) => Client::build_with_tls(info, certificates),
        None => Client::open(info),
    };
    client.map_err(|error| config::wrong_url(url, &error))
}

fn sentinel(
    urls: &[String],
    primary: &str,
    certificates: Option<TlsCertificates>,
) -> Result<SentinelClient, ConfigError> {
    let nodes = urls.iter().map(|url| connection_info(url)).collect::<Result<Vec<_>, _>>()?;
    let addresses = nodes.iter().map(|node| node.addr().clone());
    let wrong = |error: RedisError| config::wrong_url(&urls.join(","), &error);
    let mut builder = SentinelClientBuilder::new(addresses, primary, SentinelServerType::Master)
        .map_err(wrong)?
        .set_client_to_redis_protocol(ProtocolVersion::RESP3);
    if let Some(first) = nodes.first() {
        let settings = first.redis_settings();
        builder = builder.set_client_to_redis_db(settings.db());
        if let Some(username) = settings.username() {
            builder = builder.set_client_to_redis_username(username);
        }
        if let Some(password) = settings.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        if is_tls(first) {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            if let Some(certificates) = certificates {
                builder = builder
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates);
            }
        }
    }
    builder.build().map_err(wrong)
}

/// RESP3 carries messages beside answers, on one connection.
fn connection_info(url: &str) -> Result<ConnectionInfo, ConfigError> {
    let info = url.into_connection_info().map_err(|error| config::wrong_url(url, &error))?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        let allowed = "whom it is encrypted for is always checked";
        return Err(ConfigError { option: "url", value: config::redacted(url), allowed });
    }
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Ok(info.set_redis_settings(settings))
}

fn is_tls(info: &ConnectionInfo) -> bool {
    matches!(info.addr(), ConnectionAddr::TcpTls { .. })
}

fn certificates(config: &Config) -> Option<TlsCertificates> {
    let root_cert = Some(config.ca_certificates.clone()?);
    Some(TlsCertificates { client_tls: None, root_cert })
}
