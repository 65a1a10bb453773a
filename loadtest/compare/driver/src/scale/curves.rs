//! The middle of all rounds, and the straight line through it.

use serde::Serialize;

use super::charts::{CHARTS, Chart, Law};
use super::lab::Sample;
use crate::results::median;

/// A chart that has been measured.
#[derive(Debug, Serialize)]
pub struct Drawn {
    /// The name of the chart.
    pub id: &'static str,
    /// What was measured.
    pub title: &'static str,
    /// What grows.
    pub x: &'static str,
    /// The unit of the values.
    pub unit: &'static str,
    /// How it is drawn.
    #[serde(skip)]
    pub chart: &'static Chart,
    /// In the order in which they were measured.
    pub curves: Vec<Curve>,
}

/// One curve.
#[derive(Debug, Serialize)]
pub struct Curve {
    /// What it shows.
    pub name: &'static str,
    /// In the order of what grows.
    pub points: Vec<Point>,
    /// What it follows.
    pub fit: Option<Fit>,
}

/// One place on a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// What there was.
    pub x: f64,
    /// The middle of the rounds.
    pub median: f64,
    /// The least of the rounds.
    pub least: f64,
    /// The most of the rounds.
    pub most: f64,
}

/// The law of a chart in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Fit {
    /// What is there at all events.
    pub fixed: f64,
    /// What each of that which grows adds.
    pub each: f64,
    /// By how much points are off at most, as a part of their value.
    pub off: f64,
}

/// All charts that have values.
pub fn draw(samples: &[Sample]) -> Vec<Drawn> {
    let measured = |chart: &&Chart| samples.iter().any(|sample| sample.chart == chart.id);
    CHARTS.iter().filter(measured).map(|chart| drawn(chart, samples)).collect()
}

fn drawn(chart: &'static Chart, samples: &[Sample]) -> Drawn {
    let samples: Vec<_> = samples.iter().filter(|sample| sample.chart == chart.id).collect();
    let mut names: Vec<_> = samples.iter().map(|sample| sample.curve).collect();
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(*name);
            true
        }
    });
    let curves = names.into_iter().map(|name| {
        let points = points(samples.iter().filter(|sample| sample.curve == name));
        Curve { name, fit: fit(chart.law, &points), points }
    });
    Drawn { id: chart.id, title: chart.title, x: chart.x, unit: chart.unit, chart, curves: curves.collect() }
}

fn points<'a>(samples: impl Iterator<Item = &'a &'a Sample>) -> Vec<Point> {
    let mut places: Vec<(f64, Vec<f64>)> = Vec::new();
    for sample in samples {
        match places.iter_mut().find(|(x, _)| *x == sample.x) {
            Some((_, values)) => values.push(sample.value),
            None => places.push((sample.x, vec![sample.value])),
        }
    }
    places.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let point = |(x, values): (f64, Vec<f64>)| Point {
        x,
        median: median(&values),
        least: values.iter().copied().fold(f64::INFINITY, f64::min),
        most: values.iter().copied().fold(0.0, f64::max),
    };
    places.into_iter().map(point).collect()
}

/// The least squares of what points are off as a part of their value, so that small ones count as much as large ones.
fn fit(law: Law, points: &[Point]) -> Option<Fit> {
    /// A line through two points is no law.
    const ENOUGH: usize = 3;
    if law == Law::None || points.len() < ENOUGH {
        return None;
    }
    // What one of the fixed part, and one of the growing part, are of the value at a point.
    let parts = |point: &Point| match law {
        Law::Shared => (1.0 / point.x / point.median, 1.0 / point.median),
        _ => (1.0 / point.median, point.x / point.median),
    };
    let sum = |of: fn((f64, f64)) -> f64| points.iter().map(|point| of(parts(point))).sum::<f64>();
    let (ff, fe, ee) = (sum(|(f, _)| f * f), sum(|(f, e)| f * e), sum(|(_, e)| e * e));
    let (f, e) = (sum(|(f, _)| f), sum(|(_, e)| e));
    let determinant = ff * ee - fe * fe;
    let (fixed, each) = ((f * ee - e * fe) / determinant, (e * ff - f * fe) / determinant);
    let off = points.iter().map(|point| {
        let (f, e) = parts(point);
        (fixed * f + each * e - 1.0).abs()
    });
    let off = off.fold(0.0, f64::max);
    (off < NO_LAW).then_some(Fit { fixed, each, off })
}

/// Points that are off by such a part of their value follow another law.
const NO_LAW: f64 = 0.35;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(x: f64, value: f64) -> Sample {
        Sample { chart: "redis-classic", curve: "200 B, one at a time", x, value, units: 1 }
    }

    #[test]
    fn a_point_is_the_middle_of_its_rounds() {
        let samples = [(2.0, 9.0), (1.0, 3.0), (2.0, 7.0), (2.0, 8.0)].map(|(x, value)| sample(x, value));
        let drawn = draw(&samples);
        let [first, second] = drawn[0].curves[0].points[..] else { panic!("{drawn:?}") };
        assert_eq!(first, Point { x: 1.0, median: 3.0, least: 3.0, most: 3.0 });
        assert_eq!(second, Point { x: 2.0, median: 8.0, least: 7.0, most: 9.0 });
    }

    #[test]
    fn a_law_is_found_in_what_follows_it() {
        let close = |one: f64, other: f64| (one - other).abs() < 1e-9;
        for (law, value) in [(Law::Line, (|x| 5.0 + 0.5 * x) as fn(f64) -> f64), (Law::Shared, |x| 5.0 / x + 0.5)] {
            let points = [1.0, 2.0, 8.0, 64.0].map(|x| Point { x, median: value(x), least: 0.0, most: 0.0 });
            let fit = fit(law, &points).unwrap();
            assert!(close(fit.fixed, 5.0) && close(fit.each, 0.5) && fit.off < 1e-9, "{law:?}: {fit:?}");
        }
    }

    #[test]
    fn what_is_off_the_line_is_told() {
        let points =
            [(1.0, 10.0), (2.0, 10.0), (3.0, 20.0)].map(|(x, median)| Point { x, median, least: 0.0, most: 0.0 });
        assert!(fit(Law::Line, &points).unwrap().off > 0.1);
        let points =
            [(1.0, 10.0), (2.0, 1.0), (3.0, 20.0)].map(|(x, median)| Point { x, median, least: 0.0, most: 0.0 });
        assert_eq!(fit(Law::Line, &points), None);
        assert_eq!(fit(Law::Line, &points[..2]), None);
        assert_eq!(fit(Law::None, &points), None);
    }
}
