//! A client that does what the official one does: it polls, posts one batch at a time, pauses polling to upgrade.

use std::collections::VecDeque;

use super::server::{Id, Sent};

/// What a client asks of a server.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Get(Id),
    Post(Id, Vec<String>),
    Connect(Id),
    Frame(Id, String),
    Drop(Id),
}

/// How far an upgrade has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Connecting,
    Accepted,
    Probed,
    /// The probe was answered; polling pauses.
    Pausing,
}

/// Where a client gives an upgrade up, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abandon {
    pub(crate) at: Step,
    pub(crate) how: How,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum How {
    /// It drops its connection.
    Drop,
    /// It sends what does not belong there.
    Nonsense,
    /// It does nothing more, until the server has had enough.
    Hang,
}

#[derive(Debug, Default)]
pub(crate) struct Client {
    next_id: Id,
    get: Option<Id>,
    post: Option<Id>,
    /// Packets that have not been sent.
    queue: VecDeque<String>,
    attempt: Option<Attempt>,
    /// The WebSocket it is on.
    socket: Option<Id>,
    /// It wants to leave; messages are not sent any more.
    closing: bool,
    /// It knows that the session is over.
    pub(crate) closed: bool,
    /// It knows so by a request that was turned away; what is still on its way to it does not count any more.
    pub(crate) refused: bool,
    /// The messages it has received.
    pub(crate) received: Vec<String>,
    /// How many it has sent.
    pub(crate) sent: usize,
    asked: Vec<Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    socket: Id,
    step: Step,
    abandon: Option<Abandon>,
    hangs: bool,
}

impl Asked {
    /// The request or socket that it belongs to.
    pub(crate) fn id(&self) -> Id {
        match *self {
            Self::Get(id) | Self::Post(id, _) | Self::Connect(id) | Self::Frame(id, _) | Self::Drop(id) => id,
        }
    }
}

impl Client {
    /// A client that has been told of its session and begins to poll.
    pub(crate) fn new() -> Self {
        let mut client = Self::default();
        client.pump();
        client
    }

    /// What it has asked for since the last call.
    pub(crate) fn take_asked(&mut self) -> Vec<Asked> {
        std::mem::take(&mut self.asked)
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.socket.is_some()
    }

    /// Sends its next message.
    pub(crate) fn send(&mut self) {
        if !self.closing {
            self.queue.push_back(format!("4{}", self.sent));
            self.sent += 1;
        }
        self.pump();
    }

    pub(crate) fn close(&mut self) {
        if !std::mem::replace(&mut self.closing, true) {
            self.queue.push_back("1".to_owned());
        }
        self.pump();
    }

    /// Begins an upgrade, unless there is one.
    pub(crate) fn upgrade(&mut self, abandon: Option<Abandon>) {
        if self.attempt.is_some() || self.socket.is_some() || self.closed {
            return;
        }
        let socket = self.new_id();
        self.attempt = Some(Attempt { socket, step: Step::Connecting, abandon, hangs: false });
        self.asked.push(Asked::Connect(socket));
        self.reach(Step::Connecting);
    }

    /// Something of the server has arrived.
    pub(crate) fn handle(&mut self, sent: Sent) {
        match sent {
            Sent::Body(id, packets) => {
                assert_eq!(self.get.take(), Some(id), "an answer nobody waits for");
                packets.iter().for_each(|packet| self.handle_packet(packet));
            }
            Sent::Ok(id) => {
                assert_eq!(self.post.take(), Some(id), "an answer nobody waits for");
                self.closed |= self.closing && self.queue.is_empty();
            }
            Sent::Refused(..) => (self.refused, self.closed) = (true, true),
            Sent::Accepted(socket) => self.handle_accepted(socket),
            Sent::Frame(socket, packet) if self.socket == Some(socket) => self.handle_packet(&packet),
            Sent::Frame(socket, packet) => self.handle_probe(socket, &packet),
            Sent::SocketClosed(socket) => self.handle_socket_closed(socket),
        }
        self.pump();
    }

    fn handle_packet(&mut self, packet: &str) {
        if self.closed {
            assert!(self.closing || self.refused, "nothing comes behind the end, but {packet}");
            return;
        }
        match packet.split_at(1) {
            ("1", "") => self.closed = true,
            ("2", "") => self.queue.push_back("3".to_owned()),
            ("4", message) => self.received.push(message.to_owned()),
            ("6", "") => {}
            _ => panic!("{packet} is not for a client"),
        }
    }

    fn handle_accepted(&mut self, socket: Id) {
        if self.attempts(socket) && self.reach(Step::Accepted) {
            self.asked.push(Asked::Frame(socket, "2probe".to_owned()));
            self.reach(Step::Probed);
        }
    }

    fn handle_probe(&mut self, socket: Id, packet: &str) {
        if self.attempts(socket) {
            assert_eq!(packet, "3probe");
            self.reach(Step::Pausing);
        }
    }

    fn handle_socket_closed(&mut self, socket: Id) {
        if self.attempt.is_some_and(|attempt| attempt.socket == socket) {
            self.attempt = None;
        }
        self.closed |= self.socket == Some(socket);
    }

    /// Whether this is the socket of an attempt that goes on.
    fn attempts(&self, socket: Id) -> bool {
        self.attempt.is_some_and(|attempt| attempt.socket == socket && !attempt.hangs)
    }

    /// Takes a step; says whether the attempt goes on.
    fn reach(&mut self, step: Step) -> bool {
        let Some(attempt) = &mut self.attempt else { return false };
        attempt.step = step;
        let socket = attempt.socket;
        match attempt.abandon.filter(|abandon| abandon.at == step).map(|abandon| abandon.how) {
            None => return true,
            Some(How::Hang) => attempt.hangs = true,
            Some(How::Drop) => self.give_up(Asked::Drop(socket)),
            Some(How::Nonsense) => self.give_up(Asked::Frame(socket, "4nonsense".to_owned())),
        }
        false
    }

    fn give_up(&mut self, last: Asked) {
        self.attempt = None;
        self.asked.push(last);
    }

    /// Sends what can be sent.
    fn pump(&mut self) {
        if self.closed {
            return;
        }
        if let Some(attempt) = self.attempt.filter(|attempt| attempt.step == Step::Pausing) {
            if self.get.is_some() || self.post.is_some() || attempt.hangs {
                return;
            }
            self.asked.push(Asked::Frame(attempt.socket, "5".to_owned()));
            self.attempt = None;
            self.socket = Some(attempt.socket);
        }
        match self.socket {
            Some(socket) => self.asked.extend(self.queue.drain(..).map(|packet| Asked::Frame(socket, packet))),
            None => self.poll(),
        }
    }

    fn poll(&mut self) {
        if self.get.is_none() {
            let id = self.new_id();
            self.get = Some(id);
            self.asked.push(Asked::Get(id));
        }
        if self.post.is_none() && !self.queue.is_empty() {
            let id = self.new_id();
            self.post = Some(id);
            self.asked.push(Asked::Post(id, self.queue.drain(..).collect()));
        }
    }

    fn new_id(&mut self) -> Id {
        self.next_id += 1;
        self.next_id
    }
}
