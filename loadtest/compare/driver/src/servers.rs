//! The servers that are compared, and how each is started.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::cores::Place;
use crate::failure::Failure;
use crate::process::Process;

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// One write per delivery, and nothing else
    Floor,
    /// The same with queues and a flusher
    Flush,
    /// Node.js with ws
    NodeWs,
    /// Node.js with uWebSockets.js
    NodeUws,
    /// socketioxide with axum
    Socketioxide,
    /// Fanfare
    Fanfare,
}

/// How a server is to run.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// Threads that serve; one unless given.
    pub workers: Option<u16>,
    /// Time between pings; 25 s unless given.
    pub ping_interval: Option<Duration>,
    /// The port of the Redis that connects it with others.
    pub redis: Option<u16>,
    /// Whether that is used by sharded pub/sub, which only Fanfare is asked to do.
    pub sharded: bool,
    /// The cores it runs on.
    pub place: Place,
}

impl Kind {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 6] =
        [Self::Floor, Self::Flush, Self::NodeWs, Self::NodeUws, Self::Socketioxide, Self::Fanfare];

    /// Its name in the table.
    pub fn title(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Flush => "flush",
            Self::NodeWs => "Node.js ws",
            Self::NodeUws => "Node.js uWS",
            Self::Socketioxide => "socketioxide",
            Self::Fanfare => "Fanfare",
        }
    }

    /// Starts it on a free port.
    pub fn start(self, setting: &Setting) -> Result<Process, Failure> {
        Process::start(setting.place.of(self.command(setting)))
    }

    /// The command that starts it, as one would type it in the folder of the project.
    pub fn command_line(self, setting: &Setting) -> String {
        let command = self.command(setting);
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        words.join(" ").replace(&format!("{}/", root().display()), "")
    }

    fn command(self, setting: &Setting) -> Command {
        match self {
            Self::Floor => Command::new(built("compare/release/floor")),
            Self::Flush => with(Command::new(built("compare/release/floor")), &["--flush"]),
            Self::NodeWs => peer(node("ws"), setting),
            Self::NodeUws => peer(node("uws"), setting),
            Self::Socketioxide => peer(Command::new(built("compare/release/peer-socketioxide")), setting),
            Self::Fanfare => fanfare(setting),
        }
    }
}

fn fanfare(setting: &Setting) -> Command {
    let mut command = Command::new(built("release/fanfare"));
    command.args(["--app", "testbed", "--listen", "127.0.0.1:0", "--admin-listen", "none", "--drain-time", "0s"]);
    command.args(["--log", "error", "--workers", &setting.workers.unwrap_or(1).to_string()]);
    if let Some(interval) = setting.ping_interval {
        command.args(["--ping-interval", &format!("{}ms", interval.as_millis())]);
    }
    if let Some(port) = setting.redis {
        let adapter = if setting.sharded { "redis-sharded" } else { "redis" };
        command.args(["--adapter", adapter, "--require-redis", "--redis", &format!("redis://127.0.0.1:{port}/")]);
    }
    command
}

fn node(engine: &str) -> Command {
    let script = root().join("loadtest/compare/node/server.js");
    with(Command::new("node"), &[&script.to_string_lossy(), "--engine", engine])
}

/// The options that all peers of this folder know.
fn peer(mut command: Command, setting: &Setting) -> Command {
    if let Some(workers) = setting.workers {
        command.args(["--workers", &workers.to_string()]);
    }
    if let Some(interval) = setting.ping_interval {
        command.args(["--ping-interval", &interval.as_millis().to_string()]);
    }
    if let Some(port) = setting.redis {
        command.args(["--redis", &port.to_string()]);
    }
    command
}

fn with(mut command: Command, arguments: &[&str]) -> Command {
    command.args(arguments);
    command
}

fn built(path: &str) -> PathBuf {
    root().join("target").join(path)
}

/// The folder of the whole project.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..").canonicalize().expect("this was built there")
}
