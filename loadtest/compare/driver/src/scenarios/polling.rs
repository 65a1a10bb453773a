//! Events with their acknowledgements over HTTP long-polling, as browsers do it: a GET waits on one connection while the
//! event is posted on another.

use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use super::{Meter, PADDING, Run};
use crate::crowd::PATIENCE;
use crate::failure::{Failure, excerpt};
use crate::http::Http;
use crate::process::Process;
use crate::servers::Setting;

pub(super) fn run(run: &mut Run) -> Result<(), Failure> {
    let server = run.start(&Setting::default())?;
    let mut pollers = Pollers::connect(&server)?;
    pollers.run(run.warm_up())?;
    let meter = Meter::start([&server])?;
    let trips = pollers.run(run.time())?;
    run.spent("polling", &meter, trips, 0)
}

/// All clients.
struct Pollers {
    poll: Poll,
    clients: Vec<Poller>,
    buffer: Box<[u8]>,
}

/// One client.
struct Poller {
    number: usize,
    getting: Http,
    posting: Http,
    query: String,
    stage: Stage,
    /// Answers that are due.
    get_due: bool,
    post_due: bool,
    trips: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Opening,
    Joining,
    Joined,
}

impl Pollers {
    fn connect(server: &Process) -> Result<Self, Failure> {
        let poll = Poll::new()?;
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let mut client = Poller::connect(server, number)?;
            for (at, http) in [&mut client.getting, &mut client.posting].into_iter().enumerate() {
                poll.registry().register(http.stream(), Token(2 * number + at), Interest::READABLE)?;
            }
            client.getting.get(&client.query)?;
            client.get_due = true;
            clients.push(client);
        }
        let mut pollers = Self { poll, clients, buffer: vec![0; 64 << 10].into() };
        let start = Instant::now();
        pollers
            .serve(start, |pollers| pollers.iter().all(|client| client.stage == Stage::Joined && client.is_done()))?;
        Ok(pollers)
    }

    /// Sends events for some time, and returns how many were acknowledged.
    fn run(&mut self, time: Duration) -> Result<u64, Failure> {
        let before: u64 = self.trips();
        self.clients.iter_mut().try_for_each(Poller::emit)?;
        self.serve(Instant::now() + time, |clients| clients.iter().all(Poller::is_done))?;
        Ok(self.trips() - before)
    }

    fn trips(&self) -> u64 {
        self.clients.iter().map(|client| client.trips).sum()
    }

    /// Serves all clients, which begin nothing new after `end`, until everything is done.
    fn serve(&mut self, end: Instant, done: impl Fn(&[Poller]) -> bool) -> Result<(), Failure> {
        let mut events = Events::with_capacity(1024);
        while !done(&self.clients) {
            self.poll.poll(&mut events, Some(Duration::from_millis(100)))?;
            for event in &events {
                let Token(token) = event.token();
                self.clients[token / 2].handle(token % 2 == 0, end, &mut self.buffer)?;
            }
            if end.elapsed() > PATIENCE {
                let missing = self.clients.iter().filter(|client| !client.is_done()).count();
                return Err(Failure::Lost { missing, patience: PATIENCE });
            }
        }
        Ok(())
    }
}

impl Poller {
    fn connect(server: &Process, number: usize) -> Result<Self, Failure> {
        Ok(Self {
            number,
            getting: Http::connect(server.address(), number)?,
            posting: Http::connect(server.address(), number)?,
            query: "EIO=4&transport=polling".into(),
            stage: Stage::Opening,
            get_due: false,
            post_due: false,
            trips: 0,
        })
    }

    fn is_done(&self) -> bool {
        !self.get_due && !self.post_due
    }

    fn handle(&mut self, is_get: bool, end: Instant, buffer: &mut [u8]) -> Result<(), Failure> {
        if is_get {
            if let Some(body) = self.getting.answer(buffer)? {
                self.payload(&body)?;
            }
        } else if let Some(body) = self.posting.answer(buffer)? {
            self.post_due = false;
            self.expect(&body, "ok")?;
        }
        if self.stage == Stage::Joined && self.is_done() && Instant::now() < end {
            self.emit()?;
        }
        Ok(())
    }

    /// Handles what a GET brought. Pings are not answered: no run lasts until a pong is missed.
    fn payload(&mut self, body: &[u8]) -> Result<(), Failure> {
        self.get_due = false;
        let mut packets = body.split(|byte| *byte == SEPARATOR).filter(|packet| *packet != b"2").peekable();
        if packets.peek().is_none() {
            self.get_due = true;
            return self.getting.get(&self.query);
        }
        packets.try_for_each(|packet| self.received(packet))
    }

    fn received(&mut self, body: &[u8]) -> Result<(), Failure> {
        match self.stage {
            Stage::Opening => {
                let handshake: Handshake = body
                    .strip_prefix(b"0")
                    .and_then(|json| serde_json::from_slice(json).ok())
                    .ok_or_else(|| self.broken(body))?;
                self.query = format!("EIO=4&transport=polling&sid={}", handshake.sid);
                self.stage = Stage::Joining;
                self.ask("40")
            }
            Stage::Joining if body.starts_with(b"40{") => {
                self.stage = Stage::Joined;
                Ok(())
            }
            Stage::Joining => Err(self.broken(body)),
            Stage::Joined => {
                self.expect(body, &format!(r#"43{}["{PADDING}"]"#, self.trips))?;
                self.trips += 1;
                Ok(())
            }
        }
    }

    fn emit(&mut self) -> Result<(), Failure> {
        self.ask(&format!(r#"42{}["echo","{PADDING}"]"#, self.trips))
    }

    /// Posts something, and waits for what it leads to.
    fn ask(&mut self, body: &str) -> Result<(), Failure> {
        self.getting.get(&self.query)?;
        self.posting.post(&self.query, body)?;
        (self.get_due, self.post_due) = (true, true);
        Ok(())
    }

    fn expect(&self, body: &[u8], expected: &str) -> Result<(), Failure> {
        if body == expected.as_bytes() {
            return Ok(());
        }
        Err(Failure::Altered { client: self.number, message: excerpt(body), expected: expected.into() })
    }

    fn broken(&self, body: &[u8]) -> Failure {
        Failure::Protocol { client: self.number, what: excerpt(body) }
    }
}

#[derive(serde::Deserialize)]
struct Handshake {
    sid: String,
}

const CLIENTS: usize = 50;

/// Stands between the packets of a payload. Source: Engine.IO v4, "HTTP long-polling".
const SEPARATOR: u8 = 0x1e;
