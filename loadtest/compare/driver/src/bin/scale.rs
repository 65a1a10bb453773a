//! `scale`: measures how the cost of Fanfare grows, and writes curves.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

use compare::program::{self, Extent};
use compare::scale::report::{self, Results};
use compare::scale::{ALL, Lab, Sample, curves};
use compare::servers::{Kind, Setting};
use compare::versions;

/// Measures how cost grows with clients, rooms, bytes and nodes.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    extent: Extent,

    /// Only these: clients, heartbeat, rooms, messages, nodes, redis
    #[arg(long, value_delimiter = ',', value_parser = name)]
    only: Vec<String>,
}

fn main() -> ExitCode {
    program::end("scale", run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let rounds = options.extent.rounds(1, 3);
    let (samples, circumstances) = program::measure(|| sample(options, rounds))?;
    let mut versions = versions::all();
    versions.retain(|name, _| matches!(*name, "Fanfare" | "Rust" | "Redis"));
    let results = Results {
        circumstances,
        rounds,
        versions,
        command: Kind::Fanfare.command_line(&Setting::default()),
        charts: curves::draw(&samples),
        samples,
    };
    let folder = options.extent.folder("target/scale");
    report::write(&results, &folder)?;
    println!("\n{}", folder.display());
    Ok(())
}

fn sample(options: &Options, rounds: usize) -> Result<Vec<Sample>, Box<dyn Error>> {
    let wants = |name: &str| options.only.is_empty() || options.only.iter().any(|wanted| wanted == name);
    let mut lab = Lab { full: options.extent.full, samples: Vec::new() };
    for _ in 0..rounds {
        for experiment in ALL.iter().filter(|experiment| wants(experiment.name)) {
            (experiment.run)(&mut lab).map_err(|failure| format!("{}: {failure}", experiment.name))?;
        }
    }
    Ok(lab.samples)
}

fn name(name: &str) -> Result<String, String> {
    program::one_of(ALL.iter().map(|experiment| experiment.name), name)
}
