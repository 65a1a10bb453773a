//! What is done with a server, one file for each kind of work.

mod broadcast;
mod crowd;
pub(crate) mod echo;
mod heartbeat;
mod laggards;
mod latency;
mod many;
mod memory;
mod polling;
pub(crate) mod redis;
pub(crate) mod rooms;
mod slow;
mod steady;

use std::time::Duration;

use serde::Serialize;

use crate::cores::Place;
use crate::failure::Failure;
use crate::machine::{Busy, own_time};
use crate::process::Process;
use crate::servers::{Kind, Setting};

pub use broadcast::Broadcasts;
pub use laggards::Laggards;

/// Some rows that are measured with the same processes.
pub struct Scenario {
    /// The rows.
    pub rows: &'static [&'static str],
    /// The servers that can do this.
    pub servers: &'static [Kind],
    /// Whether it comes to the same every time.
    pub is_steady: bool,
    /// Starts the server, does the work, and records what it took.
    pub run: fn(&mut Run) -> Result<(), Failure>,
}

/// One run of a scenario with one server.
pub struct Run {
    /// The server.
    pub kind: Kind,
    /// Rows that are wanted; all of them if there are none.
    pub rows: Vec<String>,
    /// Whether time does not matter much.
    pub full: bool,
    /// Where the server runs, unless the scenario has a place of its own for it.
    pub place: Place,
    /// What has been measured so far.
    pub samples: Vec<Sample>,
}

/// One value.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// The row.
    pub row: &'static str,
    /// In the unit of the row.
    pub value: f64,
    /// How often work was done.
    pub units: u64,
    /// Messages that came before one that was sent earlier.
    pub reordered: u64,
    /// Cores that other programs kept busy meanwhile.
    pub others: f64,
    /// Percentiles, each with its value, where there are some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percentiles: Vec<(f64, f64)>,
}

/// Looks at what processes spend.
pub struct Meter<'a> {
    processes: Vec<&'a Process>,
    spent: Duration,
    own: Duration,
    busy: Busy,
}

impl Run {
    /// Starts the server.
    fn start(&self, setting: &Setting) -> Result<Process, Failure> {
        let place = if setting.place == Place::default() { self.place } else { setting.place };
        self.kind.start(&Setting { place, ..setting.clone() })
    }

    fn wants(&self, row: &str) -> bool {
        self.rows.is_empty() || self.rows.iter().any(|wanted| wanted == row)
    }

    /// Time for the work of one row.
    fn time(&self) -> Duration {
        Duration::from_millis(if self.full { 1500 } else { 300 })
    }

    /// Time for the same work before it is measured: interpreters compile, allocators grow.
    fn warm_up(&self) -> Duration {
        Duration::from_millis(if self.full { 700 } else { 300 })
    }

    /// Notes what processes spent for each unit of work, in microseconds.
    fn spent(&mut self, row: &'static str, meter: &Meter<'_>, units: u64, reordered: u64) -> Result<(), Failure> {
        let spent = meter.spent()?;
        let others = meter.busy.by_others(spent + own_time().saturating_sub(meter.own));
        let value = spent.as_secs_f64() * 1e6 / units as f64;
        self.samples.push(Sample { row, value, units, reordered, others, percentiles: Vec::new() });
        Ok(())
    }

    /// Notes a value that is not processor time.
    fn value(&mut self, row: &'static str, value: f64, units: u64) {
        self.samples.push(Sample { row, value, units, reordered: 0, others: 0.0, percentiles: Vec::new() });
    }
}

impl<'a> Meter<'a> {
    /// Begins to look.
    pub fn start(processes: impl IntoIterator<Item = &'a Process>) -> Result<Self, Failure> {
        let processes = processes.into_iter().collect();
        let mut meter = Self { processes, spent: Duration::ZERO, own: own_time(), busy: Busy::now() };
        meter.spent = meter.spent()?;
        Ok(meter)
    }

    fn spent(&self) -> Result<Duration, Failure> {
        let times = self.processes.iter().map(|process| process.processor_time());
        Ok(times.sum::<Result<Duration, _>>()?.saturating_sub(self.spent))
    }
}

/// Everything there is to measure.
pub const ALL: &[Scenario] = &[
    Scenario { rows: &["broadcast-1000", "broadcast-1000-16"], servers: &Kind::ALL, is_steady: false, run: crowd::run },
    Scenario { rows: &["latency-p50", "latency-p99"], servers: &Kind::ALL, is_steady: false, run: latency::run },
    Scenario { rows: &["latency-busy", "latency-slow"], servers: KEEPING, is_steady: false, run: slow::run },
    Scenario { rows: &["set-up", "broadcast-5000-16", "rooms"], servers: &Kind::ALL, is_steady: false, run: many::run },
    Scenario {
        rows: &["echo", "echo-8", "echo-json", "echo-binary"],
        servers: &Kind::ALL,
        is_steady: false,
        run: echo::run,
    },
    Scenario { rows: &["memory-start", "memory"], servers: NOT_FLUSH, is_steady: true, run: memory::run },
    Scenario { rows: &["heartbeat"], servers: WHOLE, is_steady: false, run: heartbeat::run },
    Scenario { rows: &["polling"], servers: WHOLE, is_steady: false, run: polling::run },
    Scenario { rows: &["redis-rooms", "redis-broadcast"], servers: WHOLE, is_steady: false, run: redis::run },
];

/// It remembers nothing that the floor does not.
const NOT_FLUSH: &[Kind] = &[Kind::Floor, Kind::NodeWs, Kind::NodeUws, Kind::Socketioxide, Kind::Fanfare];
/// Those that speak all of the protocol.
const WHOLE: &[Kind] = &[Kind::NodeWs, Kind::NodeUws, Kind::Socketioxide, Kind::Fanfare];

/// Those that keep all of what a client does not take yet, in order, until they disconnect it.
const KEEPING: &[Kind] = &[Kind::NodeWs, Kind::Fanfare];

/// Makes an event as long as chat messages are.
const PADDING: &str = "All mimsy were the borogoves, and the mome raths outgrabe.";
