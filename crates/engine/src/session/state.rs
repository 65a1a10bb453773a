//! What a session holds behind its lock: the protocol core, the outbox and the way to the client.

use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use fanfare_proto::engine::{self as proto, Answer, CloseReason, Closed, Transport, WhenClosed, payload};
use tokio::net::TcpStream;

use super::SendError;
use super::delay::Delay;
use crate::budget::Budget;
use crate::clock::{Scheduled, now};
use crate::config::Limits;
use crate::counter::Counter;
use crate::engine::Shared;
use crate::outbox::{Outbox, Overflow, Written};
use crate::outgoing::Outgoing;
use crate::websocket::write_now;

/// Laid out as it is written: what pushing and flushing look at comes first.
#[repr(C)]
pub(crate) struct State {
    pub(crate) outbox: Outbox,
    link: Link,
    /// How many callers want what is sent to be held back.
    pub(super) corks: u16,
    /// Whether a flusher has the session in its list.
    pub(super) is_listed: bool,
    /// Counts the bytes that the client is sent.
    sent: Counter,
    /// Since when the client has taken nothing of what waits for it.
    stalled_since: Option<Instant>,
    pub(crate) core: proto::Session,
    /// Until the application knows the session.
    pub(super) delay: Option<Box<Delay>>,
    /// When the clock will look at the session next.
    pub(super) scheduled: Option<Scheduled>,
    /// When the session is to be closed, if the application has said so.
    pub(super) expires_at: Option<Instant>,
    /// The task of a probing WebSocket, to be woken when its attempt is over.
    probing: Option<Waker>,
    /// The task that receives a POST, to be woken when nobody wants that any more.
    posting: Option<Waker>,
    /// The close code for the WebSocket; the reference closes without one where it has nothing to say.
    pub(super) close_code: Option<u16>,
}

/// The way to the client.
enum Link {
    /// A GET that waits, if its task has asked for a body; also before the WebSocket of a handshake is there.
    Polling(Option<Waker>),
    WebSocket(WebSocketLink),
}

/// A WebSocket, and the task that reads from it.
pub(crate) struct WebSocketLink {
    /// The socket, where anybody may write to it; otherwise the task does all writing.
    stream: Option<Arc<TcpStream>>,
    driver: Option<Waker>,
    /// The client takes binary messages as base64 text only.
    base64: bool,
    /// The socket takes no more; its task waits until it does.
    blocked: bool,
    /// The task does not read because of what waits; it is woken when that has left.
    paused: bool,
    /// The newest answer to a ping that came while the socket was blocked.
    late_pong: Option<Outgoing>,
}

/// A polling body.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// Whether any message in it may be compressed.
    pub(crate) compress: bool,
}

/// What the driver of a WebSocket has to know after it has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkStatus {
    /// The session is over: the driver closes the socket.
    pub(crate) closed: bool,
    /// Nothing waits.
    pub(crate) drained: bool,
    /// So much waits that the client is not read from until it has read.
    pub(crate) congested: bool,
}

impl State {
    pub(super) fn new(core: proto::Session, delay: Delay, budget: Arc<Budget>, sent: Counter) -> Self {
        Self {
            outbox: Outbox::new(budget),
            link: Link::Polling(None),
            corks: 0,
            is_listed: false,
            sent,
            stalled_since: None,
            core,
            delay: Some(Box::new(delay)),
            scheduled: None,
            expires_at: None,
            probing: None,
            posting: None,
            close_code: None,
        }
    }

    /// Adds to the outbox. What is too much for one flush is written on the way.
    pub(crate) fn push(&mut self, messages: Outgoing, limits: &Limits) -> Result<(), SendError> {
        self.enqueue(messages, limits)?;
        if let Link::Polling(_) = self.link {
            self.stalled_since.get_or_insert_with(now);
        }
        Ok(())
    }

