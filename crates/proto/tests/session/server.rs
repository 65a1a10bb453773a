//! A server with one session, as the engine is one: an outbox that leaves by a GET or a WebSocket.

use std::time::{Duration, Instant};

use fanfare_proto::engine::{
    Action, Answer, CloseReason, Closed, Input, Packet, Poll, Post, Probe, Refusal, Session, SessionSettings,
    Transport, Upgrade, WhenClosed,
};

use super::{SETTINGS, start};

/// A GET, a POST or a WebSocket, in the order in which a client has begun them.
pub(crate) type Id = u32;

/// What a client gets to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// The answer to a GET: the packets of its body.
    Body(Id, Vec<String>),
    /// The answer `ok` to a POST.
    Ok(Id),
    /// A request is turned away, with the reference server's code; an overlapping one has none.
    Refused(Id, Option<u8>),
    /// 101
    Accepted(Id),
    /// A packet on a WebSocket.
    Frame(Id, String),
    /// The server closes a WebSocket.
    SocketClosed(Id),
}

/// How the application closes a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Flushed,
    AtOnce,
}

/// A server whose clock is turned by hand.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) core: Session,
    pub(crate) now: Instant,
    pub(crate) opened: Instant,
    outbox: Vec<String>,
    get: Option<Id>,
    post: Option<Id>,
    /// The WebSocket that is being probed.
    probing: Option<Id>,
    /// The WebSocket that the session is on.
    socket: Option<Id>,
    /// What the client has been sent since somebody looked.
    pub(crate) sent: Vec<Sent>,
    /// The messages that the application has received.
    pub(crate) received: Vec<String>,
    /// What the application has been told of the end.
    pub(crate) closed: Vec<Closed>,
    /// Leaves tasks that have been woken for [`run_tasks`](Self::run_tasks), so that something else can come first.
    pub(crate) lazy: bool,
}

impl Sent {
    /// The request or socket that it belongs to.
    pub(crate) fn id(&self) -> Id {
        match *self {
            Self::Body(id, _)
            | Self::Ok(id)
            | Self::Refused(id, _)
            | Self::Accepted(id)
            | Self::Frame(id, _)
            | Self::SocketClosed(id) => id,
        }
    }
}

impl Server {
    pub(crate) fn polling() -> Self {
        Self::open(SETTINGS, Transport::Polling)
    }

    /// A session that begins on WebSocket 0.
    pub(crate) fn websocket() -> Self {
        Self::open(SETTINGS, Transport::WebSocket)
    }

    pub(crate) fn open(settings: SessionSettings, transport: Transport) -> Self {
        let now = start();
        Self {
            core: Session::new(settings, transport, now),
            now,
            opened: now,
            outbox: Vec::new(),
            get: None,
            post: None,
            probing: None,
            socket: (transport == Transport::WebSocket).then_some(0),
            sent: Vec::new(),
            received: Vec::new(),
            closed: Vec::new(),
            lazy: false,
        }
    }

