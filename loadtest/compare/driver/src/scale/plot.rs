//! Pictures of curves.

use super::charts::Axes;
use super::curves::Drawn;
use crate::report::digits;
use crate::report::svg::{Anchor, Svg};

/// The charts, two side by side.
pub(super) fn panels(charts: &[&Drawn]) -> String {
    let mut svg = Svg::new(2.0 * WIDTH);
    for (number, drawn) in charts.iter().enumerate() {
        let (column, row) = (number % 2, number / 2);
        panel(&mut svg, drawn, column as f64 * WIDTH, row as f64 * HEIGHT);
    }
    svg.finish(charts.len().div_ceil(2) as f64 * HEIGHT)
}

fn panel(svg: &mut Svg, drawn: &Drawn, left: f64, top: f64) {
    svg.text(left + 12.0, top + 24.0, Anchor::Start, "title", &format!("{}, {}", drawn.title, drawn.unit));
    let axes = drawn.chart.axes;
    let points = || drawn.curves.iter().flat_map(|curve| &curve.points);
    let across = Scale::over(points().map(|point| point.x), axes != Axes::Linear, left + 52.0, left + WIDTH - 28.0);
    let up = Scale::over(points().map(|point| point.most), axes == Axes::LogLog, top + HEIGHT - 44.0, top + 60.0);

    for value in up.ticks() {
        svg.line(&[(across.from, up.place(value)), (across.to, up.place(value))], "#ddd", 1.0);
        svg.text(across.from - 6.0, up.place(value) + 4.0, Anchor::End, "quiet", &short(value));
    }
    let mut free = left;
    let mut xs: Vec<f64> = points().map(|point| point.x).collect();
    xs.sort_by(f64::total_cmp);
    for x in xs.into_iter().filter(|x| *x > 0.0) {
        if across.place(x) >= free {
            svg.text(across.place(x), top + HEIGHT - 28.0, Anchor::Middle, "quiet", &short(x));
            free = across.place(x) + 36.0;
        }
    }
    svg.text(across.to, top + HEIGHT - 12.0, Anchor::End, "quiet", drawn.x);

    let mut name_at = left + 52.0;
    for (curve, color) in drawn.curves.iter().zip(COLORS) {
        let places: Vec<_> = curve.points.iter().map(|point| (across.place(point.x), up.place(point.median))).collect();
        svg.line(&places, color, 2.0);
        places.iter().for_each(|(x, y)| svg.bar(x - 3.0, y - 3.0, 6.0, 6.0, color));
        svg.bar(name_at, top + 36.0, 10.0, 10.0, color);
        svg.text(name_at + 14.0, top + 45.0, Anchor::Start, "", curve.name);
        name_at += 30.0 + 6.2 * curve.name.len() as f64;
    }
}

/// Where values stand.
struct Scale {
    least: f64,
    most: f64,
    log: bool,
    from: f64,
    to: f64,
}

impl Scale {
    /// From zero, or the power of ten below, to the largest.
    fn over(values: impl Iterator<Item = f64> + Clone, log: bool, from: f64, to: f64) -> Self {
        let (least, most) =
            values.fold((f64::MAX, 0.0_f64), |(least, most), value| (least.min(value), most.max(value)));
        if log {
            let least = 10_f64.powf(least.log10().floor());
            return Self { least, most: most.max(least * 10.0), log, from, to };
        }
        Self { least: 0.0, most, log, from, to }
    }

    fn place(&self, value: f64) -> f64 {
        let part =
            if self.log { (value / self.least).log10() / (self.most / self.least).log10() } else { value / self.most };
        self.from + part * (self.to - self.from)
    }

    /// Round values: powers of ten, or some steps of 1, 2 or 5.
    fn ticks(&self) -> Vec<f64> {
        if self.log {
            let powers = self.least.log10().round() as i32..=self.most.log10().floor() as i32;
            return powers.map(|power| 10_f64.powi(power)).collect();
        }
        let rough = self.most / 6.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|step| *step >= rough);
        let step = step.expect("ten times the power below is more");
        (0..=(self.most / step) as u32).map(|number| f64::from(number) * step).collect()
    }
}

/// Thousands with a k.
fn short(value: f64) -> String {
    match value {
        0.0 => "0".into(),
        value if value >= 1000.0 => format!("{} k", (value / 100.0).round() / 10.0),
        value if value.fract() == 0.0 => format!("{value}"),
        value => digits(value),
    }
}

const WIDTH: f64 = 500.0;
const HEIGHT: f64 = 290.0;
const COLORS: [&str; 4] = ["#2a9d63", "#4f86c0", "#e0a04f", "#b0508a"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_proportion() {
        let linear = Scale::over([2.0, 8.0].into_iter(), false, 0.0, 100.0);
        assert_eq!([0.0, 2.0, 8.0].map(|value| linear.place(value)), [0.0, 25.0, 100.0]);
        let log = Scale::over([2.0, 100.0].into_iter(), true, 0.0, 100.0);
        assert_eq!([1.0, 10.0, 100.0].map(|value| log.place(value)), [0.0, 50.0, 100.0]);
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(Scale::over([11.0].into_iter(), false, 0.0, 1.0).ticks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(Scale::over([16.0, 2000.0].into_iter(), true, 0.0, 1.0).ticks(), [10.0, 100.0, 1000.0]);
    }
}
