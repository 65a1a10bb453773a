//! `scale`: measures how the cost of Fanfare grows, and writes curves.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Parser;

use compare::machine::Machine;
use compare::scale::report::{self, Results};
use compare::scale::{ALL, Lab, curves};
use compare::servers::{Kind, Setting, root};
use compare::{cores, versions};

/// Measures how cost grows with clients, rooms, bytes and nodes.
#[derive(Parser)]
struct Options {
    /// Take the time that steady results need: about 10 minutes instead of 2
    #[arg(long)]
    full: bool,

    /// Rounds; 1, or 3 with --full, unless given
    #[arg(long)]
    rounds: Option<usize>,

    /// Only these: clients, heartbeat, rooms, messages, nodes, redis
    #[arg(long, value_delimiter = ',', value_parser = name)]
    only: Vec<String>,

    /// The folder for results.json, tables.md and the plots; target/scale unless given
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scale: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let folder = options.out.clone().unwrap_or_else(|| root().join("target/scale"));
    let rounds = options.rounds.unwrap_or(if options.full { 3 } else { 1 });
    let machine = Machine::here();
    cores::share_one()?;
    let (started, clock) = (SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(), Instant::now());
    let mut lab = Lab { full: options.full, samples: Vec::new() };
    for _ in 0..rounds {
        for experiment in ALL.iter().filter(|experiment| wants(options, experiment.name)) {
            (experiment.run)(&mut lab).map_err(|failure| format!("{}: {failure}", experiment.name))?;
        }
    }
    let mut versions = versions::all();
    versions.retain(|name, _| matches!(*name, "Fanfare" | "Rust" | "Redis"));
    let results = Results {
        started,
        seconds: clock.elapsed().as_secs(),
        rounds,
        machine,
        versions,
        command: Kind::Fanfare.command_line(&Setting::default()),
        charts: curves::draw(&lab.samples),
        samples: lab.samples,
    };
    report::write(&results, &folder)?;
    println!("\n{}", folder.display());
    Ok(())
}

fn wants(options: &Options, name: &str) -> bool {
    options.only.is_empty() || options.only.iter().any(|wanted| wanted == name)
}

fn name(name: &str) -> Result<String, String> {
    let known = || ALL.iter().map(|experiment| experiment.name).collect::<Vec<_>>().join(", ");
    if ALL.iter().any(|experiment| experiment.name == name) {
        Ok(name.to_owned())
    } else {
        Err(format!("there are {}", known()))
    }
}
