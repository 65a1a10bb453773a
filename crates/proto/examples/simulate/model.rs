//! A cluster in one thread.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use fanfare_proto::cluster::{
    Asked, Awaited, Event, Incoming, Node, Opts, Publish, Request, Requester, Response, SocketDescription,
};

use super::load::{Kind, Load, Placement};
use super::redis::Redis;

/// Nodes with clients in rooms, and the Redis between them.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) redis: Redis,
    pub(crate) members: Vec<Member>,
    random: Random,
    /// Questions that all nodes have answered.
    pub(crate) answered: u64,
    /// No question is given up.
    never: Instant,
}

/// A node, and what it has to do.
#[derive(Debug)]
pub(crate) struct Member {
    node: Node,
    clients: u64,
    /// How many of its clients are in each room.
    rooms: HashMap<String, u64>,
    pub(crate) published: u64,
    pub(crate) bytes_out: u64,
    pub(crate) received: u64,
    pub(crate) bytes_in: u64,
    /// Messages it has read for nothing: its own, and those for rooms that have nobody here.
    pub(crate) in_vain: u64,
    pub(crate) deliveries: u64,
}

impl Cluster {
    /// Nodes without clients.
    pub(crate) fn new(load: &Load, never: Instant) -> Self {
        let mut cluster = Self {
            redis: Redis::new(load.redis, load.adapter != Kind::Classic),
            members: (0..load.nodes).map(|number| Member::new(Node::new(load.wire(number)))).collect(),
            random: Random::new(load.seed),
            answered: 0,
            never,
        };
        for (number, member) in cluster.members.iter().enumerate() {
            let subscriptions = member.node.wire().subscriptions();
            subscriptions.iter().for_each(|subscription| cluster.redis.subscribe(number, subscription));
        }
        cluster
    }

    /// Lets the clients come.
    pub(crate) fn fill(&mut self, load: &Load) {
        (0..load.clients).for_each(|client| self.place(load, client));
    }

    /// A client comes and joins its rooms.
    fn place(&mut self, load: &Load, client: usize) {
        let anywhere = self.random.below(load.nodes);
        let first = self.random.below(load.rooms.max(1));
        let number = match load.placement {
            Placement::Spread => anywhere,
            Placement::Together => first % load.nodes,
        };
        self.connect(number);
        for _ in 0..load.rooms_per_client.min(1) {
            self.join(number, first);
        }
        for _ in 1..load.rooms_per_client {
            let room = match load.placement {
                Placement::Spread => self.random.below(load.rooms),
                // Another one of those that are on this node.
                Placement::Together => (first + client * load.nodes) % load.rooms,
            };
            self.join(number, room);
        }
    }

    pub(crate) fn connect(&mut self, number: usize) {
        self.members[number].clients += 1;
    }

    pub(crate) fn join(&mut self, number: usize, room: usize) {
        let room = room_name(room);
        let member = &mut self.members[number];
        let clients = member.rooms.entry(room.clone()).or_default();
        *clients += 1;
        if *clients == 1
            && let Some(subscription) = member.node.wire().room_subscription(&room, false)
        {
            self.redis.subscribe(number, &subscription);
        }
    }

    /// Goes through one second of the load.
    pub(crate) fn run(&mut self, load: &Load) {
        let text = "x".repeat(load.payload);
        for _ in 0..load.room_events {
            let (from, room) = (self.random.below(load.nodes), self.random.below(load.rooms));
            self.emit(from, &text, Some(room));
        }
        for _ in 0..load.broadcasts {
            let from = self.random.below(load.nodes);
            self.emit(from, &text, None);
        }
        for id in 0..load.questions {
            let (from, room) = (self.random.below(load.nodes), self.random.below(load.rooms.max(1)));
            self.ask(from, room, format!("{id:016x}"));
        }
    }

