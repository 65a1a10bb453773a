//! Shapes of a picture.

use std::fmt::Write as _;

/// A picture that grows.
pub(crate) struct Svg {
    width: f64,
    shapes: String,
}

/// Which end of a text stands where it is put.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Svg {
    pub(crate) fn new(width: f64) -> Self {
        Self { width, shapes: String::new() }
    }

    pub(crate) fn bar(&mut self, x: f64, y: f64, width: f64, height: f64, color: &str) {
        self.add(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="2" fill="{color}"/>"#
        ));
    }

    /// A line through points.
    pub(crate) fn line(&mut self, points: &[(f64, f64)], color: &str, width: f64) {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        self.add(format_args!(r#"<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{width}"/>"#));
    }

    pub(crate) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        self.add(format_args!(r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#));
    }

    /// The whole file. Its background is white, for pages are dark at times.
    pub(crate) fn finish(self, height: f64) -> String {
        let Self { width, shapes } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
             <style>text{{font:12px system-ui,sans-serif;fill:#333}}.title{{font-weight:600}}.quiet{{fill:#777}}\
             .own{{font-weight:600;fill:#111}}</style>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{shapes}</svg>\n"
        )
    }

    fn add(&mut self, shape: std::fmt::Arguments<'_>) {
        writeln!(self.shapes, "{shape}").expect("a string takes everything");
    }
}
