//! Many clients, served by one thread.

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::client::Client;
use crate::failure::Failure;
use crate::frame::{self, Message};
use crate::ledger::Ledger;

/// Clients in the main namespace of one server.
pub struct Crowd {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    buffer: Box<[u8]>,
    answers: Vec<u8>,
    /// Whom the server has disconnected, where it may do that.
    gone: Option<HashSet<usize>>,
}

impl Crowd {
    /// A crowd of nobody.
    pub fn new() -> Result<Self, Failure> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            clients: Vec::new(),
            buffer: vec![0; BUFFER_BYTES].into(),
            answers: Vec::new(),
            gone: None,
        })
    }

    /// Clients of one server.
    pub fn of(address: SocketAddr, count: usize) -> Result<Self, Failure> {
        let mut crowd = Self::new()?;
        crowd.connect(address, count)?;
        Ok(crowd)
    }

    /// Connects more clients, some at a time, and returns when all have joined.
    pub fn connect(&mut self, address: SocketAddr, count: usize) -> Result<(), Failure> {
        let all = self.len() + count;
        while self.len() < all {
            let before = self.len();
            for number in before..all.min(before + CONNECTING) {
                let mut client = Client::connect(address, number)?;
                let interests = Interest::READABLE | Interest::WRITABLE;
                self.poll.registry().register(client.stream(), Token(number), interests)?;
                self.clients.push(client);
            }
            let joined = |crowd: &Self| crowd.clients[before..].iter().all(Client::is_joined);
            self.until(PATIENCE, joined, &mut |client, message, _| Err(unexpected(client, message)))?;
        }
        Ok(())
    }

    /// From now on, the server may disconnect them.
    pub fn may_leave(&mut self) {
        self.gone.get_or_insert_default();
    }

    /// Whether the server has disconnected this client.
    pub fn is_gone(&self, client: usize) -> bool {
        self.gone.as_ref().is_some_and(|gone| gone.contains(&client))
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Engine.IO pings that were answered.
    pub fn pings(&self) -> u64 {
        self.clients.iter().map(Client::pings).sum()
    }

    /// Sends frames that were written with [`frame`].
    pub fn send(&mut self, client: usize, frames: &[u8]) -> Result<(), Failure> {
        self.clients[client].send(frames)
    }

    /// Sends one text.
    pub fn send_text(&mut self, client: usize, text: &str) -> Result<(), Failure> {
        let mut frame = Vec::with_capacity(text.len() + 14);
        frame::text(text.as_bytes(), &mut frame);
        self.send(client, &frame)
    }

    /// Serves the clients until something is so.
    pub fn until(
        &mut self,
        patience: Duration,
        mut done: impl FnMut(&Self) -> bool,
        each: &mut OnMessage<'_>,
    ) -> Result<(), Failure> {
        let start = Instant::now();
        while !done(self) {
            self.turn(TURN, each)?;
            if start.elapsed() > patience {
                return Err(Failure::Lost { missing: 1, patience });
            }
        }
        Ok(())
    }

    /// Serves the clients until all of them have what a ledger expects.
    pub fn complete(&mut self, ledger: &mut Ledger, patience: Duration) -> Result<(), Failure> {
        let start = Instant::now();
        while ledger.in_flight() > 0 {
            self.turn(TURN, &mut |client, message, _| ledger.arrived(client, message).map(drop))?;
            if start.elapsed() > patience {
                return Err(Failure::Lost { missing: ledger.missing(), patience });
            }
        }
        Ok(())
    }

    /// Serves the clients for some time.
    pub fn serve(&mut self, time: Duration, each: &mut OnMessage<'_>) -> Result<(), Failure> {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left, each)?;
        }
    }

    /// Waits until something arrives, `patience` at most, and handles everything that has.
    pub fn turn(&mut self, patience: Duration, each: &mut OnMessage<'_>) -> Result<(), Failure> {
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        let Self { events, clients, buffer, answers, gone, .. } = self;
        for event in events.iter() {
            let number = event.token().0;
            let client = &mut clients[number];
            if event.is_writable() {
                client.flush()?;
            }
            let each = &mut |message: Message<'_>, answers: &mut Vec<u8>| each(number, message, answers);
            let mut received = client.receive(buffer, answers, each);
            // Of an end that stands behind what was read, no other event tells.
            if event.is_read_closed() && received.is_ok() {
                received = client.receive(buffer, answers, each);
            }
            forgive(gone, received)?;
        }
        Ok(())
    }

    /// Reads so much of what has come for one client, whether or not the others are served.
    pub fn sip(&mut self, client: usize, bytes: usize, each: &mut OnMessage<'_>) -> Result<(), Failure> {
        let Self { clients, buffer, answers, gone, .. } = self;
        let each = &mut |message: Message<'_>, answers: &mut Vec<u8>| each(client, message, answers);
        let received = clients[client].receive_once(&mut buffer[..bytes], answers, each);
        forgive(gone, received.map(drop))
    }
}

/// Notes who is gone, where that is allowed.
fn forgive(gone: &mut Option<HashSet<usize>>, received: Result<(), Failure>) -> Result<(), Failure> {
    match (received, gone) {
        (Err(Failure::Closed { client }), Some(gone)) => {
            gone.insert(client);
            Ok(())
        }
        (received, _) => received,
    }
}

/// Handles a message of a client; frames that are written to the last argument are its answer.
pub type OnMessage<'a> = dyn FnMut(usize, Message<'_>, &mut Vec<u8>) -> Result<(), Failure> + 'a;

/// A message that nobody waits for.
pub fn unexpected(client: usize, message: Message<'_>) -> Failure {
    Failure::Protocol { client, what: format!("nobody waits for {:?}", crate::failure::excerpt(message.bytes())) }
}

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Connections that are opened at a time: no more than servers let wait to be accepted.
const CONNECTING: usize = 100;

/// How long it is waited at once for something to arrive.
const TURN: Duration = Duration::from_millis(100);

const EVENTS: usize = 1024;
const BUFFER_BYTES: usize = 64 << 10;
