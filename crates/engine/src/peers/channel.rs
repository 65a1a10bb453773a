//! A stream of bytes to and from another node, made of messages.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use fanfare_proto::engine::peer::{Message, TakeOver};
use fanfare_proto::ids::NodeId;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;

use super::unread::Unread;
use super::{Exchange, Fate, Sending, upgrade};
use crate::Engine;
use crate::clock::now;

/// One end of the relay of a WebSocket.
///
/// Each side sends no more than [`WINDOW`] bytes that the other has not taken, so that a client that reads slowly slows
/// down what is sent to it, wherever it is. Every message says where in the stream it belongs: one that is lost breaks the
/// channel, as does a node that is gone.
///
/// One task uses an end; it is woken by what comes.
pub(crate) struct Channel {
    exchange: Arc<Exchange>,
    peer: NodeId,
    id: u64,
    role: Role,
    state: Mutex<State>,
}

/// Which side of a relay this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It holds the socket.
    Asker,
    /// It owns the session.
    Owner,
}

/// What comes out of a channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// Bytes, never none.
    Bytes(Bytes),
    /// The session belongs to this node now; nothing follows.
    TakeOver(Box<TakeOver>),
    /// No more bytes follow. Comes once.
    End,
    /// The other side has closed the channel, or is gone.
    Closed,
}

struct State {
    inbox: VecDeque<Bytes>,
    /// Bytes that have come, that have been taken, and of which the other side knows that they have been.
    received: u64,
    taken: u64,
    confirmed: u64,
    take_over: Option<Box<TakeOver>>,
    /// The other side sends no more, and nobody has been told yet.
    ended: bool,
    /// There is no other side any more, or it cannot be relied on.
    closed: bool,
    /// It has said so itself.
    over: bool,
    /// Bytes that have been sent, and that the other side has taken of them.
    sent: u64,
    read: u64,
    /// What the other side may give back, until it is known that it will not.
    unread: Option<Unread>,
    /// What is on its way to the other node.
    sending: FuturesUnordered<Sending>,
    /// Nothing is sent any more: this side has ended its stream, or left.
    shut_down: bool,
    left: bool,
    waker: Option<Waker>,
    heard: Instant,
}

impl Channel {
    pub(super) fn new(exchange: Arc<Exchange>, peer: NodeId, id: u64, role: Role) -> Self {
        let state = State {
            inbox: VecDeque::new(),
            received: 0,
            taken: 0,
            confirmed: 0,
            take_over: None,
            ended: false,
            closed: false,
            over: false,
            sent: 0,
            read: 0,
            unread: (role == Role::Asker).then(Unread::default),
            sending: FuturesUnordered::new(),
            shut_down: false,
            left: false,
            waker: None,
            heard: now(),
        };
        Self { exchange, peer, id, role, state: Mutex::new(state) }
    }

    /// A message of the other side; it is given back where nobody is here any more.
    pub(super) fn handle(&self, message: Message) -> Result<(), Message> {
        let mut state = self.state.lock();
        if state.left {
            return Err(message);
        }
        state.heard = now();
        match message {
            Message::Data { offset, bytes } => state.handle_data(offset, bytes),
            Message::Read { until } => state.handle_read(until),
            Message::End => state.ended = true,
            Message::Stay => state.unread = None,
            Message::TakeOver(session) => state.take_over = Some(session),
            _ => (state.closed, state.over) = (true, true),
        }
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// The next thing that has come. What has been given out before has been dealt with: the other side may forget it.
    pub(super) fn poll_next(&self, cx: &Context<'_>) -> Poll<Incoming> {
        let mut state = self.state.lock();
        state.poll_sending(cx);
        if state.taken - state.confirmed >= WINDOW / 4 {
            let until = state.taken;
            state.confirmed = until;
            self.tell_tracked(&mut state, Message::Read { until });
        }
        let next = state.next();
        if next.is_none() {
            state.waker = Some(cx.waker().clone());
        }
        next.map_or(Poll::Pending, Poll::Ready)
    }

    /// Whether nothing more will come than what has; if not, the task is woken when that changes.
    pub(super) fn poll_closed(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state.lock();
        state.poll_sending(cx);
        state.waker = Some(cx.waker().clone());
        state.closed
    }

    /// How many bytes may be sent now, if any.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<usize> {
        let mut state = self.state.lock();
        state.poll_sending(cx);
        match state.room() {
            0 => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            room => Poll::Ready(room),
        }
    }

