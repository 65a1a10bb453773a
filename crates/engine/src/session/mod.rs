//! One client: the handle that the application holds, and what the transports do with it.

mod connect;
mod delay;
mod polling;
mod probe;
mod state;
mod websocket;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use fanfare_proto::buffer::{Buffer, Frame};
use fanfare_proto::engine::{self as proto, Action, CloseReason, Closed, Input, Packet, Transport, WhenClosed};
use fanfare_proto::ids::Sid;
use fanfare_proto::timers::Slot;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::clock::now;
use crate::engine::Shared;
use crate::meter::Meter;
use crate::outgoing::Outgoing;
use crate::{Connection, Handshake, Message};

use delay::Delay;
pub(crate) use polling::Post;
pub(crate) use probe::{Attempt, Moving, Probed};
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

/// Laid out as it is written, so that what pushing and flushing look at stands together, beside the reference count: most
/// of what a broadcast costs besides writing is to fetch these lines of each session from memory.
#[repr(C)]
struct Inner {
    engine: Arc<Shared>,
    /// Which flusher writes for it.
    shard: u32,
    /// Copies of what `state` knows, for those who only ask.
    open: AtomicBool,
    awaits_pong: AtomicBool,
    congested: AtomicBool,
    state: Mutex<State>,
    /// Who waits for the outbox to become shorter; made by the first who does.
    drained: OnceLock<Box<Notify>>,
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
        let sent = match self.push_quietly(messages) {
            true => Ok(()),
            false => self.update_later(|state| state.push(messages.clone(), &self.0.engine.config.limits)),
        };
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
        self.hold();
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
    /// Opens a session. Its application is told of it after this delay, or where there is none, when
    /// [`connect`](Self::connect) is called.
    pub(crate) fn open(
        engine: &Arc<Shared>,
        sid: Sid,
        transport: Transport,
        handshake: Handshake,
        delay: Option<Duration>,
    ) -> Self {
        let opened = now();
        let mut core = proto::Session::new(engine.config.session, transport, opened);
        core.set_waits_for_upgrade(delay.is_some());
        let session = Self(Arc::new(Inner {
            engine: engine.clone(),
            shard: engine.next_shard(),
            open: AtomicBool::new(true),
            awaits_pong: AtomicBool::new(false),
            congested: AtomicBool::new(false),
            state: Mutex::new(State::new(
                core,
                Delay::new(opened, delay),
                engine.budget.clone(),
                engine.metrics.bytes_sent.clone(),
            )),
            drained: OnceLock::new(),
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

    /// Holds back what is sent from now on: a [`Cork`] that somebody else takes away.
    pub(crate) fn hold(&self) {
        self.0.state.lock().corks += 1;
    }

    /// Takes a cork away. Says whether the session is as it was and all has left that waited.
    pub(crate) fn let_go(&self) -> bool {
        let is_quiet = self.uncork_quietly();
        if !is_quiet {
            self.update(State::flush);
        }
        self.notify_drained();
        is_quiet
    }

    /// Whether there is a limit to how many messages the client may send.
    pub(crate) fn is_metered(&self) -> bool {
        self.0.meter.is_some()
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

    pub(crate) fn handle_error(&self, closed: Closed) {
        self.update(|state| state.core.handle_error(closed));
    }

    /// Writes out what waits, as far as the transport takes it.
    pub(crate) fn flush(&self) {
        if !self.flush_quietly() {
            self.update(State::flush);
        }
        self.notify_drained();
    }

    /// A deadline has come.
    pub(crate) fn wake(&self, slot: Slot, now: Instant) {
        self.update(|state| {
            if state.scheduled.is_some_and(|scheduled| scheduled.slot == slot) {
                state.scheduled = None;
                self.handle_deadlines(state, now);
            }
        });
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
        if state.delay.as_mut().is_some_and(|delay| delay.handle_timeout(now)) {
            // Not under the lock.
            let session = self.clone();
            self.0.engine.spawn(async move { session.connect() });
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

    /// Pushes what changes nothing but that something waits, which is what most messages do: of all that
    /// [`change`](Self::change) looks at, only the flusher has to know. Says whether it was so.
    fn push_quietly(&self, messages: &Outgoing) -> bool {
        let mut state = self.0.state.lock();
        if !self.is_open() || !state.push_quietly(messages, &self.0.engine.config.limits) {
            return false;
        }
        self.list(state);
        true
    }

    /// Flushes where nothing follows from it, which is most of the time. Says whether it was so.
    fn flush_quietly(&self) -> bool {
        let mut state = self.0.state.lock();
        state.is_listed = false;
        self.is_calm() && state.flush_quietly()
    }

    /// Takes a cork away, and flushes as [`flush_quietly`](Self::flush_quietly).
    fn uncork_quietly(&self) -> bool {
        let mut state = self.0.state.lock();
        state.corks -= 1;
        self.is_calm() && state.flush_quietly()
    }

    /// Whether it is not about to close, and little waits for its client.
    fn is_calm(&self) -> bool {
        self.is_open() && !self.is_congested()
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
        self.list(state);
        (result, closed)
    }

    /// Gives the session to its flusher, if something waits and it has not been given yet.
    fn list(&self, mut state: MutexGuard<'_, State>) {
        let list = state.wants_flush() && !std::mem::replace(&mut state.is_listed, true);
        drop(state);
        if list {
            self.0.engine.flusher(self.0.shard).add(self.clone());
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
        self.0.let_go();
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