    /// Adds to the outbox of an open session if nothing follows from it but that something waits: no deadline begins,
    /// and no bound is near. Says whether it did.
    pub(super) fn push_quietly(&mut self, messages: &Outgoing, limits: &Limits) -> bool {
        let sets_no_deadline = match &self.link {
            Link::Polling(_) => self.stalled_since.is_some(),
            Link::WebSocket(link) => !link.blocked,
        };
        let bytes = self.outbox.bytes_with(messages);
        sets_no_deadline
            && bytes <= EAGER_BYTES
            && bytes <= limits.outbox_bytes / 4
            && self.outbox.push(messages.clone(), limits.outbox_bytes).is_ok()
    }

    /// Adds a ping. How long one may wait for the next poll is the ping timeout's business: nothing else waits for a
    /// client to be slow to take.
    pub(super) fn ping(&mut self, ping: Outgoing, limits: &Limits) {
        let _ = self.enqueue(ping, limits);
    }

    fn enqueue(&mut self, messages: Outgoing, limits: &Limits) -> Result<(), SendError> {
        if !self.core.is_open() {
            return Err(SendError);
        }
        if let Err(Overflow) = self.outbox.push(messages, limits.outbox_bytes) {
            self.core.handle_error(CloseReason::SlowConsumer.into());
            return Err(SendError);
        }
        if self.outbox.bytes() > EAGER_BYTES {
            self.write();
        }
        Ok(())
    }

    pub(super) fn is_writable(&self) -> bool {
        self.core.is_open()
            && self.outbox.is_empty()
            && match &self.link {
                Link::Polling(_) => self.core.is_polled(),
                Link::WebSocket(link) => !link.blocked,
            }
    }

    pub(super) fn is_congested(&self, limits: &Limits) -> bool {
        self.outbox.bytes() > limits.outbox_bytes / 4 || self.delay.as_ref().is_some_and(|delay| delay.is_full())
    }

    /// The application knows the session; what was held back for that is read on.
    pub(super) fn end_delay(&mut self) {
        self.delay = None;
        self.core.set_waits_for_upgrade(false);
        if let Link::WebSocket(link) = &mut self.link
            && link.paused
        {
            link.wake();
        }
    }

    /// Switches to a WebSocket.
    pub(super) fn link(&mut self, link: WebSocketLink) {
        if let Link::Polling(Some(waiter)) = std::mem::replace(&mut self.link, Link::WebSocket(link)) {
            waiter.wake();
        }
        self.stalled_since = None;
        self.flush();
    }

    /// Whether a flusher should have the session: something waits that nobody is about to send.
    pub(super) fn wants_flush(&self) -> bool {
        self.corks == 0
            && !self.outbox.is_empty()
            && match &self.link {
                Link::Polling(waiter) => waiter.is_some(),
                Link::WebSocket(link) => !link.blocked,
            }
    }

    /// Writes to the client as far as it takes it, unless that is held back.
    pub(super) fn flush(&mut self) {
        if self.corks > 0 || self.outbox.is_empty() {
            return;
        }
        match &mut self.link {
            Link::Polling(waiter) => waiter.take().into_iter().for_each(Waker::wake),
            Link::WebSocket(link) if link.stream.is_some() => drop(self.write()),
            Link::WebSocket(link) => link.wake(),
        }
    }

    /// Writes to a socket that takes everything and about which nothing else has to be seen to. Says whether it was so;
    /// if not, there is more to do, though all may be written.
    pub(super) fn flush_quietly(&mut self) -> bool {
        let is_fluent = matches!(&self.link, Link::WebSocket(link) if link.is_fluent());
        is_fluent && self.corks == 0 && self.stalled_since.is_none() && self.write()
    }

