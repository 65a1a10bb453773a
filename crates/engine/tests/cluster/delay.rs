//! The application hears of a polling session when it has upgraded, or a moment has passed.

use std::time::{Duration, Instant};

use fanfare_engine::{CloseReason, Engine, EngineBuilder, Transport};

use crate::cluster::{Cluster, at_once, patient};
use crate::server::{Heard, Server, millis};

/// A node with peers that are not needed.
async fn node(options: EngineBuilder) -> Server {
    Server::echo(options.peers(crate::net::Net::default().port())).await
}

#[tokio::test]
async fn a_session_that_stays_on_polling_is_heard_of_after_the_delay() {
    let started = Instant::now();
    let mut server = node(Engine::builder().delayed_connection(millis(150))).await;
    let polling = server.polling().await;
    assert_eq!(polling.send(&["4first", "4second"]).await.text(), "ok");
    assert_eq!(polling.send(&["bAQID", "4third"]).await.text(), "ok");
    let session = server.opened().await;
    assert!(started.elapsed() >= millis(150), "{:?}", started.elapsed());
    assert_eq!(session.transport(), Transport::Polling);
    for text in ["first", "second"] {
        assert_eq!(server.text().await, text);
    }
    assert_eq!(server.heard().await, Heard::Binary(vec![1, 2, 3]));
    assert_eq!(server.text().await, "third");
    assert_eq!(polling.packets().await, ["4first", "4second", "bAQID", "4third"]);
    polling.send(&["4fourth"]).await;
    assert_eq!(server.text().await, "fourth");
}

#[tokio::test]
async fn nothing_is_delayed_without_a_reason() {
    let without_peers = Server::echo(patient()).await;
    let without_delay = node(at_once()).await;
    let without_upgrades = node(patient().allow_upgrades(false)).await;
    let polling_only = node(patient().transports([Transport::Polling])).await;
    for mut server in [without_peers, without_delay, without_upgrades, polling_only] {
        server.polling().await;
        server.opened().await;
    }
    let mut server = node(patient()).await;
    let _websocket = server.websocket().await;
    assert_eq!(server.opened().await.transport(), Transport::WebSocket);
}

#[tokio::test]
async fn an_upgrade_ends_the_delay_and_comes_behind_what_was_posted() {
    let mut server = node(patient()).await;
    let polling = server.polling().await;
    polling.send(&["4posted"]).await;
    let mut websocket = server.probe(&polling).await;
    websocket.send("5").await;
    websocket.send("4moved").await;
    assert_eq!(server.opened().await.transport(), Transport::WebSocket);
    assert_eq!(server.text().await, "posted");
    assert_eq!(server.text().await, "moved");
    assert_eq!(websocket.text().await, "4posted");
    assert_eq!(websocket.text().await, "4moved");
    assert_eq!(server.metric("fanfare_upgrades_total", "completed"), 1);
}

#[tokio::test]
async fn an_attempt_to_upgrade_begins_the_delay_anew() {
    let mut server = node(Engine::builder().delayed_connection(millis(400))).await;
    let started = Instant::now();
    let polling = server.polling().await;
    tokio::time::sleep(millis(200)).await;
    let websocket = server.probe(&polling).await;
    server.opened().await;
    // One that is late for lack of a processor tells nothing.
    assert!(started.elapsed() >= millis(600), "{:?}", started.elapsed());
    drop(websocket);
}

#[tokio::test]
async fn too_many_messages_end_the_delay() {
    let mut server = node(patient()).await;
    let polling = server.polling().await;
    let packets: Vec<String> = (0..100).map(|number| format!("4{number}")).collect();
    let packets: Vec<&str> = packets.iter().map(String::as_str).collect();
    assert_eq!(polling.send(&packets).await.text(), "ok");
    server.opened().await;
    for number in 0..100 {
        assert_eq!(server.text().await, number.to_string());
    }
    assert_eq!(polling.packets().await, packets);

    let polling = server.polling().await;
    let large = format!("4{}", "x".repeat(300_000));
    polling.send(&["4small", &large, "4behind"]).await;
    server.opened().await;
    for len in [5, 300_000, 6] {
        assert_eq!(server.text().await.len(), len);
    }
}

#[tokio::test]
async fn a_client_that_leaves_early_is_heard_of_if_it_has_said_something() {
    let mut server = node(patient()).await;
    let silent = server.polling().await;
    silent.send(&["1"]).await;
    let polling = server.polling().await;
    polling.send(&["4last words", "1"]).await;
    assert!(!server.opened().await.is_open());
    assert_eq!(server.text().await, "last words");
    assert_eq!(server.heard().await, Heard::Closed(CloseReason::TransportClose.into()));
    assert_eq!(server.engine.clients_count(), 0);

    // The same with a connection that breaks.
    let polling = server.polling().await;
    polling.send(&["4last words"]).await;
    let session = server.engine.session(polling.sid().parse().unwrap()).unwrap();
    let get = polling.start_poll().await;
    crate::server::polled(&session).await;
    drop(get);
    assert_eq!(server.opened().await, session);
    assert_eq!(server.text().await, "last words");
    server.expect_closed("transport error", Some("poll connection closed prematurely")).await;
}

#[tokio::test]
async fn the_heartbeat_and_the_end_do_not_wait() {
    let beating = || patient().ping_interval(millis(100)).ping_timeout(millis(200));
    let mut server = node(beating()).await;
    let polling = server.polling().await;
    assert_eq!(polling.packets().await, ["2"]);
    polling.send(&["3"]).await;
    assert_eq!(polling.packets().await, ["2"]);
    crate::server::eventually("it is gone", || server.engine.clients_count() == 0).await;
    // Nothing was said, so nobody heard of it.
    let polling = server.polling().await;
    polling.send(&["4hi"]).await;
    assert!(server.opened().await.ended().is_some());
    assert_eq!(server.text().await, "hi");
    assert_eq!(server.heard().await, Heard::Closed(CloseReason::PingTimeout.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_that_come_while_the_application_is_told_come_behind_the_others() {
    // The application takes its time; meanwhile more messages come.
    let slow = |_: &fanfare_engine::Session| std::thread::sleep(Duration::from_millis(100));
    let options = Engine::builder().delayed_connection(millis(50)).peers(crate::net::Net::default().port());
    let mut server = Server::greet(options, slow).await;
    let polling = server.polling().await;
    let mut sent = 0;
    let started = Instant::now();
    while started.elapsed() < millis(400) {
        polling.send(&[&format!("4{sent}"), &format!("4{}", sent + 1)]).await;
        sent += 2;
    }
    server.opened().await;
    for number in 0..sent {
        assert_eq!(server.text().await, number.to_string());
    }
}

#[tokio::test]
async fn sessions_of_a_cluster_that_stay_are_delayed_all_the_same() {
    let mut cluster = Cluster::echo(|| Engine::builder().delayed_connection(millis(100))).await;
    let polling = cluster.polling().await;
    polling[1].send(&["4one"]).await;
    polling[2].send(&["4two"]).await;
    cluster.nodes[0].opened().await;
    assert_eq!(polling[2].packets().await, ["4one", "4two"]);
    assert_eq!(cluster.nodes[0].text().await, "one");
}
