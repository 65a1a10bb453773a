//! Whole clusters in one thread, under virtual time: many nodes on a bus that is slow, loses, repeats and restarts.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use fanfare_proto::cluster::{
    Asked, Awaited, Classic, Event, Gathered, Incoming, Node, Opts, Publish, Request, Requester, Response, Sharded,
    SocketDescription, SubscriptionMode, Wire,
};
use fanfare_proto::socket::Args;

#[test]
fn on_a_sound_bus_everything_arrives_in_order_and_every_question_is_answered() {
    for seed in SEEDS {
        for sharded in [false, true] {
            let mut cluster = Cluster::new(seed, sharded, Faults::default());
            cluster.run(600);
            cluster.settle();
            assert_eq!(cluster.expired, 0, "seed {seed}");
            assert!(cluster.answered > 50, "seed {seed}: {} answered", cluster.answered);
            cluster.expect_everything_delivered();
            cluster.expect_in_order();
        }
    }
}

#[test]
fn what_the_bus_loses_is_missed_and_nothing_comes_out_of_order_or_twice() {
    for seed in SEEDS {
        let faults = Faults { loss_percent: 10, restarts: true, ..Faults::default() };
        let mut cluster = Cluster::new(seed, seed % 2 == 0, faults);
        cluster.run(600);
        cluster.settle();
        assert!(cluster.expired > 0, "seed {seed}: some questions must have been lost");
        cluster.expect_in_order();
        cluster.expect_nothing_waits();
    }
}

#[test]
fn repeated_and_late_messages_leave_nothing_behind() {
    for seed in SEEDS {
        let faults = Faults { repeat_percent: 20, max_delay_millis: 8000, ..Faults::default() };
        let mut cluster = Cluster::new(seed, seed % 2 == 0, faults);
        cluster.run(400);
        cluster.settle();
        cluster.expect_nothing_waits();
    }
}

/// What goes wrong on the bus.
#[derive(Clone, Copy)]
struct Faults {
    loss_percent: u64,
    repeat_percent: u64,
    max_delay_millis: u64,
    restarts: bool,
}

impl Default for Faults {
    fn default() -> Self {
        Self { loss_percent: 0, repeat_percent: 0, max_delay_millis: 50, restarts: false }
    }
}

struct Cluster {
    random: Random,
    faults: Faults,
    sharded: bool,
    now: Instant,
    members: Vec<Member>,
    /// What is under way, by the time at which it arrives. Redis keeps the order of what one connection publishes.
    bus: BTreeMap<(Instant, u64), (usize, Publish)>,
    sent: u64,
    /// When the last message of a publisher will have arrived at a receiver.
    last_arrival: HashMap<(usize, usize), Instant>,
    next_id: u64,
    answered: usize,
    expired: usize,
    /// By publisher: what it has broadcast so far.
    broadcasts: Vec<u64>,
}

/// A node with one client, which is in the room `even` or `odd`.
struct Member {
    node: Node,
    room: &'static str,
    /// The numbers that its client has got, by publisher.
    received: HashMap<usize, Vec<u64>>,
    to_send: VecDeque<Publish>,
    incarnation: u64,
}

impl Cluster {
    fn new(seed: u64, sharded: bool, faults: Faults) -> Self {
        let mut cluster = Self {
            random: Random(seed),
            faults,
            sharded,
            now: Instant::now(),
            members: Vec::new(),
            bus: BTreeMap::new(),
            sent: 0,
            last_arrival: HashMap::new(),
            next_id: 0,
            answered: 0,
            expired: 0,
            broadcasts: vec![0; NODES],
        };
        cluster.members = (0..NODES).map(|index| cluster.member(index, 0)).collect();
        cluster
    }

    fn member(&self, index: usize, incarnation: u64) -> Member {
        let uid = format!("node{index}-{incarnation}");
        let wire = match self.sharded {
            true => Wire::Sharded(Sharded::node("p", "/", &uid, SubscriptionMode::Dynamic)),
            false => Wire::Classic(Classic::node("p", "/", &uid)),
        };
        let room = if index.is_multiple_of(2) { "even" } else { "odd" };
        Member { node: Node::new(wire), room, received: HashMap::new(), to_send: VecDeque::new(), incarnation }
    }

    fn run(&mut self, steps: u64) {
        for _ in 0..steps {
            self.act();
            let millis = self.random.below(20);
            self.pass(Duration::from_millis(millis));
        }
    }

    /// Lets everything that is under way arrive, and every deadline pass.
    fn settle(&mut self) {
        for _ in 0..100 {
            self.pass(Duration::from_millis(500));
        }
        assert!(self.bus.is_empty());
    }

    fn act(&mut self) {
        let index = self.random.index(NODES);
        match self.random.below(10) {
            0 if self.faults.restarts => {
                let incarnation = self.members[index].incarnation + 1;
                let restarted = self.member(index, incarnation);
                self.members[index] =
                    Member { received: std::mem::take(&mut self.members[index].received), ..restarted };
            }
            0..=4 => self.broadcast(index),
            5 | 6 => {
                self.ask(index, Awaited::Sockets, |id| Request::FetchSockets { opts: Opts::default(), id: id.into() })
            }
            7 | 8 => self.ask(index, Awaited::Answers, |id| Request::ServerSideEmit {
                event: Event::emit("question", &()),
                id: Some(id.into()),
            }),
            _ => self.broadcast_to_room(index),
        }
    }

