//! Which cores the driver and the servers run on, and who may interrupt whom.
//!
//! Both share one core. A server that writes to a client on another core has to wake that core if it happens to sleep: an
//! interrupt, costly in a virtual machine, that no network card asks for, and that comes and goes with what others do.
//! And on that one core, nobody is interrupted by what he has woken (`SCHED_BATCH`): otherwise the kernel runs the driver
//! after each write of one server and after fifty of another, for reasons that are none of theirs, and what is compared
//! are context switches. So each runs until there is nothing left to do for it, and the same work takes the same time, within
//! a few per cent.
//!
//! Latency is measured apart, and everything else if that is wanted, with the server on a core of its own and under the
//! ordinary policy.

use std::process::Command;

use serde::Serialize;

use crate::failure::Failure;

/// Keeps this process, and all that it starts from now on, to the first core that it may use.
pub fn share_one() -> Result<(), Failure> {
    let process = std::process::id().to_string();
    run(Command::new("taskset").args(["-c", "-p", &first()?.to_string(), &process]))?;
    run(Command::new("chrt").args(["--batch", "--pid", "0", &process]))
}

/// Where a server runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// On the core of the driver
    #[default]
    Shared,
    /// On the last core, under the ordinary policy: noisier, and each wake-up of the driver is an interrupt
    Apart,
}

impl Place {
    /// The same command, there.
    pub(crate) fn of(self, command: Command) -> Command {
        if self == Self::Shared {
            return command;
        }
        let online = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
        let last = online.trim().rsplit(['-', ',']).next().unwrap_or("0");
        let mut moved = Command::new("taskset");
        moved.args(["-c", last, "chrt", "--other", "0"]).arg(command.get_program()).args(command.get_args());
        moved
    }
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(Failure::Process(said.trim().to_owned())) }
}

fn first() -> Result<usize, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default().trim();
    let end = cores.find(['-', ',']).unwrap_or(cores.len());
    cores[..end].parse().map_err(|_| Failure::Process(format!("no core in {cores:?}")))
}
