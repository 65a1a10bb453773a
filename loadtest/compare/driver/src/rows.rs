//! The rows of the table: what is measured, in which unit, and what Fanfare has to reach.

use serde::{Serialize, Serializer};

use crate::servers::Kind;

/// One row.
#[derive(Debug)]
pub struct Row {
    /// Its name in files and on the command line.
    pub id: &'static str,
    /// What is done, for people.
    pub title: &'static str,
    /// What is counted.
    pub unit: Unit,
    /// What Fanfare has to reach.
    pub target: Target,
}

impl Row {
    /// What Fanfare may take, where servers have these values in rows.
    pub fn limit(&self, value: impl Fn(&Self, Kind) -> Option<f64>) -> Option<f64> {
        match self.target {
            Target::Ratio(times, kind) => value(self, kind).map(|other| times * other),
            Target::Beside(times, id) => value(row(id), Kind::Fanfare).map(|other| times * other),
            Target::AtMost(limit) => Some(limit),
            Target::None => None,
        }
    }
}

/// What a value of a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Processor time of the servers, in microseconds, for each unit of work.
    #[serde(rename = "µs")]
    Micros,
    /// Resident memory, in kilobytes.
    #[serde(rename = "kB")]
    Kilobytes,
    /// Resident memory, in megabytes.
    #[serde(rename = "MB")]
    Megabytes,
    /// Time from sending to delivery, in milliseconds.
    #[serde(rename = "ms")]
    Millis,
}

impl Unit {
    /// How it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Micros => "µs",
            Self::Kilobytes => "kB",
            Self::Megabytes => "MB",
            Self::Millis => "ms",
        }
    }
}

/// What Fanfare has to reach.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// No more than this many times what another server takes.
    Ratio(f64, Kind),
    /// No more than this many times what it takes itself in another row.
    Beside(f64, &'static str),
    /// No more than this.
    AtMost(f64),
    /// Nothing is demanded.
    None,
}

impl Target {
    /// How it is written.
    pub fn title(self) -> String {
        match self {
            Self::Ratio(times, kind) => format!("≤ {times:.2} × {}", kind.title()),
            Self::Beside(times, _) => format!("≤ {times:.2} × without them"),
            Self::AtMost(limit) => format!("≤ {limit}"),
            Self::None => "–".into(),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.title())
    }
}

/// The row with this name.
pub fn row(id: &str) -> &'static Row {
    ROWS.iter().find(|row| row.id == id).unwrap_or_else(|| panic!("there is no row {id}"))
}

/// The whole table.
pub const ROWS: &[Row] = &[
    Row {
        id: "broadcast-1000",
        title: "broadcast to 1,000, one at a time, per delivery",
        unit: Unit::Micros,
        target: Target::Ratio(1.10, Kind::Floor),
    },
    Row {
        id: "broadcast-1000-16",
        title: "broadcast to 1,000, 16 in flight, per delivery",
        unit: Unit::Micros,
        target: Target::Ratio(1.20, Kind::Flush),
    },
    Row {
        id: "broadcast-5000-16",
        title: "broadcast to 5,000, 16 in flight, per delivery",
        unit: Unit::Micros,
        target: Target::Ratio(1.15, Kind::Flush),
    },
    Row {
        id: "rooms",
        title: "1,000 rooms of 5, per delivery",
        unit: Unit::Micros,
        target: Target::Ratio(1.15, Kind::Flush),
    },
    Row {
        id: "echo",
        title: "echo with ack, 64 B, 50 clients",
        unit: Unit::Micros,
        target: Target::Ratio(1.20, Kind::Floor),
    },
    Row {
        id: "echo-8",
        title: "echo with ack, 64 B, 8 in flight each",
        unit: Unit::Micros,
        target: Target::Ratio(1.15, Kind::Floor),
    },
    Row {
        id: "echo-json",
        title: "echo with ack, 4 kB of JSON",
        unit: Unit::Micros,
        target: Target::Ratio(1.50, Kind::Floor),
    },
    Row {
        id: "echo-binary",
        title: "echo with ack, 4 kB binary",
        unit: Unit::Micros,
        target: Target::Ratio(1.25, Kind::Floor),
    },
    Row {
        id: "memory",
        title: "memory per idle client, 10,000 of them",
        unit: Unit::Kilobytes,
        target: Target::AtMost(4.0),
    },
    Row {
        id: "memory-start",
        title: "memory before the first client",
        unit: Unit::Megabytes,
        target: Target::AtMost(10.0),
    },
    Row { id: "set-up", title: "connection set-up (WebSocket)", unit: Unit::Micros, target: Target::AtMost(55.0) },
    Row { id: "heartbeat", title: "one heartbeat (ping and pong)", unit: Unit::Micros, target: Target::AtMost(10.0) },
    Row { id: "polling", title: "polling round trip (POST and GET)", unit: Unit::Micros, target: Target::AtMost(25.0) },
    Row {
        id: "latency-p50",
        title: "delivery at 20 broadcasts/s to 1,000, median",
        unit: Unit::Millis,
        target: Target::None,
    },
    Row {
        id: "latency-p99",
        title: "delivery at 20 broadcasts/s to 1,000, 99th percentile",
        unit: Unit::Millis,
        target: Target::Ratio(1.30, Kind::Floor),
    },
    Row {
        id: "latency-busy",
        title: "delivery at 70 % of capacity to 900, 99th percentile",
        unit: Unit::Millis,
        target: Target::None,
    },
    Row {
        id: "latency-slow",
        title: "the same beside 100 slow clients, 99th percentile",
        unit: Unit::Millis,
        target: Target::Beside(1.30, "latency-busy"),
    },
    Row {
        id: "redis-broadcast",
        title: "two nodes over Redis, broadcast to 1,000, 16 in flight, per delivery",
        unit: Unit::Micros,
        target: Target::AtMost(0.65),
    },
    Row {
        id: "redis-rooms",
        title: "two nodes over Redis, 200 rooms of 5, per delivery",
        unit: Unit::Micros,
        target: Target::AtMost(9.0),
    },
];
