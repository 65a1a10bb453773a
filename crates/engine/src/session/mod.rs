//! One client: the handle that the application holds, and what the transports do with it.

mod state;

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use fanfare_proto::buffer::{Buffer, Frame};
use fanfare_proto::engine::{
    self as proto, Action, CloseReason, Closed, Input, Packet, Post, Probe, Transport, Upgrade, WhenClosed,
};
use fanfare_proto::ids::Sid;
use fanfare_proto::timers::Slot;
use http::request::Parts;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock::now;
use crate::engine::Shared;
use crate::outgoing::Outgoing;
use crate::{Connection, Handshake, Message, Received};

use state::State;
pub(crate) use state::{Body, LinkStatus, WebSocketLink};

/// One client of an engine, over whichever transport. Cheap to clone; it outlives the client.
///
/// Sending never waits: messages join the outbox of the session, in the order of the calls, and leave with
/// everything else that has gathered. A client that does not read is closed when its outbox is full.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

#[derive(Clone, Debug)]
pub(crate) struct WeakSession(Weak<Inner>);

/// Laid out as it is written, so that the lock stands beside the reference count: most of what a broadcast costs
/// besides writing is to fetch these lines of each session from memory.
#[repr(C)]
struct Inner {
    state: Mutex<State>,
    engine: Arc<Shared>,
    /// Which flusher writes for it.
    shard: usize,
    /// Who waits for the outbox to become shorter; made by the first who does.
    drained: OnceLock<Box<Notify>>,
    /// Copies of what `state` knows, for those who only ask.
    open: AtomicBool,
    awaits_pong: AtomicBool,
    /// Whether the connection has been told how it ended.
    told: AtomicBool,
    connection: OnceLock<Box<dyn Connection>>,
    ended: OnceLock<Closed>,
    sid: Sid,
    handshake: Handshake,
}

/// A message that was not sent: the session is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session is closed")]
pub struct SendError;

/// Holds back what is sent to a session until it is dropped, so that it leaves in one piece.
#[derive(Debug)]
pub struct Cork<'a>(&'a Session);

impl Session {
    /// The secret id of the session. Never show it to anybody but its own client.
    pub fn sid(&self) -> Sid {
        self.0.sid
    }

    /// The request that opened the session.
    pub fn handshake(&self) -> &Handshake {
        &self.0.handshake
    }

    /// The transport in use.
    pub fn transport(&self) -> Transport {
        self.0.state.lock().core.transport()
    }

    /// Whether messages can still be sent and received.
    pub fn is_open(&self) -> bool {
        self.0.open.load(Ordering::Acquire)
    }

    /// Whether a message sent now would leave at once: nothing else waits, and over polling, a GET does.
    pub fn is_writable(&self) -> bool {
        self.0.state.lock().is_writable()
    }

    /// Sends one message.
    pub fn send(&self, message: Message<'_>) -> Result<(), SendError> {
        let frame = match message {
            Message::Text(text) => Frame::Text(Buffer::from(text.as_bytes())),
            Message::Binary(data) => Frame::Binary(Buffer::from(data)),
        };
        self.send_encoded(&self.0.engine.encode([frame], true))
    }

    /// Sends messages that were [encoded](crate::Engine::encode) before, at the cost of a reference count.
    pub fn send_encoded(&self, messages: &Outgoing) -> Result<(), SendError> {
        let sent = self.update_later(|state| state.push(messages.clone(), &self.0.engine.config.limits));
        self.0.engine.shed_load();
        sent
    }

    /// Sends messages if they can leave at once, and drops them otherwise; says whether they were sent.
    pub fn send_volatile(&self, messages: &Outgoing) -> Result<bool, SendError> {
        let sent = self.update_later(|state| {
            if !state.is_writable() {
                return Ok(false);
            }
            state.push(messages.clone(), &self.0.engine.config.limits).map(|()| true)
        })?;
        if !sent {
            self.0.engine.metrics.volatile_dropped.inc();
        }
        Ok(sent)
    }

