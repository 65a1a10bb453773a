//! One session: its transport, its upgrade, its heartbeat and its end.
//! Source: Engine.IO v4, "Transports", "Upgrade", "Closing"; the reference server where that is silent.

mod outcome;
mod settings;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use super::heartbeat::Beat;
use super::{CloseReason, Closed, Heartbeat, Packet, Refusal};

pub use outcome::{Action, Answer, Input, Poll, Post, Probe, Upgrade, WhenClosed};
pub use settings::{SessionSettings, Transport};

/// Decides what a session does with every request, packet and deadline.
///
/// ```text
///            close(), no GET pending            GET or `5` arrives, or 30 s pass
///   Open ───────────────────────────▶ Closing ───────────────────────────▶ Closed
///    │            (polling only)                                              ▲
///    └── close(), error, `1` from the client, ping timeout ──────────────────┘
///
///   Polling ──▶ Polling + probing ──`5`──▶ WebSocket
///      ▲               │          │
///      └───────────────┘          └──▶ Moved, to the node that holds the WebSocket
///  probe violated, abandoned or too slow
/// ```
///
/// It holds no packet: the caller owns the queue of what is to be sent. After every `handle_*` call the
/// caller asks [`poll_answer`](Self::poll_answer) for what ends the pending GET, and
/// [`poll_closed`](Self::poll_closed) for the end of the session, which is told once.
#[derive(Debug)]
pub struct Session {
    upgrade_timeout: Duration,
    heartbeat: Heartbeat,
    transport: Transport,
    state: State,
    upgrade: Option<Probing>,
    /// A WebSocket that was accepted for an upgrade has not been given up.
    place_taken: bool,
    waits_for_upgrade: bool,
    get_pending: bool,
    post: Option<Posting>,
    answer: Option<Answer>,
    closed: Option<Closed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The server has closed a polling session whose client has yet to be told.
    Closing {
        until: Instant,
    },
    Closed,
    /// It goes on on another node.
    Moved,
}

#[derive(Clone, Copy, Debug)]
struct Probing {
    until: Instant,
    /// Once the probe has been answered, when a pending GET is next released with a noop.
    next_noop: Option<Instant>,
}

/// The POST in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Posting {
    /// Its body is being received.
    Receiving,
    /// Its packets are being handled.
    Handling,
}

impl Session {
    /// Opens a session at `now`.
    pub fn new(settings: SessionSettings, transport: Transport, now: Instant) -> Self {
        Self {
            upgrade_timeout: settings.upgrade_timeout,
            heartbeat: Heartbeat::new(settings.ping_interval, settings.ping_timeout, now),
            transport,
            state: State::Open,
            upgrade: None,
            place_taken: false,
            waits_for_upgrade: false,
            get_pending: false,
            post: None,
            answer: None,
            closed: None,
        }
    }

    /// The transport in use.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Whether packets may still be sent and received.
    pub fn is_open(&self) -> bool {
        self.state == State::Open
    }

    /// Whether a GET waits for its answer.
    pub fn is_polled(&self) -> bool {
        self.get_pending
    }

    /// Whether a WebSocket is being probed.
    pub fn is_probing(&self) -> bool {
        self.upgrade.is_some()
    }

    /// Whether a WebSocket is being probed and has been answered, so that its client is about to move to it.
    pub fn is_probed(&self) -> bool {
        self.upgrade.is_some_and(|probing| probing.next_noop.is_some())
    }

    /// Whether a ping is out, so that [`handle_activity`](Self::handle_activity) matters.
    pub fn awaits_pong(&self) -> bool {
        self.heartbeat.awaits_pong()
    }

    /// Says whether nothing is sent before the session has upgraded, so that nothing else releases the GET for which the client
    /// waits before it upgrades: the first noop comes soon then.
    pub fn set_waits_for_upgrade(&mut self, waits: bool) {
        self.waits_for_upgrade = waits;
    }

    /// A GET with this session's id has come; `packets_wait` says whether there are packets for it.
    ///
    /// A session that closes sends them before its client is told, in answers of their own: the official clients drop
    /// what comes in one payload with the end.
    pub fn handle_poll(&mut self, packets_wait: bool) -> Poll {
        if let Err(refusal) = self.check_polling() {
            return Poll::Refuse(refusal);
        }
        if self.get_pending {
            self.handle_error(Closed::transport_error("overlap from client"));
            return Poll::Overlap;
        }
        self.get_pending = true;
        if matches!(self.state, State::Closing { .. }) && !packets_wait {
            self.answer = Some(Answer::NoopClose);
            self.end(CloseReason::ForcedClose.into());
        }
        Poll::Wait
    }

    /// The pending GET has been answered.
    pub fn handle_poll_answered(&mut self) {
        self.get_pending = false;
        self.answer = None;
    }

