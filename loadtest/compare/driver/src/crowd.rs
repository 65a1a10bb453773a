//! Many clients, served by one thread.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::client::Client;
use crate::failure::Failure;
use crate::frame::{self, Message};

/// Clients in the main namespace of one server.
pub struct Crowd {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    buffer: Box<[u8]>,
    answers: Vec<u8>,
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
            self.turn(Duration::from_millis(100), each)?;
            if start.elapsed() > patience {
                return Err(Failure::Lost { missing: 1, patience });
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
        let Self { events, clients, buffer, answers, .. } = self;
        for event in events.iter() {
            let number = event.token().0;
            let client = &mut clients[number];
            if event.is_writable() {
                client.flush()?;
            }
            client.receive(buffer, answers, &mut |message, answers| each(number, message, answers))?;
        }
        Ok(())
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

const EVENTS: usize = 1024;
const BUFFER_BYTES: usize = 64 << 10;