    /// Holds back what is sent until the returned guard is dropped. Corks may be nested.
    pub fn cork(&self) -> Cork<'_> {
        self.0.state.lock().corks += 1;
        Cork(self)
    }

    /// Waits until no more than a quarter of the outbox is in use, or the session is closed.
    ///
    /// A handler that sends a lot calls it from time to time, so that a slow client makes it wait instead of
    /// being disconnected.
    pub async fn ready(&self) {
        let drained = self.0.drained.get_or_init(Box::default);
        loop {
            let mut notified = std::pin::pin!(drained.notified());
            notified.as_mut().enable();
            if !self.is_open() || !self.is_congested() {
                return;
            }
            notified.await;
        }
    }

    /// Closes the session once everything that was sent has been delivered.
    pub fn close(&self) {
        self.update(|state| state.core.handle_close(WhenClosed::Flushed, now()));
    }

    /// Closes the session at once; what waits to be sent is dropped.
    pub fn discard(&self) {
        self.update(|state| {
            state.outbox.discard();
            state.core.handle_close(WhenClosed::AtOnce, now());
        });
    }

    /// Has the session closed at an instant, unless that is taken back before.
    pub fn expire_at(&self, expires_at: Option<Instant>) {
        self.update(|state| state.expires_at = expires_at);
    }

    /// How the session ended, once it has.
    pub fn ended(&self) -> Option<Closed> {
        self.0.ended.get().copied()
    }
}

/// What the engine and the transports call.
impl Session {
    pub(crate) fn open(engine: &Arc<Shared>, sid: Sid, transport: Transport, handshake: Handshake) -> Self {
        let opened = now();
        let core = proto::Session::new(engine.config.session, transport, opened);
        let session = Self(Arc::new(Inner {
            state: Mutex::new(State::new(core, engine.budget.clone())),
            engine: engine.clone(),
            shard: engine.next_shard(),
            drained: OnceLock::new(),
            open: AtomicBool::new(true),
            awaits_pong: AtomicBool::new(false),
            told: AtomicBool::new(false),
            connection: OnceLock::new(),
            ended: OnceLock::new(),
            sid,
            handshake,
        }));
        // From here on the clock knows it.
        session.update(|_| ());
        session
    }

    /// Hands the session to its application. What is sent meanwhile leaves when that has returned.
    pub(crate) fn connect(&self) {
        let _cork = self.cork();
        let connection = self.0.engine.application.connect(self);
        let _ = self.0.connection.set(connection);
        self.tell_closed();
    }

    pub(crate) fn engine(&self) -> &Arc<Shared> {
        &self.0.engine
    }

    pub(crate) fn downgrade(&self) -> WeakSession {
        WeakSession(Arc::downgrade(&self.0))
    }

    /// Bytes in the outbox, for those who look for the fullest.
    pub(crate) fn outbox_bytes(&self) -> usize {
        self.0.state.lock().outbox.bytes()
    }

    /// Whether a ping is out, so that [`handle_activity`](Self::handle_activity) matters.
    pub(crate) fn awaits_pong(&self) -> bool {
        self.0.awaits_pong.load(Ordering::Relaxed)
    }

    pub(crate) fn handle_activity(&self) {
        self.update(|state| state.core.handle_activity(now()));
    }

    /// A packet has come over the transport of the session.
    pub(crate) fn handle_packet(&self, packet: &Packet<'_>, request: Option<&Parts>) {
        if self.update(|state| state.core.handle_packet(now(), packet)) == Input::Deliver {
            match packet {
                Packet::Message(text) => self.deliver(Message::Text(text), request),
                Packet::Binary(data) => self.deliver(Message::Binary(data), request),
                _ => {}
            }
        }
    }

