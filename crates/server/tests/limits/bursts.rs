//! Much at once.

use fanfare_testkit::{Client, WebSocket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::net::{TcpSocket, TcpStream};

use crate::node::Node;

/// LIM-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_of_a_burst_is_answered_in_order() {
    const EVENTS: usize = 20_000;
    let mut node = Node::start().await;
    let client = node.client().await;
    let (mut writer, mut reader) = split(client.websocket.into_stream());
    let sending = tokio::spawn(async move {
        for first in (0..EVENTS).step_by(100) {
            let frames = (first..first + 100)
                .flat_map(|id| WebSocket::frame(0x81, format!(r#"42{id}["echo",{id}]"#).as_bytes()));
            writer.write_all(&frames.collect::<Vec<u8>>()).await.unwrap();
        }
        writer
    });
    for id in 0..EVENTS {
        assert_eq!(reader.text().await, format!("43{id}[{id}]"));
    }
    sending.await.unwrap();
    assert_eq!(node.metric("fanfare_events_received_total", None), EVENTS as u64);
    node.expect_undisturbed().await;
}

/// LIM-11
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_that_catches_up_has_lost_nothing() {
    const EVENTS: usize = 600;
    let mut node = Node::start().await;
    let (mut writer, mut reader) = split(connect_with_small_buffers(&node).await);
    let filler = "x".repeat(20_000);
    let sending = tokio::spawn(async move {
        for id in 0..EVENTS {
            let frame = WebSocket::frame(0x81, format!(r#"42{id}["echo","{filler}"]"#).as_bytes());
            writer.write_all(&frame).await.unwrap();
        }
        writer
    });
    // Nothing is read until the server reads no more.
    let mut handled = 0;
    loop {
        node.expect_undisturbed().await;
        let now = node.metric("fanfare_events_received_total", None);
        // Only the canary was heard meanwhile.
        if now > 50 && now - handled == 1 {
            break;
        }
        handled = now;
    }
    assert!(!sending.is_finished(), "12 MB fit in no buffers on the way");
    for id in 0..EVENTS {
        assert!(reader.text().await.starts_with(&format!("43{id}[")));
    }
    sending.await.unwrap();
    assert_eq!(node.metric("fanfare_outbox_overflows_total", None), 0);
    node.expect_undisturbed().await;
}

/// LIM-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_send_heavy_json_hold_nobody_up() {
    let mut node = Node::start().await;
    let objects: Vec<String> = (0..2000).map(|number| format!(r#"{{"number":{number},"list":[1,2,3]}}"#)).collect();
    let heavy = format!(r#"["say","room",[{}]]"#, objects.join(","));
    let heavy_clients: Vec<_> = (0..4)
        .map(|_| {
            let (address, heavy) = (node.address, heavy.clone());
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                for id in 0..10 {
                    assert_eq!(client.ask(id, &heavy).await, "[]");
                }
            })
        })
        .collect();
    let mut rounds = 0;
    while heavy_clients.iter().any(|client| !client.is_finished()) {
        node.expect_undisturbed().await;
        rounds += 1;
    }
    for client in heavy_clients {
        client.await.unwrap();
    }
    // Each of the 40 takes its time; the canary is served in between.
    assert!(rounds > 5, "the canary was answered {rounds} times only");
}

/// A client for which the kernel holds little, so that it is soon seen not to read.
async fn connect_with_small_buffers(node: &Node) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    socket.set_send_buffer_size(16 << 10).unwrap();
    let mut stream = socket.connect(node.address).await.unwrap();
    stream
        .write_all(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: test\r\nconnection: Upgrade\r\n\
              upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .await
        .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let mut websocket = WebSocket::from_stream(stream);
    assert!(websocket.text().await.starts_with("0{"));
    websocket.send("40").await;
    assert!(websocket.text().await.starts_with("40{"));
    websocket.into_stream()
}

/// The writing and the reading side of a client.
fn split(stream: TcpStream) -> (OwnedWriteHalf, WebSocket) {
    let stream = stream.into_std().unwrap();
    let writer = TcpStream::from_std(stream.try_clone().unwrap()).unwrap();
    let (_, writer) = writer.into_split();
    (writer, WebSocket::from_stream(TcpStream::from_std(stream).unwrap()))
}
