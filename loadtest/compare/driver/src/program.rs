//! What the programs have in common: options, how they end, and where and when they ran.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::cores;
use crate::machine::Machine;
use crate::servers::root;

/// How long it may take, and where the results go.
#[derive(Clone, Debug, clap::Args)]
pub struct Extent {
    /// Take the time that steady results need: 10 to 20 minutes instead of 2 or 3
    #[arg(long)]
    pub full: bool,

    /// Rounds; more with --full, unless given
    #[arg(long)]
    rounds: Option<usize>,

    /// The folder for results.json, tables and plots; one in target, unless given
    #[arg(long)]
    out: Option<PathBuf>,
}

impl Extent {
    /// How often everything is done: one number is for quick results, the other for steady ones.
    pub fn rounds(&self, quick: usize, full: usize) -> usize {
        self.rounds.unwrap_or(if self.full { full } else { quick })
    }

    /// Where the results go: to this folder of the project, unless it is told otherwise.
    pub fn folder(&self, folder: &str) -> PathBuf {
        self.out.clone().unwrap_or_else(|| root().join(folder))
    }
}

/// Where and when something was measured.
#[derive(Debug, Serialize)]
pub struct Circumstances {
    /// When it began, in seconds since 1970.
    pub started: u64,
    /// How long it took, in seconds.
    pub seconds: u64,
    /// Where.
    pub machine: Machine,
}

/// Keeps this process to one core, does something, and says under which circumstances.
pub fn measure<T>(work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<(T, Circumstances), Box<dyn Error>> {
    let machine = Machine::here();
    cores::share_one()?;
    let (started, clock) = (SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(), Instant::now());
    let result = work()?;
    Ok((result, Circumstances { started, seconds: clock.elapsed().as_secs(), machine }))
}

/// Ends a program, and says why if it has failed.
pub fn end(name: &str, result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A name from the command line, if it is one of these.
pub fn one_of<'a>(names: impl Iterator<Item = &'a str> + Clone, name: &str) -> Result<String, String> {
    if names.clone().any(|known| known == name) {
        Ok(name.to_owned())
    } else {
        Err(format!("there are {}", names.collect::<Vec<_>>().join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, FromArgMatches as _};

    use super::*;

    fn extent(arguments: &[&str]) -> Extent {
        let command = Extent::augment_args(clap::Command::new("measure").no_binary_name(true));
        Extent::from_arg_matches(&command.get_matches_from(arguments)).unwrap()
    }

    #[test]
    fn rounds_are_as_many_as_were_asked_for() {
        for (arguments, rounds) in
            [(&[][..], 2), (&["--full"], 4), (&["--rounds", "7"], 7), (&["--full", "--rounds=7"], 7)]
        {
            assert_eq!(extent(arguments).rounds(2, 4), rounds, "{arguments:?}");
        }
    }

    #[test]
    fn results_go_into_target_or_elsewhere() {
        assert_eq!(extent(&[]).folder("target/x"), root().join("target/x"));
        assert_eq!(extent(&["--out", "/tmp/x"]).folder("target/x"), PathBuf::from("/tmp/x"));
    }

    #[test]
    fn a_name_that_is_unknown_is_answered_with_those_that_are_known() {
        let names = ["rooms", "redis"];
        assert_eq!(one_of(names.into_iter(), "redis"), Ok("redis".into()));
        assert_eq!(one_of(names.into_iter(), "red"), Err("there are rooms, redis".into()));
    }
}
