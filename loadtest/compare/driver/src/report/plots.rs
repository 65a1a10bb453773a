//! The plots.

use super::digits;
use super::svg::{Anchor, Svg};
use crate::results::{Line, Results};
use crate::rows::Unit;
use crate::servers::Kind;

/// Bars for each row of processor time.
pub(super) fn processor_time(results: &Results) -> String {
    panels(results, |line| line.unit == Unit::Micros)
}

/// Bars for each row of memory.
pub(super) fn memory(results: &Results) -> String {
    panels(results, |line| matches!(line.unit, Unit::Kilobytes | Unit::Megabytes))
}

/// Percentiles of the time to delivery: one line for each server, both axes logarithmic.
pub(super) fn latency(results: &Results) -> String {
    let mut svg = Svg::new(WIDTH);
    let title = "Time to delivery at 20 broadcasts/s to 1,000 clients, in ms, by percentile";
    svg.text(MARGIN, 24.0, Anchor::Start, "title", title);
    let Some(line) = results.lines.iter().find(|line| line.id == "latency-p50") else { return svg.finish(40.0) };
    let curves: Vec<_> = line.cells.iter().map(|(kind, cell)| (*kind, &cell.percentiles)).collect();
    let values = || curves.iter().flat_map(|(_, curve)| curve.iter().map(|(_, value)| value.max(0.01).log10()));
    let (bottom, top) = (values().fold(f64::MAX, f64::min).floor(), values().fold(f64::MIN, f64::max).ceil());
    let y = |value: f64| 340.0 - (value.max(0.01).log10() - bottom) / (top - bottom) * 290.0;
    for power in bottom as i32..=top as i32 {
        let value = 10_f64.powi(power);
        svg.line(&[(60.0, y(value)), (560.0, y(value))], "#ddd", 1.0);
        svg.text(52.0, y(value) + 4.0, Anchor::End, "quiet", &value.to_string());
    }
    let x = |index: usize, count: usize| 60.0 + 500.0 * index as f64 / (count.max(2) - 1) as f64;
    if let Some((_, curve)) = curves.first() {
        for (index, (part, _)) in curve.iter().enumerate() {
            svg.text(x(index, curve.len()), 360.0, Anchor::Middle, "quiet", &format!("{part} %"));
        }
    }
    for (place, (kind, curve)) in curves.iter().enumerate() {
        let points: Vec<_> =
            curve.iter().enumerate().map(|(index, (_, value))| (x(index, curve.len()), y(*value))).collect();
        svg.line(&points, color(*kind), if *kind == Kind::Fanfare { 3.0 } else { 1.5 });
        let at = 60.0 + 22.0 * place as f64;
        svg.bar(590.0, at - 9.0, 10.0, 10.0, color(*kind));
        svg.text(608.0, at, Anchor::Start, class(*kind), kind.title());
    }
    svg.finish(380.0)
}

/// A panel for each line, two side by side.
fn panels(results: &Results, wanted: impl Fn(&Line) -> bool) -> String {
    let mut svg = Svg::new(WIDTH);
    let mut ends = [0.0; 2];
    for line in results.lines.iter().filter(|line| wanted(line)) {
        // The next one goes where there is more room.
        let column = usize::from(ends[1] < ends[0]);
        ends[column] = panel(&mut svg, line, MARGIN + column as f64 * WIDTH / 2.0, ends[column]);
    }
    svg.finish(ends[0].max(ends[1]) + MARGIN)
}

/// Bars for each server, and a mark for the target. Returns where it ends.
fn panel(svg: &mut Svg, line: &Line, x: f64, y: f64) -> f64 {
    svg.text(x, y + 28.0, Anchor::Start, "title", &format!("{}, {}", short(line.title), line.unit.symbol()));
    let most = line.cells.values().filter_map(|cell| cell.median).fold(0.0, f64::max);
    let scale = |value: f64| value / most * BAR;
    let mut at = y + 38.0;
    let start = at;
    for (kind, cell) in &line.cells {
        svg.text(x + LABEL - 8.0, at + 12.0, Anchor::End, class(*kind), kind.title());
        let end = if let Some(median) = cell.median {
            svg.bar(x + LABEL, at + 1.0, scale(median).max(1.0), 14.0, color(*kind));
            scale(median)
        } else {
            0.0
        };
        let order = if cell.reordered > 0 { ", out of order" } else { "" };
        let value = cell.median.map_or("failed".into(), |median| digits(median) + order);
        svg.text(x + LABEL + end + 5.0, at + 12.0, Anchor::Start, class(*kind), &value);
        at += 18.0;
    }
    if let Some(limit) = line.limit.filter(|limit| *limit <= most) {
        svg.line(&[(x + LABEL + scale(limit), start - 2.0), (x + LABEL + scale(limit), at)], "#c00", 1.0);
    }
    at
}

/// Titles fit above a panel.
fn short(title: &str) -> &str {
    title.strip_suffix(", per delivery").unwrap_or(title)
}

fn class(kind: Kind) -> &'static str {
    if kind == Kind::Fanfare { "own" } else { "" }
}

fn color(kind: Kind) -> &'static str {
    match kind {
        Kind::Floor => "#b0b0b0",
        Kind::Flush => "#8a8a8a",
        Kind::NodeWs => "#8fb4d9",
        Kind::NodeUws => "#4f86c0",
        Kind::Socketioxide => "#e0a04f",
        Kind::Fanfare => "#2a9d63",
    }
}

const WIDTH: f64 = 800.0;
const MARGIN: f64 = 16.0;
const LABEL: f64 = 92.0;
const BAR: f64 = 180.0;
