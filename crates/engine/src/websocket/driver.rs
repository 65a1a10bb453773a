//! The task of one WebSocket: it reads, and writes where nobody else can.

use std::future::{Future as _, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use fanfare_proto::buffer::Buffer;
use fanfare_proto::engine::{CloseReason, Closed, Packet, Probe};
use fastwebsockets::OpCode;
use tokio::time::Sleep;

use super::buffers::with_buffer;
use super::decoder::{Decoder, Event, FrameError, Input};
use super::{LINGER, Stream};
use crate::Message;
use crate::clock::now;
use crate::outgoing::prepend_header;
use crate::session::{Session, WebSocketLink};

/// Runs one WebSocket from its handshake to its end.
///
/// ```text
///   Probing ──`5`──▶ Open ──▶ Closing ──▶ end
///      └────────────────────────▲
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Probing,
    Open,
    /// Writes what is left and the close frame, then waits a little for the client to close too.
    Closing {
        shut_down: bool,
    },
}

/// What a message has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Continue,
    /// The socket has taken the session over.
    Upgraded,
    /// The attempt to do so has failed; the session goes on without the socket.
    Abandoned,
    /// The session is over.
    Closed,
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

    /// For a socket whose session has another one: it is told so and closed.
    pub(crate) fn occupied(session: Session) -> Self {
        let mut driver = Self::new(session, false, Stage::Probing);
        driver.begin_closing(None);
        driver
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
            own: Vec::new(),
            message_deadline: None,
            unread: Vec::new(),
            timer: None,
            _counted: counted,
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
            Stage::Closing { .. } => {}
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<()> {
        loop {
            let polled = match self.stage {
                Stage::Probing => self.poll_probing(cx, stream),
                Stage::Open => self.poll_open(cx, stream),
                Stage::Closing { .. } => return self.poll_closing(cx, stream),
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
            Ok(Poll::Ready(())) => self.poll_read(cx, stream),
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
        let status = self.session.poll_link(cx.waker(), |slices| stream.write(cx, slices));
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
        self.poll_read(cx, stream)
    }

    fn poll_closing(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(Duration::ZERO)));
        if timer.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        if self.stage == (Stage::Closing { shut_down: false }) {
            if self.linked && !self.session.poll_link(cx.waker(), |slices| stream.write(cx, slices)).drained {
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

    /// Reads once. Ready when the stage may have changed, or there may be more.
    fn poll_read(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<()> {
        with_buffer(|buffer| {
            match std::task::ready!(stream.poll_read(cx, buffer)) {
                Ok(0) => self.handle_end(None),
                Ok(len) => self.handle_input(&mut buffer[..len], stream),
                Err(error) => self.handle_end(Some(&error)),
            }
            Poll::Ready(())
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
            Stage::Closing { .. } => {}
        }
    }

    fn handle_input(&mut self, bytes: &mut [u8], stream: &Stream) {
        // What the client gets for this leaves in one piece, by this task, before it reads on.
        let session = self.session.clone();
        let _cork = session.cork();
        let mut input = Input::new(bytes);
        loop {
            if self.stage == Stage::Open && session.is_congested() {
                // What the client asks for next is answered when it has taken what it has asked for before.
                self.unread = input.rest().to_vec();
                return;
            }
            let next = match self.decoder.decode(&mut input) {
                Ok(None) => break,
                Ok(Some(event)) if self.stage == Stage::Open => handle_event(&session, &event),
                Ok(Some(event)) => {
                    handle_probe(&session, &event, &mut self.own, || WebSocketLink::new(stream.shared(), self.base64))
                }
                Err(error) => self.refuse(error),
            };
            match next {
                Next::Continue => session.count_message(),
                Next::Upgraded => (self.stage, self.linked) = (Stage::Open, true),
                Next::Abandoned => return self.abandon(),
                Next::Closed => return,
            }
        }
        self.limit_message_time();
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

/// A message on the socket of a session.
fn handle_event(session: &Session, event: &Event<'_>) -> Next {
    if session.awaits_pong() && matches!(event, Event::Text(_) | Event::Binary(_)) {
        session.handle_activity();
    }
    match event {
        Event::Text(text) => handle_text(session, text),
        Event::Binary(data) => deliver(session, Message::Binary(data)),
        Event::Ping(payload) => session.pong(payload),
        Event::Pong => {}
        Event::Close(code) => session.handle_client_close(*code),
    }
    if session.is_open() { Next::Continue } else { Next::Closed }
}

fn handle_text(session: &Session, text: &str) {
    // Nearly all packets are messages, which need no look at the state of the session.
    if let Some(text) = text.strip_prefix('4') {
        return deliver(session, Message::Text(text));
    }
    match Packet::parse(text) {
        Ok(packet) => session.handle_packet(&packet, None),
        Err(error) => {
            session.engine().metrics.error("packet");
            tracing::debug!(sid = ?session.sid(), %error, "packet refused");
            session.handle_error(CloseReason::ParseError.into());
        }
    }
}

fn deliver(session: &Session, message: Message<'_>) {
    let metrics = &session.engine().metrics;
    metrics.messages_received.inc();
    metrics.bytes_received.inc_by(match message {
        Message::Text(text) => text.len() as u64,
        Message::Binary(data) => data.len() as u64,
    });
    session.deliver(message, None);
}

/// A message on a probing socket.
fn handle_probe(session: &Session, event: &Event<'_>, own: &mut Vec<u8>, link: impl FnOnce() -> WebSocketLink) -> Next {
    let packet = match event {
        Event::Text(text) => Packet::parse(text),
        Event::Binary(data) => Ok(Packet::Binary((*data).into())),
        Event::Ping(_) | Event::Pong => return Next::Continue,
        Event::Close(_) => return Next::Abandoned,
    };
    let Ok(packet) = packet else { return Next::Abandoned };
    match session.handle_probe(&packet, link) {
        Probe::Pong => {
            let mut frame = Buffer::from(Packet::Pong("probe").encode().as_bytes());
            prepend_header(&mut frame, OpCode::Text);
            own.extend_from_slice(frame.as_slice());
            Next::Continue
        }
        Probe::Upgraded => Next::Upgraded,
        Probe::Abort => Next::Abandoned,
    }
}

/// Source: RFC 6455, section 7.4.1.
const POLICY_VIOLATION: u16 = 1008;
