//! What a second thread adds: `cargo bench -p fanfare --bench threads`.
//!
//! One thread and two do the same work on one server, each with clients of its own, so that they share nothing else. What
//! counts is the processor time of the threads, which other programs hardly change: where one has to fetch from the other's
//! caches what both count or look at, a unit of work takes longer.

mod common;

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use fanfare::{Data, RawArgs, Server, Socket};

use common::Client;

fn main() {
    println!("{:<24}{:>12}{:>12}{:>12}", "µs for each", "one thread", "two", "throughput");
    compare("echo over WebSocket", echo_over_websocket);
    compare("echo, no network", echo_over_polling);
    compare("emit to a room of 5", emit_to_room);
}

/// Work of one thread: what sets it up and returns what does [`BATCH`] units of it.
type Work = fn(&Server, usize) -> Box<dyn FnMut()>;

fn compare(name: &str, work: Work) {
    let mut micros = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for threads in if round % 2 == 0 { [1, 2] } else { [2, 1] } {
            micros[threads - 1].push(measure(threads, work));
        }
    }
    let [one, two] = micros.map(median);
    println!("{name:<24}{one:>12.2}{two:>12.2}{:>11.2}x", 2.0 * one / two);
}

/// Microseconds of processor time for a unit of work that so many threads do at the same time.
fn measure(threads: usize, work: Work) -> f64 {
    let (io, start) = (server(), Arc::new(Barrier::new(threads)));
    let spawn = |number| {
        let (io, start) = (io.clone(), start.clone());
        thread::spawn(move || {
            let mut batch = work(&io, number);
            run(&mut batch, WARM_UP);
            start.wait();
            let before = processor_time();
            let units = run(&mut batch, TIME);
            (processor_time() - before).as_secs_f64() * 1e6 / f64::from(units)
        })
    };
    let workers: Vec<_> = (0..threads).map(spawn).collect();
    let times: Vec<f64> = workers.into_iter().map(|worker| worker.join().expect("it does its work")).collect();
    times.iter().sum::<f64>() / times.len() as f64
}

fn run(batch: &mut impl FnMut(), time: Duration) -> u32 {
    let (started, mut units) = (Instant::now(), 0);
    while started.elapsed() < time {
        batch();
        units += BATCH;
    }
    units
}

/// Of this thread so far. Source: proc(5), `schedstat`, in nanoseconds.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux counts it");
    let nanos = text.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.expect("the first field"))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn server() -> Server {
    let io = common::server();
    io.on_connect(async |socket: Socket| {
        socket.on("echo", async |args: RawArgs| args);
        socket.on("join", async |socket: Socket, Data(room): Data<String>| socket.join(room));
    });
    io
}

/// Client and server on the thread, and all that the kernel does for both.
fn echo_over_websocket(io: &Server, _: usize) -> Box<dyn FnMut()> {
    let runtime = common::runtime();
    let mut client = runtime.block_on(common::connect_websocket(io.clone()));
    Box::new(move || {
        runtime.block_on(async {
            for _ in 0..BATCH {
                assert_eq!(client.ask(1, r#"["echo","hello",42]"#).await, r#"["hello",42]"#);
            }
        });
    })
}

fn echo_over_polling(io: &Server, _: usize) -> Box<dyn FnMut()> {
    let runtime = common::runtime();
    let client = runtime.block_on(Client::connect(io));
    Box::new(move || {
        runtime.block_on(async {
            for _ in 0..BATCH {
                client.send(r#"421["echo","hello",42]"#).await;
                assert_eq!(client.poll().await, r#"431["hello",42]"#);
            }
        });
    })
}

/// To five clients, who poll from time to time.
fn emit_to_room(io: &Server, number: usize) -> Box<dyn FnMut()> {
    let (io, room) = (io.clone(), format!("room {number}"));
    let runtime = common::runtime();
    let clients = runtime.block_on(async {
        let mut clients = Vec::new();
        for _ in 0..5 {
            let client = Client::connect(&io).await;
            client.send(&format!(r#"42["join","{room}"]"#)).await;
            clients.push(client);
        }
        clients
    });
    Box::new(move || {
        runtime.block_on(async {
            for emitted in 0..BATCH {
                io.to(&*room).emit("say", ("hello", 42));
                if emitted % 10 == 9 {
                    for client in &clients {
                        client.poll().await;
                    }
                }
            }
        });
    })
}

const BATCH: u32 = 100;

const ROUNDS: usize = 6;
const WARM_UP: Duration = Duration::from_millis(100);
const TIME: Duration = Duration::from_millis(400);
