//! `compare`: runs the table.

use std::process::ExitCode;

use clap::Parser;

use compare::rounds::{Outcome, Plan};
use compare::rows::{ROWS, row};
use compare::servers::Kind;

/// Measures Socket.IO servers side by side.
#[derive(Parser)]
struct Options {
    /// Take the time that steady results need: about 15 minutes instead of 2
    #[arg(long)]
    full: bool,

    /// Rounds; 2, or 4 with --full, unless given
    #[arg(long)]
    rounds: Option<usize>,

    /// Only these rows, and those that are measured together with them
    #[arg(long, value_delimiter = ',', value_parser = row_id)]
    only: Vec<String>,

    /// Only these servers
    #[arg(long, value_delimiter = ',')]
    servers: Vec<Kind>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let plan = Plan {
        rows: options.only,
        servers: options.servers,
        rounds: options.rounds.unwrap_or(if options.full { 4 } else { 2 }),
        full: options.full,
    };
    plan.run(tell);
    ExitCode::SUCCESS
}

/// A line for each value, as it comes.
fn tell(outcome: &Outcome) {
    for sample in &outcome.samples {
        let (title, unit) = (outcome.server.title(), row(sample.row).unit.symbol());
        let order = if sample.reordered > 0 { format!(", {} out of order", sample.reordered) } else { String::new() };
        println!(
            "{:<18} {title:<13} {:>8.2} {unit}  ({} units, others {:.2} cores{order})",
            sample.row, sample.value, sample.units, sample.others
        );
    }
    if let Some(failure) = &outcome.failure {
        println!("{:<18} {:<13} {failure}", outcome.rows.join(" "), outcome.server.title());
    }
}

fn row_id(id: &str) -> Result<String, String> {
    let known = || ROWS.iter().map(|row| row.id).collect::<Vec<_>>().join(", ");
    if ROWS.iter().any(|row| row.id == id) { Ok(id.to_owned()) } else { Err(format!("the rows are {}", known())) }
}