    /// The client has dropped the connection of its pending GET, which is fatal unless a WebSocket has taken over.
    pub fn handle_poll_aborted(&mut self) {
        self.handle_poll_answered();
        self.handle_polling_error("poll connection closed prematurely");
    }

    /// The connection of the pending GET has to end: it is answered, with `6` unless there are packets.
    pub fn handle_release(&mut self) {
        self.release_poll(Answer::Noop);
    }

    /// A POST with this session's id has come.
    pub fn handle_post(&mut self) -> Post {
        if let Err(refusal) = self.check_polling() {
            return Post::Refuse(refusal);
        }
        if !self.is_open() {
            return Post::Ignore;
        }
        if self.post.is_some() {
            self.handle_error(Closed::transport_error("data request overlap from client"));
            return Post::Overlap;
        }
        self.post = Some(Posting::Receiving);
        Post::Accept
    }

    /// Whether the POST whose body is being received is still wanted: a session that has been closed, or has moved to
    /// WebSocket, gives it up.
    pub fn is_receiving_post(&self) -> bool {
        self.post == Some(Posting::Receiving) && self.is_open() && self.transport == Transport::Polling
    }

    /// The body of the POST has come; says whether its packets are to be handled.
    pub fn handle_post_received(&mut self) -> bool {
        let wanted = self.is_receiving_post();
        if wanted {
            self.post = Some(Posting::Handling);
        }
        wanted
    }

    /// The POST is answered.
    pub fn handle_post_end(&mut self) {
        self.post = None;
    }

    /// The client has dropped the connection of its POST, which is fatal unless a WebSocket has taken over.
    pub fn handle_post_aborted(&mut self) {
        self.post = None;
        self.handle_polling_error("data request connection closed prematurely");
    }

    /// A WebSocket with this session's id has come.
    pub fn handle_upgrade(&mut self, now: Instant) -> Upgrade {
        match (self.state, self.transport) {
            (State::Closed, _) => Upgrade::Refuse(Refusal::SessionUnknown),
            (State::Open, Transport::Polling) if !self.place_taken => {
                self.place_taken = true;
                self.upgrade = Some(Probing { until: now + self.upgrade_timeout, next_noop: None });
                Upgrade::Probe
            }
            _ => Upgrade::Occupied,
        }
    }

    /// The probing WebSocket has sent a packet.
    pub fn handle_probe(&mut self, now: Instant, packet: &Packet<'_>) -> Probe {
        let Some(probing) = &mut self.upgrade else {
            return Probe::Abort;
        };
        match packet {
            Packet::Ping("probe") => {
                let pause = if self.waits_for_upgrade { HEAD_START } else { NOOP_INTERVAL };
                probing.next_noop.get_or_insert(now + pause);
                Probe::Pong
            }
            // Packets of both transports at once would have no order.
            Packet::Upgrade if probing.next_noop.is_some() && self.post != Some(Posting::Handling) => {
                self.upgrade = None;
                self.transport = Transport::WebSocket;
                // A client that polls on while it upgrades is released, as the reference releases it.
                self.release_poll(Answer::Close);
                if !self.is_open() {
                    self.end(CloseReason::ForcedClose.into());
                }
                Probe::Upgraded
            }
            _ => {
                self.upgrade = None;
                Probe::Abort
            }
        }
    }

    /// The probing WebSocket is given up, whoever has decided that. Until then there is no place for another, so that
    /// what the old one still does cannot be taken for the new one's.
    pub fn handle_upgrade_aborted(&mut self) {
        self.upgrade = None;
        self.place_taken = false;
    }

    /// The session that has just upgraded goes on on another node. Nobody is told that it has closed; what polling
    /// requests still come are refused as those of any upgraded session.
    pub fn handle_moved(&mut self) {
        debug_assert!(self.is_open() && self.transport == Transport::WebSocket, "only an upgraded session moves");
        self.state = State::Moved;
    }

    /// A packet has come over the session's transport.
    pub fn handle_packet(&mut self, now: Instant, packet: &Packet<'_>) -> Input {
        if !self.is_open() {
            if matches!((self.state, packet), (State::Closing { .. }, Packet::Close)) {
                // The client is leaving too, and will not poll again to be told.
                self.release_poll(Answer::Noop);
                self.end(CloseReason::ForcedClose.into());
            }
            return Input::Handled;
        }
        match packet {
            Packet::Message(_) | Packet::Binary(_) => {
                self.heartbeat.handle_activity(now);
                return Input::Deliver;
            }
            Packet::Pong(_) => self.heartbeat.handle_pong(now),
            Packet::Close => {
                self.release_poll(Answer::Noop);
                self.end(CloseReason::TransportClose.into());
            }
            Packet::Ping(_) => self.handle_error(Closed::transport_error("invalid heartbeat direction")),
            Packet::Open(_) | Packet::Upgrade | Packet::Noop => {
                self.handle_error(CloseReason::ParseError.into());
            }
        }
        Input::Handled
    }

