//! Where values are noted.

use std::time::Duration;

use serde::Serialize;

use crate::failure::Failure;

/// One value.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// The chart.
    pub chart: &'static str,
    /// The curve in it.
    pub curve: &'static str,
    /// What there was of that which grows.
    pub x: f64,
    /// In the unit of the chart.
    pub value: f64,
    /// How often work was done.
    pub units: u64,
}

/// What has been measured so far.
#[derive(Debug, Default)]
pub struct Lab {
    /// Whether time does not matter much.
    pub full: bool,
    /// In the order in which they came.
    pub samples: Vec<Sample>,
}

impl Lab {
    /// Time for the work of one point.
    pub(super) fn time(&self) -> Duration {
        Duration::from_millis(if self.full { 500 } else { 200 })
    }

    /// Time for the same work before it is measured.
    pub(super) fn warm_up(&self) -> Duration {
        self.time() / 2
    }

    /// Notes what came of so many units of work, and tells it.
    pub(super) fn note(&mut self, chart: &'static str, curve: &'static str, x: usize, value: f64, units: u64) {
        println!("{chart:<18} {curve:<24} {x:>7} {value:>10.2}  ({units} times)");
        self.samples.push(Sample { chart, curve, x: x as f64, value, units });
    }
}

/// Fails if messages came before others that were sent earlier.
pub(super) fn in_order(reordered: u64) -> Result<(), Failure> {
    match reordered {
        0 => Ok(()),
        count => Err(Failure::Process(format!("{count} deliveries were out of order"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disorder_is_a_failure() {
        assert!(in_order(0).is_ok());
        assert_eq!(in_order(3).unwrap_err().to_string(), "3 deliveries were out of order");
    }
}
