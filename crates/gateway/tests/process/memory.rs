//! Memory under attack, in a process of its own. What a row allows is measured against the resident memory before.

use crate::attacks;
use crate::node::{Memory, Node};

/// What the allocator and the runtime may take besides what a row allows.
const SLACK_KB: u64 = 4 << 10;

/// A node that has served large messages before, so that its buffers are there.
async fn warm() -> (Node, Memory) {
    let node = Node::start(&["--write-timeout", "1s", "--workers", "2", "--log", "error"]).await;
    let mut client = node.client().await;
    for id in 0..4 {
        let event = format!(r#"["echo","{}"]"#, "x".repeat(900_000));
        assert_eq!(client.ask(id, &event).await.len(), event.len() - r#""echo","#.len());
    }
    drop(client);
    attacks::come_and_go(&node, 50).await;
    let memory = node.memory();
    (node, memory)
}

/// Checks the memory at its peak, and that others are served.
async fn expect_bounded(node: &Node, before: Memory, allowed_kb: u64) {
    node.expect_service().await;
    let after = node.memory();
    let grown = after.peak_kb.saturating_sub(before.peak_kb.max(before.now_kb));
    assert!(grown <= allowed_kb + SLACK_KB, "it took {grown} kB more: {before:?}, {after:?}");
}

/// LIM-06
#[tokio::test]
async fn a_client_that_asks_and_reads_nothing_takes_no_more_than_its_outbox() {
    let (node, before) = warm().await;
    attacks::ask_and_read_nothing(&node).await;
    expect_bounded(&node, before, 4 << 10).await;
}

/// LIM-07
#[tokio::test]
async fn a_client_that_is_sent_to_and_reads_nothing_takes_no_more_than_its_outbox() {
    let (node, before) = warm().await;
    attacks::join_and_read_nothing(&node).await;
    expect_bounded(&node, before, 5 << 10).await;
}

/// LIM-08
#[tokio::test]
async fn a_client_that_never_polls_takes_no_more_than_its_outbox() {
    let (node, before) = warm().await;
    attacks::post_and_never_poll(&node).await;
    expect_bounded(&node, before, 5 << 10).await;
}

/// LIM-12
#[tokio::test]
async fn rooms_of_a_client_that_is_gone_are_gone() {
    let (node, before) = warm().await;
    attacks::join_rooms_without_end(&node).await;
    attacks::join_rooms_without_end(&node).await;
    expect_bounded(&node, before, 4 << 10).await;
}

/// SIO-20
#[tokio::test]
async fn attachments_without_end_take_no_more_than_one_packet() {
    let (node, before) = warm().await;
    attacks::attach_without_end(&node).await;
    expect_bounded(&node, before, 4 << 10).await;
}

/// MEM-01
#[tokio::test]
async fn after_all_of_it_the_memory_is_what_it_was() {
    let (node, before) = warm().await;
    tokio::join!(
        attacks::ask_and_read_nothing(&node),
        attacks::join_and_read_nothing(&node),
        attacks::post_and_never_poll(&node),
        attacks::join_rooms_without_end(&node),
        attacks::attach_without_end(&node),
        attacks::come_and_go(&node, 500),
    );
    node.expect_service().await;
    let after = node.memory();
    assert!(after.now_kb <= before.now_kb + (64 << 10), "{before:?}, {after:?}");
}
