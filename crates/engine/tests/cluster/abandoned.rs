//! Upgrades on other nodes that come to nothing, at each point: the session goes on over polling.

use fanfare_engine::EngineBuilder;
use fanfare_testkit::{Http, Polling, WebSocket};

use crate::cluster::{Cluster, at_once, patient};
use crate::server::{error, eventually, expect_plain_close, millis};

/// Lets an upgrade fail, for sessions that are known and for such that would move, and checks that polling goes on.
async fn check(attempt: impl AsyncFn(&Cluster, &[Polling; 3])) {
    for options in [at_once as fn() -> EngineBuilder, patient] {
        let cluster = Cluster::echo(options).await;
        let polling = cluster.polling().await;
        attempt(&cluster, &polling).await;
        cluster.no_relay_is_left().await;
        let ended = || {
            let upgrades = |outcome| cluster.nodes[0].metric("fanfare_upgrades_total", outcome);
            upgrades("abandoned") + upgrades("timeout") > 0
        };
        eventually("the attempt is over", ended).await;
        // It may try again, and succeed.
        polling[2].send(&["4unharmed"]).await;
        let mut websocket = cluster.probe(1, &polling).await;
        websocket.send("5").await;
        assert_eq!(websocket.text().await, "4unharmed");
        drop(websocket);
        cluster.nothing_is_left().await;
    }
}

#[tokio::test]
async fn gone_before_the_probe() {
    check(async |cluster, polling| {
        drop(WebSocket::connect(cluster.nodes[1].address, &polling[1].target("websocket")).await);
    })
    .await;
}

#[tokio::test]
async fn reset_before_the_probe() {
    check(async |cluster, polling| {
        let websocket = WebSocket::connect(cluster.nodes[1].address, &polling[1].target("websocket")).await;
        websocket.into_stream().set_zero_linger().unwrap();
    })
    .await;
}

#[tokio::test]
async fn gone_before_the_answer_to_its_handshake() {
    check(async |cluster, polling| {
        let mut connection = Http::connect(cluster.nodes[1].address).await;
        connection.send_request("GET", &polling[1].target("websocket"), &WebSocket::HANDSHAKE, b"").await;
        // The owner has heard of it.
        eventually("an attempt", || {
            let session = cluster.nodes[0].engine.session(polling[0].sid().parse().unwrap());
            session.is_some() && cluster.nodes[0].metric("fanfare_answered_for_peers_total", "websocket") == 1
        })
        .await;
        connection.into_parts().0.set_zero_linger().unwrap();
    })
    .await;
}

#[tokio::test]
async fn gone_in_the_middle_of_the_probe() {
    check(async |cluster, polling| {
        let mut websocket = WebSocket::connect(cluster.nodes[1].address, &polling[1].target("websocket")).await;
        websocket.send_raw(&WebSocket::frame(0x81, b"2probe")[..5]).await;
    })
    .await;
}

#[tokio::test]
async fn gone_behind_the_probe() {
    check(async |cluster, polling| drop(cluster.probe(1, polling).await)).await;
}

#[tokio::test]
async fn gone_in_the_middle_of_the_upgrade() {
    check(async |cluster, polling| {
        let mut websocket = cluster.probe(1, polling).await;
        websocket.send_raw(&WebSocket::frame(0x81, b"5")[..3]).await;
    })
    .await;
}

#[tokio::test]
async fn violated() {
    for violation in ["5", "4hi", "2", "2probe2", "x"] {
        check(async |cluster, polling| {
            let mut websocket = WebSocket::connect(cluster.nodes[1].address, &polling[1].target("websocket")).await;
            websocket.send(violation).await;
            expect_plain_close(&mut websocket).await;
        })
        .await;
    }
}

#[tokio::test]
async fn closed_in_good_order() {
    check(async |cluster, polling| {
        let mut websocket = cluster.probe(1, polling).await;
        websocket.send_frame(0x88, b"").await;
        expect_plain_close(&mut websocket).await;
    })
    .await;
}

#[tokio::test]
async fn never_completed() {
    for options in [at_once as fn() -> EngineBuilder, patient] {
        let cluster = Cluster::echo(|| options().upgrade_timeout(millis(300))).await;
        let polling = cluster.polling().await;
        let mut websocket = cluster.probe(1, &polling).await;
        expect_plain_close(&mut websocket).await;
        assert_eq!(cluster.nodes[0].metric("fanfare_upgrades_total", "timeout"), 1);
        polling[1].send(&["4unharmed"]).await;
        let mut websocket = cluster.probe(2, &polling).await;
        websocket.send("5").await;
        assert_eq!(websocket.text().await, "4unharmed");
    }
}

#[tokio::test]
async fn a_second_one_meanwhile_is_accepted_and_closed() {
    let mut cluster = Cluster::echo(at_once).await;
    let (polling, _) = cluster.connected().await;
    let mut first = cluster.probe(1, &polling).await;
    for (node, polling) in cluster.nodes.iter().zip(&polling) {
        let mut second = WebSocket::connect(node.address, &polling.target("websocket")).await;
        expect_plain_close(&mut second).await;
    }
    first.send("5").await;
    first.send("4first").await;
    assert_eq!(first.text().await, "4first");
}

#[tokio::test]
async fn one_that_nobody_wants_is_refused_before_its_101() {
    let cluster = Cluster::echo(|| at_once().max_sessions_per_address(10)).await;
    let polling = cluster.polling().await;
    let refused = async |node: usize, target: &str| {
        let refused = WebSocket::try_connect(cluster.nodes[node].address, target, &[]).await.unwrap_err();
        (refused.status, refused.text().to_owned())
    };
    // A session that was never there, of a node that is.
    let unknown = format!("{}{}", cluster.id(0), "A".repeat(20));
    let target = format!("/engine.io/?EIO=4&transport=websocket&sid={unknown}");
    for node in 0..3 {
        assert_eq!(refused(node, &target).await, (400, error(1, "Session ID unknown")));
    }
    // One that has left.
    polling[0].send(&["1"]).await;
    assert_eq!(refused(1, &polling[1].target("websocket")).await, (400, error(1, "Session ID unknown")));
    // A handshake that is wrong is answered by the node that gets it.
    let polling = cluster.polling().await;
    let headers = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "12")];
    let target = polling[1].target("websocket");
    let wrong = Http::request(cluster.nodes[1].address, "GET", &target, &headers, b"").await;
    assert_eq!(wrong.status, 426);
    assert_eq!(cluster.nodes[1].metric("fanfare_relays", ""), 0);
}
