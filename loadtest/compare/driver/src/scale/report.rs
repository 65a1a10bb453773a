//! Files that tell the results: results.json, tables.md, and a picture for each kind of work.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

use serde::Serialize;

use super::charts::Law;
use super::curves::{Curve, Drawn, Point};
use super::lab::Sample;
use super::plot;
use crate::program::Circumstances;
use crate::report::digits;

/// Everything that was measured, and what it is to be read with.
#[derive(Debug, Serialize)]
pub struct Results {
    /// Where and when that was.
    #[serde(flatten)]
    pub circumstances: Circumstances,
    /// How often everything was measured.
    pub rounds: usize,
    /// Versions of what took part, by name.
    pub versions: BTreeMap<&'static str, String>,
    /// How a node was started.
    pub command: String,
    /// What came of it.
    pub charts: Vec<Drawn>,
    /// Every single value.
    pub samples: Vec<Sample>,
}

/// Writes all of them into a folder.
pub fn write(results: &Results, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("results.json"), serde_json::to_string_pretty(results)? + "\n")?;
    fs::write(folder.join("tables.md"), document(results))?;
    let mut kinds: BTreeMap<&str, Vec<&Drawn>> = BTreeMap::new();
    for drawn in &results.charts {
        let kind = drawn.id.split('-').next().expect("something comes first");
        kinds.entry(kind).or_default().push(drawn);
    }
    kinds.iter().try_for_each(|(kind, charts)| fs::write(folder.join(format!("{kind}.svg")), plot::panels(charts)))
}

fn document(results: &Results) -> String {
    let Results { circumstances: Circumstances { machine, seconds, .. }, versions, command, rounds, .. } = results;
    let mut text = format!(
        "# How the cost of Fanfare grows\n\n{machine}. The middle of {rounds} rounds, and the least and the most of them \
         where they differ by more than a tenth. It took {seconds} s. A node: `{command}`\n\n"
    );
    versions.iter().for_each(|(name, version)| text += &format!("- {name}: {version}\n"));
    results.charts.iter().for_each(|drawn| text += &table(drawn));
    text
}

fn table(drawn: &Drawn) -> String {
    let mut text = format!("\n## {}, {}\n\n| {} |", drawn.title, drawn.unit, drawn.x);
    drawn.curves.iter().for_each(|curve| text += &format!(" {} |", curve.name));
    text += "\n|--:|";
    drawn.curves.iter().for_each(|_| text += "--:|");
    let mut xs: Vec<f64> = drawn.curves.iter().flat_map(|curve| curve.points.iter().map(|point| point.x)).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    for x in xs {
        write!(text, "\n| {x} |").expect("a string takes everything");
        for curve in &drawn.curves {
            let found = curve.points.iter().find(|point| point.x == x);
            text += &format!(" {} |", found.map_or("–".into(), cell));
        }
    }
    text.push('\n');
    drawn.curves.iter().filter_map(|curve| law(drawn, curve)).for_each(|law| text += &law);
    text
}

fn cell(point: &Point) -> String {
    let median = digits(point.median);
    if point.most - point.least <= point.median / 10.0 {
        return median;
    }
    format!("{median} ({} to {})", digits(point.least), digits(point.most))
}

fn law(drawn: &Drawn, curve: &Curve) -> Option<String> {
    let fit = curve.fit?;
    let grows = match drawn.chart.law {
        Law::Shared => format!("{:.3} / ({}) + {:.3}", fit.fixed, drawn.x, fit.each),
        _ => format!("{:.3} + {:.5} × ({})", fit.fixed, fit.each, drawn.x),
    };
    Some(format!("\n{}: {grows}, within {:.0} %\n", curve.name, fit.off * 100.0))
}