    /// A node sends an event, to everybody or to a room.
    pub(crate) fn emit(&mut self, from: usize, text: &str, room: Option<usize>) {
        let rooms: Vec<Cow<'_, str>> = room.map(|room| room_name(room).into()).into_iter().collect();
        let member = &mut self.members[from];
        member.deliver(&rooms);
        let opts = Opts { rooms, ..Opts::default() };
        let request = Request::Broadcast { event: Event::emit("event", &text), opts, id: None, unwanted_ack: false };
        let publish = member.node.wire().request(&request).expect("text can be written");
        self.publish(from, &publish);
    }

    fn ask(&mut self, from: usize, room: usize, id: String) {
        let asked = Asked { nodes: self.members.len() - 1, until: self.never };
        let node = &mut self.members[from].node;
        node.expect(&id, Awaited::Sockets, asked);
        let opts = Opts { rooms: vec![room_name(room).into()], ..Opts::default() };
        let publish = node.wire().request(&Request::FetchSockets { opts, id: id.into() });
        self.publish(from, &publish.expect("it can be written"));
    }

    fn publish(&mut self, from: usize, publish: &Publish) {
        let (copies, sent) = self.redis.publish(publish);
        let member = &mut self.members[from];
        member.published += 1;
        member.bytes_out += sent;
        for copy in copies {
            let member = &mut self.members[copy.node];
            member.received += 1;
            member.bytes_in += copy.bytes;
            match member.handle(publish) {
                Outcome::Nothing => {}
                Outcome::Answered => self.answered += 1,
                Outcome::Answer(answer) => self.publish(copy.node, &answer),
            }
        }
    }
}

/// What a message has led to.
enum Outcome {
    Nothing,
    /// It was the last answer to a question.
    Answered,
    /// It was a question, which this answers.
    Answer(Publish),
}

impl Member {
    fn new(node: Node) -> Self {
        let (clients, rooms) = (0, HashMap::new());
        let [published, bytes_out, received, bytes_in, in_vain, deliveries] = [0; 6];
        Self { node, clients, rooms, published, bytes_out, received, bytes_in, in_vain, deliveries }
    }

    fn handle(&mut self, publish: &Publish) -> Outcome {
        let rooms = &self.rooms;
        let incoming = self.node.handle_message(&publish.channel, &publish.payload, |room| rooms.contains_key(room));
        match incoming.expect("only nodes of ours publish here") {
            Incoming::Request(Request::Broadcast { opts, .. }, _) => {
                if self.deliver(&opts.rooms) == 0 {
                    self.in_vain += 1;
                }
                Outcome::Nothing
            }
            Incoming::Request(Request::FetchSockets { opts, .. }, Some(requester)) => {
                let room = opts.rooms.into_iter().next().unwrap_or_default().into_owned();
                Outcome::Answer(self.answer(&room, &requester))
            }
            Incoming::Answered(..) => Outcome::Answered,
            Incoming::Gathering => Outcome::Nothing,
            _ => {
                self.in_vain += 1;
                Outcome::Nothing
            }
        }
    }

    fn answer(&self, room: &str, requester: &Requester) -> Publish {
        let clients = self.rooms.get(room).copied().unwrap_or(0);
        let sockets =
            (0..clients).map(|client| SocketDescription { id: format!("{client:020}"), ..Default::default() });
        let response = Response::Sockets(sockets.collect());
        self.node.wire().respond(requester, &response).expect("it can be written")
    }

    /// Gives an event to the clients it is for; says how many they are.
    fn deliver(&mut self, rooms: &[Cow<'_, str>]) -> u64 {
        let in_rooms = || rooms.iter().filter_map(|room| self.rooms.get(&**room)).sum();
        let clients = if rooms.is_empty() { self.clients } else { in_rooms() };
        self.deliveries += clients;
        clients
    }
}

pub(crate) fn room_name(number: usize) -> String {
    format!("room-{number}")
}

/// A small generator, so that a seed gives the same run everywhere.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).max(1))
    }

    fn below(&mut self, end: usize) -> usize {
        // Source: Marsaglia, "Xorshift RNGs".
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("less than a size")
    }
}
