//! The binary, started for one test.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use fanfare_testkit::Client;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// How long a process that is to do something may take, on a machine that has other things to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A node with the testbed, which ends with the test.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    child: Child,
    /// Kept open, also by somebody who reads no more.
    stdout: Option<BufReader<ChildStdout>>,
}

impl Node {
    /// With more options; its log goes nowhere.
    pub(crate) async fn start(options: &[&str]) -> Self {
        Self::spawn(command(options).stdout(Stdio::piped()).stderr(Stdio::null())).await
    }

    /// A command whose standard output is piped, and says where the node listens.
    pub(crate) async fn spawn(command: &mut Command) -> Self {
        Self::listening(command.spawn().expect("the binary has been built")).await
    }

    /// A process whose standard output is piped, and says where it listens.
    pub(crate) async fn listening(mut child: Child) -> Self {
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let address = next_address(&mut stdout).await;
        Self { address, child, stdout: Some(stdout) }
    }

    /// A process that says by other means where it listens.
    pub(crate) fn new(child: Child, address: SocketAddr) -> Self {
        Self { address, child, stdout: None }
    }

    /// Where it tells how it is, if it has been started with an address for that. It says so once.
    pub(crate) async fn admin(&mut self) -> SocketAddr {
        next_address(self.stdout.as_mut().expect("it is piped")).await
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Checks that a new client is served.
    pub(crate) async fn expect_service(&self) {
        let mut client = self.client().await;
        assert_eq!(client.ask(1, r#"["echo","canary"]"#).await, r#"["canary"]"#);
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &pid]).status().expect("there is a kill");
        assert!(sent.success());
    }

    /// The kilobytes it takes now, and the most it ever took.
    pub(crate) fn memory(&self) -> Memory {
        let pid = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("every process has it");
            line.trim().trim_end_matches(" kB").parse().expect("a number of kB")
        };
        Memory { now_kb: field("VmRSS:"), peak_kb: field("VmHWM:") }
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it can be waited for").is_none()
    }

    /// Waits until it has ended.
    pub(crate) async fn exit(&mut self) -> ExitStatus {
        within(self.child.wait()).await.expect("it can be waited for")
    }
}

/// The address in the next line that it says.
async fn next_address(stdout: &mut BufReader<ChildStdout>) -> SocketAddr {
    let mut line = String::new();
    within(stdout.read_line(&mut line)).await.expect("it is text");
    let address = line.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next());
    address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("no address: {line:?}"))
}

/// What a process takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) now_kb: u64,
    pub(crate) peak_kb: u64,
}

/// The binary with the testbed on a free port, which ends without a drain and has nothing for operators unless the options
/// say so; it is killed when nobody holds it any more.
pub(crate) fn command(options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
    // What the user who runs the tests has set is no part of them.
    command.env_clear().env("FANFARE_APP", "testbed").env("FANFARE_LISTEN", "127.0.0.1:0");
    command.env("FANFARE_ADMIN_LISTEN", "none").env("FANFARE_DRAIN_TIME", "0s").args(options);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Waits for something that has to happen.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("it happens in time")
}