    /// Hands a message to the application.
    pub(crate) fn deliver(&self, message: Message<'_>, request: Option<&Parts>) {
        if let Some(connection) = self.0.connection.get().filter(|_| self.is_open()) {
            connection.message(self, Received { message, request });
        }
    }

    pub(crate) fn handle_error(&self, closed: Closed) {
        self.update(|state| state.core.handle_error(closed));
    }

    /// Closes with a WebSocket close code.
    pub(crate) fn handle_websocket_error(&self, closed: Closed, code: u16) {
        self.update(|state| {
            state.close_code = Some(code);
            state.core.handle_error(closed);
        });
    }

    pub(crate) fn handle_poll(&self) -> proto::Poll {
        self.update(|state| state.core.handle_poll())
    }

    pub(crate) fn handle_poll_aborted(&self) {
        self.update(|state| state.core.handle_poll_aborted());
    }

    /// The body that answers the pending GET, as soon as there is one.
    pub(crate) fn poll_body(&self, cx: &mut Context<'_>) -> Poll<Body> {
        let max_bytes = self.0.engine.config.max_payload_bytes;
        let body = self.update(|state| state.poll_body(cx.waker(), max_bytes));
        if body.is_ready() {
            self.notify_drained();
        }
        body
    }

    pub(crate) fn handle_post(&self) -> Post {
        self.update(|state| state.core.handle_post())
    }

    pub(crate) fn handle_post_end(&self) {
        self.update(|state| state.core.handle_post_end());
    }

    pub(crate) fn handle_post_aborted(&self) {
        self.update(|state| state.core.handle_post_aborted());
    }

    pub(crate) fn handle_upgrade(&self) -> Upgrade {
        self.update(|state| state.core.handle_upgrade(now()))
    }

    pub(crate) fn handle_upgrade_aborted(&self) {
        self.update(|state| state.core.handle_upgrade_aborted());
    }

    /// A packet has come over the probing WebSocket. Once it has taken over, it is the link of the session.
    pub(crate) fn handle_probe(&self, packet: &Packet<'_>, link: impl FnOnce() -> WebSocketLink) -> Probe {
        let probe = self.update(|state| {
            let probe = state.core.handle_probe(now(), packet);
            if probe == Probe::Upgraded {
                state.link(link());
            }
            probe
        });
        if probe == Probe::Upgraded {
            self.0.engine.metrics.upgraded();
            if let Some(connection) = self.0.connection.get() {
                connection.upgraded(self, Transport::WebSocket);
            }
        }
        probe
    }

    /// Whether a probing WebSocket may go on; if so, it is woken when it no longer may.
    pub(crate) fn poll_probing(&self, waker: &Waker) -> bool {
        self.0.state.lock().poll_probing(waker)
    }

    /// The WebSocket of the session is there.
    pub(crate) fn attach(&self, link: WebSocketLink) {
        self.update(|state| state.link(link));
    }

    /// The socket is gone.
    pub(crate) fn detach(&self) {
        self.0.state.lock().detach();
    }

