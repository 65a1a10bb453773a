//! What clients cost a node: memory while they are idle, and processor time when something happens.
//!
//! `cargo bench -p fanfare-gateway` starts the `fanfare` binary with its testbed and connects 10,000 WebSocket clients
//! over loopback, which takes `ulimit -n 12000`; `CLIENTS=1000 cargo bench …` connects fewer. It prints resident memory
//! before and after, and the processor time of the node, user and system, for each connection, for each event with its
//! acknowledgement and for each delivery of a broadcast to half of the clients.
//!
//! Beside the deliveries stands what they cannot cost less than: the time that a loop takes which does nothing but write
//! the same bytes to as many sockets, one after the other. With several broadcasts in flight the node can be faster than
//! the loop, since it writes together what has gathered for a client.
//!
//! Every client checks that it gets every broadcast, once, and those of one sender in their order.

mod client;
mod crowd;
mod floor;
mod process;

use std::time::Duration;

use client::Client;
use crowd::Crowd;
use process::Process;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [floor, clients] = &arguments[..]
        && floor == "floor"
    {
        return floor::run(clients.parse().expect("a number of clients"));
    }
    let clients = std::env::var("CLIENTS").map_or(10_000, |clients| clients.parse().expect("CLIENTS is a number"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(measure(clients));
}

async fn measure(count: usize) {
    let node = Process::node();
    let (clients, connecting) = node.spent(connect(count, |number| Client::connect(node.address(), number))).await;
    tokio::time::sleep(SETTLE).await;
    let resident = node.resident_bytes();
    println!("{count} idle WebSocket clients");
    println!(
        "  resident memory   {:>8.1} MB, {:.1} MB without clients",
        megabytes(resident),
        megabytes(node.at_start())
    );
    println!("  each              {:>8.1} kB", (resident - node.at_start()) as f64 / 1e3 / count as f64);
    println!("  connecting        {:>8.1} µs", micros(connecting, count));

    let (mut clients, echoing) = node.spent(echo(clients)).await;
    println!("event with acknowledgement, {ECHOING} clients at a time");
    println!("  each              {:>8.1} µs", micros(echoing, ECHOING * ECHOES));

    clients.truncate(count / 2);
    let listening = clients.len();
    println!("broadcast to {listening} clients, each delivery");
    let bare = broadcast_bare(listening).await;
    println!("  bare writes       {bare:>8.2} µs");
    let mut crowd = Crowd::of(clients);
    for in_flight in [1, crowd::SENDERS] {
        let ((), spent) = node.spent(crowd.broadcast(in_flight, BROADCASTS)).await;
        let each = micros(spent, BROADCASTS * listening);
        println!("  {in_flight:>2} in flight      {each:>8.2} µs, {:.2} × bare writes", each / bare);
    }
}

/// Connects clients, some at a time.
async fn connect<F>(count: usize, client: impl Fn(usize) -> F) -> Vec<Client>
where
    F: Future<Output = Client> + Send + 'static,
{
    let mut clients = Vec::with_capacity(count);
    while clients.len() < count {
        let some = clients.len()..count.min(clients.len() + CONNECTING);
        clients.extend(client::all(some.map(&client)).await);
    }
    clients
}

/// Lets some of the clients send events that are acknowledged, each one after the other.
async fn echo(mut clients: Vec<Client>) -> Vec<Client> {
    let some = clients.split_off(clients.len() - ECHOING);
    let echoing = some.into_iter().map(|mut client| async {
        for id in 0..ECHOES {
            client.echo(id).await;
        }
        client
    });
    clients.extend(client::all(echoing).await);
    clients
}

/// What a delivery takes at least, in microseconds.
async fn broadcast_bare(listening: usize) -> f64 {
    let floor = Process::floor(listening);
    let clients = connect(listening, |number| Client::connect_bare(floor.address(), number)).await;
    let mut crowd = Crowd::of_floor(clients, &floor);
    let ((), spent) = floor.spent(crowd.broadcast(1, BROADCASTS)).await;
    micros(spent, BROADCASTS * listening)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn micros(spent: Duration, count: usize) -> f64 {
    spent.as_secs_f64() * 1e6 / count as f64
}

/// Connections that are opened at a time.
const CONNECTING: usize = 100;

/// How long a node gets to come to rest.
const SETTLE: Duration = Duration::from_secs(2);

/// Clients that send events at a time, and how many each sends.
const ECHOING: usize = 64;
const ECHOES: usize = 500;

/// Broadcasts in one measurement.
const BROADCASTS: usize = 160;
