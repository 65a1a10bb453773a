//! The task of one WebSocket: it reads, and writes where nobody else can.

use std::future::{Future as _, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use fanfare_proto::buffer::Buffer;
use fanfare_proto::engine::peer::TakeOver;
use fanfare_proto::engine::{CloseReason, Closed};
use fastwebsockets::OpCode;
use tokio::time::Sleep;

use super::buffers::with_buffer;
use super::decoder::{Decoder, FrameError, Input};
use super::events::{Next, handle_event, handle_probe};
use super::turn::Turn;
use super::{LINGER, Stream};
use crate::clock::now;
use crate::outgoing::prepend_header;
use crate::peers::Channel;
use crate::session::{Attempt, LinkStatus, Moving, Session, WebSocketLink};
use crate::{Connection, Engine};

/// Runs one WebSocket from its handshake to its end.
///
/// ```text
///   Probing ──`5`──▶ Open ──▶ Closing ──▶ end
///      ├────────────────────────▲         ▲
///      └──`5`, and the session moves──────┘
/// ```
///
/// It owns the reading side, which nothing ever interrupts. Most writing is done by the flushers, straight to the
/// socket; the task writes what a full socket has left, and everything where the connection is not a plain socket.
pub(crate) struct Driver {
    session: Session,
    base64: bool,
    stage: Stage,
    /// Whether the session sends over this socket.
    linked: bool,
    decoder: Decoder,
    /// The application's side of the session, once it is known here.
    connection: Option<Arc<dyn Connection>>,
    /// Frames of its own: the answers to probes and the close frame.
    own: Vec<u8>,
    /// When the message in progress has to be complete.
    message_deadline: Option<Instant>,
    /// What has been read and not decoded, because too much waits for the client already.
    unread: Vec<u8>,
    /// Wakes the task where it waits for time to pass: while it closes, or a client is slowed down.
    timer: Option<Pin<Box<Sleep>>>,
    /// Tells the engine that there is still a WebSocket.
    _counted: Arc<()>,
    /// Where another node holds the socket.
    relay: Option<Relay>,
}

struct Relay {
    channel: Arc<Channel>,
    /// Bytes that have come before those that are being handled.
    received: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Probing,
    Open,
    /// Writes what is left and the close frame, then waits a little for the client to close too.
    Closing {
        shut_down: bool,
    },
    /// The session and the socket are no longer here.
    Moved,
}

impl Driver {
    /// For the socket of a session that begins on it.
    pub(crate) fn open(session: Session, base64: bool) -> Self {
        Self::new(session, base64, Stage::Open)
    }

    /// For a socket that wants to take a polling session over.
    pub(crate) fn probe(session: Session, base64: bool) -> Self {
        Self::new(session, base64, Stage::Probing)
    }

    /// The same, for a socket that another node holds.
    pub(crate) fn probe_relayed(session: Session, base64: bool, channel: Arc<Channel>) -> Self {
        Self { relay: Some(Relay { channel, received: 0 }), ..Self::probe(session, base64) }
    }

    fn new(session: Session, base64: bool, stage: Stage) -> Self {
        let decoder = Decoder::new(session.engine().config.max_payload_bytes);
        let counted = session.engine().count_websocket();
        Self {
            session,
            base64,
            stage,
            linked: false,
            decoder,
            connection: None,
            own: Vec::new(),
            message_deadline: None,
            unread: Vec::new(),
            timer: None,
            _counted: counted,
            relay: None,
        }
    }

    /// Drives the socket until it is closed. `early` is what the client has sent right behind its handshake.
    ///
    /// The future is no larger than the driver and the stream: every connection has one, for as long as it is open.
    pub(crate) fn run(mut self, mut stream: Stream, mut early: Vec<u8>) -> impl Future<Output = ()> {
        if self.stage == Stage::Open {
            self.session.attach(WebSocketLink::new(stream.shared(), self.base64));
            self.linked = true;
        }
        if !early.is_empty() {
            self.handle_input(&mut early, &stream);
        }
        poll_fn(move |cx| {
            std::task::ready!(self.poll(cx, &mut stream));
            if self.linked {
                self.session.detach();
            }
            Poll::Ready(())
        })
    }

    /// There will be no socket: the connection broke before it was upgraded.
    pub(crate) fn give_up(self) {
        match self.stage {
            Stage::Open => {
                self.session.handle_error(Closed::transport_error("upgrade failed"));
                self.session.detach();
            }
            Stage::Probing => self.session.handle_upgrade_aborted(),
            Stage::Closing { .. } | Stage::Moved => {}
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<()> {
        loop {
            let polled = match self.stage {
                Stage::Probing => self.poll_probing(cx, stream),
                Stage::Open => self.poll_open(cx, stream),
                Stage::Closing { .. } => return self.poll_closing(cx, stream),
                Stage::Moved => return Poll::Ready(()),
            };
            std::task::ready!(polled);
        }
    }

    /// Ready when the stage may have changed.
    fn poll_probing(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<()> {
        if !self.session.poll_probing(cx.waker()) {
            self.session.handle_upgrade_aborted();
            self.begin_closing(None);
            return Poll::Ready(());
        }
        match self.poll_write_own(cx, stream) {
            Ok(Poll::Ready(())) => self.poll_read(cx, stream).map(drop),
            // A client that does not read its answers is not read from either.
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => {
                self.abandon();
                Poll::Ready(())
            }
        }
    }

    /// Ready when the stage may have changed.
    fn poll_open(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<()> {
        let status = self.poll_link(cx, stream);
        if status.closed {
            self.begin_closing(self.session.close_code());
            return Poll::Ready(());
        }
        if status.congested || self.is_slowed_down(cx) {
            return Poll::Pending;
        }
        if !self.unread.is_empty() {
            let mut unread = std::mem::take(&mut self.unread);
            self.handle_input(&mut unread, stream);
            return Poll::Ready(());
        }
        while std::task::ready!(self.poll_read(cx, stream)) {}
        Poll::Ready(())
    }

    /// Writes what waits, but not so much that others would wait for it.
    fn poll_link(&self, cx: &mut Context<'_>, stream: &mut Stream) -> LinkStatus {
        let (waker, mut turn) = (cx.waker(), Turn::new());
        self.session.poll_link(waker, |slices| turn.write(waker, slices, |slices| stream.write(cx, slices)))
    }

    fn poll_closing(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::ZERO)));
        if timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if self.stage == (Stage::Closing { shut_down: false }) {
            if self.linked && !self.poll_link(cx, stream).drained {
                return Poll::Pending;
            }
            match self.poll_write_own(cx, stream) {
                Ok(Poll::Ready(())) => {}
                Ok(Poll::Pending) => return Poll::Pending,
                Err(_) => return Poll::Ready(()),
            }
            if std::task::ready!(stream.poll_shutdown(cx)).is_err() {
                return Poll::Ready(());
            }
            self.stage = Stage::Closing { shut_down: true };
            self.timer = Some(Box::pin(tokio::time::sleep(LINGER)));
        }
        self.poll_discard(cx, stream)
    }

    /// Reads what the client still sends: closing with unread bytes would reset the connection, and the client
    /// might never see the close frame.
    fn poll_discard(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<()> {
        loop {
            match with_buffer(|buffer| stream.poll_read(cx, buffer)) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        match &mut self.timer {
            Some(timer) => timer.as_mut().poll(cx),
            None => Poll::Ready(()),
        }
    }

    /// Reads once. Ready when there may be more; says whether reading on is all there is to do.
    fn poll_read(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<bool> {
        with_buffer(|buffer| {
            let error = match std::task::ready!(stream.poll_read(cx, buffer)) {
                Ok(len @ 1..) => return Poll::Ready(self.handle_input(&mut buffer[..len], stream)),
                end => end.err(),
            };
            self.handle_end(error.as_ref());
            Poll::Ready(false)
        })
    }

    /// The client has closed its connection, or it broke.
    fn handle_end(&mut self, error: Option<&io::Error>) {
        match self.stage {
            Stage::Open if error.is_some() => self.session.handle_error(Closed::transport_error("read failed")),
            Stage::Open if self.decoder.is_mid_message() => {
                self.session.handle_error(Closed::transport_error("connection closed in the middle of a message"));
            }
            Stage::Open => self.session.handle_error(CloseReason::TransportClose.into()),
            Stage::Probing => self.abandon(),
            Stage::Closing { .. } | Stage::Moved => {}
        }
    }

    /// Says whether nothing has come of it but what the client is answered, so that reading on is all there is to do.
    fn handle_input(&mut self, bytes: &mut [u8], stream: &Stream) -> bool {
        // What the client gets for this leaves in one piece, by this task, before it reads on.
        self.session.hold();
        self.handle_held_input(bytes, stream);
        let is_quiet = self.session.let_go();
        is_quiet && self.stage == Stage::Open && self.unread.is_empty() && !self.session.is_metered()
    }

    fn handle_held_input(&mut self, bytes: &mut [u8], stream: &Stream) {
        let mut input = Input::new(bytes);
        loop {
            if self.stage == Stage::Open && self.session.is_congested() {
                // What the client asks for next is answered when it has taken what it has asked for before.
                self.unread = input.rest().to_vec();
                return;
            }
            let next = match self.decoder.decode(&mut input) {
                Ok(None) => break,
                Ok(Some(event)) if self.stage == Stage::Open => {
                    handle_event(&self.session, &mut self.connection, &event)
                }
                Ok(Some(event)) => {
                    let (base64, is_relayed) = (self.base64, self.relay.is_some());
                    let attempt = Attempt { answers: &mut self.own, base64, is_relayed };
                    handle_probe(&self.session, &event, attempt, || WebSocketLink::new(stream.shared(), base64))
                }
                Err(error) => self.refuse(error),
            };
            match next {
                Next::Continue => self.session.count_message(),
                Next::Upgraded => self.upgraded(),
                Next::Moved(moving) => return self.give_away(moving, input.position()),
                Next::Abandoned => return self.abandon(),
                Next::Closed => return,
            }
        }
        if let Some(relay) = &mut self.relay {
            relay.received += input.position() as u64;
        }
        self.limit_message_time();
    }

    fn upgraded(&mut self) {
        (self.stage, self.linked) = (Stage::Open, true);
        if let Some(relay) = &self.relay {
            relay.channel.stay();
        }
    }

    /// Hands the session over to the node that holds the socket. What has come behind the upgrade, it reads again.
    fn give_away(&mut self, moving: Moving, position: usize) {
        self.stage = Stage::Moved;
        let Some(relay) = &self.relay else { return };
        let Moving { messages, waiting } = moving;
        relay.channel.give(
            &Engine(self.session.engine().clone()),
            TakeOver {
                sid: self.session.sid(),
                handshake: self.session.handshake().to_peer(),
                messages,
                waiting: waiting.into(),
                consumed: relay.received + position as u64,
            },
        );
    }

    /// Bytes that are no WebSocket.
    fn refuse(&self, error: FrameError) -> Next {
        self.session.engine().metrics.error("frame");
        if self.stage == Stage::Probing {
            return Next::Abandoned;
        }
        self.session.handle_websocket_error(Closed::transport_error(error.description()), error.close_code());
        Next::Closed
    }

    /// A message that has begun has to end, even if its client is alive.
    fn limit_message_time(&mut self) {
        if !self.decoder.is_mid_message() {
            self.message_deadline = None;
            return;
        }
        let session = self.session.engine().config.session;
        let deadline =
            *self.message_deadline.get_or_insert_with(|| now() + session.ping_interval + session.ping_timeout);
        if now() >= deadline && self.stage == Stage::Open {
            self.session.engine().metrics.error("message_too_slow");
            self.session.handle_websocket_error(Closed::transport_error("message took too long"), POLICY_VIOLATION);
        }
    }

    /// Whether the client has sent more than it may and has to wait.
    fn is_slowed_down(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(wait) = self.session.throttle() else { return false };
        let timer = self.timer.insert(Box::pin(tokio::time::sleep(wait)));
        timer.as_mut().poll(cx).is_pending()
    }

    /// The session goes on over polling, and this socket is closed.
    fn abandon(&mut self) {
        self.session.engine().metrics.upgrades.with_label_values(&["abandoned"]).inc();
        self.session.handle_upgrade_aborted();
        self.begin_closing(None);
    }

    fn begin_closing(&mut self, code: Option<u16>) {
        let payload = code.map(u16::to_be_bytes);
        let mut frame = Buffer::from(payload.as_ref().map_or(&[][..], |code| &code[..]));
        prepend_header(&mut frame, OpCode::Close);
        self.own.extend_from_slice(frame.as_slice());
        self.stage = Stage::Closing { shut_down: false };
        self.connection = None;
        let timeout = self.session.engine().config.limits.write_timeout;
        self.timer = Some(Box::pin(tokio::time::sleep(timeout)));
    }

    fn poll_write_own(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> io::Result<Poll<()>> {
        while !self.own.is_empty() {
            match stream.write(cx, &[IoSlice::new(&self.own)]) {
                Ok(written) => drop(self.own.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Poll::Pending),
                Err(error) => return Err(error),
            }
        }
        Ok(Poll::Ready(()))
    }
}

/// Source: RFC 6455, section 7.4.1.
const POLICY_VIOLATION: u16 = 1008;