    /// What the client has been sent since the last call.
    pub(crate) fn take_sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }

    pub(crate) fn pending_get(&self) -> Option<Id> {
        self.get
    }

    pub(crate) fn pending_post(&self) -> Option<Id> {
        self.post
    }

    pub(crate) fn probing_socket(&self) -> Option<Id> {
        self.probing
    }

    pub(crate) fn linked_socket(&self) -> Option<Id> {
        self.socket
    }

    /// The close reason, if the session is over.
    pub(crate) fn reason(&self) -> Option<CloseReason> {
        self.closed.first().map(|closed| closed.reason)
    }

    pub(crate) fn get(&mut self, id: Id) {
        match self.core.handle_poll(!self.outbox.is_empty()) {
            Poll::Wait => self.get = Some(id),
            Poll::Overlap => self.sent.push(Sent::Refused(id, None)),
            Poll::Refuse(refusal) => self.refuse(id, &refusal),
        }
        self.settle();
    }

    /// The client drops the connection of its pending GET.
    pub(crate) fn abort_get(&mut self) {
        if self.get.take().is_some() {
            self.core.handle_poll_aborted();
        }
        self.settle();
    }

    /// The head of a POST has come.
    pub(crate) fn post(&mut self, id: Id) {
        match self.core.handle_post() {
            Post::Accept => self.post = Some(id),
            Post::Ignore => self.sent.push(Sent::Ok(id)),
            Post::Overlap => self.sent.push(Sent::Refused(id, None)),
            Post::Refuse(refusal) => self.refuse(id, &refusal),
        }
        self.settle();
    }

    /// The body of the POST has come.
    pub(crate) fn body(&mut self, packets: &[String]) {
        let Some(id) = self.post.take() else { return };
        if !self.core.handle_post_received() {
            self.core.handle_post_end();
            return self.sent.push(Sent::Refused(id, None));
        }
        for packet in packets {
            self.handle_packet(packet);
        }
        self.core.handle_post_end();
        self.sent.push(Sent::Ok(id));
        self.settle();
    }

    /// The client drops the connection of its POST.
    pub(crate) fn abort_post(&mut self) {
        if self.post.take().is_some() {
            self.core.handle_post_aborted();
        }
        self.settle();
    }

    /// A WebSocket with the session's id has come.
    pub(crate) fn connect_socket(&mut self, id: Id) {
        match self.core.handle_upgrade(self.now) {
            Upgrade::Probe => {
                assert_eq!(self.probing, None, "one socket at a time");
                self.probing = Some(id);
                self.sent.push(Sent::Accepted(id));
            }
            Upgrade::Occupied => self.sent.extend([Sent::Accepted(id), Sent::SocketClosed(id)]),
            Upgrade::Refuse(refusal) => self.refuse(id, &refusal),
        }
        self.settle();
    }

    /// A packet has come over a WebSocket.
    pub(crate) fn frame(&mut self, id: Id, text: &str) {
        if self.probing == Some(id) {
            self.handle_probe(id, text);
        } else if self.socket == Some(id) {
            self.handle_packet(text);
        }
        self.settle();
    }

    /// The connection of a WebSocket is gone.
    pub(crate) fn drop_socket(&mut self, id: Id) {
        if self.probing == Some(id) {
            self.give_up_probing();
        } else if self.socket == Some(id) {
            self.core.handle_error(CloseReason::TransportClose.into());
        }
        self.settle();
    }

    /// The application sends a message.
    pub(crate) fn send(&mut self, message: &str) {
        if self.core.is_open() {
            self.outbox.push(format!("4{message}"));
        }
        self.settle();
    }

    /// The application closes the session.
    pub(crate) fn close(&mut self, when: When) {
        let when = match when {
            When::Flushed => WhenClosed::Flushed { packets_wait: !self.outbox.is_empty() },
            When::AtOnce => {
                self.outbox.clear();
                WhenClosed::AtOnce
            }
        };
        self.core.handle_close(when, self.now);
        self.settle();
    }

    /// Lets time pass; every deadline on the way is met to the instant.
    pub(crate) fn advance(&mut self, duration: Duration) {
        self.advance_to(self.now + duration);
    }

    pub(crate) fn advance_to(&mut self, end: Instant) {
        while let Some(due) = self.core.poll_timeout().filter(|due| *due <= end) {
            assert!(due >= self.now, "no deadline is left behind");
            self.jump_to(due);
            assert!(self.core.poll_timeout().is_none_or(|next| next > due), "a deadline that was met is over");
        }
        self.now = end;
    }

    /// Lets time pass in one step, as for a process that did not run.
    pub(crate) fn stall(&mut self, duration: Duration) {
        self.jump_to(self.now + duration);
    }

    fn jump_to(&mut self, now: Instant) {
        self.now = now;
        while let Some(action) = self.core.handle_timeout(now) {
            if action == Action::SendPing {
                self.outbox.push("2".to_owned());
            }
        }
        self.settle();
    }

    /// Runs the tasks that wait for something.
    pub(crate) fn run_tasks(&mut self) {
        self.flush();
        self.answer_get();
        if self.probing.is_some() && !self.core.is_probing() {
            self.give_up_probing();
        }
    }

    fn handle_probe(&mut self, id: Id, text: &str) {
        let packet = Packet::parse(text).ok().filter(|_| self.core.is_probing());
        match packet.map_or(Probe::Abort, |packet| self.core.handle_probe(self.now, &packet)) {
            Probe::Pong => self.sent.push(Sent::Frame(id, "3probe".to_owned())),
            Probe::Upgraded => {
                self.probing = None;
                self.socket = Some(id);
            }
            Probe::Abort => self.give_up_probing(),
        }
    }

    fn give_up_probing(&mut self) {
        self.core.handle_upgrade_aborted();
        self.sent.extend(self.probing.take().map(Sent::SocketClosed));
    }

    fn handle_packet(&mut self, text: &str) {
        let Ok(packet) = Packet::parse(text) else {
            return self.core.handle_error(CloseReason::ParseError.into());
        };
        if self.core.handle_packet(self.now, &packet) == Input::Deliver {
            self.received.push(text[1..].to_owned());
        }
    }

    /// Sees to what follows from a change, as `Session::update` of the engine does.
    fn settle(&mut self) {
        if let Some(closed) = self.core.poll_closed() {
            self.closed.push(closed);
            let is_orderly = matches!(
                closed.reason,
                CloseReason::ForcedClose | CloseReason::TransportClose | CloseReason::ParseError
            );
            if is_orderly {
                self.flush();
            } else {
                self.outbox.clear();
            }
            self.sent.extend(self.socket.take().map(Sent::SocketClosed));
        }
        if !self.lazy {
            self.run_tasks();
        }
    }

    fn flush(&mut self) {
        if let Some(socket) = self.socket {
            self.sent.extend(self.outbox.drain(..).map(|packet| Sent::Frame(socket, packet)));
        }
    }

    fn answer_get(&mut self) {
        let Some(id) = self.get else { return };
        let answer = self.core.poll_answer();
        if answer.is_none() && self.outbox.is_empty() {
            return;
        }
        let mut body = match self.core.transport() {
            Transport::Polling => std::mem::take(&mut self.outbox),
            Transport::WebSocket => Vec::new(),
        };
        if body.is_empty() && matches!(answer, Some(Answer::Noop | Answer::NoopClose)) {
            body.push("6".to_owned());
        }
        if matches!(answer, Some(Answer::Close | Answer::NoopClose)) {
            body.push("1".to_owned());
        }
        assert!(!body.is_empty(), "a GET is answered with something");
        self.core.handle_poll_answered();
        self.get = None;
        self.sent.push(Sent::Body(id, body));
    }

    fn refuse(&mut self, id: Id, refusal: &Refusal) {
        self.sent.push(Sent::Refused(id, Some(refusal.code())));
    }
}

/// The answer to a GET, for comparison.
pub(crate) fn body(id: Id, packets: &[&str]) -> Sent {
    Sent::Body(id, packets.iter().map(|packet| (*packet).to_owned()).collect())
}

/// A packet on a WebSocket, for comparison.
pub(crate) fn frame(id: Id, packet: &str) -> Sent {
    Sent::Frame(id, packet.to_owned())
}
