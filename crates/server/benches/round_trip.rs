//! How long a client waits for an acknowledgement: `cargo bench -p fanfare --bench round_trip`.
//!
//! Client and server share one thread, so the times are those of both together.

mod common;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use fanfare::{Data, Server, Socket};
use tokio::runtime::Runtime;

criterion_main!(round_trip);

criterion_group! {
    name = round_trip;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = websocket, in_process
}

fn websocket(c: &mut Criterion) {
    let runtime = common::runtime();
    let mut client = runtime.block_on(common::connect_websocket(echo_server()));
    c.bench_function("round trip over a WebSocket", |b| {
        b.iter(|| runtime.block_on(client.ask(1, r#"["echo","hello",42]"#)));
    });
}

/// A POST with the event and a GET that takes the acknowledgement, without a network.
fn in_process(c: &mut Criterion) {
    let runtime: Runtime = common::runtime();
    let io = echo_server();
    let client = runtime.block_on(common::Client::connect(&io));
    c.bench_function("round trip in process", |b| {
        b.iter(|| {
            runtime.block_on(async {
                client.send(r#"421["echo","hello",42]"#).await;
                assert_eq!(client.poll().await, r#"431["hello",42]"#);
            });
        });
    });
}

fn echo_server() -> Server {
    let io = common::server();
    io.on_connect(async |socket: Socket| {
        socket.on("echo", async |Data(text): Data<String>, Data(number): Data<u32>| (text, number));
    });
    io
}