    /// The driver's turn, see [`State::poll_link`].
    pub(crate) fn poll_link(
        &self,
        driver: &Waker,
        write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> LinkStatus {
        let limits = &self.0.engine.config.limits;
        let status = self.update(|state| state.poll_link(driver, limits, write));
        self.notify_drained();
        status
    }

    /// The code for the close frame.
    pub(crate) fn close_code(&self) -> Option<u16> {
        self.0.state.lock().close_code
    }

    /// Answers a WebSocket ping.
    pub(crate) fn pong(&self, payload: &[u8]) {
        let pong = Outgoing::pong(payload, &self.0.engine.budget);
        self.update(|state| state.pong(pong, &self.0.engine.config.limits));
    }

    /// The client has closed its WebSocket in good order.
    pub(crate) fn handle_client_close(&self, code: Option<u16>) {
        self.update(|state| {
            state.close_code = code;
            state.core.handle_error(CloseReason::TransportClose.into());
        });
    }

    /// Writes out what waits, as far as the transport takes it.
    pub(crate) fn flush(&self) {
        self.update(|state| {
            state.is_listed = false;
            state.flush();
        });
        self.notify_drained();
    }

    /// A deadline has come.
    pub(crate) fn wake(&self, slot: Slot, now: Instant) {
        self.update(|state| {
            if state.scheduled != Some(slot) {
                return;
            }
            state.scheduled = None;
            if state.is_stalled(now, self.0.engine.config.limits.write_timeout) {
                state.core.handle_error(CloseReason::SlowConsumer.into());
            }
            if state.expires_at.is_some_and(|at| now >= at) {
                state.expires_at = None;
                state.core.handle_close(WhenClosed::Flushed, now);
            }
            while let Some(action) = state.core.handle_timeout(now) {
                match action {
                    Action::SendPing => {
                        self.0.engine.metrics.pings.inc();
                        let _ = state.push(self.0.engine.ping.clone(), &self.0.engine.config.limits);
                    }
                    Action::AbortUpgrade => self.0.engine.metrics.upgrades.with_label_values(&["timeout"]).inc(),
                    Action::AnswerPoll | Action::Close => {}
                }
            }
        });
    }

    /// Does something to the state and sees to what follows from it.
    fn update<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let (result, closed) = self.change(change);
        if let Some(closed) = closed {
            self.finish(closed);
        }
        result
    }

    /// As [`update`](Self::update), but lets a task tell the application that the session is over. For sending:
    /// whoever sends to many may hold locks that the application needs.
    fn update_later<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let (result, closed) = self.change(change);
        if let Some(closed) = closed {
            let session = self.clone();
            self.0.engine.spawn(async move { session.finish(closed) });
        }
        result
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> (R, Option<Closed>) {
        let mut state = self.0.state.lock();
        let result = change(&mut state);
        let closed = state.core.poll_closed();
        if let Some(closed) = closed {
            self.0.open.store(false, Ordering::Release);
            state.close(closed, &self.0.engine);
        }
        state.wake_waiters();
        self.0.awaits_pong.store(state.core.awaits_pong(), Ordering::Relaxed);
        if let Some(deadline) = state.poll_timeout(self.0.engine.config.limits.write_timeout) {
            state.scheduled = Some(self.0.engine.clock.schedule(self, deadline, state.scheduled));
        }
        let list = state.wants_flush() && !std::mem::replace(&mut state.is_listed, true);
        drop(state);
        if list {
            self.0.engine.flusher(self.0.shard).add(self.clone());
        }
        (result, closed)
    }

    fn finish(&self, closed: Closed) {
        self.0.engine.forget(self, closed);
        let _ = self.0.ended.set(closed);
        self.tell_closed();
        if let Some(drained) = self.0.drained.get() {
            drained.notify_waiters();
        }
    }

    /// Tells the connection that the session is over, once both are known.
    fn tell_closed(&self) {
        if let (Some(connection), Some(&closed)) = (self.0.connection.get(), self.0.ended.get())
            && !self.0.told.swap(true, Ordering::AcqRel)
        {
            connection.closed(self, closed);
        }
    }

    fn is_congested(&self) -> bool {
        let state = self.0.state.lock();
        state.is_congested(&self.0.engine.config.limits)
    }

    fn notify_drained(&self) {
        if let Some(drained) = self.0.drained.get()
            && !self.is_congested()
        {
            drained.notify_waiters();
        }
    }
}

impl WeakSession {
    pub(crate) fn upgrade(&self) -> Option<Session> {
        self.0.upgrade().map(Session)
    }
}

impl Drop for Cork<'_> {
    fn drop(&mut self) {
        self.0.update(|state| {
            state.corks -= 1;
            state.flush();
        });
    }
}

impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Session {}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.0.sid).finish()
    }
}
