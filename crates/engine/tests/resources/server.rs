//! The node: an echo with its metrics, on one port.

use std::convert::Infallible;
use std::time::Duration;

use fanfare_engine::{Body, Connection, Engine, EngineBuilder, Listener, Message, Received, Session};
use http::{Request, Response};
use hyper::body::Incoming;
use prometheus::{Registry, TextEncoder};
use tokio::io::AsyncReadExt as _;
use tower::Layer as _;

/// Serves until its standard input ends, so that it does not outlive who has started it.
#[tokio::main(worker_threads = 2)]
pub(crate) async fn run(options: impl Iterator<Item = String>) {
    let mut engine = Engine::builder();
    let mut max_connections = 100_000;
    for option in options {
        let (name, value) = option.split_once('=').expect("name=value");
        let value: u64 = value.parse().expect("a number");
        match name {
            "max_connections" => max_connections = value as usize,
            _ => engine = configure(engine, name, Duration::from_millis(value)),
        }
    }
    let engine = engine.build(|_: &Session| Echo).expect("the options are allowed");
    let listener = Listener::bind("127.0.0.1:0").await.expect("a free port").registry(engine.registry());
    let listener = listener.max_connections(max_connections);
    println!("{}", listener.local_addr().expect("it is bound"));
    let registry = engine.registry().clone();
    let metrics = tower::service_fn(move |_: Request<Incoming>| answer(registry.clone()));
    tokio::spawn(listener.serve(engine.layer().layer(metrics)));
    let _ = tokio::io::stdin().read(&mut [0]).await;
}

fn configure(engine: EngineBuilder, name: &str, timeout: Duration) -> EngineBuilder {
    match name {
        "ping_interval" => engine.ping_interval(timeout),
        "ping_timeout" => engine.ping_timeout(timeout),
        "write_timeout" => engine.write_timeout(timeout),
        "upgrade_timeout" => engine.upgrade_timeout(timeout),
        _ => panic!("unknown option {name}"),
    }
}

async fn answer(registry: Registry) -> Result<Response<Body>, Infallible> {
    let text = TextEncoder::new().encode_to_string(&registry.gather()).expect("metrics are text");
    Ok(Response::new(Body::from(text)))
}

struct Echo;

impl Connection for Echo {
    fn message(&self, session: &Session, received: Received<'_>) {
        match received.message {
            // A small question with a large answer.
            Message::Text(text) if text.starts_with("expand ") => {
                let len = text["expand ".len()..].parse().expect("a length");
                let _ = session.send(Message::Text(&"x".repeat(len)));
            }
            // One that is pushed to, more than it can take.
            Message::Text("push") => while session.send(Message::Binary(&[0; 50_000])).is_ok() {},
            message => drop(session.send(message)),
        }
    }
}
