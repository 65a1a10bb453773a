//! How answers come back.

use std::time::Duration;

use super::case_list;
use super::client::PATIENCE;
use super::cluster::{Cluster, NAMES};
use crate::ack::AckError;
use crate::broadcast::BroadcastAckError;

case_list! {
    all_answers_are_collected
    rooms_say_who_is_asked
    answers_that_come_in_time_are_not_lost
    nobody_answers_at_once
    a_single_socket_gives_a_single_answer
}

async fn all_answers_are_collected(mut cluster: Cluster) {
    let answers = cluster.io().timeout(PATIENCE).emit_with_ack::<String>("q", (1, "two"));
    for (client, name) in cluster.clients.iter_mut().zip(NAMES) {
        let (id, question) = client.question().await;
        assert_eq!(question, r#"["q",1,"two"]"#);
        client.answer(&id, &format!(r#"["{name}","ignored"]"#)).await;
    }
    let mut answers = answers.await.expect("all have answered");
    answers.sort();
    assert_eq!(answers, NAMES);
}

async fn rooms_say_who_is_asked(mut cluster: Cluster) {
    let io = cluster.io();
    let answers = io.to(["ab", "bc"]).except("b").timeout(PATIENCE).emit_with_ack::<usize>("q", ());
    for index in [0, 2] {
        let (id, _) = cluster.clients[index].question().await;
        cluster.clients[index].answer(&id, &format!("[{index}]")).await;
    }
    let mut answers = answers.await.expect("both have answered");
    answers.sort_unstable();
    assert_eq!(answers, [0, 2]);
    // One that stays on its server.
    let local = (0..NAMES.len()).filter(|&index| cluster.is_local(index)).collect::<Vec<_>>();
    let answers = io.local().timeout(PATIENCE).emit_with_ack::<()>("q", ());
    for &index in &local {
        let (id, _) = cluster.clients[index].question().await;
        cluster.clients[index].answer(&id, "[]").await;
    }
    assert_eq!(answers.await.map(|answers| answers.len()), Ok(local.len()));
    cluster.check_reached("").await;
}

async fn answers_that_come_in_time_are_not_lost(mut cluster: Cluster) {
    let answers = cluster.io().timeout(Duration::from_secs(2)).emit_with_ack::<String>("q", ());
    let (id, _) = cluster.clients[1].question().await;
    cluster.clients[1].answer(&id, r#"["b"]"#).await;
    let error = answers.await.expect_err("two have not answered");
    assert_eq!(error, BroadcastAckError::Incomplete { responses: vec!["b".to_owned()], missing: 2 });
}

async fn nobody_answers_at_once(cluster: Cluster) {
    let answers = cluster.io().to("empty").timeout(PATIENCE).emit_with_ack::<()>("q", ());
    assert_eq!(answers.await, Ok(vec![]));
}

async fn a_single_socket_gives_a_single_answer(mut cluster: Cluster) {
    let last = NAMES.len() - 1;
    let remote =
        cluster.io().to(cluster.clients[last].id()).fetch_sockets().await.expect("all servers answer").remove(0);
    let answer = remote.timeout(PATIENCE).emit_with_ack::<u32>("q", ());
    let (id, _) = cluster.clients[last].question().await;
    cluster.clients[last].answer(&id, "[7]").await;
    assert_eq!(answer.await, Ok(7));
    let answer = remote.timeout(Duration::from_millis(10)).emit_with_ack::<u32>("q", ());
    assert_eq!(answer.await, Err(AckError::Timeout));
}
