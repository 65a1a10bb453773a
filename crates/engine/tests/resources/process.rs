//! A node that is a process of its own, seen from outside.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fanfare_testkit::{Canary, Http, WebSocket};

pub(crate) const PATH: &str = "/engine.io/";

const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";

pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    child: Child,
    canary: Canary,
}

impl Process {
    /// Starts a node with options, each `name=value`.
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::launch(Command::new(program()), options).await
    }

    /// Starts a node that may have so many descriptors.
    pub(crate) async fn with_descriptors(limit: usize) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"ulimit -n "$1" && shift && exec "$@""#, "sh", &limit.to_string()]).arg(program());
        Self::launch(shell, &[]).await
    }

    async fn launch(mut command: Command, options: &[&str]) -> Self {
        command.arg("serve").args(options).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it can be started");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it says where it listens");
        let address = line.trim().parse().unwrap_or_else(|_| panic!("it has not started: {line}"));
        let canary = Canary::connect(address, WEBSOCKET, &[]).await;
        Self { address, child, canary }
    }

    /// Checks that the canary gets what it has asked for, and nothing else.
    pub(crate) async fn sings(&mut self) {
        self.canary.sings().await;
    }

    pub(crate) async fn open_websocket(&self) -> WebSocket {
        let mut websocket = WebSocket::connect(self.address, WEBSOCKET).await;
        websocket.text().await;
        websocket
    }

    /// The value of a metric, as a scraper sees it: the series whose name and labels begin so, 0 if there is none.
    pub(crate) async fn count(&self, series: &str) -> u64 {
        let response = Http::get(self.address, "/metrics").await;
        let value =
            response.text().lines().find_map(|line| line.strip_prefix(series)?.rsplit(' ').next()?.parse().ok());
        value.unwrap_or(0)
    }

    /// Waits until a metric has a value.
    pub(crate) async fn counts(&self, series: &str, value: u64) {
        eventually(series, async || self.count(series).await == value).await;
    }

    /// Bytes of memory in use.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory that was in use since [`forget_peak`](Self::forget_peak).
    pub(crate) fn peak(&self) -> u64 {
        self.status("VmHWM:")
    }

    pub(crate) fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").expect("it is our own process");
    }

    /// Descriptors in use.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it is running").count()
    }

    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it is running");
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.parse().ok());
        value.map(|kib: u64| kib * 1024).expect("it is running")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something holds that cannot be waited for otherwise.
pub(crate) async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let held = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, held).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}

fn program() -> std::path::PathBuf {
    std::env::current_exe().expect("it is running")
}

const PATIENCE: Duration = Duration::from_secs(20);