    /// Sends as much as there is room for.
    pub(super) fn poll_send(&self, cx: &Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut state = self.state.lock();
        state.poll_sending(cx);
        if state.closed || state.shut_down {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = state.room();
        if room == 0 {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let bytes = gather(slices, room);
        let len = bytes.len();
        if len > 0 {
            let offset = state.sent;
            state.sent += len as u64;
            state.unread.iter_mut().for_each(|unread| unread.push(bytes.clone()));
            self.tell_tracked(&mut state, Message::Data { offset, bytes });
            // Registers for what becomes of it.
            state.poll_sending(cx);
        }
        Poll::Ready(Ok(len))
    }

    /// Sends something else. If it is lost, the channel is broken.
    pub(super) fn tell(&self, message: Message) {
        self.tell_tracked(&mut self.state.lock(), message);
    }

    /// Says that no more bytes follow.
    pub(super) fn shut_down(&self) {
        let mut state = self.state.lock();
        if !std::mem::replace(&mut state.shut_down, true) && !state.closed {
            self.tell_tracked(&mut state, Message::End);
        }
    }

    /// The session stays with its owner.
    pub(crate) fn stay(&self) {
        self.tell(Message::Stay);
    }

    /// Gives the session away, and with it the WebSocket. Where that fails, both are lost; what the client has said is not.
    pub(crate) fn give(&self, engine: &Engine, session: TakeOver) {
        let giving = self.exchange.tell(self.peer, self.id, Message::TakeOver(Box::new(session.clone())));
        self.leave();
        let engine = engine.clone();
        tokio::spawn(async move {
            if giving.await != Fate::Received {
                upgrade::take_over_without_socket(&engine, session);
            }
        });
    }

    /// What has been sent from a position on. `None` when it is not there any more.
    pub(super) fn take_back(&self, from: u64) -> Option<Vec<u8>> {
        self.state.lock().unread.as_ref()?.from(from)
    }

    /// Tells the other side that there is nobody here any more, unless it has said so itself. Returns a session that it has
    /// given away and that nobody has taken.
    pub(super) fn close(&self) -> Option<Box<TakeOver>> {
        if self.leave() && !self.state.lock().over {
            self.insist_on_closing();
        }
        self.state.lock().take_over.take()
    }

    /// Nobody is here any more; says whether somebody was.
    pub(super) fn leave(&self) -> bool {
        let left = std::mem::replace(&mut self.state.lock().left, true);
        if !left {
            self.exchange.forget_channel(self.peer, self.id);
        }
        !left
    }

    /// The node stops: a socket that it holds for another goes with it.
    pub(super) fn retire(&self) {
        if self.role == Role::Asker {
            let mut state = self.state.lock();
            state.closed = true;
            state.waker.take().into_iter().for_each(Waker::wake);
        }
    }

    /// When the other side was heard of last.
    pub(super) fn heard(&self) -> Instant {
        self.state.lock().heard
    }

    /// What carries the messages may be away for a moment, and just then relays break.
    fn insist_on_closing(&self) {
        let (exchange, peer, id) = (self.exchange.clone(), self.peer, self.id);
        let mut closing = exchange.tell(peer, id, Message::Close);
        // Without a runtime, the node is about to end.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let mut pause = FIRST_PAUSE;
            while closing.await != Fate::Received && pause <= MAX_PAUSE {
                tokio::time::sleep(pause).await;
                pause *= 2;
                closing = exchange.tell(peer, id, Message::Close);
            }
        });
    }

    fn tell_tracked(&self, state: &mut State, message: Message) {
        state.sending.push(self.exchange.tell(self.peer, self.id, message));
    }
}

impl State {
    fn handle_data(&mut self, offset: u64, bytes: Bytes) {
        let until = offset.saturating_add(bytes.len() as u64);
        if offset != self.received || until > self.confirmed + WINDOW {
            tracing::debug!("a message between two nodes was lost, and with it a WebSocket");
            self.closed = true;
            self.inbox.clear();
        } else if !bytes.is_empty() && !self.closed {
            self.received = until;
            self.inbox.push_back(bytes);
        }
    }

    fn handle_read(&mut self, until: u64) {
        self.read = until.clamp(self.read, self.sent);
        let read = self.read;
        self.unread.iter_mut().for_each(|unread| unread.forget(read));
    }

    fn next(&mut self) -> Option<Incoming> {
        if let Some(bytes) = self.inbox.pop_front() {
            self.taken += bytes.len() as u64;
            return Some(Incoming::Bytes(bytes));
        }
        if let Some(session) = self.take_over.take() {
            return Some(Incoming::TakeOver(session));
        }
        if self.closed {
            return Some(Incoming::Closed);
        }
        std::mem::take(&mut self.ended).then_some(Incoming::End)
    }

    fn room(&self) -> usize {
        let room = WINDOW - (self.sent - self.read);
        usize::try_from(room).map_or(MAX_CHUNK, |room| room.min(MAX_CHUNK))
    }

    /// Notices when something does not reach the other node.
    fn poll_sending(&mut self, cx: &Context<'_>) {
        let mut cx = Context::from_waker(cx.waker());
        while let Poll::Ready(Some(fate)) = self.sending.poll_next_unpin(&mut cx) {
            self.closed |= fate != Fate::Received;
        }
    }
}

/// Copies what is to be sent.
fn gather(slices: &[IoSlice<'_>], max: usize) -> Bytes {
    let mut bytes = Vec::with_capacity(slices.iter().map(|slice| slice.len()).sum::<usize>().min(max));
    for slice in slices {
        let len = slice.len().min(max - bytes.len());
        bytes.extend_from_slice(&slice[..len]);
    }
    bytes.into()
}

/// Bytes that are sent ahead of the other side.
const WINDOW: u64 = 256 << 10;

/// Between attempts to close the other side.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// Bytes in one message.
const MAX_CHUNK: usize = 64 << 10;
