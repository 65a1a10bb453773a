//! A server with clients, all on one thread.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fanfare::{Data, Server, Socket};

#[path = "../common/mod.rs"]
mod common;

use common::Client;

pub(crate) fn emit_to_all(count: u64) {
    emit(count, |io| drop(io.emit("say", black_box(("hello", 42)))));
}

pub(crate) fn emit_to_room(count: u64) {
    emit(count, |io| drop(io.to("room 7").emit("say", black_box(("hello", 42)))));
}

/// Emits to polling clients, and has them poll from time to time.
fn emit(count: u64, emit: impl Fn(&Server)) {
    let (runtime, io) = (common::runtime(), common::server());
    let joined = Arc::new(AtomicUsize::new(0));
    io.on_connect(move |socket: Socket| {
        socket.join(format!("room {}", joined.fetch_add(1, Ordering::Relaxed) / 5));
        std::future::ready(())
    });
    let clients = runtime.block_on(async {
        let mut clients = Vec::new();
        for _ in 0..SOCKETS {
            clients.push(Client::connect(&io).await);
        }
        clients
    });
    (0..count).for_each(|_| emit(&io));
    // Kept until here: a client that is gone is a socket less.
    drop(clients);
}

pub(crate) fn join_and_leave(count: u64) {
    let (runtime, io) = (common::runtime(), common::server());
    io.on_connect(async || ());
    let _client = runtime.block_on(Client::connect(&io));
    let socket = io.sockets().remove(0);
    for _ in 0..count {
        socket.join(black_box("lobby"));
        socket.leave(black_box("lobby"));
    }
}

pub(crate) fn polling_round_trip(count: u64) {
    let (runtime, io) = (common::runtime(), echo_server());
    runtime.block_on(async {
        let client = Client::connect(&io).await;
        for _ in 0..count {
            client.send(r#"421["echo","hello",42]"#).await;
            assert_eq!(client.poll().await, r#"431["hello",42]"#);
        }
    });
}

pub(crate) fn websocket_round_trip(count: u64) {
    common::runtime().block_on(async {
        let mut client = common::connect_websocket(echo_server()).await;
        for _ in 0..count {
            assert_eq!(client.ask(1, r#"["echo","hello",42]"#).await, r#"["hello",42]"#);
        }
    });
}

fn echo_server() -> Server {
    let io = common::server();
    io.on_connect(async |socket: Socket| {
        socket.on("echo", async |Data(text): Data<String>, Data(number): Data<u32>| (text, number));
    });
    io
}

const SOCKETS: usize = 1000;
