//! `compare`: runs the table and writes what comes of it.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;

use compare::machine::Machine;
use compare::results::{self, Results};
use compare::rounds::{Outcome, Plan};
use compare::rows::{ROWS, row};
use compare::servers::{Kind, Setting, root};
use compare::{cores, report, versions};

/// Measures Socket.IO servers side by side.
#[derive(Parser)]
struct Options {
    /// Take the time that steady results need: about 15 minutes instead of 2
    #[arg(long)]
    full: bool,

    /// Rounds; 2, or 4 with --full, unless given
    #[arg(long)]
    rounds: Option<usize>,

    /// Only these rows
    #[arg(long, value_delimiter = ',', value_parser = row_id)]
    only: Vec<String>,

    /// Only these servers
    #[arg(long, value_delimiter = ',')]
    servers: Vec<Kind>,

    /// The folder for results.json, table.md and the plots; target/compare/latest unless given
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let folder = options.out.unwrap_or_else(|| root().join("target/compare/latest"));
    let plan = Plan {
        rows: options.only,
        servers: options.servers,
        rounds: options.rounds.unwrap_or(if options.full { 4 } else { 2 }),
        full: options.full,
    };
    let machine = Machine::here();
    cores::share_one()?;
    let (started, clock) = (SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(), Instant::now());
    let outcomes = plan.run(tell);
    let lines = results::lines(&outcomes);
    let results = Results {
        started,
        seconds: clock.elapsed().as_secs(),
        machine,
        versions: versions::all(),
        commands: Kind::ALL.into_iter().map(|kind| (kind, kind.command_line(&Setting::default()))).collect(),
        noise: results::noise(&outcomes, &lines),
        lines,
        outcomes,
    };
    report::write(&results, &folder)?;
    println!("\n{}\n{}", report::table(&results.lines), folder.display());
    Ok(())
}

/// A line for each value, as it comes.
fn tell(outcome: &Outcome) {
    for sample in &outcome.samples {
        let (title, unit) = (outcome.server.title(), row(sample.row).unit.symbol());
        let order = if sample.reordered > 0 { format!(", {} out of order", sample.reordered) } else { String::new() };
        println!(
            "{:<18} {title:<13} {:>8.2} {unit}  ({} times, others kept {:.2} cores busy{order})",
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
