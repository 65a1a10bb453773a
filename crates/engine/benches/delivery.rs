//! How long it takes to send one encoded message to 1,000 sessions: `cargo bench -p fanfare-engine`.
//!
//! Everything runs on one thread, and only the side of the server is timed: until the last message is with the kernel, or
//! in the answer to a poll. The WebSockets need 2,000 descriptors, see `ulimit -n`.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use fanfare_engine::{Buffer, Connection, Engine, Frame, Listener, Outgoing, Received, Session};
use fanfare_testkit::WebSocket;
use http::{Request, Response};
use http_body_util::Empty;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

criterion_main!(delivery);

criterion_group! {
    name = delivery;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = websockets, polling
}

fn websockets(c: &mut Criterion) {
    let runtime = runtime();
    let engine = engine();
    let clients = runtime.block_on(connect(&engine));
    let sessions = engine.sessions();
    let message = message(&engine);
    let mut group = c.benchmark_group("1,000 WebSocket sessions");
    for count in [1, 16] {
        group.throughput(Throughput::Elements((sessions.len() * count) as u64));
        group.bench_function(format!("{count} at once"), |b| {
            b.iter_custom(|iterations| {
                let deliver = async || {
                    let started = Instant::now();
                    (0..count).for_each(|_| send(&sessions, &message));
                    flushed(&sessions).await;
                    let spent = started.elapsed();
                    for client in &clients {
                        read(client, count * message.len()).await;
                    }
                    spent
                };
                runtime.block_on(repeat(iterations, deliver))
            });
        });
    }
    group.finish();
}

fn polling(c: &mut Criterion) {
    let runtime = runtime();
    let engine = engine();
    runtime.block_on(async {
        for _ in 0..SESSIONS {
            request(&engine, "").await;
        }
    });
    let sessions = engine.sessions();
    let message = message(&engine);
    let mut group = c.benchmark_group("1,000 polling sessions");
    group.throughput(Throughput::Elements(sessions.len() as u64));
    group.bench_function("whose polls wait", |b| {
        b.iter_custom(|iterations| {
            let deliver = async || {
                let polls: Vec<_> = sessions.iter().map(|session| tokio::spawn(poll(&engine, session))).collect();
                while !sessions.iter().all(Session::is_writable) {
                    tokio::task::yield_now().await;
                }
                let started = Instant::now();
                send(&sessions, &message);
                for poll in polls {
                    assert_eq!(poll.await.expect("the poll is answered").status(), 200);
                }
                started.elapsed()
            };
            runtime.block_on(repeat(iterations, deliver))
        });
    });
    group.bench_function("that poll later", |b| {
        b.iter_custom(|iterations| {
            let deliver = async || {
                let started = Instant::now();
                send(&sessions, &message);
                let spent = started.elapsed();
                for session in &sessions {
                    poll(&engine, session).await;
                }
                spent
            };
            runtime.block_on(repeat(iterations, deliver))
        });
    });
    group.finish();
}

/// Does something many times; it says how long each time took.
async fn repeat(iterations: u64, work: impl AsyncFn() -> Duration) -> Duration {
    let mut spent = Duration::ZERO;
    for _ in 0..iterations {
        spent += work().await;
    }
    spent
}

fn send(sessions: &[Session], message: &Outgoing) {
    sessions.iter().for_each(|session| session.send_encoded(message).expect("the session is open"));
}

/// Waits until everything is written: the flusher goes by the order of the calls.
async fn flushed(sessions: &[Session]) {
    while !sessions.last().is_some_and(Session::is_writable) {
        tokio::task::yield_now().await;
    }
}

async fn read(client: &TcpStream, mut len: usize) {
    let mut buffer = [0; 4096];
    while len > 0 {
        client.readable().await.expect("the socket is open");
        len -= client.try_read(&mut buffer).unwrap_or(0);
    }
}

async fn connect(engine: &Engine) -> Vec<TcpStream> {
    let listener = Listener::bind("127.0.0.1:0").await.expect("a free port");
    let address: SocketAddr = listener.local_addr().expect("it is bound");
    tokio::spawn(listener.serve(engine.service()));
    let mut clients = Vec::new();
    for _ in 0..SESSIONS {
        let mut client = WebSocket::connect(address, &format!("/engine.io/?{QUERY}=websocket")).await;
        client.text().await;
        clients.push(client.into_stream());
    }
    clients
}

fn poll(engine: &Engine, session: &Session) -> impl Future<Output = Response<fanfare_engine::Body>> + use<> {
    let (engine, sid) = (engine.clone(), session.sid());
    async move { request(&engine, &format!("&sid={}", sid.as_str())).await }
}

async fn request(engine: &Engine, sid: &str) -> Response<fanfare_engine::Body> {
    let request = Request::get(format!("/engine.io/?{QUERY}=polling{sid}")).body(Empty::<Bytes>::new());
    let Ok(response) = engine.service().oneshot(request.expect("the request is valid")).await;
    response
}

fn engine() -> Engine {
    // Nobody answers pings here.
    let engine = Engine::builder().ping_interval(Duration::from_secs(3600));
    engine.build(|_: &Session| Silent).expect("the options are valid")
}

fn message(engine: &Engine) -> Outgoing {
    engine.encode([Frame::Text(Buffer::from(&br#"2["say","All mimsy were the borogoves"]"#[..]))], true)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

struct Silent;

impl Connection for Silent {
    fn message(&self, _: &Session, _: Received<'_>) {}
}

const SESSIONS: usize = 1000;
const QUERY: &str = "EIO=4&transport";
