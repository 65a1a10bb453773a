//! How a node sends its clients away.

use std::time::{Duration, Instant};

use fanfare_testkit::{Frame, Http};
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::node::{Node, command, within};

/// NODE-02
#[tokio::test]
async fn clients_are_sent_away_one_after_the_other() {
    const CLIENTS: u32 = 6;
    let time = Duration::from_secs(2);
    let mut node = Node::start(&["--drain-time", "2s", "--admin-listen", "127.0.0.1:0"]).await;
    let admin = node.admin().await;
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(node.client().await);
    }
    let begin = Instant::now();
    node.signal("TERM");
    let ends = clients.into_iter().map(|mut client| {
        tokio::spawn(async move {
            // No DISCONNECT: upon one, clients do not come back by themselves.
            let frame = client.websocket.recv().await;
            assert!(matches!(frame, Some(Frame::Close(_))), "{frame:?}");
            begin.elapsed()
        })
    });
    let ends: Vec<_> = ends.collect();
    while Http::get(admin, "/readyz").await.status != 503 {}
    assert_eq!(Http::get(admin, "/readyz").await.text(), "draining\n");
    assert_eq!(Http::get(admin, "/healthz").await.status, 200);
    let refused = Http::get(node.address, "/socket.io/?EIO=4&transport=polling").await;
    assert_eq!(refused.status, 503);
    let mut times = Vec::new();
    for end in ends {
        times.push(within(end).await.unwrap());
    }
    times.sort();
    for (number, at) in (0..CLIENTS).zip(&times) {
        assert!(*at >= time * number / CLIENTS, "number {number}: {times:?}");
    }
    assert_eq!(node.exit().await.code(), Some(0));
}

/// NODE-02
#[tokio::test]
async fn a_node_without_clients_has_nothing_to_wait_for() {
    let mut node = Node::start(&["--drain-time", "1h"]).await;
    node.signal("TERM");
    assert_eq!(node.exit().await.code(), Some(0));
}

/// NODE-03
#[tokio::test]
async fn a_second_signal_ends_a_drain_at_once() {
    let mut node = Node::start(&["--drain-time", "1h", "--admin-listen", "127.0.0.1:0"]).await;
    let admin = node.admin().await;
    let mut client = node.client().await;
    node.signal("TERM");
    while Http::get(admin, "/readyz").await.status != 503 {}
    assert!(node.is_running());
    assert_eq!(client.ask(1, r#"["echo",1]"#).await, "[1]", "its turn has not come");
    node.signal("TERM");
    assert_eq!(node.exit().await.code(), Some(0));
}

/// NODE-03
#[tokio::test]
async fn a_terminal_that_hangs_up_is_no_reason_to_end() {
    let mut child =
        command(&[]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let node = Node::listening(child).await;
    node.signal("HUP");
    while let Some(line) = within(log.next_line()).await.unwrap() {
        if line.contains("SIGHUP is ignored") {
            break;
        }
    }
    node.expect_service().await;
}
