//! The deadlines of all sessions, served by one task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fanfare_proto::timers::{Scale, Slot, Timers};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::session::{Session, WeakSession};

/// Wakes sessions at their deadlines, many at a time: pings of sessions that share a slot leave together.
#[derive(Debug)]
pub(crate) struct Clock {
    scale: Scale,
    timers: Mutex<Timers<WeakSession>>,
    wake: Notify,
    stopped: AtomicBool,
    /// How long the clients get after the process has been stopped and goes on.
    grace: Duration,
}

/// When a session is woken next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scheduled {
    deadline: Instant,
    pub(crate) slot: Slot,
}

impl Clock {
    pub(crate) fn new(now: Instant, ping_interval: Duration, ping_timeout: Duration) -> Self {
        let tick = (ping_interval / SLOTS_PER_INTERVAL).clamp(MIN_TICK, MAX_TICK);
        let scale = Scale::new(now, tick);
        Self {
            scale,
            timers: Mutex::new(Timers::new(scale)),
            wake: Notify::new(),
            stopped: AtomicBool::new(false),
            grace: ping_timeout.min(MAX_GRACE),
        }
    }

    /// Has the session woken at a deadline, unless it is woken earlier anyway; returns when it is woken.
    pub(crate) fn schedule(&self, session: &Session, deadline: Instant, scheduled: Option<Scheduled>) -> Scheduled {
        // Nearly always nothing has changed, and no slot has to be found.
        if let Some(earlier) = scheduled.filter(|scheduled| scheduled.deadline <= deadline) {
            return earlier;
        }
        let slot = self.scale.slot(deadline);
        if scheduled.is_none_or(|scheduled| slot < scheduled.slot) {
            let first = self.timers.lock().insert(slot, session.downgrade());
            if first {
                self.wake.notify_one();
            }
        }
        Scheduled { deadline, slot }
    }

    /// Forgets nothing, but wakes nobody any more.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    /// Serves deadlines until the engine stops.
    pub(crate) async fn run(self: Arc<Self>) {
        while !self.stopped.load(Ordering::Relaxed) {
            let next = self.timers.lock().poll_timeout();
            let Some(next) = next else {
                self.wake.notified().await;
                continue;
            };
            tokio::select! {
                () = self.wake.notified() => continue,
                () = tokio::time::sleep_until(next.into()) => {}
            }
            if now().saturating_duration_since(next) > STALL {
                // The process was stopped for a while. The pongs of that time wait in the sockets: read first.
                tokio::time::sleep(self.grace).await;
            }
            self.serve(now()).await;
        }
    }

    async fn serve(&self, now: Instant) {
        while let Some((slot, due)) = self.take_due(now) {
            for sessions in due.chunks(SESSIONS_PER_TURN) {
                sessions.iter().filter_map(WeakSession::upgrade).for_each(|session| session.wake(slot, now));
                tokio::task::yield_now().await;
            }
        }
    }

    fn take_due(&self, now: Instant) -> Option<(Slot, Vec<WeakSession>)> {
        self.timers.lock().handle_timeout(now)
    }
}

/// The present, as tokio tells it, so that tests can pause it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Sessions with the same interval are spread over this many slots.
const SLOTS_PER_INTERVAL: u32 = 256;

const MIN_TICK: Duration = Duration::from_millis(1);
const MAX_TICK: Duration = Duration::from_millis(25);

/// A wake-up this late means that the process did not run.
pub(crate) const STALL: Duration = Duration::from_secs(1);

const MAX_GRACE: Duration = Duration::from_secs(5);

const SESSIONS_PER_TURN: usize = 256;
