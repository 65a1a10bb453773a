//! Nodes that are gone, and messages that are lost.

use std::time::Instant;

use fanfare_engine::{Fate, Message, Session};
use fanfare_testkit::{Http, WebSocket};

use crate::cluster::{Cluster, at_once, forwarded, patient};
use crate::net::Net;
use crate::server::{Server, error, eventually, millis, polled};

#[tokio::test]
async fn a_request_for_a_node_that_is_gone_is_refused_at_once() {
    let mut cluster = Cluster::silent(at_once).await;
    let (polling, _) = cluster.connected().await;
    cluster.net.cut_off(cluster.id(0));
    let started = Instant::now();
    for response in [polling[1].poll().await, polling[2].send(&["4hi"]).await] {
        assert_eq!((response.status, response.text()), (400, &*error(1, "Session ID unknown")));
    }
    let websocket = WebSocket::try_connect(cluster.nodes[1].address, &polling[1].target("websocket"), &[]).await;
    assert_eq!(websocket.unwrap_err().text(), error(1, "Session ID unknown"));
    assert!(started.elapsed() < millis(2000));
    assert_eq!(forwarded(&cluster.nodes[1], "get", "gone"), 1);
    assert_eq!(forwarded(&cluster.nodes[2], "post", "gone"), 1);
    assert_eq!(forwarded(&cluster.nodes[1], "websocket", "gone"), 1);
    // One that never was.
    let target = "/engine.io/?EIO=4&transport=polling&sid=none00000000000000000000";
    assert_eq!(Http::get(cluster.nodes[1].address, target).await.text(), error(1, "Session ID unknown"));
    cluster.no_relay_is_left().await;
}

#[tokio::test]
async fn a_node_that_was_restarted_under_its_id_knows_no_session() {
    let net = Net::default();
    let id = "same".parse().unwrap();
    let start = || at_once().peers(net.port());
    let other = Server::start(start()).await;
    let first = Server::start(start().node_id(id)).await;
    let polling = first.polling().await.at(other.address);
    assert_eq!(polling.send(&["4hi"]).await.status, 200);
    let mut websocket = other.probe(&polling).await;
    websocket.send("5").await;
    eventually("a relay", || other.metric("fanfare_relays", "") == 1).await;
    first.engine.close();
    let second = Server::start(start().node_id(id)).await;
    assert_eq!(polling.poll().await.text(), error(1, "Session ID unknown"));
    // The relay of the first life ends, too.
    let _ = websocket.try_send_raw(&WebSocket::frame(0x81, b"4hi")).await;
    websocket.closed().await;
    eventually("no relay", || other.metric("fanfare_relays", "") == 0).await;
    assert_eq!(second.engine.clients_count(), 0);
}

#[tokio::test]
async fn a_poll_whose_answer_is_lost_ends_its_session() {
    let mut cluster = Cluster::silent(at_once).await;
    let (polling, session) = cluster.connected().await;
    let _get = polling[1].start_poll().await;
    polled(&session).await;
    cluster.net.cut_off(cluster.id(1));
    session.send(Message::Text("lost")).unwrap();
    cluster.nodes[0].expect_closed("transport error", Some("the answer to a poll was lost")).await;
}

#[tokio::test]
async fn an_owner_that_never_answers_is_given_up() {
    let beating = || at_once().ping_interval(millis(100)).ping_timeout(millis(100));
    let mut cluster = Cluster::silent(beating).await;
    let (polling, _) = cluster.connected().await;
    cluster.net.make_unreachable(cluster.id(0), Fate::Received);
    let refused = polling[1].poll().await;
    assert_eq!((refused.status, refused.text()), (400, &*error(1, "Session ID unknown")));
    assert_eq!(forwarded(&cluster.nodes[1], "get", "timeout"), 1);
}

#[tokio::test]
async fn a_relay_ends_with_the_node_that_holds_the_socket() {
    let mut cluster = Cluster::silent(at_once).await;
    let (_polling, _websocket, session) = cluster.relayed().await;
    cluster.net.cut_off(cluster.id(1));
    // The owner notices as soon as it has something to say.
    session.send(Message::Text("hello?")).unwrap();
    let closed = cluster.nodes[0].closed().await;
    assert_eq!(closed.reason.as_str(), "transport error");
    assert_eq!(cluster.nodes[0].engine.clients_count(), 0);
}

#[tokio::test]
async fn a_relay_ends_with_the_owner() {
    let mut cluster = Cluster::silent(at_once).await;
    let (_polling, mut websocket, _session) = cluster.relayed().await;
    cluster.net.cut_off(cluster.id(0));
    websocket.send("4hello?").await;
    assert_eq!(websocket.closed().await, None, "the socket closes without a word");
    cluster.no_relay_is_left().await;
}

#[tokio::test]
async fn a_relay_of_which_neither_side_is_heard_ends() {
    let beating = || at_once().ping_interval(millis(100)).ping_timeout(millis(200)).upgrade_timeout(millis(500));
    let mut cluster = Cluster::silent(beating).await;
    let (_polling, mut websocket, _session) = cluster.relayed().await;
    cluster.net.cut_off(cluster.id(0));
    // The client says nothing, and neither does the owner.
    assert_eq!(websocket.closed().await, None);
    cluster.no_relay_is_left().await;
}

