//! Logs: for people on a terminal, as JSON elsewhere.

use std::io::{IsTerminal as _, stderr};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;

/// Starts logging to standard error. What has been logged is written when the guard is dropped.
///
/// Whoever reads the log cannot hold the server up: lines that nobody takes are dropped.
pub(crate) fn start(filter: &str) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(MAX_LINES).finish(stderr());
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).log_internal_errors(false);
    if stderr().is_terminal() {
        logs.with_target(false).compact().init();
    } else {
        logs.json().flatten_event(true).init();
    }
    guard
}

/// Lines that wait for whoever reads the log. Room for all of them is set aside at the start, 32 bytes each.
const MAX_LINES: usize = 8192;
