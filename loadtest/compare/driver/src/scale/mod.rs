//! How the cost of Fanfare grows: with clients, rooms, bytes and nodes, and what Redis takes for it.
//!
//! - [`charts`]: what there is to see, one [`Chart`](charts::Chart) for each question.
//! - `clients`, `heartbeat`, `rooms`, `messages`, `nodes`, `redis`: the work, one file for each kind.
//! - `lab`: where the values are noted. `watch`: what processes spend.
//! - [`curves`], [`report`]: the middle of all rounds, straight lines through it, and files that show both.

pub mod charts;
mod clients;
pub mod curves;
mod heartbeat;
mod lab;
mod messages;
mod nodes;
mod plot;
mod redis;
pub mod report;
mod resp;
mod rooms;
mod watch;

pub use lab::{Lab, Sample};

use crate::failure::Failure;

/// Some charts that are measured together.
pub struct Experiment {
    /// Its name on the command line.
    pub name: &'static str,
    /// Does the work and notes what it took.
    pub run: fn(&mut Lab) -> Result<(), Failure>,
}

/// Everything there is to measure.
pub const ALL: &[Experiment] = &[
    Experiment { name: "clients", run: clients::run },
    Experiment { name: "heartbeat", run: heartbeat::run },
    Experiment { name: "rooms", run: rooms::run },
    Experiment { name: "messages", run: messages::run },
    Experiment { name: "nodes", run: nodes::run },
    Experiment { name: "redis", run: redis::run },
];
