//! The machine, and how busy others keep it while something is measured.

use std::fmt;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Serialize;

/// What results are to be read with.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// The name of the processor.
    pub processor: String,
    /// Cores that may be used.
    pub cores: usize,
    /// Memory, in MB.
    pub memory_mb: u64,
    /// Name and version of the kernel.
    pub kernel: String,
}

impl Machine {
    /// This machine, before a process has been kept to a part of it.
    pub fn here() -> Self {
        let line = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
        };
        let memory = line("/proc/meminfo", "MemTotal");
        Self {
            processor: line("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mb: memory.split(' ').next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024,
            kernel: said_by("uname", &["-sr"]),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, memory_mb, kernel } = self;
        write!(f, "{processor}, {cores} cores, {memory_mb} MB, {kernel}")
    }
}

/// The first line that a program writes, if it runs.
pub fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    said.lines().next().unwrap_or("unknown").to_owned()
}

/// Time that all cores have been busy since the machine started, in ticks of 10 ms.
#[derive(Clone, Copy, Debug)]
pub struct Busy {
    ticks: u64,
    at: Instant,
}

impl Busy {
    /// Until now.
    pub fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let fields = stat.lines().next().unwrap_or_default().split_ascii_whitespace().skip(1);
        // user, nice, system, idle, iowait, irq, softirq, steal
        let busy = fields.take(8).enumerate().filter(|(at, _)| !matches!(at, 3 | 4));
        Self { ticks: busy.filter_map(|(_, ticks)| ticks.parse::<u64>().ok()).sum(), at: Instant::now() }
    }

    /// How many cores others kept busy since then, when this much of it was our own.
    pub fn by_others(self, own: Duration) -> f64 {
        let now = Self::now();
        let busy = (now.ticks - self.ticks) as f64 / 100.0;
        let wall = now.at.duration_since(self.at).as_secs_f64();
        ((busy - own.as_secs_f64()) / wall).max(0.0)
    }
}

/// Processor time of this thread.
pub fn own_time() -> Duration {
    let spent = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(spent.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}