    fn broadcast(&mut self, index: usize) {
        self.broadcasts[index] += 1;
        let number = self.broadcasts[index];
        let args = (index, number);
        let event = Event::emit("number", &args);
        let request = Request::Broadcast { event, opts: Opts::default(), id: None, unwanted_ack: false };
        let publish = self.members[index].node.wire().request(&request).expect("it can be written");
        self.send(index, publish);
    }

    fn broadcast_to_room(&mut self, index: usize) {
        let opts = Opts { rooms: vec!["even".into()], ..Opts::default() };
        let request = Request::Broadcast { event: Event::emit("for even", &()), opts, id: None, unwanted_ack: false };
        let publish = self.members[index].node.wire().request(&request).expect("it can be written");
        self.send(index, publish);
    }

    fn ask(&mut self, index: usize, what: Awaited, request: impl FnOnce(String) -> Request<'static>) {
        self.next_id += 1;
        let id = format!("{:016x}", self.next_id);
        let asked = Asked { nodes: NODES - 1, until: self.now + Duration::from_secs(5) };
        let node = &mut self.members[index].node;
        node.expect(&id, what, asked);
        let request = request(id);
        let publish = node.wire().request(&request).expect("it can be written");
        self.send(index, publish);
    }

    /// Publishes to everybody, the sender included.
    fn send(&mut self, from: usize, publish: Publish) {
        for to in 0..NODES {
            if self.random.below(100) < self.faults.loss_percent {
                continue;
            }
            let repeats = 1 + u64::from(self.random.below(100) < self.faults.repeat_percent);
            for _ in 0..repeats {
                let earliest = self.last_arrival.get(&(from, to)).copied().unwrap_or(self.now);
                let delay = Duration::from_millis(self.random.below(self.faults.max_delay_millis));
                let arrival = (self.now + delay).max(earliest);
                self.last_arrival.insert((from, to), arrival);
                self.sent += 1;
                self.bus.insert((arrival, self.sent), (to, publish.clone()));
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(entry) = self.bus.first_entry().filter(|entry| entry.key().0 <= end) {
            let (arrival, _) = *entry.key();
            let (to, publish) = entry.remove();
            self.now = self.now.max(arrival);
            self.deliver(to, &publish);
        }
        self.now = end;
        for member in &mut self.members {
            while member.node.handle_timeout(end).is_some() {
                self.expired += 1;
            }
        }
    }

    fn deliver(&mut self, to: usize, publish: &Publish) {
        let member = &mut self.members[to];
        let room = member.room;
        let incoming = member.node.handle_message(&publish.channel, &publish.payload, |name| name == room);
        match incoming.expect("nobody here sends nonsense") {
            Incoming::Request(request, requester) => member.handle_request(request, requester),
            Incoming::Answered(_, Gathered::Sockets(sockets)) => {
                assert_eq!(sockets.len(), NODES - 1);
                self.answered += 1;
            }
            Incoming::Answered(_, Gathered::Answers(answers)) => {
                assert_eq!(answers.len(), NODES - 1);
                self.answered += 1;
            }
            _ => {}
        }
        while let Some(answer) = self.members[to].to_send.pop_front() {
            self.send(to, answer);
        }
    }

    fn expect_in_order(&self) {
        for member in &self.members {
            for (publisher, numbers) in &member.received {
                assert!(numbers.is_sorted_by(|a, b| a < b), "of {publisher}: {numbers:?}");
            }
        }
    }

    fn expect_everything_delivered(&self) {
        for (index, member) in self.members.iter().enumerate() {
            for publisher in (0..NODES).filter(|publisher| *publisher != index) {
                let received = member.received.get(&publisher).map_or(0, Vec::len) as u64;
                assert_eq!(received, self.broadcasts[publisher], "of {publisher} at {index}");
            }
        }
    }

    fn expect_nothing_waits(&self) {
        for member in &self.members {
            assert_eq!((member.node.waiting(), member.node.poll_timeout()), (0, None));
        }
    }
}

impl Member {
    fn handle_request(&mut self, request: Request<'_>, requester: Option<Requester>) {
        let response = match request {
            Request::Broadcast { event, opts, .. } => {
                assert!(opts.rooms.is_empty() || self.room == "even" || self.room == "odd" && event.name == "for even");
                if event.name == "number" {
                    let (publisher, number) = numbers(&event);
                    self.received.entry(publisher).or_default().push(number);
                }
                return;
            }
            Request::FetchSockets { .. } => {
                Response::Sockets(vec![SocketDescription { id: self.room.to_owned(), ..Default::default() }])
            }
            Request::ServerSideEmit { .. } => Response::ServerSideEmit(Args::Json { text: "42", attachments: &[] }),
            other => panic!("nobody asks for {other:?}"),
        };
        let requester = requester.expect("an answer is wanted");
        self.to_send.push_back(self.node.wire().respond(&requester, &response).expect("it can be written"));
    }
}

fn numbers(event: &Event<'_>) -> (usize, u64) {
    let fanfare_proto::cluster::EventArgs::Received(args) = event.args else { panic!("it was received") };
    let mut args = args.reader();
    let mut next = || args.next::<u64>().expect("two numbers").expect("two numbers");
    (usize::try_from(next()).expect("an index"), next())
}

/// A small generator, so that a seed gives the same run everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        // Source: Marsaglia, "Xorshift RNGs".
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).expect("less than an index")
    }
}

const NODES: usize = 5;
const SEEDS: std::ops::RangeInclusive<u64> = 1..=6;