    /// Messages have come that were not shown to [`handle_packet`](Self::handle_packet).
    pub fn handle_activity(&mut self, now: Instant) {
        self.heartbeat.handle_activity(now);
    }

    /// The server wants the session to end.
    pub fn handle_close(&mut self, when: WhenClosed, now: Instant) {
        if !self.is_open() && when != WhenClosed::AtOnce {
            return;
        }
        let packets_wait = when == WhenClosed::Flushed { packets_wait: true };
        let told = self.transport == Transport::WebSocket || (self.get_pending && !packets_wait);
        if told || when == WhenClosed::AtOnce {
            self.release_poll(Answer::Close);
            self.end(CloseReason::ForcedClose.into());
        } else {
            self.upgrade = self.upgrade.filter(|_| packets_wait);
            self.state = State::Closing { until: now + CLOSE_TIMEOUT };
        }
    }

    /// Something went wrong that ends the session at once.
    pub fn handle_error(&mut self, closed: Closed) {
        self.release_poll(Answer::Close);
        self.end(closed);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next; `None` once closed.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let own = match self.state {
            State::Open => self.heartbeat.poll_timeout(),
            State::Closing { until } => until,
            State::Closed | State::Moved => return None,
        };
        let probing = self.upgrade.map(|Probing { until, next_noop }| next_noop.map_or(until, |noop| until.min(noop)));
        Some(probing.map_or(own, |probing| own.min(probing)))
    }

    /// Moves to `now`; called until it returns `None`. Calling early changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Action> {
        self.handle_probe_timeout(now).or_else(|| match self.state {
            State::Open => self.handle_heartbeat(now),
            State::Closing { until } if now >= until => {
                self.release_poll(Answer::Close);
                self.end(CloseReason::ForcedClose.into());
                Some(Action::Close)
            }
            State::Closing { .. } | State::Closed | State::Moved => None,
        })
    }

    /// What the pending GET is to be answered with now, besides the packets that wait.
    pub fn poll_answer(&self) -> Option<Answer> {
        self.answer.filter(|_| self.get_pending)
    }

    /// Why the session has closed; returned once.
    pub fn poll_closed(&mut self) -> Option<Closed> {
        self.closed.take()
    }

    /// A connection of the polling transport broke. Once the session has moved on, that does it no harm.
    fn handle_polling_error(&mut self, description: &'static str) {
        if self.transport == Transport::Polling {
            self.handle_error(Closed::transport_error(description));
        }
    }

    fn check_polling(&self) -> Result<(), Refusal> {
        match (self.state, self.transport) {
            (State::Closed, _) => Err(Refusal::SessionUnknown),
            (_, Transport::WebSocket) => Err(Refusal::BadRequest),
            (_, Transport::Polling) => Ok(()),
        }
    }

    fn handle_probe_timeout(&mut self, now: Instant) -> Option<Action> {
        let probing = self.upgrade.as_mut()?;
        if now >= probing.until {
            self.upgrade = None;
            return Some(Action::AbortUpgrade);
        }
        // Repeated, since a client that polls again before it has seen the probe answered must be
        // released again; spaced, since an immediate noop would make it poll in a circle.
        probing.next_noop.filter(|&noop| now >= noop)?;
        probing.next_noop = Some(now + NOOP_INTERVAL);
        self.release_poll(Answer::Noop);
        Some(Action::AnswerPoll)
    }

    fn handle_heartbeat(&mut self, now: Instant) -> Option<Action> {
        Some(match self.heartbeat.handle_timeout(now)? {
            Beat::Ping => Action::SendPing,
            Beat::Gone => {
                self.handle_error(CloseReason::PingTimeout.into());
                Action::Close
            }
        })
    }

    fn release_poll(&mut self, answer: Answer) {
        if self.get_pending && self.answer != Some(Answer::Close) {
            self.answer = Some(answer);
        }
    }

    fn end(&mut self, closed: Closed) {
        if !matches!(self.state, State::Closed | State::Moved) {
            self.state = State::Closed;
            self.upgrade = None;
            self.closed = Some(closed);
        }
    }
}

/// How often a pending GET is released while a probe is under way. Source: the reference server.
const NOOP_INTERVAL: Duration = Duration::from_millis(100);

/// How long the answer to a probe may take longer than the noop behind it, which would have the client poll again.
const HEAD_START: Duration = Duration::from_millis(10);

/// How long a closed polling session waits for the GET that tells its client. Source: the reference server.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
