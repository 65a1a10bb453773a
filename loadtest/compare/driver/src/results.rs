//! What all runs together say: medians, spreads and verdicts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cores::Place;
use crate::program::Circumstances;
use crate::rounds::Outcome;
use crate::rows::{ROWS, Row, Target, Unit};
use crate::scenarios::Sample;
use crate::servers::Kind;

/// The table, and what it is to be read with.
#[derive(Debug, Serialize)]
pub struct Results {
    /// Where and when it was measured.
    #[serde(flatten)]
    pub circumstances: Circumstances,
    /// Where the servers ran.
    pub place: Place,
    /// Versions of all that took part, by name.
    pub versions: BTreeMap<&'static str, String>,
    /// How each server was started.
    pub commands: BTreeMap<Kind, String>,
    /// What disturbed the runs.
    pub noise: Noise,
    /// The table.
    pub lines: Vec<Line>,
    /// Every single run.
    pub outcomes: Vec<Outcome>,
}

/// One line of the table.
#[derive(Debug, Serialize)]
pub struct Line {
    /// The name of the row.
    pub id: &'static str,
    /// What was done.
    pub title: &'static str,
    /// The unit of the values.
    pub unit: Unit,
    /// What Fanfare has to reach.
    pub target: Target,
    /// What that is in numbers, here.
    pub limit: Option<f64>,
    /// Whether Fanfare reached it.
    pub reached: Option<bool>,
    /// What each server took.
    pub cells: BTreeMap<Kind, Cell>,
}

/// What one server took.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Cell {
    /// The middle of the rounds.
    pub median: Option<f64>,
    /// The least of the rounds.
    pub least: f64,
    /// The most of the rounds.
    pub most: f64,
    /// Messages that came before one that was sent earlier.
    pub reordered: u64,
    /// Why rounds have no value.
    pub failures: Vec<String>,
    /// Percentiles of all rounds, where there are some: the middle of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub percentiles: Vec<(f64, f64)>,
}

/// What disturbed the runs.
#[derive(Debug, Serialize)]
pub struct Noise {
    /// Cores that other programs kept busy: the middle of all runs.
    pub others: f64,
    /// The most.
    pub others_most: f64,
    /// By how much the rounds of one server differ in a row of processor time: the middle of all, as a part of the median.
    pub spread: f64,
}

/// The lines of what was run.
pub fn lines(outcomes: &[Outcome]) -> Vec<Line> {
    let measured = |row: &&Row| outcomes.iter().any(|outcome| outcome.rows.contains(&row.id));
    ROWS.iter().filter(measured).map(|row| line(row, outcomes)).collect()
}

fn line(row: &Row, outcomes: &[Outcome]) -> Line {
    let cells = Kind::ALL.into_iter().filter_map(|kind| Some((kind, cell(row, kind, outcomes)?)));
    let cells: BTreeMap<_, _> = cells.collect();
    let own = cells.get(&Kind::Fanfare);
    let limit = row.limit(|row, kind| cell(row, kind, outcomes)?.median);
    let faultless = own.is_none_or(|cell| cell.failures.is_empty() && cell.reordered == 0);
    let verdict = own.and_then(|cell| Some((limit?, cell.median? <= limit? && faultless)));
    Line {
        id: row.id,
        title: row.title,
        unit: row.unit,
        target: row.target,
        limit: verdict.map(|(limit, _)| limit),
        reached: verdict.map(|(_, reached)| reached),
        cells,
    }
}

/// What a server took in a row, if it had to.
fn cell(row: &Row, kind: Kind, outcomes: &[Outcome]) -> Option<Cell> {
    let (mut samples, mut failures, mut any) = (Vec::new(), Vec::new(), false);
    for outcome in outcomes.iter().filter(|outcome| outcome.server == kind && outcome.rows.contains(&row.id)) {
        any = true;
        match outcome.samples.iter().find(|sample| sample.row == row.id) {
            Some(sample) => samples.push(sample),
            None => failures.extend(outcome.failure.clone()),
        }
    }
    let values: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
    any.then(|| Cell {
        median: (!values.is_empty()).then(|| median(&values)),
        least: values.iter().copied().fold(f64::INFINITY, f64::min),
        most: values.iter().copied().fold(0.0, f64::max),
        reordered: samples.iter().map(|sample| sample.reordered).sum(),
        failures,
        percentiles: percentiles(&samples),
    })
}

