//! What processes spend.

use std::time::Duration;

use crate::failure::Failure;
use crate::process::Process;

/// Looks at processes, from now on.
pub(super) struct Watch<'a> {
    processes: Vec<(&'a Process, Duration)>,
}

impl<'a> Watch<'a> {
    pub(super) fn start(processes: impl IntoIterator<Item = &'a Process>) -> Result<Self, Failure> {
        let with_time = |process: &'a Process| Ok((process, process.processor_time()?));
        Ok(Self { processes: processes.into_iter().map(with_time).collect::<Result<_, Failure>>()? })
    }

    /// Processor time of all together, in microseconds, for each unit of work.
    pub(super) fn each(&self, units: u64) -> Result<f64, Failure> {
        let mut spent = Duration::ZERO;
        for (process, before) in &self.processes {
            spent += process.processor_time()?.saturating_sub(*before);
        }
        Ok(spent.as_secs_f64() * 1e6 / units as f64)
    }
}
