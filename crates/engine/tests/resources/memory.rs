//! How much memory attacks take.

use std::net::SocketAddr;
use std::time::Duration;

use fanfare_testkit::{Http, Polling, WebSocket};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::process::PATH;
use crate::{Process, report};

/// One node after the other suffers all attacks; each has its bound, and all together have one (MEM-01).
pub(crate) async fn attacks_take_no_more_than_their_bounds() {
    // A node that finds out that it has been held up waits for as long as a ping may take: not long here.
    let timeouts = ["write_timeout=500", "upgrade_timeout=500", "ping_timeout=1000", "ping_interval=3600000"];
    let mut node = Process::start(&timeouts).await;
    warm_up(&node).await;
    let start = node.memory();
    measure(&mut node, "LIM-02 1000 connects and disconnects", 4, connects).await;
    measure(&mut node, "LIM-03 2000 abandoned handshakes", 8, handshakes).await;
    measure(&mut node, "WS-15, WS-16 declared lengths", 1, declared_lengths).await;
    measure(&mut node, "WS-18 60 000 fragments on 20 connections", 8, fragments).await;
    measure(&mut node, "WS-19 pings whose pongs are not read", 4, pings).await;
    measure(&mut node, "EIO-14 probes whose answers are not read", 4, probes).await;
    measure(&mut node, "LIM-06 400 MB of echo that is not read", 4, echo).await;
    measure(&mut node, "LIM-07 900 MB pushed to who does not read", 6, push).await;
    measure(&mut node, "LIM-08 600 MB requested and never polled", 4, never_polled).await;
    measure(&mut node, "HTTP-13 20 bodies without end", 22, endless_bodies).await;
    let grown = node.memory().saturating_sub(start) >> 20;
    assert!(grown <= 64, "{grown} MiB more than at the start");
    report("MEM-01 memory after the whole run", &format!("{grown} MiB"));
}

/// Runs an attack and checks that it has taken no more than so many MiB at any time, and harmed nobody.
async fn measure(node: &mut Process, row: &str, mebibytes: u64, attack: impl AsyncFn(&Process)) {
    node.forget_peak();
    let before = node.memory();
    attack(node).await;
    let taken = node.peak().saturating_sub(before);
    assert!(taken <= mebibytes << 20, "{row}: {taken} bytes");
    node.sings().await;
    report(row, &format!("{} KiB", taken >> 10));
}

/// Buffers that are made once and kept are not an attack's.
async fn warm_up(node: &Process) {
    connects(node).await;
    let mut websocket = node.open_websocket().await;
    websocket.send("4expand 2000000").await;
    websocket.text().await;
}

async fn connects(node: &Process) {
    for _ in 0..1000 {
        node.open_websocket().await;
    }
    node.counts("fanfare_connections ", 2).await;
}

async fn handshakes(node: &Process) {
    let mut connection = Http::connect(node.address).await;
    for _ in 0..2000 {
        connection.send_request("GET", "/engine.io/?EIO=4&transport=polling", &[], b"").await;
        assert_eq!(connection.response().await.status, 200);
    }
}

async fn declared_lengths(node: &Process) {
    for bits in 20..=62 {
        let mut websocket = node.open_websocket().await;
        let header = [&[0x82, 0xff][..], &(1u64 << bits).to_be_bytes(), &[1, 2, 3, 4]].concat();
        websocket.send_raw(&header).await;
        assert_eq!(websocket.closed().await, Some(Some(1009)));
    }
}

async fn fragments(node: &Process) {
    let flood = [WebSocket::frame(0x02, b"x"), WebSocket::frame(0x00, b"x").repeat(59_999)].concat();
    let mut attackers = Vec::new();
    for _ in 0..20 {
        let mut websocket = node.open_websocket().await;
        let flood = flood.clone();
        attackers.push(tokio::spawn(async move {
            let _ = websocket.try_send_raw(&flood).await;
            websocket.closed().await
        }));
    }
    for attacker in attackers {
        assert_eq!(attacker.await.expect("it is closed"), Some(Some(1009)));
    }
}

async fn pings(node: &Process) {
    let stream = node.open_websocket().await.into_stream();
    floods(stream, &WebSocket::frame(0x89, &[0; 125])).await;
}

async fn probes(node: &Process) {
    let polling = Polling::open(node.address, PATH).await;
    let websocket = WebSocket::connect(node.address, &polling.target("websocket")).await;
    floods(websocket.into_stream(), &WebSocket::frame(0x81, b"2probe")).await;
}

async fn echo(node: &Process) {
    let stream = node.open_websocket().await.into_stream();
    floods(stream, &WebSocket::frame(0x82, &[0; 10_000])).await;
}

async fn push(node: &Process) {
    let overflows = node.count("fanfare_outbox_overflows_total").await;
    let mut websocket = node.open_websocket().await;
    websocket.send("4push").await;
    node.counts("fanfare_outbox_overflows_total", overflows + 1).await;
}

async fn never_polled(node: &Process) {
    let polling = Polling::open(node.address, PATH).await;
    let mut connection = Http::connect(node.address).await;
    let body = ["4expand 600000"; 1000].join("\x1e");
    connection.send_request("POST", &polling.target("polling"), &[], body.as_bytes()).await;
    // It is answered once the session is closed.
    connection.response().await;
    assert_eq!(polling.poll().await.status, 400);
}

/// Each may hold one body, and no more.
async fn endless_bodies(node: &Process) {
    let chunk = [b"186a0\r\n".as_slice(), &[b'x'; 100_000], b"\r\n"].concat();
    let mut attackers = Vec::new();
    for _ in 0..20 {
        let polling = Polling::open(node.address, PATH).await;
        let chunk = chunk.clone();
        attackers.push(tokio::spawn(endless_body(node.address, polling, chunk)));
    }
    for attacker in attackers {
        assert_eq!(attacker.await.expect("it is answered"), 413);
    }
}

async fn endless_body(address: SocketAddr, polling: Polling, chunk: Vec<u8>) -> u16 {
    let mut connection = Http::connect(address).await;
    let head = format!("POST {} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", polling.target("polling"));
    connection.send(head.as_bytes()).await;
    for _ in 0..50 {
        if connection.try_send(&chunk).await.is_err() {
            break;
        }
    }
    connection.response().await.status
}

/// Sends without end and reads nothing. Checks that the server stops reading, before it closes the connection.
async fn floods(mut stream: TcpStream, frame: &[u8]) {
    let flood = frame.repeat(1 + 100_000 / frame.len());
    let mut offset = 0;
    while let Ok(written) = timeout(STUCK, stream.write(&flood[offset..])).await {
        offset = (offset + written.expect("it is not closed yet")) % flood.len();
    }
    // What is in flight when it closes is read, for a moment.
    while let Ok(written) = stream.write(&flood[offset..]).await {
        offset = (offset + written) % flood.len();
    }
}

/// Much shorter than the timeouts of the node.
const STUCK: Duration = Duration::from_millis(50);
