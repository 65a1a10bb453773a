//! Any client at all: requests, sockets, packets and time in any order. What holds then.

use std::time::{Duration, Instant};

use fanfare_proto::engine::{Answer, Transport};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::server::{Id, Sent, Server, When};
use super::{INTERVAL, TIMEOUT, UPGRADE_TIMEOUT, millis, seconds};

#[derive(Clone, Debug)]
enum Op {
    /// A request that overlaps another is fatal, so that most clients wait.
    Get {
        patient: bool,
    },
    AbortGet,
    Post {
        patient: bool,
    },
    /// The body of the POST, with a few messages or one packet in it.
    Messages(u8),
    Packet(&'static str),
    AbortPost,
    Connect,
    /// A packet on one of the sockets.
    Frame(u8, &'static str),
    FrameMessage(u8),
    Drop(u8),
    Send,
    Close(When),
    RunTasks,
    Wait(Duration),
}

fn op() -> impl Strategy<Value = Op> {
    let packets = vec!["1", "2", "2probe", "3", "3probe", "5", "6", "0", "x", ""];
    let durations = vec![millis(1), millis(50), millis(100), UPGRADE_TIMEOUT, TIMEOUT, INTERVAL];
    let frames = vec!["1", "2", "4?", "x", ""];
    prop_oneof![
        40 => Just(Op::Get { patient: true }),
        1 => Just(Op::Get { patient: false }),
        1 => Just(Op::AbortGet),
        30 => Just(Op::Post { patient: true }),
        1 => Just(Op::Post { patient: false }),
        30 => (0..4_u8).prop_map(Op::Messages),
        20 => Just(Op::Packet("3")),
        1 => prop::sample::select(packets).prop_map(Op::Packet),
        1 => Just(Op::AbortPost),
        20 => Just(Op::Connect),
        30 => (1..4_u8).prop_map(|socket| Op::Frame(socket, "2probe")),
        20 => (1..4_u8).prop_map(|socket| Op::Frame(socket, "5")),
        20 => Just(Op::Frame(1, "3")),
        5 => (0..4_u8, prop::sample::select(frames)).prop_map(|(socket, text)| Op::Frame(socket, text)),
        20 => (0..4_u8).prop_map(Op::FrameMessage),
        2 => (0..4_u8).prop_map(Op::Drop),
        40 => Just(Op::Send),
        1 => prop_oneof![3 => Just(When::Flushed), 1 => Just(When::AtOnce)].prop_map(Op::Close),
        50 => Just(Op::RunTasks),
        30 => prop::sample::select(durations).prop_map(Op::Wait),
    ]
}

/// A session and what has to hold about it.
struct Observed {
    server: Server,
    next_id: Id,
    /// Messages sent so far, up and down, and received by the client.
    up: usize,
    down: usize,
    arrived: usize,
    /// The numbers of the messages in the POST that is in flight.
    posted: Option<usize>,
    /// When a packet of the client last counted.
    heard: Instant,
    closing_since: Option<Instant>,
}

impl Observed {
    fn new(transport: Transport, lazy: bool) -> Self {
        let mut server = match transport {
            Transport::Polling => Server::polling(),
            Transport::WebSocket => Server::websocket(),
        };
        server.lazy = lazy;
        let heard = server.now;
        Self { server, next_id: 0, up: 0, down: 0, arrived: 0, posted: None, heard, closing_since: None }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Get { patient } if patient && self.server.pending_get().is_some() => {}
            Op::Get { .. } => {
                let id = self.new_id();
                self.server.get(id);
            }
            Op::AbortGet => self.server.abort_get(),
            Op::Post { patient } if patient && self.server.pending_post().is_some() => {}
            Op::Post { .. } => {
                let id = self.new_id();
                self.server.post(id);
                if self.server.pending_post() == Some(id) {
                    self.posted = Some(self.up);
                    self.up += 3;
                }
            }
            Op::Messages(count) => {
                let first = self.posted.unwrap_or_default();
                let numbers = first..first + usize::from(count);
                self.finish_post(&numbers.map(|number| format!("4{number}")).collect::<Vec<_>>());
            }
            Op::Packet(packet) => self.finish_post(&[packet.to_owned()]),
            Op::AbortPost => self.server.abort_post(),
            Op::Connect => {
                let id = self.new_id();
                self.server.connect_socket(id);
            }
            Op::Frame(socket, text) => self.frame(socket, text),
            Op::FrameMessage(socket) => {
                let text = format!("4{}", self.up);
                self.up += 1;
                self.frame(socket, &text);
            }
            Op::Drop(socket) => self.server.drop_socket(self.socket(socket)),
            Op::Send => {
                if self.server.core.is_open() {
                    self.server.send(&self.down.to_string());
                    self.down += 1;
                }
            }
            Op::Close(when) => self.server.close(when),
            Op::RunTasks => self.server.run_tasks(),
            Op::Wait(duration) => self.server.advance(duration),
        }
    }

    fn new_id(&mut self) -> Id {
        self.next_id += 1;
        self.next_id
    }

    /// Mostly the socket that matters, sometimes one that may have been closed long ago.
    fn socket(&self, choice: u8) -> Id {
        let current = self.server.probing_socket().or(self.server.linked_socket()).filter(|_| choice > 0);
        current.unwrap_or(self.next_id.saturating_sub(choice.into()))
    }

    fn frame(&mut self, socket: u8, text: &str) {
        let id = self.socket(socket);
        if self.server.linked_socket() == Some(id) {
            self.heard = self.server.now;
        }
        self.server.frame(id, text);
    }

    fn finish_post(&mut self, packets: &[String]) {
        if self.server.pending_post().is_some() && self.server.core.transport() == Transport::Polling {
            self.heard = self.server.now;
        }
        self.server.body(packets);
    }

    fn check(&mut self) {
        self.check_end();
        self.check_get();
        self.check_upgrade();
        self.check_messages();
        self.check_liveness();
    }

    fn check_end(&self) {
        let core = &self.server.core;
        assert!(self.server.closed.len() <= 1, "told once");
        assert_eq!(self.server.closed.is_empty(), core.poll_timeout().is_some(), "told when nothing is due any more");
        if !self.server.closed.is_empty() {
            assert!(!core.is_open() && !core.is_probing());
            assert_eq!(self.server.linked_socket(), None);
        }
    }

    fn check_get(&self) {
        let core = &self.server.core;
        assert_eq!(core.is_polled(), self.server.pending_get().is_some());
        if core.is_polled() && !self.server.closed.is_empty() {
            assert!(core.poll_answer().is_some(), "no GET waits for a session that is over");
        }
        if core.is_polled() && core.transport() == Transport::WebSocket {
            assert_eq!(core.poll_answer(), Some(Answer::Close), "no GET waits for packets that leave another way");
        }
        if !core.is_polled() {
            assert_eq!(core.poll_answer(), None);
        }
    }

    fn check_upgrade(&self) {
        let core = &self.server.core;
        if core.is_probing() {
            assert!(self.server.probing_socket().is_some(), "somebody probes");
            assert_eq!(core.transport(), Transport::Polling);
        }
        if core.transport() == Transport::WebSocket {
            assert_eq!(self.server.probing_socket(), None, "one socket is enough");
        }
    }

    /// Everything that leaves does so in order, once; everything that arrives did so in order.
    fn check_messages(&mut self) {
        for sent in self.server.take_sent() {
            let packets = match sent {
                Sent::Body(_, packets) => packets,
                Sent::Frame(_, packet) => vec![packet],
                _ => continue,
            };
            for message in packets.iter().filter_map(|packet| packet.strip_prefix('4')) {
                assert_eq!(message, self.arrived.to_string());
                self.arrived += 1;
            }
        }
        let numbers: Vec<usize> = self.server.received.iter().filter_map(|message| message.parse().ok()).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }

    fn check_liveness(&mut self) {
        let now = self.server.now;
        if self.server.core.is_open() {
            assert!(now - self.heard < INTERVAL + TIMEOUT, "a client that says nothing is gone");
            return;
        }
        let since = *self.closing_since.get_or_insert(now);
        assert!(!self.server.closed.is_empty() || now - since < seconds(30), "the end comes");
    }

    /// The client does nothing more.
    fn finish(&mut self) {
        self.server.advance(INTERVAL + TIMEOUT + seconds(30));
        self.server.run_tasks();
        self.check();
        assert_eq!(self.server.closed.len(), 1);
        let left = (self.server.pending_get(), self.server.probing_socket(), self.server.linked_socket());
        assert_eq!(left, (None, None, None));
    }
}

proptest! {
    #![proptest_config(Config { cases: 2000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_session_stays_sound(
        transport in prop_oneof![4 => Just(Transport::Polling), 1 => Just(Transport::WebSocket)],
        lazy in any::<bool>(),
        ops in vec(op(), 0..120),
    ) {
        let mut session = Observed::new(transport, lazy);
        for op in &ops {
            session.apply(op);
            session.check();
        }
        session.finish();
    }
}
