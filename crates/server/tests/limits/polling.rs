//! The same over HTTP long-polling.

use fanfare_testkit::Polling;

use crate::node::{Node, eventually};

async fn joined(node: &Node) -> Polling {
    let polling = Polling::open(node.address, "/socket.io/").await;
    polling.send(&["40"]).await;
    assert!(polling.packets().await[0].starts_with("40{"));
    polling
}

/// SIO-31
#[tokio::test]
async fn malformed_packets_close_the_session() {
    let mut node = Node::start().await;
    let bodies: [&[&str]; 10] = [
        &["49"],
        &["4"],
        &["42[\"echo\""],
        &["42{}"],
        &["42[\"disconnect\"]"],
        &["451-[\"echo\"]"],
        &["bAQID"],
        &["451-[\"echo\",{\"_placeholder\":true,\"num\":0}]", "42[\"echo\"]"],
        &["40"],
        &["42/other,[\"echo\"]"],
    ];
    for body in bodies {
        let polling = joined(&node).await;
        let poll = polling.start_poll().await;
        eventually("the poll waits", || node.metric("fanfare_sessions", Some("polling")) == 1).await;
        polling.send(body).await;
        let mut poll = poll;
        assert_eq!(poll.response().await.text(), "1", "{body:?}");
        assert_eq!(polling.poll().await.status, 400, "{body:?}");
    }
    let violations: u64 = ["packet", "second_connect", "namespace"].iter().map(|kind| node.violations(kind)).sum();
    assert_eq!(violations, bodies.len() as u64);
    node.expect_undisturbed().await;
}

/// SIO-31
#[tokio::test]
async fn what_stands_behind_a_malformed_packet_is_not_handled() {
    let mut node = Node::start().await;
    let polling = joined(&node).await;
    let events = node.metric("fanfare_events_received_total", None);
    polling.send(&[r#"42["echo",1]"#, "42{", r#"42["join","late"]"#]).await;
    assert_eq!(polling.packets().await, [r#"42["echo",1]"#]);
    // The end has an answer of its own: clients drop the events that come with it.
    assert_eq!(polling.packets().await.last().map(String::as_str), Some("1"));
    assert_eq!(node.metric("fanfare_events_received_total", None), events + 1);
    assert!(node.io.rooms().is_empty());
    node.expect_undisturbed().await;
}
