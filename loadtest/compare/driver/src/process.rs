//! A process that is measured.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::failure::Failure;

/// A process that listens for clients. It ends when this is dropped.
pub struct Process {
    child: Child,
    /// Kept open: whoever writes to a closed pipe is killed.
    stdout: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Process {
    /// Starts a program that says its address in a line of its output.
    pub fn start(command: Command) -> Result<Self, Failure> {
        Self::start_when(command, address)
    }

    /// Starts a program that has been told where to listen, and says something when it does.
    pub fn start_at(command: Command, address: SocketAddr, ready: &str) -> Result<Self, Failure> {
        Self::start_when(command, |line| line.contains(ready).then_some(address))
    }

    /// Starts a program and reads lines of its output until one tells the address.
    fn start_when(mut command: Command, told: impl Fn(&str) -> Option<SocketAddr>) -> Result<Self, Failure> {
        let name = command.get_program().to_string_lossy().into_owned();
        let failed = |what: String| Failure::Process(format!("{name}: {what}"));
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.map_err(|error| failed(format!("does not start: {error}")))?;
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut process = Self { child, stdout, address: SocketAddr::from(([0, 0, 0, 0], 0)) };
        let mut said = String::new();
        loop {
            let from = said.len();
            if process.stdout.read_line(&mut said)? == 0 {
                return Err(failed(format!("says no address, but {said:?}")));
            }
            if let Some(address) = told(&said[from..]) {
                process.address = address;
                return Ok(process);
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// User and system time of all its threads, in the nanoseconds of the scheduler.
    pub fn processor_time(&self) -> Result<Duration, Failure> {
        let mut nanos = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end between the listing and the look.
            let Ok(spent) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanos += spent.split(' ').next().and_then(|spent| spent.parse().ok()).unwrap_or(0);
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Resident memory.
    pub fn resident_bytes(&self) -> Result<u64, Failure> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Ok(kilobytes.ok_or_else(|| Failure::Process("the process has ended".into()))? * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address that stands behind `http://`.
fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    let end = rest.find(|at: char| !at.is_ascii_digit() && at != '.' && at != ':').unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_in_what_servers_say() {
        let local = "127.0.0.1:4000".parse().ok();
        assert_eq!(address("floor listens on http://127.0.0.1:4000\n"), local);
        assert_eq!(address("fanfare listens on http://127.0.0.1:4000/ with a page\n"), local);
        assert_eq!(address("starting\n"), None);
    }

    #[test]
    fn a_process_that_says_nothing_has_failed() {
        let failure = Process::start(Command::new("true")).err().expect("it says no address");
        assert!(failure.to_string().starts_with("true: says no address"), "{failure}");
    }
}
