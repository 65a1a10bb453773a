//! Which cores the driver and the servers run on.
//!
//! Both share one. A server that writes to a client on another core has to wake that core, if it happens to sleep: an
//! interrupt, costly in a virtual machine, that no network card asks for, and that comes and goes with what others do. On
//! one core the same work takes the same time, within a few per cent. Latency is measured apart, with the server on a core
//! of its own.

use std::process::Command;

use crate::failure::Failure;

/// Keeps this process, and all that it starts from now on, to the first core that it may use.
pub fn share_one() -> Result<(), Failure> {
    let (core, process) = (first()?.to_string(), std::process::id().to_string());
    let done = Command::new("taskset").args(["-c", "-p", &core, &process]).output()?;
    if done.status.success() { Ok(()) } else { Err(Failure::Process("taskset does not work".into())) }
}

/// The same command, on cores that are not the first, if there are others.
pub(crate) fn apart(command: &Command) -> Command {
    let cores = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    let last = cores.trim().rsplit(['-', ',']).next().unwrap_or("0").to_owned();
    let mut apart = Command::new("taskset");
    apart.args(["-c", &last]).arg(command.get_program()).args(command.get_args());
    apart
}

fn first() -> Result<usize, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
    let end = cores.trim().find(['-', ',']).unwrap_or(cores.trim().len());
    cores.trim()[..end].parse().map_err(|_| Failure::Process(format!("no core in {cores:?}")))
}
