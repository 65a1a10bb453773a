//! The processes that are measured.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A process that listens for clients. It ends when this is dropped.
pub(crate) struct Process {
    child: Child,
    stdin: RefCell<ChildStdin>,
    /// Kept open: whoever writes to a closed pipe is killed.
    _stdout: BufReader<ChildStdout>,
    address: SocketAddr,
    at_start: u64,
}

impl Process {
    /// The `fanfare` binary.
    pub(crate) fn node() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fanfare"));
        command.args(["--app", "testbed", "--listen", "127.0.0.1:0", "--admin-listen", "none"]);
        command.args(["--drain-time", "0s", "--log", "error"]);
        Self::start(command)
    }

    /// This program, doing nothing but to write.
    pub(crate) fn floor(clients: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program is a file"));
        command.args(["floor", &clients.to_string()]);
        Self::start(command)
    }

    /// Starts a program that says its address in the first line of its output.
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let stdin = child.stdin.take().expect("it is piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it says where it listens");
        let (_, address) = line.trim().rsplit_once("http://").unwrap_or_else(|| panic!("no address: {line:?}"));
        let address = address.parse().expect("an address and a port");
        let mut process = Self { child, stdin: RefCell::new(stdin), _stdout: stdout, address, at_start: 0 };
        process.at_start = process.resident_bytes();
        process
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes a line to its input.
    pub(crate) fn tell(&self, line: &str) {
        writeln!(self.stdin.borrow_mut(), "{line}").expect("it reads");
    }

    /// Runs something and returns the processor time the process has spent meanwhile.
    pub(crate) async fn spent<T>(&self, work: impl Future<Output = T>) -> (T, Duration) {
        let before = self.processor_time();
        let result = work.await;
        (result, self.processor_time() - before)
    }

    /// Resident memory when it began to listen.
    pub(crate) fn at_start(&self) -> u64 {
        self.at_start
    }

    /// Resident memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = self.read("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the kernel says how much");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of kilobytes") * 1024
    }

    /// User and system time of all threads. The kernel tells it in ticks of 10 ms.
    fn processor_time(&self) -> Duration {
        let stat = self.read("stat");
        let (_, fields) = stat.rsplit_once(") ").expect("the name stands in brackets");
        let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("a number of ticks"));
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).expect("the process runs")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
