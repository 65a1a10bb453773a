//! The order of the runs: each scenario with each server in turn, forwards and backwards (A B C C B A), so that what
//! disturbs the machine for a while disturbs all of them.

use serde::Serialize;

use crate::cores::Place;
use crate::scenarios::{self, Run, Sample, Scenario};
use crate::servers::Kind;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Rows; all of them if there are none.
    pub rows: Vec<String>,
    /// Servers; all of them if there are none.
    pub servers: Vec<Kind>,
    /// How often.
    pub rounds: usize,
    /// Whether time does not matter much.
    pub full: bool,
    /// Where the servers run.
    pub place: Place,
}

/// What one run of a scenario came to.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// The server.
    pub server: Kind,
    /// The round, from 0.
    pub round: usize,
    /// The rows of the scenario.
    pub rows: &'static [&'static str],
    /// What was measured.
    pub samples: Vec<Sample>,
    /// Why there is no more.
    pub failure: Option<String>,
}

impl Plan {
    /// Runs everything, and tells about each run.
    pub fn run(&self, mut tell: impl FnMut(&Outcome)) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for scenario in scenarios::ALL.iter().filter(|scenario| self.wants(scenario)) {
            for round in 0..self.rounds_of(scenario) {
                let mut servers = self.servers_of(scenario);
                if round % 2 == 1 {
                    servers.reverse();
                }
                for server in servers {
                    let outcome = self.run_one(scenario, server, round);
                    tell(&outcome);
                    outcomes.push(outcome);
                }
            }
        }
        outcomes
    }

    fn run_one(&self, scenario: &Scenario, server: Kind, round: usize) -> Outcome {
        let (rows, samples) = (self.rows.clone(), Vec::new());
        let mut run = Run { kind: server, rows, full: self.full, place: self.place, samples };
        let failure = (scenario.run)(&mut run).err().map(|failure| failure.to_string());
        Outcome { server, round, rows: scenario.rows, samples: run.samples, failure }
    }

    /// Memory hardly differs from round to round.
    fn rounds_of(&self, scenario: &Scenario) -> usize {
        if scenario.is_steady { self.rounds.div_ceil(2) } else { self.rounds }
    }

    fn wants(&self, scenario: &Scenario) -> bool {
        self.rows.is_empty() || scenario.rows.iter().any(|row| self.rows.iter().any(|wanted| wanted == row))
    }

    fn servers_of(&self, scenario: &Scenario) -> Vec<Kind> {
        let wanted = |kind: &Kind| self.servers.is_empty() || self.servers.contains(kind);
        scenario.servers.iter().copied().filter(wanted).collect()
    }
}