    /// Writes to the socket, if there is one that can be written to from here. Says whether it has taken everything.
    fn write(&mut self) -> bool {
        let Link::WebSocket(link) = &mut self.link else { return false };
        let Some(stream) = link.stream.as_ref().filter(|_| !link.blocked) else { return false };
        let write = |slices: &[IoSlice<'_>]| write_now(stream, slices);
        let written = self.outbox.write_to(link.base64, counting(&self.sent, write));
        let is_written = matches!(written, Ok(Written::All));
        self.written(written);
        is_written
    }

    /// Whether others write to the socket, which takes everything, and know this task as the one that reads from it.
    pub(super) fn is_fluent_for(&self, driver: &Waker) -> bool {
        let Link::WebSocket(link) = &self.link else { return false };
        link.is_fluent() && link.stream.is_some() && link.driver.as_ref().is_some_and(|known| known.will_wake(driver))
    }

    /// The driver's turn: it writes what the socket takes and hears what to do next. It is woken when that
    /// changes.
    pub(crate) fn poll_link(
        &mut self,
        driver: &Waker,
        limits: &Limits,
        write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> LinkStatus {
        if let Link::WebSocket(link) = &mut self.link {
            if !link.driver.as_ref().is_some_and(|known| known.will_wake(driver)) {
                link.driver = Some(driver.clone());
            }
            if self.corks == 0 && (link.blocked || link.stream.is_none()) && !self.outbox.is_empty() {
                let written = self.outbox.write_to(link.base64, counting(&self.sent, write));
                self.written(written);
            }
        }
        let mut congested = self.is_congested(limits);
        if let Link::WebSocket(link) = &mut self.link {
            congested |= link.late_pong.is_some();
            link.paused = congested;
        }
        LinkStatus { closed: !self.core.is_open(), drained: self.outbox.is_empty(), congested }
    }

    /// Answers a ping. While the socket is blocked, only the newest answer is kept.
    pub(super) fn pong(&mut self, pong: Outgoing, limits: &Limits) {
        match &mut self.link {
            Link::WebSocket(link) if link.blocked => link.late_pong = Some(pong),
            _ => drop(self.push(pong, limits)),
        }
    }

    /// The client has dropped the connection of its pending GET, which would have taken what is left of a session
    /// that is over.
    pub(super) fn poll_aborted(&mut self) {
        self.core.handle_poll_aborted();
        if self.core.transport() == Transport::Polling {
            self.outbox.discard();
        }
    }

    /// The socket is gone: nothing is written to it any more, and nothing is kept for it.
    pub(super) fn detach(&mut self) {
        self.link = Link::Polling(None);
        self.outbox.clear();
    }

    fn written(&mut self, written: io::Result<Written>) {
        let Link::WebSocket(link) = &mut self.link else { return };
        match written {
            Ok(Written::All) => {
                link.blocked = false;
                self.stalled_since = None;
                if std::mem::take(&mut link.paused) {
                    link.wake();
                }
                // Once the session is over, its close frame is all that follows.
                if let Some(pong) = link.late_pong.take().filter(|_| self.core.is_open()) {
                    // An empty outbox takes anything.
                    let _ = self.outbox.push(pong, usize::MAX);
                }
            }
            Ok(Written::Blocked { progress }) => {
                if progress || self.stalled_since.is_none() {
                    self.stalled_since = Some(now());
                }
                if !std::mem::replace(&mut link.blocked, true) {
                    link.wake();
                }
            }
            Err(_) => {
                self.outbox.clear();
                self.core.handle_error(Closed::transport_error("write failed"));
            }
        }
    }

    /// The body for the pending GET; without one, its task is woken when there is. It holds no more than `max_bytes`,
    /// unless no other will follow.
    pub(super) fn poll_body(&mut self, waiter: &Waker, max_bytes: usize) -> std::task::Poll<Body> {
        let answer = self.core.poll_answer();
        if answer.is_none() && (self.outbox.is_empty() || self.corks > 0) {
            if let Link::Polling(known) = &mut self.link {
                *known = Some(waiter.clone());
            }
            return std::task::Poll::Pending;
        }
        let is_last = matches!(answer, Some(Answer::Close | Answer::NoopClose));
        let max_bytes = if is_last { usize::MAX } else { max_bytes };
        let mut body = Body { bytes: Vec::new(), compress: false };
        // Once the session is on a WebSocket, what waits goes there.
        if let Link::Polling(known) = &mut self.link {
            *known = None;
            body.compress = self.outbox.take_payload(&mut body.bytes, max_bytes);
        }
        if body.bytes.is_empty() && matches!(answer, Some(Answer::Noop | Answer::NoopClose)) {
            payload::push_text(&mut body.bytes, b"6");
        }
        if is_last {
            payload::push_text(&mut body.bytes, b"1");
        }
        self.core.handle_poll_answered();
        self.stalled_since = (!self.outbox.is_empty()).then(now);
        std::task::Poll::Ready(body)
    }

    pub(super) fn poll_probing(&mut self, waker: &Waker) -> bool {
        self.probing = Some(waker.clone());
        self.core.is_probing()
    }

    pub(super) fn poll_receiving_post(&mut self, waker: &Waker) -> bool {
        self.posting = Some(waker.clone());
        self.core.is_receiving_post()
    }

    /// Wakes the GET, the POST and the probing WebSocket where the core has decided about them.
    pub(super) fn wake_waiters(&mut self) {
        if let Link::Polling(waiter) = &mut self.link
            && (self.core.poll_answer().is_some() || !self.core.is_open())
        {
            waiter.take().into_iter().for_each(Waker::wake);
        }
        if !self.core.is_probing() {
            self.probing.take().into_iter().for_each(Waker::wake);
        }
        if !self.core.is_receiving_post() {
            self.posting.take().into_iter().for_each(Waker::wake);
        }
    }

    /// Closes the session once everything that waits has been delivered.
    pub(super) fn close_flushed(&mut self, now: Instant) {
        let packets_wait = !self.outbox.is_empty();
        self.core.handle_close(WhenClosed::Flushed { packets_wait }, now);
    }

    /// The session is over: what cannot be delivered is dropped, and the driver closes its socket.
    pub(super) fn close(&mut self, closed: Closed, engine: &Shared) {
        if closed.reason == CloseReason::SlowConsumer {
            engine.metrics.overflows.inc();
            self.close_code.get_or_insert(POLICY_VIOLATION);
        }
        match closed.reason {
            CloseReason::ForcedClose | CloseReason::TransportClose | CloseReason::ParseError
                if self.core.transport() == Transport::WebSocket || self.core.is_polled() =>
            {
                self.write();
            }
            // A bad frame: what the client has asked for before it leaves, unless it does not take it.
            CloseReason::TransportError if self.close_code.is_some() => {
                self.write();
                if matches!(&self.link, Link::WebSocket(link) if link.blocked) {
                    self.outbox.discard();
                }
            }
            _ => self.outbox.discard(),
        }
        self.stalled_since = None;
        if let Link::WebSocket(link) = &mut self.link {
            link.wake();
        }
    }

    /// When the clock has to look at the session.
    pub(super) fn poll_timeout(&self, write_timeout: Duration) -> Option<Instant> {
        let deadline = self.core.poll_timeout()?;
        if !self.core.is_open() {
            return Some(deadline);
        }
        let stalled = self.stalled_since.map(|since| since + write_timeout);
        let delayed = self.delay.as_ref().and_then(|delay| delay.poll_timeout());
        Some([stalled, self.expires_at, delayed].into_iter().flatten().fold(deadline, Instant::min))
    }

    pub(super) fn is_stalled(&self, now: Instant, write_timeout: Duration) -> bool {
        self.core.is_open() && self.stalled_since.is_some_and(|since| now >= since + write_timeout)
    }
}

impl WebSocketLink {
    pub(crate) fn new(stream: Option<Arc<TcpStream>>, base64: bool) -> Self {
        Self { stream, driver: None, base64, blocked: false, paused: false, late_pong: None }
    }

    /// The socket takes everything, and its task has only to read.
    fn is_fluent(&self) -> bool {
        !self.blocked && !self.paused && self.late_pong.is_none()
    }

    fn wake(&mut self) {
        self.driver.take().into_iter().for_each(Waker::wake);
    }
}

/// Counts what a writer takes.
fn counting(
    sent: &Counter,
    mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
) -> impl FnMut(&[IoSlice<'_>]) -> io::Result<usize> {
    move |slices| write(slices).inspect(|&written| sent.inc_by(written as u64))
}

/// Above this much in the outbox, a push writes at once instead of leaving it to the flusher, so that a handler
/// that sends a lot is limited by its client and not by the outbox.
const EAGER_BYTES: usize = 64 << 10;

/// Source: RFC 6455, section 7.4.1.
pub(super) const POLICY_VIOLATION: u16 = 1008;
