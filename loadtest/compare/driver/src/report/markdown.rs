//! The table in Markdown.

use std::fmt::Write as _;

use super::digits;
use crate::cores::Place;
use crate::program::Circumstances;
use crate::results::{Cell, Line, Results};
use crate::servers::Kind;

/// The table with everything that it has to be read with.
pub(super) fn document(results: &Results) -> String {
    let mut text = String::from("# Fanfare and its peers, side by side\n\n");
    text += &table(&results.lines);
    text += LEGEND;
    text += &circumstances(results);
    text += &failures(&results.lines);
    text
}

const LEGEND: &str = "
Medians, with the least and the most of all rounds where they differ by more than a tenth. µs: processor time of the server,
user and system (of both servers and Redis where there are two), for each unit of work; kB, MB: resident memory; ms: from the
moment a broadcast was due until a client had it. ✓ and ✗: whether Fanfare reaches its target.
";

/// The table alone.
pub fn table(lines: &[Line]) -> String {
    let kinds: Vec<Kind> =
        Kind::ALL.into_iter().filter(|kind| lines.iter().any(|line| line.cells.contains_key(kind))).collect();
    let mut text = String::from("| work | |");
    kinds.iter().for_each(|kind| text += &format!(" {} |", kind.title()));
    text += " target | |\n|---|---|";
    kinds.iter().for_each(|_| text += "--:|");
    text += "---|---|\n";
    for line in lines {
        write!(text, "| {} | {} |", line.title, line.unit.symbol()).expect("a string takes everything");
        kinds.iter().for_each(|kind| text += &format!(" {} |", line.cells.get(kind).map_or("–".into(), cell)));
        text += &format!(" {} | {} |\n", target(line), verdict(line));
    }
    text
}

fn cell(cell: &Cell) -> String {
    let Some(median) = cell.median else { return "failed".into() };
    let mut text = digits(median);
    if cell.most - cell.least > median / 10.0 {
        text += &format!(" ({} to {})", digits(cell.least), digits(cell.most));
    }
    if cell.reordered > 0 {
        text += ", out of order";
    }
    if !cell.failures.is_empty() {
        text += ", failed at times";
    }
    text
}

fn target(line: &Line) -> String {
    let limit = line.limit.map(|limit| format!(": {}", digits(limit)));
    let title = line.target.title();
    if title.contains('×') { title + &limit.unwrap_or_default() } else { title }
}

fn verdict(line: &Line) -> &'static str {
    match line.reached {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "",
    }
}

fn circumstances(results: &Results) -> String {
    let Results { circumstances, place, noise, versions, commands, .. } = results;
    let Circumstances { machine, seconds, .. } = circumstances;
    let apart = if *place == Place::Apart { " Every server had a core of its own." } else { "" };
    let mut text = format!(
        "\n## Where and how\n\n{machine}.{apart} The runs took {seconds} s. Other programs kept {:.2} cores busy \
         meanwhile ({:.2} at most); the rounds of one server differ by {:.0} % in the middle.\n\n",
        noise.others,
        noise.others_most,
        noise.spread * 100.0
    );
    versions.iter().for_each(|(name, version)| text += &format!("- {name}: {version}\n"));
    text += "\n```sh\n";
    commands.values().for_each(|command| text += &format!("{command}\n"));
    text + "```\n"
}

/// What went wrong, each kind of failure once.
fn failures(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        for (kind, cell) in &line.cells {
            let mut failures = cell.failures.clone();
            failures.dedup();
            failures.iter().for_each(|failure| text += &format!("- {}, {}: {failure}\n", line.title, kind.title()));
        }
    }
    if text.is_empty() { text } else { format!("\n## Failures\n\n{text}") }
}
