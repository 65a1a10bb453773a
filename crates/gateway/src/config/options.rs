//! The options, with what `--help` says of them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use fanfare::engine::NodeId;
use ipnet::IpNet;

use crate::app::App;

/// A Socket.IO node: clients connect to it by WebSocket and HTTP long-polling.
///
/// Without arguments it serves a chat on http://localhost:3000.
///
/// Every option can also be given in the environment, or in a file named by --config, under the name of the flag with _
/// for -: flags come first, then the environment, then the file. SIGTERM and SIGINT end the node after its drain time; a
/// second one ends it at once.
#[derive(Clone, Debug, Parser)]
#[command(name = "fanfare", version)]
#[allow(rustdoc::bare_urls, reason = "it is read in a terminal")]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// A file with options, in TOML: ping_interval = "25s"
    #[arg(long, env = "FANFARE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The address to listen on
    #[arg(long, env = "FANFARE_LISTEN", default_value = "0.0.0.0:3000", value_name = "HOST:PORT")]
    pub(crate) listen: String,

    /// The path of all Socket.IO requests
    #[arg(long, env = "FANFARE_PATH", default_value = "/socket.io/")]
    pub(crate) path: String,

    /// An origin whose pages may connect, such as https://example.com; may be given several times; `*` for all
    #[arg(long, env = "FANFARE_CORS_ORIGIN", value_delimiter = ',', value_name = "ORIGIN")]
    pub(crate) cors_origin: Vec<String>,

    /// What the node does with its clients
    #[arg(long, env = "FANFARE_APP", value_enum, default_value_t = App::Demo)]
    pub(crate) app: App,

    /// Time between a pong and the next ping
    #[arg(long, env = "FANFARE_PING_INTERVAL", default_value = "25s", value_parser = duration, value_name = "DURATION")]
    pub(crate) ping_interval: Duration,

    /// Time a client has to answer a ping
    #[arg(long, env = "FANFARE_PING_TIMEOUT", default_value = "20s", value_parser = duration, value_name = "DURATION")]
    pub(crate) ping_timeout: Duration,

    /// Time a client has to complete an upgrade to WebSocket
    #[arg(long, env = "FANFARE_UPGRADE_TIMEOUT", default_value = "10s", value_parser = duration, value_name = "DURATION")]
    pub(crate) upgrade_timeout: Duration,

    /// Time a client has to join its first namespace
    #[arg(long, env = "FANFARE_CONNECT_TIMEOUT", default_value = "45s", value_parser = duration, value_name = "DURATION")]
    pub(crate) connect_timeout: Duration,

    /// Time a client may take none of what waits for it
    #[arg(long, env = "FANFARE_WRITE_TIMEOUT", default_value = "10s", value_parser = duration, value_name = "DURATION")]
    pub(crate) write_timeout: Duration,

    /// Largest message and polling body, in bytes
    #[arg(long, env = "FANFARE_MAX_PAYLOAD", default_value_t = 1_000_000, value_name = "BYTES")]
    pub(crate) max_payload: usize,

    /// Worker threads; as many as there are cores unless given
    #[arg(long, env = "FANFARE_WORKERS", value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,

    /// Connections at a time; more are answered with 503
    #[arg(long, env = "FANFARE_MAX_CONNECTIONS", default_value_t = 100_000, value_name = "CONNECTIONS",
        value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) max_connections: u32,

    /// Clients of one address at a time, as trusted proxies tell it; more are answered with 503; 0 for no limit
    #[arg(long, env = "FANFARE_MAX_CONNECTIONS_PER_ADDRESS", default_value_t = 0, value_name = "CONNECTIONS")]
    pub(crate) max_connections_per_address: usize,

    /// A proxy whose X-Forwarded-For is believed, such as 10.0.0.0/8 or ::1; may be given several times
    #[arg(long, env = "FANFARE_TRUSTED_PROXY", value_delimiter = ',', value_parser = network, value_name = "CIDR")]
    pub(crate) trusted_proxy: Vec<IpNet>,

    /// What connects the node with others
    #[arg(long, env = "FANFARE_ADAPTER", value_enum, default_value_t = AdapterKind::Memory)]
    pub(crate) adapter: AdapterKind,

    /// Where Redis is; given several times, a Redis Cluster for redis-sharded, or Sentinels with --redis-sentinel
    #[arg(
        long,
        env = "FANFARE_REDIS",
        hide_env_values = true,
        value_delimiter = ',',
        default_value = "redis://127.0.0.1:6379/",
        value_name = "URL"
    )]
    pub(crate) redis: Vec<String>,

    /// The name of the primary, if the addresses of --redis are those of Sentinels
    #[arg(long, env = "FANFARE_REDIS_SENTINEL", value_name = "NAME")]
    pub(crate) redis_sentinel: Option<String>,

    /// The authorities that vouch for a Redis at rediss://, certificates in PEM; those that browsers trust unless given
    #[arg(long, env = "FANFARE_REDIS_CA", value_name = "FILE")]
    pub(crate) redis_ca: Option<PathBuf>,

    /// What the channels in Redis begin with
    #[arg(long, env = "FANFARE_REDIS_PREFIX", default_value = "socket.io", value_name = "PREFIX")]
    pub(crate) redis_prefix: String,

    /// Do not start while Redis cannot be reached
    #[arg(long, env = "FANFARE_REQUIRE_REDIS", default_value_t = false, action = clap::ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_missing_value = "true", value_name = "true|false")]
    pub(crate) require_redis: bool,

    /// The name of the node in session ids: 4 letters, digits, - or _; random unless given
    #[arg(long, env = "FANFARE_NODE_ID", value_parser = node_id, value_name = "ID")]
    pub(crate) node_id: Option<NodeId>,

    /// The internal address of /metrics, /healthz and /readyz, or none
    #[arg(long, env = "FANFARE_ADMIN_LISTEN", default_value = "127.0.0.1:9100", value_name = "HOST:PORT")]
    pub(crate) admin_listen: String,

    /// Time over which clients are sent away, one after the other, when the node is told to end
    #[arg(long, env = "FANFARE_DRAIN_TIME", default_value = "10s", value_parser = drain_time, value_name = "DURATION")]
    pub(crate) drain_time: Duration,

    /// What is logged: error, warn, info, debug, trace, or filters such as info,fanfare_engine=debug
    #[arg(long, env = "FANFARE_LOG", default_value = "info", value_name = "FILTER", value_parser = filter)]
    pub(crate) log: String,
}

