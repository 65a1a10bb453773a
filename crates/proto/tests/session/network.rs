//! A client and a server, and between them a network that takes its time.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use fanfare_proto::engine::{SessionSettings, Transport};

use super::client::{Abandon, Asked, Client};
use super::millis;
use super::server::{Id, Sent, Server, When};

/// Intervals so short that a run of seconds holds many heartbeats, and long enough for the network.
pub(crate) const QUICK: SessionSettings =
    SessionSettings { ping_interval: millis(900), ping_timeout: millis(700), upgrade_timeout: millis(400) };

/// The longest way through the network.
pub(crate) const LATENCY: Duration = millis(40);

/// Everything there is, driven by one queue of events.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) client: Client,
    pub(crate) rng: Rng,
    /// How many messages the server has sent.
    pub(crate) sent: usize,
    /// What happens when; what is planned first happens first.
    events: BTreeMap<(Instant, usize), Event>,
    planned: usize,
    /// When the last thing on a connection, in one direction, arrives: nothing overtakes it.
    lines: HashMap<(Id, Towards), Instant>,
    /// Nothing of the client arrives any more.
    silent: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// What the applications do.
    ServerSends,
    ServerCloses(When),
    ClientSends,
    ClientUpgrades(Option<Abandon>),
    ClientCloses,
    /// The client's machine is gone, and nobody says so.
    ClientDies,
    /// Something arrives.
    AtServer(Asked),
    AtClient(Sent),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Towards {
    Server,
    Client,
}

/// Random numbers that a seed determines (SplitMix64).
#[derive(Debug)]
pub(crate) struct Rng(u64);

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut world = Self {
            server: Server::open(QUICK, Transport::Polling),
            client: Client::new(),
            rng: Rng(seed),
            sent: 0,
            events: BTreeMap::new(),
            planned: 0,
            lines: HashMap::new(),
            silent: false,
        };
        world.dispatch();
        world
    }

    /// Plans an event for a time, counted from the beginning.
    pub(crate) fn plan(&mut self, after: Duration, event: Event) {
        self.plan_at(self.server.opened + after, event);
    }

    fn plan_at(&mut self, at: Instant, event: Event) {
        self.planned += 1;
        self.events.insert((at, self.planned), event);
    }

    /// Lives until a time, counted from the beginning.
    pub(crate) fn run_until(&mut self, after: Duration) {
        let end = self.server.opened + after;
        while let Some(next) = self.next_instant().filter(|next| *next <= end) {
            self.server.advance_to(next);
            self.dispatch();
            while self.events.first_key_value().is_some_and(|((at, _), _)| *at <= next) {
                let (_, event) = self.events.pop_first().expect("there is one");
                self.handle(event);
                self.dispatch();
            }
        }
        self.server.advance_to(end);
    }

    fn next_instant(&self) -> Option<Instant> {
        let event = self.events.first_key_value().map(|((at, _), _)| *at);
        [event, self.server.core.poll_timeout()].into_iter().flatten().min()
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::ServerSends => {
                self.server.send(&self.sent.to_string());
                self.sent += 1;
            }
            Event::ServerCloses(when) => self.server.close(when),
            Event::ClientSends => self.client.send(),
            Event::ClientUpgrades(abandon) => self.client.upgrade(abandon),
            Event::ClientCloses => self.client.close(),
            Event::ClientDies => self.silent = true,
            Event::AtServer(_) if self.silent => {}
            Event::AtServer(asked) => self.serve(asked),
            Event::AtClient(sent) => self.client.handle(sent),
        }
    }

    fn serve(&mut self, asked: Asked) {
        match asked {
            Asked::Get(id) => self.server.get(id),
            Asked::Post(id, packets) => {
                self.server.post(id);
                self.server.body(&packets);
            }
            Asked::Connect(id) => self.server.connect_socket(id),
            Asked::Frame(id, text) => self.server.frame(id, &text),
            Asked::Drop(id) => self.server.drop_socket(id),
        }
    }

    /// Puts on its way what either side has sent.
    fn dispatch(&mut self) {
        for sent in self.server.take_sent() {
            let at = self.arrival(sent.id(), Towards::Client);
            self.plan_at(at, Event::AtClient(sent));
        }
        for asked in self.client.take_asked() {
            let at = self.arrival(asked.id(), Towards::Server);
            self.plan_at(at, Event::AtServer(asked));
        }
    }

    fn arrival(&mut self, connection: Id, towards: Towards) -> Instant {
        let at = self.server.now + self.rng.duration(LATENCY);
        let line = self.lines.entry((connection, towards)).or_insert(at);
        *line = at.max(*line);
        *line
    }
}

impl Rng {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    pub(crate) fn duration(&mut self, bound: Duration) -> Duration {
        millis(self.below(u64::try_from(bound.as_millis()).expect("a short time")))
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).expect("an index")]
    }
}
