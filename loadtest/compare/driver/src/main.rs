//! `compare`: runs the table and writes what comes of it.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use compare::cores::Place;
use compare::program::{self, Extent};
use compare::results::{self, Results};
use compare::rounds::{Outcome, Plan};
use compare::rows::{ROWS, row};
use compare::servers::{Kind, Setting};
use compare::{report, versions};

/// Measures Socket.IO servers side by side.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    extent: Extent,

    /// Only these rows
    #[arg(long, value_delimiter = ',', value_parser = row_id)]
    only: Vec<String>,

    /// Only these servers
    #[arg(long, value_delimiter = ',')]
    servers: Vec<Kind>,

    /// Where the servers run
    #[arg(long, value_enum, default_value_t)]
    place: Place,
}

fn main() -> ExitCode {
    program::end("compare", run(Options::parse()))
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let Options { extent, only: rows, servers, place } = options;
    let plan = Plan { rows, servers, rounds: extent.rounds(2, 4), full: extent.full, place };
    let (outcomes, circumstances) = program::measure(|| Ok(plan.run(tell)))?;
    let lines = results::lines(&outcomes);
    let results = Results {
        circumstances,
        place,
        versions: versions::all(),
        commands: Kind::ALL.into_iter().map(|kind| (kind, kind.command_line(&Setting::default()))).collect(),
        noise: results::noise(&outcomes, &lines),
        lines,
        outcomes,
    };
    let folder = extent.folder("target/compare/latest");
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
    program::one_of(ROWS.iter().map(|row| row.id), id)
}
