//! How many descriptors abuse takes, and what happens without any.

use fanfare_testkit::Http;

use crate::process::eventually;
use crate::{Process, report};

/// LIM-01.
pub(crate) async fn clients_that_have_left_hold_none() {
    let mut node = Process::start(&[]).await;
    let baseline = node.descriptors();
    let mut clients = Vec::new();
    for i in 0..400 {
        let mut client = node.open_websocket().await;
        client.send(&format!("4{i}")).await;
        clients.push(client);
    }
    for (i, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.text().await, format!("4{i}"));
    }
    assert!(node.descriptors() >= baseline + 400);
    drop(clients);
    eventually("all descriptors are back", async || node.descriptors() <= baseline).await;
    node.sings().await;
    // LIM-04: connections that say nothing.
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(Http::connect(node.address).await);
    }
    eventually("all are accepted", async || node.descriptors() >= baseline + 400).await;
    node.sings().await;
    drop(idle);
    eventually("all descriptors are back", async || node.descriptors() <= baseline).await;
    node.sings().await;
    report("LIM-01, LIM-04 800 clients come and go", &format!("{baseline} descriptors"));
}

/// LIM-10, NODE-15.
pub(crate) async fn without_any_left_open_connections_live_on() {
    let mut node = Process::with_descriptors(64).await;
    let early = node.open_websocket().await;
    let mut crowd = Vec::new();
    for _ in 0..100 {
        // The kernel accepts them all; the node can take some.
        crowd.push(Http::connect(node.address).await);
    }
    eventually("there is none left", async || node.descriptors() >= 64).await;
    for _ in 0..10 {
        node.sings().await;
    }
    // Everybody who has been let in leaves, and who has waited is served.
    let mut last = crowd.pop().expect("there is one");
    drop(crowd);
    last.send_request("GET", "/engine.io/?EIO=4&transport=polling", &[], b"").await;
    assert_eq!(last.response().await.status, 200);
    drop((last, early));
    let failures = node.count(r#"fanfare_http_errors_total{kind="accept"}"#).await;
    // It has tried now and then, and not in a circle.
    assert!((1..100).contains(&failures), "{failures} attempts");
    eventually("connections end", async || node.count("fanfare_connections ").await <= 2).await;
    node.sings().await;
    report("LIM-10 descriptors run out", &format!("{failures} attempts to accept"));
}

/// LIM-15: a flood of connections that are one too many.
pub(crate) async fn connections_over_the_limit_hold_few() {
    let mut node = Process::start(&["max_connections=10"]).await;
    let mut crowd = Vec::new();
    for _ in 0..450 {
        crowd.push(Http::connect(node.address).await);
    }
    // Those who are let in say nothing; everybody else is told to come back.
    let mut most = 0;
    for connection in &mut crowd[9..] {
        let response = connection.response().await;
        assert_eq!((response.status, response.header("retry-after")), (503, Some("5")));
        most = most.max(node.descriptors());
    }
    assert!(most < 10 + 256 + 50, "{most} descriptors");
    node.sings().await;
    report("LIM-15 441 connections too many", &format!("{most} descriptors"));
}