/// What the program does besides serving.
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print the configuration in effect, and where each value comes from, and exit; passwords are left out
    CheckConfig,
    /// Ask the node at the address of --admin-listen how it is, and exit, with 0 if it is well
    Health {
        /// What it is asked: /healthz, or /readyz for whether clients should be sent to it
        #[arg(default_value = "/healthz", value_name = "PATH")]
        path: String,
    },
}

/// What connects the node with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum AdapterKind {
    /// Nothing: the node is alone
    Memory,
    /// Redis, by classic pub/sub
    Redis,
    /// Redis 7 or later, or Redis Cluster, by sharded pub/sub
    RedisSharded,
}

impl Options {
    /// Where metrics and health are served, if anywhere.
    pub(crate) fn admin_address(&self) -> Option<&str> {
        Some(&*self.admin_listen).filter(|&address| address != "none")
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}; write it as 25s or 300ms"))
}

fn filter(text: &str) -> Result<String, String> {
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn drain_time(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|time| if time <= MAX_DRAIN { Ok(time) } else { Err("it is 24 h at most".to_owned()) })
}

/// A network, or a single address.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse().or_else(|_| address()).map_err(|_| "it is an address, or a network such as 10.0.0.0/8".to_owned())
}

fn node_id(text: &str) -> Result<NodeId, String> {
    text.parse().map_err(|_| "it has 4 letters, digits, - or _".to_owned())
}

const MAX_DRAIN: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_with_their_unit() {
        assert_eq!(duration("25s"), Ok(Duration::from_secs(25)));
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        assert!(duration("25").unwrap_err().contains("write it as 25s or 300ms"));
        assert_eq!(drain_time("0s"), Ok(Duration::ZERO));
        assert!(drain_time("2days").is_err());
    }

    #[test]
    fn a_network_may_be_a_single_address() {
        assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
        assert_eq!(network("::1").unwrap().to_string(), "::1/128");
        assert!(network("10.0.0.0/33").is_err() && network("proxy").is_err());
    }
}