#[tokio::test]
async fn a_message_that_is_lost_on_its_way_up_ends_the_session_and_the_socket() {
    let mut cluster = Cluster::silent(at_once).await;
    let (_polling, mut websocket, _session) = cluster.relayed().await;
    cluster.net.lose_next(cluster.id(0));
    websocket.send("4lost").await;
    eventually("it is lost", || !cluster.net.is_to_lose(cluster.id(0))).await;
    websocket.send("4behind it").await;
    cluster.nodes[0].expect_closed("transport error", Some("read failed")).await;
    websocket.closed().await;
    cluster.nothing_is_left().await;
}

#[tokio::test]
async fn a_message_that_is_lost_on_its_way_down_ends_the_session_and_the_socket() {
    let mut cluster = Cluster::silent(at_once).await;
    let (_polling, mut websocket, session) = cluster.relayed().await;
    cluster.net.lose_next(cluster.id(1));
    session.send(Message::Text("lost")).unwrap();
    eventually("it is lost", || !cluster.net.is_to_lose(cluster.id(1))).await;
    session.send(Message::Text("behind it")).unwrap();
    let closed = cluster.nodes[0].closed().await;
    assert_eq!(closed.reason.as_str(), "transport error");
    assert_eq!(websocket.recv().await, None, "nothing that is out of order");
    cluster.nothing_is_left().await;
}

#[tokio::test]
async fn what_the_client_has_said_is_heard_even_if_its_socket_breaks_while_its_session_moves() {
    let mut cluster = Cluster::silent(patient).await;
    let polling = cluster.polling().await;
    polling[0].send(&["4last words"]).await;
    let (mut websocket, owner, other) = (cluster.probe(1, &polling).await, cluster.id(0), cluster.id(1));
    let before = cluster.net.carried(other, owner);
    websocket.send("5").await;
    eventually("it is on its way", || cluster.net.carried(other, owner) > before).await;
    websocket.into_stream().set_zero_linger().unwrap();
    cluster.nodes[1].opened().await;
    assert_eq!(cluster.nodes[1].text().await, "last words");
    assert_eq!(cluster.nodes[1].closed().await.reason.as_str(), "transport error");
    cluster.nothing_is_left().await;
}

#[tokio::test]
async fn what_the_client_has_said_is_heard_even_if_its_session_cannot_move() {
    let mut cluster = Cluster::silent(patient).await;
    let polling = cluster.polling().await;
    polling[0].send(&["4last words"]).await;
    let mut websocket = cluster.probe(1, &polling).await;
    cluster.net.make_unreachable(cluster.id(1), Fate::NoNode);
    websocket.send("5").await;
    assert!(!cluster.nodes[0].opened().await.is_writable());
    assert_eq!(cluster.nodes[0].text().await, "last words");
    assert_eq!(cluster.nodes[0].closed().await.reason.as_str(), "transport error");
    assert_eq!(cluster.nodes[0].engine.clients_count(), 0);
}

#[tokio::test]
async fn an_application_that_panics_harms_one_request() {
    let net = Net::default();
    let start = async || {
        let options = at_once().peers(net.port()).headers(|_, handshake| assert!(!handshake.url().contains("boom")));
        Server::custom(options, |_| {}, |_, received| assert!(received.message != Message::Text("boom"))).await
    };
    let (owner, other) = (start().await, start().await);
    let polling = owner.polling().await.at(other.address);
    assert_eq!(polling.send(&["4boom"]).await.status, 500);
    // A session whose hook panics: the node still answers others.
    let open = Http::get(owner.address, "/engine.io/?EIO=4&transport=polling&boom=1");
    let _ = tokio::spawn(open).await;
    let session =
        owner.engine.sessions().into_iter().find(|session| session.handshake().url().contains("boom")).unwrap();
    let target = format!("/engine.io/?EIO=4&transport=websocket&sid={}", session.sid().as_str());
    let mut doomed = Http::connect(other.address).await;
    doomed.send_request("GET", &target, &WebSocket::HANDSHAKE, b"").await;
    assert_eq!(doomed.response().await.status, 500);
    let polling = owner.polling().await.at(other.address);
    assert_eq!(polling.send(&["4unharmed"]).await.text(), "ok");
    owner.engine.sessions().iter().for_each(Session::discard);
    crate::server::within("the end", owner.engine.shutdown(fanfare_testkit::PATIENCE * 10)).await;
}

#[tokio::test]
async fn garbage_is_counted_and_dropped() {
    let cluster = Cluster::echo(at_once).await;
    let id = cluster.id(0);
    let port = cluster.net.port();
    port.listen("evil".parse().unwrap(), Box::new(|_| ()));
    for garbage in [&b""[..], b"\x80", b"garbage", &[0xc1; 1000], &[0x93; 100_000]] {
        assert_eq!(port.send(id, garbage.to_vec()).await, Fate::Received);
    }
    eventually("it is counted", || cluster.nodes[0].metric("fanfare_malformed_peer_messages_total", "") == 5).await;
    let polling = cluster.polling().await;
    polling[1].send(&["4unharmed"]).await;
    assert_eq!(polling[2].packets().await, ["4unharmed"]);
}

#[tokio::test]
async fn a_node_that_stops_closes_the_sockets_that_it_holds_for_others() {
    let mut cluster = Cluster::silent(at_once).await;
    let (_polling, mut websocket, _session) = cluster.relayed().await;
    crate::server::within("the end", cluster.nodes[1].engine.shutdown(fanfare_testkit::PATIENCE * 10)).await;
    assert_eq!(websocket.closed().await, None);
    let closed = cluster.nodes[0].closed().await;
    assert_eq!(closed.reason.as_str(), "transport error");
}