fn percentiles(samples: &[&Sample]) -> Vec<(f64, f64)> {
    let Some(first) = samples.first() else { return Vec::new() };
    let at =
        |index: usize| samples.iter().filter_map(move |sample| sample.percentiles.get(index)).map(|(_, value)| *value);
    let parts = first.percentiles.iter().enumerate();
    parts.map(|(index, (part, _))| (*part, median(&at(index).collect::<Vec<_>>()))).collect()
}

/// What disturbed these runs.
pub fn noise(outcomes: &[Outcome], lines: &[Line]) -> Noise {
    let samples = outcomes.iter().flat_map(|outcome| &outcome.samples);
    let others: Vec<f64> = samples.filter(|sample| sample.others > 0.0).map(|sample| sample.others).collect();
    let timed = lines.iter().filter(|line| line.unit == Unit::Micros).flat_map(|line| line.cells.values());
    let spreads: Vec<f64> =
        timed.filter_map(|cell| cell.median.map(|median| (cell.most - cell.least) / median)).collect();
    Noise { others: median(&others), others_most: others.iter().copied().fold(0.0, f64::max), spread: median(&spreads) }
}

/// The middle, or the mean of the two in the middle; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        len if len % 2 == 1 => sorted[len / 2],
        len => f64::midpoint(sorted[len / 2 - 1], sorted[len / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(server: Kind, value: f64, reordered: u64) -> Outcome {
        let sample = Sample { row: "echo", value, units: 1, reordered, others: 0.5, percentiles: Vec::new() };
        Outcome { server, round: 0, rows: &["echo"], samples: vec![sample], failure: None }
    }

    #[test]
    fn a_median_is_in_the_middle() {
        for (values, expected) in [(&[][..], 0.0), (&[3.0], 3.0), (&[9.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 2.0, 9.0], 3.0)]
        {
            assert_eq!(median(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_ratio_is_judged_by_the_median_of_its_server() {
        for (fanfare, reached) in [(11.9, true), (12.1, false)] {
            let outcomes = [9.0, 10.0, 30.0].map(|value| outcome(Kind::Floor, value, 0));
            let lines = lines(&[&outcomes[..], &[outcome(Kind::Fanfare, fanfare, 0)]].concat());
            assert_eq!(lines.len(), 1);
            assert_eq!((lines[0].limit, lines[0].reached), (Some(12.0), Some(reached)));
        }
    }

    #[test]
    fn a_row_may_be_judged_by_another_of_its_own() {
        const ROWS: &[&str] = &["latency-busy", "latency-slow"];
        for (beside, reached) in [(12.9, true), (13.1, false)] {
            let sample = |row, value| Sample { row, ..outcome(Kind::Fanfare, value, 0).samples.remove(0) };
            let samples = vec![sample("latency-busy", 10.0), sample("latency-slow", beside)];
            let lines = lines(&[Outcome { rows: ROWS, samples, ..outcome(Kind::Fanfare, 0.0, 0) }]);
            assert_eq!(lines.iter().map(|line| line.id).collect::<Vec<_>>(), ROWS);
            assert_eq!((lines[0].limit, lines[1].limit), (None, Some(13.0)));
            assert_eq!((lines[0].reached, lines[1].reached), (None, Some(reached)));
        }
    }

    #[test]
    fn nothing_is_reached_out_of_order_or_with_failures() {
        let floor = outcome(Kind::Floor, 10.0, 0);
        assert_eq!(lines(&[floor.clone(), outcome(Kind::Fanfare, 1.0, 1)])[0].reached, Some(false));
        let failed = Outcome { samples: Vec::new(), failure: Some("lost".into()), ..floor.clone() };
        let failed = Outcome { server: Kind::Fanfare, ..failed };
        assert_eq!(lines(&[floor.clone(), failed.clone(), outcome(Kind::Fanfare, 1.0, 0)])[0].reached, Some(false));
        assert_eq!(lines(&[floor, failed])[0].reached, None);
    }

    #[test]
    fn the_spread_is_a_part_of_the_median() {
        let outcomes = [9.0, 10.0, 11.0].map(|value| outcome(Kind::Floor, value, 0));
        let noise = noise(&outcomes, &lines(&outcomes));
        assert_eq!((noise.spread, noise.others), (0.2, 0.5));
    }
}
