//! One client: the handle that the application holds, and what the transports do with it.

mod state;

use std::fmt;
use std::io::{self, IoSlice};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use fanfare_proto::buffer::{Buffer, Frame};
use fanfare_proto::engine::{
    self as proto, Action, CloseReason, Closed, Input, Packet, Probe, Transport, Upgrade, WhenClosed,
};
use fanfare_proto::ids::Sid;
use fanfare_proto::timers::Slot;
use http::request::Parts;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock::{STALL, now};
use crate::engine::Shared;
use crate::meter::Meter;
use crate::outgoing::Outgoing;
use crate::{Connection, Handshake, Message, Received};

pub(crate) use state::{Body, LinkStatus, WebSocketLink};
use state::{POLICY_VIOLATION, State};

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
    congested: AtomicBool,
    /// The application's side, from when it has the session until it has been told of its end. It may hold the session
    /// in turn, so it is not kept any longer.
    connection: Mutex<Option<Arc<dyn Connection>>>,
    /// How it ended.
    ended: OnceLock<Closed>,
    /// How many messages the client may send, if that is limited.
    meter: Option<Mutex<Meter>>,
    sid: Sid,
    handshake: Handshake,
}

/// The request that carries a packet over polling.
#[derive(Clone, Copy)]
pub(crate) struct Post<'a> {
    pub(crate) head: &'a Parts,
    /// Whether its last packet ends the session.
    pub(crate) is_farewell: bool,
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
            if !state.core.is_open() {
                return Err(SendError);
            }
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
        self.update(|state| state.close_flushed(now()));
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

    /// As [`expire_at`](Self::expire_at), but only if the session is to be closed at `from` so far: a limit of one's own
    /// is moved without undoing one that somebody else has set.
    pub fn move_expiry(&self, from: Option<Instant>, to: Option<Instant>) {
        self.update(|state| {
            if state.expires_at == from {
                state.expires_at = to;
            }
        });
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
            state: Mutex::new(State::new(core, engine.budget.clone(), engine.metrics.bytes_sent.clone())),
            engine: engine.clone(),
            shard: engine.next_shard(),
            drained: OnceLock::new(),
            open: AtomicBool::new(true),
            awaits_pong: AtomicBool::new(false),
            congested: AtomicBool::new(false),
            connection: Mutex::new(None),
            ended: OnceLock::new(),
            meter: engine.config.limits.message_rate.map(|rate| Mutex::new(Meter::new(rate, opened))),
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
        *self.0.connection.lock() = Some(connection.into());
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

    /// Whether so much waits for the client that it is not read from until it has read.
    pub(crate) fn is_congested(&self) -> bool {
        self.0.congested.load(Ordering::Acquire)
    }

    /// Whether its client is about to move to a WebSocket.
    pub(crate) fn is_probed(&self) -> bool {
        self.0.state.lock().core.is_probed()
    }

    /// The client has sent something that counts as a message.
    pub(crate) fn count_message(&self) {
        self.0.meter.iter().for_each(|meter| meter.lock().count());
    }

    /// How long the client is not to be read from because it has sent more than it may. Closes the session of one that
    /// does not let up.
    pub(crate) fn throttle(&self) -> Option<Duration> {
        let meter = self.0.meter.as_ref()?;
        let now = now();
        let (exhausted, wait) = {
            let mut meter = meter.lock();
            (meter.is_exhausted(now), meter.wait(now))
        };
        if exhausted && self.is_open() {
            self.0.engine.metrics.error("message_rate");
            self.handle_websocket_error(Closed::transport_error("too many messages"), POLICY_VIOLATION);
        }
        wait
    }

    pub(crate) fn handle_activity(&self) {
        self.update(|state| state.core.handle_activity(now()));
    }

    /// A packet has come over the transport of the session.
    pub(crate) fn handle_packet(&self, packet: &Packet<'_>, post: Option<Post<'_>>) {
        if self.update(|state| state.core.handle_packet(now(), packet)) == Input::Deliver {
            match packet {
                Packet::Message(text) => self.deliver(Message::Text(text), post),
                Packet::Binary(data) => self.deliver(Message::Binary(data), post),
                _ => {}
            }
        }
    }

    /// Hands a message to the application.
    pub(crate) fn deliver(&self, message: Message<'_>, post: Option<Post<'_>>) {
        if let Some(connection) = self.connection() {
            let (request, is_farewell) = post.map_or((None, false), |post| (Some(post.head), post.is_farewell));
            connection.message(self, Received { message, request, is_farewell });
        }
    }

    /// The application's side, as long as it hears of anything but the end.
    fn connection(&self) -> Option<Arc<dyn Connection>> {
        self.0.connection.lock().clone().filter(|_| self.is_open())
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

    /// A GET has come. It may be ahead of the clock: a session whose time is up is over for it too.
    pub(crate) fn handle_poll(&self) -> proto::Poll {
        let now = now();
        self.update(|state| {
            let overdue = state.core.poll_timeout().map(|at| now.saturating_duration_since(at));
            if overdue.is_some_and(|overdue| overdue < STALL) {
                self.handle_deadlines(state, now);
            }
            let packets_wait = !state.outbox.is_empty();
            state.core.handle_poll(packets_wait)
        })
    }

    pub(crate) fn handle_poll_aborted(&self) {
        self.update(State::poll_aborted);
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

    pub(crate) fn handle_post(&self) -> proto::Post {
        self.update(|state| state.core.handle_post())
    }

    /// Ready once the POST that is being received is no longer wanted.
    pub(crate) fn poll_post_unwanted(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.state.lock().poll_receiving_post(cx.waker()) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }

    pub(crate) fn handle_post_received(&self) -> bool {
        self.update(|state| state.core.handle_post_received())
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
            if let Some(connection) = self.connection() {
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
            if state.scheduled == Some(slot) {
                state.scheduled = None;
                self.handle_deadlines(state, now);
            }
        });
    }

    /// Waits a moment for something that the client has sent first, over another connection, to arrive here too.
    pub(crate) async fn catch_up(&self, has_arrived: impl Fn(&proto::Session) -> bool) {
        let deadline = now() + OVERTAKING;
        while !has_arrived(&self.0.state.lock().core) && now() < deadline {
            tokio::time::sleep(OVERTAKING / 20).await;
        }
    }

    fn handle_deadlines(&self, state: &mut State, now: Instant) {
        let limits = &self.0.engine.config.limits;
        if state.is_stalled(now, limits.write_timeout) {
            state.core.handle_error(CloseReason::SlowConsumer.into());
        }
        if state.expires_at.is_some_and(|at| now >= at) {
            state.expires_at = None;
            state.close_flushed(now);
        }
        while let Some(action) = state.core.handle_timeout(now) {
            match action {
                Action::SendPing => {
                    self.0.engine.metrics.pings.inc();
                    state.ping(self.0.engine.ping.clone(), limits);
                }
                Action::AbortUpgrade => self.0.engine.metrics.upgrades.with_label_values(&["timeout"]).inc(),
                Action::AnswerPoll | Action::Close => {}
            }
        }
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
            state.close(closed, &self.0.engine);
        }
        self.0.open.store(state.core.is_open(), Ordering::Release);
        state.wake_waiters();
        self.0.awaits_pong.store(state.core.awaits_pong(), Ordering::Relaxed);
        self.0.congested.store(state.is_congested(&self.0.engine.config.limits), Ordering::Release);
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

    /// Tells the connection that the session is over, once both are known, and lets go of it.
    fn tell_closed(&self) {
        let Some(&closed) = self.0.ended.get() else { return };
        let connection = self.0.connection.lock().take();
        if let Some(connection) = connection {
            connection.closed(self, closed);
        }
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
        self.0.notify_drained();
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

/// How far one connection of a client may be ahead of another, where the order matters.
const OVERTAKING: Duration = Duration::from_millis(40);
