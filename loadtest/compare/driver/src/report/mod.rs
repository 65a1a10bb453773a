//! Files that tell the results.

mod markdown;
mod plots;
pub(crate) mod svg;

use std::fs;
use std::io;
use std::path::Path;

use crate::results::Results;

pub use markdown::table;

/// Writes all of them into a folder.
pub fn write(results: &Results, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("results.json"), serde_json::to_string_pretty(results)? + "\n")?;
    fs::write(folder.join("table.md"), markdown::document(results))?;
    fs::write(folder.join("cpu.svg"), plots::processor_time(results))?;
    fs::write(folder.join("memory.svg"), plots::memory(results))?;
    fs::write(folder.join("latency.svg"), plots::latency(results))
}

/// A value with as many digits as it deserves.
pub(crate) fn digits(value: f64) -> String {
    match value {
        0.0..1.0 => format!("{value:.2}"),
        1.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
