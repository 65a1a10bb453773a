//! How long `emit` takes on a node with 1,000 sockets: `cargo bench -p fanfare --bench broadcast`.
//!
//! Only the call is timed: it encodes the event, finds the sockets and puts the event into their outboxes.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fanfare::{Emitted, Server, Socket};
use tokio::runtime::Runtime;

use common::Client;

criterion_main!(broadcast);

criterion_group! {
    name = broadcast;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1));
    targets = emits
}

fn emits(c: &mut Criterion) {
    let runtime = common::runtime();
    let io = common::server();
    io.on_connect(async |socket: Socket| {
        let number = JOINED.fetch_add(1, Ordering::Relaxed);
        socket.join(format!("room {}", number / ROOM));
        socket.join("all");
    });
    let clients = runtime.block_on(connect(&io));
    let bench = Bench { runtime, io: io.clone(), clients };
    let hundred: Vec<_> = (0..100).map(|room| format!("room {room}")).collect();
    let one = io.sockets()[0].id();

    bench.run(c, "everybody", SOCKETS, || io.emit("say", (TEXT, 42)));
    bench.run(c, "everybody but one", SOCKETS - 1, || io.except(one).emit("say", (TEXT, 42)));
    bench.run(c, "everybody but a room", SOCKETS - ROOM, || io.except("room 7").emit("say", (TEXT, 42)));
    bench.run(c, "a room of 1,000", SOCKETS, || io.to("all").emit("say", (TEXT, 42)));
    bench.run(c, "a room of 5", ROOM, || io.to("room 7").emit("say", (TEXT, 42)));
    bench.run(c, "a hundred rooms of 5", 100 * ROOM, || io.to(hundred.clone()).emit("say", (TEXT, 42)));
    bench.run(c, "one socket", 1, || io.to(one).emit("say", (TEXT, 42)));
}

struct Bench {
    runtime: Runtime,
    io: Server,
    clients: Vec<Client>,
}

impl Bench {
    fn run(&self, c: &mut Criterion, whom: &str, reached: usize, emit: impl Fn() -> Emitted) {
        let mut group = c.benchmark_group("emit");
        group.throughput(Throughput::Elements(reached as u64));
        group.bench_function(whom, |b| {
            b.iter_custom(|iterations| {
                let mut spent = Duration::ZERO;
                let mut left = iterations;
                while left > 0 {
                    let some = left.min(BETWEEN_POLLS);
                    let started = Instant::now();
                    (0..some).for_each(|_| drop(emit()));
                    spent += started.elapsed();
                    left -= some;
                    self.runtime.block_on(self.empty_outboxes());
                }
                spent
            });
        });
        group.finish();
    }

    async fn empty_outboxes(&self) {
        // A poll that finds nothing would wait.
        self.io.emit("over", ());
        for client in &self.clients {
            client.poll().await;
        }
    }
}

async fn connect(io: &Server) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..SOCKETS {
        clients.push(Client::connect(io).await);
    }
    clients
}

const SOCKETS: usize = 1000;
const ROOM: usize = 5;
const TEXT: &str = "All mimsy were the borogoves";

/// Emits before the clients poll, so that outboxes stay as short as they are in a node.
const BETWEEN_POLLS: u64 = 16;

static JOINED: AtomicUsize = AtomicUsize::new(0);
