//! Signals that end the node, and those that stop it for a while.

use std::time::{Duration, Instant};

use fanfare_testkit::{Client, Frame, Http, Polling, WebSocket};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::node::{Node, within};

/// NODE-02, NODE-03
#[tokio::test]
async fn a_signal_ends_the_node_in_good_order() {
    for signal in ["TERM", "INT"] {
        let mut node = Node::start(&[]).await;
        let mut client = node.client().await;
        let polling = Polling::open(node.address, "/socket.io/").await;
        polling.send(&["40"]).await;
        assert!(polling.packets().await[0].starts_with("40{"));
        let mut poll = polling.start_poll().await;
        // An event that has been handled is answered, whatever comes next.
        client.send(r#"21["echo","last"]"#).await;
        assert_eq!(client.packet().await, r#"31["last"]"#);
        node.signal(signal);
        assert!(client.closed().await, "it is told, {signal}");
        assert_eq!(poll.response().await.text(), "1", "{signal}");
        assert_eq!(node.exit().await.code(), Some(0), "{signal}");
        assert!(TcpStream::connect(node.address).await.is_err());
    }
}

/// NODE-02
#[tokio::test]
async fn a_node_that_ends_takes_nobody_on() {
    let mut node = Node::start(&["--write-timeout", "4s"]).await;
    let deaf = deaf_client(&node).await;
    node.signal("TERM");
    // A polling client would still need a connection to hear of the end; there are no new sessions.
    let refused = async {
        while Http::get(node.address, "/socket.io/?EIO=4&transport=polling").await.status != 503 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(refused).await;
    assert!(node.is_running(), "it waits for the client that does not read");
    assert_eq!(node.exit().await.code(), Some(0), "but not for ever");
    assert!(TcpStream::connect(node.address).await.is_err());
    drop(deaf);
}

/// NODE-03
#[tokio::test]
async fn a_second_signal_ends_the_node_at_once() {
    async fn check(first: &str, second: &str) {
        let mut node = Node::start(&[]).await;
        let (deaf, mut other) = (deaf_client(&node).await, node.client().await);
        let begin = Instant::now();
        node.signal(first);
        assert!(other.closed().await);
        assert!(node.is_running());
        node.signal(second);
        assert_eq!(node.exit().await.code(), Some(0));
        // It would have waited 5 s for the client that does not read.
        assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
        drop(deaf);
    }
    tokio::join!(check("TERM", "TERM"), check("INT", "TERM"), check("TERM", "INT"));
}

/// NODE-05
#[tokio::test]
async fn clients_that_answer_survive_a_node_that_was_stopped() {
    let node = Node::start(&["--ping-interval", "300ms", "--ping-timeout", "1s", "--workers", "2"]).await;
    let (end, ending) = watch::channel(false);
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(tokio::spawn(answer_pings(node.client().await, ending.clone())));
    }
    let silent = node.client().await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    node.signal("STOP");
    tokio::time::sleep(Duration::from_secs(4)).await;
    node.signal("CONT");
    // Long enough for what was due meanwhile, and another ping.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    end.send_replace(true);
    for client in clients {
        let pings = within(client).await.unwrap();
        assert!(pings > 3, "{pings} pings only");
    }
    let mut silent = silent;
    while silent.websocket.recv().await.is_some() {}
}

/// Answers until the end; returns how many pings there were.
async fn answer_pings(mut client: Client, mut ending: watch::Receiver<bool>) -> usize {
    let mut pings = 0;
    let mut ends = std::pin::pin!(async move { drop(ending.wait_for(|&end| end).await) });
    loop {
        // The test kit would not wait so long for a node that is stopped.
        tokio::select! {
            readable = client.websocket.stream().readable() => readable.unwrap(),
            () = &mut ends => return pings,
        }
        match client.websocket.recv().await {
            Some(Frame::Text(ping)) if ping == "2" => client.websocket.send("3").await,
            other => panic!("instead of a ping: {other:?}"),
        }
        pings += 1;
    }
}

/// A client that has asked for much and reads nothing.
async fn deaf_client(node: &Node) -> Client {
    let mut client = node.client().await;
    let request = WebSocket::frame(0x81, format!(r#"421["echo","{}"]"#, "x".repeat(900_000)).as_bytes());
    // The server reads as long as it can answer.
    let mut send = async || tokio::io::AsyncWriteExt::write_all(client.websocket.stream(), &request).await;
    while tokio::time::timeout(Duration::from_secs(1), send()).await.is_ok_and(|sent| sent.is_ok()) {}
    client
}
