//! Acknowledgements that clients owe.

use std::time::Duration;

use fanfare::{AckError, BroadcastAckError, EmitError, Server, Socket};
use fanfare_testkit::Client;

use crate::node::{Node, eventually, handle};

/// A server, a client that is slow to answer, and its socket.
async fn debtor(max_pending_acks: usize) -> (Node, Client, Socket) {
    let node = Node::build(Server::builder().max_pending_acks(max_pending_acks)).await;
    let client = node.client().await;
    let id = client.sid().parse().expect("a socket id");
    let socket = node.io.socket(id).expect("it is connected");
    (node, client, socket)
}

/// Limits, pending acks
#[tokio::test]
async fn a_client_owes_so_many_answers_and_no_more() {
    let (mut node, mut client, socket) = debtor(3).await;
    let mut pending: Vec<_> = (0..3).map(|number| socket.emit_with_ack::<u32>("ask", &number)).collect();
    let refused = socket.emit_with_ack::<u32>("ask", &3).await;
    assert_eq!(refused, Err(AckError::Emit(EmitError::TooManyAcks { pending: 3 })));
    for number in 0..3 {
        let question = client.packet().await;
        let id = question.strip_prefix('2').and_then(|rest| rest.split('[').next()).expect("an event with an id");
        client.send(&format!("3{id}[{number}]")).await;
        client.send(&format!("3{id}[99]")).await;
    }
    for (number, answer) in pending.drain(..).enumerate() {
        assert_eq!(answer.await, Ok(number as u32));
    }
    client.expect_nothing_before(1, r#"["echo"]"#).await;
    node.expect_undisturbed().await;
}

/// Limits, pending acks
#[tokio::test]
async fn answers_that_nobody_waits_for_any_more_are_not_owed() {
    let (mut node, mut client, socket) = debtor(3).await;
    for number in 0..20 {
        drop(socket.emit_with_ack::<u32>("ask", &number));
        let timeout = socket.timeout(Duration::from_millis(1)).emit_with_ack::<u32>("ask", &number).await;
        assert_eq!(timeout, Err(AckError::Timeout));
    }
    for _ in 0..40 {
        client.packet().await;
    }
    client.expect_nothing_before(1, r#"["echo"]"#).await;
    node.expect_undisturbed().await;
}

/// Limits, pending acks
#[tokio::test]
async fn a_client_that_never_answers_broadcasts_still_gets_them() {
    let (mut node, mut client, socket) = debtor(3).await;
    socket.join("room");
    let ask = || node.io.to("room").timeout(Duration::from_millis(1)).emit_with_ack::<u32>("ask", ());
    for _ in 0..20 {
        assert_eq!(ask().await, Err(BroadcastAckError::Incomplete { responses: vec![], missing: 1 }));
        assert!(client.packet().await.ends_with(r#"["ask"]"#));
    }
    // While they are waited for, they are owed; beyond the limit they count as not answered.
    let waiting: Vec<_> = (0..3).map(|_| node.io.to("room").emit_with_ack::<u32>("ask", ())).collect();
    assert_eq!(ask().await, Err(BroadcastAckError::Incomplete { responses: vec![], missing: 1 }));
    for _ in 0..4 {
        assert!(client.packet().await.ends_with(r#"["ask"]"#));
    }
    drop(waiting);
    let answer = socket.emit_with_ack::<u32>("ask", ());
    let question = client.packet().await;
    client.send(&question.replacen('2', "3", 1).replace("\"ask\"", "7")).await;
    assert_eq!(answer.await, Ok(7));
    node.expect_undisturbed().await;
}

/// Limits, pending acks
#[tokio::test]
async fn a_client_that_leaves_owes_nothing() {
    let (mut node, client, socket) = debtor(3).await;
    let pending = socket.emit_with_ack::<u32>("ask", ());
    let broadcast = node.io.to(socket.id()).emit_with_ack::<u32>("ask", ());
    drop(client);
    assert_eq!(pending.await, Err(AckError::Disconnected));
    assert_eq!(broadcast.await, Err(BroadcastAckError::Incomplete { responses: vec![], missing: 1 }));
    assert_eq!(socket.emit_with_ack::<u32>("ask", ()).await, Err(AckError::Emit(EmitError::Disconnected)));
    node.expect_undisturbed().await;
}

/// Limits, listeners
#[tokio::test]
async fn a_handler_that_comes_too_late_is_not_kept() {
    struct Alive(std::sync::Arc<()>);
    let alive = std::sync::Arc::new(());
    let io = Server::builder().build().unwrap();
    io.on_connect(handle);
    io.of("/slow").on_connect({
        let alive = alive.clone();
        move |socket: Socket| {
            let alive = Alive(alive.clone());
            async move {
                // The client is gone when this goes on.
                while socket.connected() {
                    tokio::task::yield_now().await;
                }
                let (held, alive) = (socket.clone(), std::sync::Arc::new(alive));
                let upgraded = (held.clone(), alive.clone());
                socket.on("event", move || {
                    let _held = (&held, &alive.0);
                    async {}
                });
                socket.conn().on_upgrade(move |_| drop(upgraded.clone()));
            }
        }
    });
    let mut node = Node::serve(io).await;
    for _ in 0..20 {
        drop(Client::connect_to(node.address, "/slow", "").await);
    }
    // This test and the handler of new sockets hold it themselves.
    eventually("no socket is left", || std::sync::Arc::strong_count(&alive) == 2).await;
    assert_eq!(node.metric("fanfare_handlers_running", None), 0);
    node.expect_undisturbed().await;
}
