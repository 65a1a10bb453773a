//! Random operations and faults for a while, judged from outside: by what the clients have received.
//!
//! `FANFARE_CHAOS_SECONDS` says how long, `FANFARE_CHAOS_SEED` repeats the decisions of a run that has failed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fanfare_redis::{Kind, RedisAdapter, RedisAdapterBuilder, Status, SubscriptionMode};
use fanfare_testkit::{PATIENCE, Redis};
use parking_lot::Mutex;

use crate::common::{Node, eventually, settle};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_survive_any_faults() {
    tokio::join!(run(Kind::Classic), run(Kind::Sharded(SubscriptionMode::Dynamic)));
}

async fn run(kind: Kind) {
    let seed = setting("FANFARE_CHAOS_SEED").unwrap_or_else(|| {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970").as_nanos() as u64
    });
    let duration = Duration::from_secs(setting("FANFARE_CHAOS_SECONDS").unwrap_or(8));
    println!("{kind:?}: FANFARE_CHAOS_SEED={seed}");
    let mut chaos = Chaos::start(kind, seed).await;
    let until = Instant::now() + duration;
    while Instant::now() < until {
        chaos.fault().await;
        chaos.recovered().await;
        chaos.move_clients().await;
        chaos.calm().await;
    }
    chaos.end(duration).await;
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// The cluster, its clients, and what is known of them.
struct Chaos {
    redis: Redis,
    kind: Kind,
    random: Random,
    nodes: Vec<Node>,
    receivers: Vec<Receiver>,
    /// What each node has numbered last.
    published: [u64; NODES],
    /// Events that had to arrive and did, those of each node at clients of other nodes.
    required: usize,
    faults: BTreeMap<&'static str, usize>,
}

/// A client that only listens.
struct Receiver {
    node: usize,
    sid: String,
    rooms: BTreeSet<usize>,
    received: Arc<Mutex<Received>>,
    reading: tokio::task::JoinHandle<()>,
}

/// The numbers that a client has received, by the node that has published them.
#[derive(Default)]
struct Received {
    numbers: [Vec<u64>; NODES],
}

/// An event as it was sent.
struct Sent {
    publisher: usize,
    number: u64,
    rooms: Vec<usize>,
}

impl Chaos {
    async fn start(kind: Kind, seed: u64) -> Self {
        let redis = Redis::start().await;
        let mut nodes = Vec::new();
        let mut receivers = Vec::new();
        for node in 0..NODES {
            nodes.push(Node::with(quick(RedisAdapter::builder(redis.url()).kind(kind))).await);
            for _ in 0..CLIENTS {
                receivers.push(Receiver::connect(node, &nodes[node]).await);
            }
        }
        let (published, faults) = Default::default();
        Self { redis, kind, random: Random(seed | 1), nodes, receivers, published, required: 0, faults }
    }

    /// Something happens to Redis or the connections to it, while everybody goes on.
    async fn fault(&mut self) {
        let fault = ["none", "restart", "pause", "kill normal", "kill pubsub", "kill all"][self.random.below(6)];
        *self.faults.entry(fault).or_default() += 1;
        self.emit_some().await;
        match fault {
            "restart" => {
                self.redis.kill();
                self.emit_for_a_while(300).await;
                self.redis.restart().await;
            }
            "pause" => {
                self.redis.pause();
                self.emit_for_a_while(700).await;
                self.redis.resume();
            }
            "kill normal" => drop(self.redis.command("CLIENT KILL TYPE normal").await),
            "kill pubsub" => drop(self.redis.command("CLIENT KILL TYPE pubsub").await),
            "kill all" => {
                for kind in ["normal", "pubsub"] {
                    self.redis.command(&format!("CLIENT KILL TYPE {kind}")).await;
                }
            }
            _ => {}
        }
        self.emit_some().await;
    }

    async fn emit_for_a_while(&mut self, up_to_millis: usize) {
        let until = Instant::now() + Duration::from_millis(self.random.below(up_to_millis) as u64);
        while Instant::now() < until {
            self.emit_some().await;
        }
    }

    /// Redis is there again: soon every node listens to everything that its clients want to hear.
    async fn recovered(&mut self) {
        let expected = self.shared_channels();
        let since = Instant::now();
        loop {
            let up = self.nodes.iter().all(|node| node.adapter.status() == Status::Up);
            let mut shared = self.redis.channels().await;
            let own: Vec<_> = shared.extract_if(.., |channel, _| !expected.contains_key(channel)).collect();
            // Of each node: that of its namespace, and that of its connections.
            if up && shared == expected && own.len() == 2 * NODES && own.iter().all(|(_, count)| *count == 1) {
                return;
            }
            let late = since.elapsed() > PATIENCE;
            assert!(!late, "after {:?}: {shared:?} and {own:?}, not {expected:?}", self.faults);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The channels that several nodes may listen to, and how many of them have a reason to.
    fn shared_channels(&self) -> BTreeMap<String, usize> {
        let channel = |name: &str| (format!("socket.io{name}#/#"), NODES);
        match self.kind {
            Kind::Classic => BTreeMap::from([channel("-request"), channel("-response")]),
            Kind::Sharded(_) => {
                let all = BTreeMap::from([channel("")]);
                let inside = self.receivers.iter().flat_map(|receiver| {
                    receiver.rooms.iter().map(|&room| (format!("socket.io#/#{}#", name(room)), receiver.node))
                });
                let rooms: BTreeSet<_> = inside.collect();
                rooms.into_iter().fold(all, |mut all, (channel, _)| {
                    *all.entry(channel).or_default() += 1;
                    all
                })
            }
        }
    }

    /// Clients join rooms and leave others.
    async fn move_clients(&mut self) {
        for _ in 0..self.random.below(8) {
            let (client, room) = (self.random.below(self.receivers.len()), self.random.below(ROOMS));
            let receiver = &mut self.receivers[client];
            let socket = self.nodes[receiver.node].io.local().to(&*receiver.sid);
            if receiver.rooms.remove(&room) {
                socket.sockets_leave(name(room));
            } else {
                receiver.rooms.insert(room);
                socket.sockets_join(name(room));
            }
        }
        self.recovered().await;
    }

    /// Redis is there and nothing happens to it: what nodes say that are connected all the time arrives.
    async fn calm(&mut self) {
        settle().await;
        let before = self.connections();
        let mut sent = Vec::new();
        for _ in 0..20 {
            sent.extend(self.emit_some().await);
        }
        let began = Instant::now();
        while let Some((receiver, lost)) = self.missing(&sent) {
            if self.connections() != before {
                // The machine was too busy to answer a ping.
                return;
            }
            assert!(began.elapsed() < PATIENCE, "a client of node {receiver} misses {lost:?} after {:?}", self.faults);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.required += sent.iter().map(|sent| self.receivers_of(sent).count()).sum::<usize>();
    }

    /// What tells a connection from the next of the same node; `None` while there is none.
    fn connections(&self) -> Vec<Option<u64>> {
        let connection = |node: &Node| {
            (node.adapter.status() == Status::Up).then(|| node.metric("fanfare_adapter_connects_total") as u64)
        };
        self.nodes.iter().map(connection).collect()
    }

    /// An event that somebody who is to have it has not got, and the node of that client.
    fn missing(&self, sent: &[Sent]) -> Option<(usize, (usize, u64))> {
        sent.iter().find_map(|sent| {
            let lost = self.receivers_of(sent).find(|receiver| !receiver.has(sent))?;
            Some((lost.node, (sent.publisher, sent.number)))
        })
    }

    fn receivers_of<'a>(&'a self, sent: &'a Sent) -> impl Iterator<Item = &'a Receiver> {
        let wanted =
            |receiver: &&Receiver| sent.rooms.is_empty() || sent.rooms.iter().any(|room| receiver.rooms.contains(room));
        self.receivers.iter().filter(wanted)
    }

    /// A node emits a few events: to all, to a room, or to two.
    async fn emit_some(&mut self) -> Vec<Sent> {
        let publisher = self.random.below(NODES);
        let mut some = Vec::new();
        for _ in 0..=self.random.below(12) {
            let rooms: Vec<usize> = match self.random.below(4) {
                0 | 1 => vec![],
                2 => vec![self.random.below(ROOMS)],
                _ => vec![self.random.below(ROOMS), self.random.below(ROOMS)],
            };
            self.published[publisher] += 1;
            let number = self.published[publisher];
            let names: Vec<String> = rooms.iter().copied().map(name).collect();
            self.nodes[publisher].io.to(&names[..]).emit("number", (publisher as u64, number));
            some.push(Sent { publisher, number, rooms });
        }
        tokio::time::sleep(Duration::from_micros(self.random.below(3000) as u64)).await;
        some
    }

    /// Whatever has happened: in order, none doubled; and nothing is left behind.
    async fn end(mut self, duration: Duration) {
        for receiver in &self.receivers {
            receiver.check();
        }
        println!("{:?}: {} events had to arrive, {:?}", self.kind, self.required, self.faults);
        let least = 100 * duration.as_secs() as usize;
        assert!(self.required > least, "only {} events had to arrive", self.required);
        for node in &self.nodes {
            node.io.close().await;
        }
        for receiver in self.receivers.drain(..) {
            receiver.reading.await.expect("the client has not failed");
        }
        eventually("no subscription is left", async || {
            self.redis.channels().await.is_empty() && self.redis.query("PUBSUB NUMPAT").await == ["0"]
        })
        .await;
    }
}

impl Receiver {
    async fn connect(number: usize, node: &Node) -> Self {
        let mut client = node.client().await;
        let sid = client.sid().to_owned();
        let received = Arc::new(Mutex::new(Received::default()));
        let book = received.clone();
        let reading = tokio::spawn(async move {
            while let Some(event) = client.next_event().await {
                let (publisher, number) = event
                    .strip_prefix(r#"["number","#)
                    .and_then(|rest| rest.strip_suffix(']')?.split_once(','))
                    .unwrap_or_else(|| panic!("not one of ours: {event}"));
                let publisher: usize = publisher.parse().expect("the number of a node");
                book.lock().numbers[publisher].push(number.parse().expect("a number"));
            }
        });
        Self { node: number, sid, rooms: BTreeSet::new(), received, reading }
    }

    fn has(&self, sent: &Sent) -> bool {
        self.received.lock().numbers[sent.publisher].binary_search(&sent.number).is_ok()
    }

    fn check(&self) {
        for (publisher, numbers) in self.received.lock().numbers.iter().enumerate() {
            if let Some(wrong) = numbers.windows(2).find(|pair| pair[0] >= pair[1]) {
                panic!("a client of node {} has got {wrong:?} of node {publisher}", self.node);
            }
        }
    }
}

/// Notices faults sooner than in production, so that many fit into the test.
fn quick(builder: RedisAdapterBuilder) -> RedisAdapterBuilder {
    let timeout = Duration::from_millis(400);
    builder.ping_interval(timeout).response_timeout(timeout).connect_timeout(timeout)
}

fn name(room: usize) -> String {
    format!("room-{room}")
}

/// Numbers that look random and come again with their seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

const NODES: usize = 3;
const CLIENTS: usize = 3;
const ROOMS: usize = 5;
