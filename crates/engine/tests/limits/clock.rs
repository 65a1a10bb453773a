//! Time that a test moves by itself, so that the defaults can be tested and not only short stand-ins for them.

use std::sync::mpsc;
use std::time::Duration;

use tokio::time::Instant;

/// Stands still but for [`pass`](Clock::pass), as long as it lives.
pub(crate) struct Clock {
    _hold: mpsc::Sender<()>,
}

impl Clock {
    pub(crate) fn stop() -> Self {
        tokio::time::pause();
        // Time that is paused still jumps to the next deadline when every task waits, unless something is blocked. The
        // limit lets a test that hangs fail by the timeouts of its clients.
        let (hold, released) = mpsc::channel();
        tokio::task::spawn_blocking(move || released.recv_timeout(REAL_PATIENCE));
        Self { _hold: hold }
    }

    /// Lets time pass, in steps small enough that everybody keeps pace with it.
    pub(crate) async fn pass(&self, duration: Duration) {
        let end = Instant::now() + duration;
        while Instant::now() < end {
            tokio::time::advance(STEP.min(end - Instant::now())).await;
            for _ in 0..YIELDS {
                tokio::task::yield_now().await;
            }
        }
    }

    pub(crate) async fn pass_secs(&self, secs: u64) {
        self.pass(Duration::from_secs(secs)).await;
    }
}

const STEP: Duration = Duration::from_millis(50);

/// Turns of all tasks after each step: one to see a deadline, some for what follows from it.
const YIELDS: usize = 5;

const REAL_PATIENCE: Duration = Duration::from_secs(60);
