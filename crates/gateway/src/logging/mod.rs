//! Logs: for people on a terminal, as JSON elsewhere.

mod limit;
mod one_line;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{IsTerminal as _, stderr};
use std::panic::PanicHookInfo;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use limit::{Limit, Limited};
use one_line::OneLine;

/// The log, until it is dropped: what has been logged is written then.
pub(crate) struct Log {
    flush: Option<WorkerGuard>,
    limit: Arc<Limit>,
}

/// Starts logging to standard error.
///
/// Whoever reads the log cannot hold the server up: lines that nobody takes are dropped. Nor can a client flood it, or
/// write lines of its own.
pub(crate) fn start(filter: &str) -> Log {
    let (writer, flush) = NonBlockingBuilder::default().buffered_lines_limit(MAX_LINES).finish(stderr());
    let limit = Arc::new(Limit::default());
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let filter = filter.and(Limited(limit.clone()));
    let lines = fmt::layer().log_internal_errors(false);
    let lines = if stderr().is_terminal() {
        lines.with_target(false).compact().with_writer(OneLine(writer)).boxed()
    } else {
        lines.json().flatten_event(true).with_writer(writer).boxed()
    };
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    std::panic::set_hook(Box::new(log_panic));
    Log { flush: Some(flush), limit }
}

impl Log {
    /// Says from time to time how many lines were left out.
    pub(crate) fn report(&self) -> impl Future<Output = ()> + use<> {
        let limit = self.limit.clone();
        async move {
            loop {
                tokio::time::sleep(REPORT_INTERVAL).await;
                for (target, line, lines) in limit.take_left_out() {
                    tracing::warn!(place = format!("{target}:{line}"), lines, "left out of the log");
                }
            }
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let flush = self.flush.take();
        let (flushed, done) = mpsc::channel();
        thread::spawn(move || {
            drop(flush);
            let _ = flushed.send(());
        });
        // Nobody may be reading any more.
        let _ = done.recv_timeout(FLUSH_TIMEOUT);
    }
}

/// A panic is a line like any other: the default hook writes several, and waits for whoever reads them.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let message: String = panic.payload_as_str().unwrap_or("of unknown type").chars().take(MAX_PANIC).collect();
    let place = panic.location().map(ToString::to_string);
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(?message, place, backtrace, "panicked");
}

/// Lines that wait to be written. Room for all of them is set aside at the start, 32 bytes each.
const MAX_LINES: usize = 8192;

/// Characters of the message of a panic.
const MAX_PANIC: usize = 1000;

const REPORT_INTERVAL: Duration = Duration::from_secs(10);

const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);
