//! Writes out what has gathered, many sessions at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::session::Session;

/// The sessions that have something to send, and the task that sends it.
///
/// A push marks its session dirty and adds it here; only the first one wakes the task. By the time the task
/// runs, other tasks may have pushed more to the same sessions: all of it leaves in one write each.
#[derive(Debug, Default)]
pub(crate) struct Flusher {
    dirty: Mutex<Vec<Session>>,
    wake: Notify,
    stopped: AtomicBool,
}

impl Flusher {
    /// Adds a session; each is added once until it has been flushed.
    pub(crate) fn add(&self, session: Session) {
        let mut dirty = self.dirty.lock();
        dirty.push(session);
        if dirty.len() == 1 {
            drop(dirty);
            self.wake.notify_one();
        }
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Flushes until the engine stops.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut batch = Vec::new();
        while !self.stopped.load(Ordering::Relaxed) {
            self.wake.notified().await;
            // Whatever can run now runs first, and adds to the batch instead of making another one.
            tokio::task::yield_now().await;
            std::mem::swap(&mut batch, &mut *self.dirty.lock());
            let mut sessions = batch.drain(..);
            while sessions.len() > 0 {
                sessions.by_ref().take(SESSIONS_PER_TURN).for_each(|session| session.flush());
                tokio::task::yield_now().await;
            }
        }
    }
}

/// How many sessions are written to before other tasks get a turn; a write takes about 5 µs.
const SESSIONS_PER_TURN: usize = 256;
