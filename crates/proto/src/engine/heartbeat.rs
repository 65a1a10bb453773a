//! Server heartbeat. Source: Engine.IO v4, "Heartbeat".

use std::time::{Duration, Instant};

/// Decides when to ping and when a silent client is gone.
///
/// ```text
///              interval after the pong          timeout after the ping
///  Idle ───────────────────────────────▶ AwaitingPong ────────────▶ gone
///   ▲                                        │
///   └──────────────── pong ──────────────────┘
/// ```
///
/// Holds no clock: the caller passes `now`, so a test can live an hour in a microsecond.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    ping_interval: Duration,
    ping_timeout: Duration,
    state: State,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// A ping has to be sent.
    Ping,
    /// The client has not answered in time.
    Gone,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The client has answered; the next ping leaves at this instant.
    Idle(Instant),
    /// A ping is out; without a pong the client is gone at this instant.
    AwaitingPong {
        until: Instant,
        /// Another packet has come meanwhile and bought the client time, which happens once per ping.
        extended: bool,
    },
}

impl Heartbeat {
    /// Starts with a session that opens at `now`; the first ping is due one interval later.
    pub fn new(ping_interval: Duration, ping_timeout: Duration, now: Instant) -> Self {
        Self { ping_interval, ping_timeout, state: State::Idle(now + ping_interval) }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    pub fn poll_timeout(&self) -> Instant {
        match self.state {
            State::Idle(at) | State::AwaitingPong { until: at, .. } => at,
        }
    }

    /// Whether a ping is out, so that other packets of the client are worth reporting.
    pub fn awaits_pong(&self) -> bool {
        matches!(self.state, State::AwaitingPong { .. })
    }

    /// A pong has come. Unasked ones change nothing: a client cannot talk the server out of pinging it.
    pub fn handle_pong(&mut self, now: Instant) {
        if self.awaits_pong() {
            self.state = State::Idle(now + self.ping_interval);
        }
    }

    /// Another packet has come: a client whose pong is stuck behind a large upload is alive.
    pub fn handle_activity(&mut self, now: Instant) {
        if let State::AwaitingPong { until, extended: false } = self.state {
            self.state = State::AwaitingPong { until: until.max(now + self.ping_timeout), extended: true };
        }
    }

    /// Moves to `now`. Calling early changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Beat> {
        let due = self.poll_timeout();
        if now < due {
            return None;
        }
        Some(match self.state {
            State::Idle(_) => {
                self.state =
                    State::AwaitingPong { until: self.ping_sent(due, now) + self.ping_timeout, extended: false };
                Beat::Ping
            }
            State::AwaitingPong { .. } => Beat::Gone,
        })
    }

    /// A ping that left a little late counts as punctual, so that the two deadlines add up to interval plus
    /// timeout; one that left late, of a stalled process, does not shorten the answer.
    fn ping_sent(&self, due: Instant, now: Instant) -> Instant {
        if now - due <= self.ping_timeout / PUNCTUAL { due } else { now }
    }
}

/// A ping is punctual if it leaves within this part of the timeout.
const PUNCTUAL: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(25);
    const TIMEOUT: Duration = Duration::from_secs(20);

    fn started() -> (Heartbeat, Instant) {
        let now = Instant::now();
        (Heartbeat::new(INTERVAL, TIMEOUT, now), now)
    }

    #[test]
    fn a_silent_client_is_gone_after_interval_and_timeout() {
        let (mut heartbeat, start) = started();
        assert_eq!(heartbeat.handle_timeout(start + INTERVAL), Some(Beat::Ping));
        let gone = start + INTERVAL + TIMEOUT;
        assert_eq!(heartbeat.handle_timeout(gone - Duration::from_millis(1)), None);
        assert_eq!(heartbeat.handle_timeout(gone), Some(Beat::Gone));
    }

    #[test]
    fn the_interval_runs_from_the_pong() {
        let (mut heartbeat, start) = started();
        heartbeat.handle_timeout(start + INTERVAL);
        let pong = start + INTERVAL + Duration::from_secs(3);
        heartbeat.handle_pong(pong);
        assert_eq!(heartbeat.poll_timeout(), pong + INTERVAL);
    }

    #[test]
    fn unasked_pongs_do_not_postpone_the_ping() {
        let (mut heartbeat, start) = started();
        heartbeat.handle_pong(start + INTERVAL / 2);
        assert_eq!(heartbeat.poll_timeout(), start + INTERVAL);
    }

    #[test]
    fn other_packets_extend_the_timeout_once() {
        let (mut heartbeat, start) = started();
        heartbeat.handle_timeout(start + INTERVAL);
        let busy = start + INTERVAL + TIMEOUT / 2;
        heartbeat.handle_activity(busy);
        heartbeat.handle_activity(busy + TIMEOUT / 2);
        assert_eq!(heartbeat.poll_timeout(), busy + TIMEOUT);
    }

    #[test]
    fn a_late_ping_leaves_the_client_its_whole_timeout() {
        let (mut heartbeat, start) = started();
        let late = start + INTERVAL + Duration::from_secs(10);
        assert_eq!(heartbeat.handle_timeout(late), Some(Beat::Ping));
        assert_eq!(heartbeat.poll_timeout(), late + TIMEOUT);
    }
}
