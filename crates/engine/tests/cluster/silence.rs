//! Nodes that are gone while nobody has anything to say to them. The heartbeat is far away in all of this.

use std::time::Duration;

use fanfare_engine::{EngineBuilder, Fate, Transport};
use tokio::time::timeout;

use crate::cluster::{Cluster, at_once, forwarded};
use crate::net::Net;
use crate::server::{Heard, Server, error, eventually, polled, within};

/// All at once, since each takes seconds of waiting.
#[tokio::test]
async fn silence_is_looked_into() {
    tokio::join!(
        the_client_of_an_owner_that_is_gone_is_told_within_seconds(),
        the_session_of_a_websocket_whose_node_is_gone_ends_within_seconds(),
        a_request_that_was_lost_is_answered_within_seconds(),
        a_node_that_was_restarted_under_its_id_does_not_keep_others_waiting(),
        who_does_not_listen_for_a_moment_is_not_given_up(),
        who_cannot_be_asked_is_not_given_up(),
    );
}

fn hardly_beating() -> EngineBuilder {
    at_once().ping_interval(Duration::from_secs(600))
}

async fn the_client_of_an_owner_that_is_gone_is_told_within_seconds() {
    let mut cluster = Cluster::silent(hardly_beating).await;
    let (_polling, mut websocket, _session) = cluster.relayed().await;
    let polling = cluster.polling().await;
    let mut get = polling[1].start_poll().await;
    polled(&cluster.nodes[0].opened().await).await;
    cluster.net.cut_off(cluster.id(0));
    assert_eq!(within("the end of the socket", websocket.closed()).await, None);
    assert_eq!(get.response().await.text(), error(1, "Session ID unknown"));
    assert_eq!(forwarded(&cluster.nodes[1], "get", "gone"), 1);
    cluster.no_relay_is_left().await;
}

async fn the_session_of_a_websocket_whose_node_is_gone_ends_within_seconds() {
    let mut cluster = Cluster::silent(hardly_beating).await;
    let (_polling, _websocket, _session) = cluster.relayed().await;
    cluster.net.cut_off(cluster.id(1));
    cluster.nodes[0].expect_closed("transport error", Some("read failed")).await;
}

async fn a_request_that_was_lost_is_answered_within_seconds() {
    let mut cluster = Cluster::silent(hardly_beating).await;
    let (polling, _) = cluster.connected().await;
    cluster.net.lose_next(cluster.id(0));
    assert_eq!(polling[1].poll().await.text(), error(1, "Session ID unknown"));
}

async fn a_node_that_was_restarted_under_its_id_does_not_keep_others_waiting() {
    let net = Net::default();
    let id = "same".parse().unwrap();
    let start = || hardly_beating().peers(net.port());
    let (mut first, mut other) = (Server::start(start().node_id(id)).await, Server::start(start()).await);
    let waiting = first.polling().await.at(other.address);
    let session = first.opened().await;
    let mut get = waiting.start_poll().await;
    polled(&session).await;
    let relayed_here = other.polling().await.at(first.address);
    other.opened().await;
    let mut websocket = first.probe(&relayed_here).await;
    websocket.send("5").await;
    assert_eq!(other.heard().await, Heard::Upgraded(Transport::WebSocket));
    net.cut_off(id);
    let _second = Server::start(start().node_id(id)).await;
    assert_eq!(get.response().await.text(), error(1, "Session ID unknown"));
    other.expect_closed("transport error", Some("read failed")).await;
}

/// Makes two nodes that have nothing to say unreachable for each other, for so many attempts.
async fn check_gap(fate: Fate, attempts: usize) {
    let mut cluster = Cluster::echo(hardly_beating).await;
    let (_polling, mut websocket, _session) = cluster.relayed().await;
    let nodes = [cluster.id(0), cluster.id(1)];
    nodes.iter().for_each(|&node| cluster.net.make_unreachable(node, fate));
    let met = || nodes.iter().all(|&node| cluster.net.unreached(node) >= attempts);
    eventually("attempts", met).await;
    nodes.iter().for_each(|&node| cluster.net.make_reachable(node));
    // Both ask again meanwhile.
    assert!(timeout(Duration::from_secs(4), websocket.recv()).await.is_err(), "the socket is left alone");
    websocket.send("4still here").await;
    assert_eq!(websocket.text().await, "4still here");
}

async fn who_does_not_listen_for_a_moment_is_not_given_up() {
    check_gap(Fate::NoNode, 1).await;
}

async fn who_cannot_be_asked_is_not_given_up() {
    check_gap(Fate::Lost, 3).await;
}
