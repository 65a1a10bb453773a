//! A session moves to the node that gets its WebSocket, if its application has not heard of it.

use fanfare_engine::{Message, Transport};
use fanfare_testkit::{Http, WebSocket};

use crate::cluster::{Cluster, patient};
use crate::server::{Heard, error, eventually, expect_plain_close, millis};

#[tokio::test]
async fn a_session_moves_to_the_node_of_its_websocket() {
    let mut cluster = Cluster::echo(patient).await;
    let polling = cluster.polling().await;
    assert_eq!(polling[2].send(&["4first", "bAQID"]).await.text(), "ok");
    let mut websocket = cluster.probe(1, &polling).await;
    assert_eq!(polling[0].send(&["4second"]).await.text(), "ok");
    websocket.send("5").await;
    websocket.send("4third").await;
    let session = cluster.nodes[1].opened().await;
    assert_eq!((session.sid().as_str(), session.transport()), (polling[0].sid(), Transport::WebSocket));
    assert_eq!(cluster.nodes[1].text().await, "first");
    assert_eq!(cluster.nodes[1].heard().await, Heard::Binary(vec![1, 2, 3]));
    assert_eq!(cluster.nodes[1].text().await, "second");
    assert_eq!(cluster.nodes[1].text().await, "third");
    assert_eq!(websocket.text().await, "4first");
    assert_eq!(websocket.binary().await, [1, 2, 3]);
    assert_eq!(websocket.text().await, "4second");
    assert_eq!(websocket.text().await, "4third");

    // Nothing of it is left on the node that has opened it.
    assert_eq!((cluster.nodes[0].engine.clients_count(), cluster.nodes[1].engine.clients_count()), (0, 1));
    assert_eq!(cluster.nodes[0].metric("fanfare_moved_sessions_total", "away"), 1);
    assert_eq!(cluster.nodes[1].metric("fanfare_moved_sessions_total", "here"), 1);
    assert_eq!(cluster.nodes[0].metric("fanfare_sessions", "polling"), 0);
    cluster.no_relay_is_left().await;
    let carried = cluster.net.carried_altogether();
    websocket.send("4local").await;
    assert_eq!(websocket.text().await, "4local");
    assert_eq!(cluster.net.carried_altogether(), carried);
    session.close();
    expect_plain_close(&mut websocket).await;
    cluster.nodes[1].expect_closed("forced close", None).await;
    cluster.nothing_is_left().await;
}

#[tokio::test]
async fn what_waits_moves_too() {
    let mut cluster = Cluster::silent(patient).await;
    let polling = cluster.polling().await;
    let session = cluster.nodes[0].engine.session(polling[0].sid().parse().unwrap()).unwrap();
    let mut websocket = cluster.probe(1, &polling).await;
    session.send(Message::Text("waits")).unwrap();
    session.send(Message::Binary(&[1, 2])).unwrap();
    websocket.send("5").await;
    assert_eq!(websocket.text().await, "4waits");
    assert_eq!(websocket.binary().await, [1, 2]);
    let moved = cluster.nodes[1].opened().await;
    assert!(!session.is_open() && session.send(Message::Text("late")).is_err());
    crate::server::within("nobody waits for it", session.ready()).await;
    moved.send(Message::Text("next")).unwrap();
    assert_eq!(websocket.text().await, "4next");
}

#[tokio::test]
async fn a_client_that_cannot_take_binary_frames_gets_none() {
    let cluster = Cluster::echo(patient).await;
    let polling = cluster.polling().await;
    polling[0].send(&["bAQID"]).await;
    let target = format!("{}&b64=1", polling[1].target("websocket"));
    let mut websocket = WebSocket::connect(cluster.nodes[1].address, &target).await;
    websocket.send("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    let session = cluster.nodes[0].engine.session(polling[0].sid().parse().unwrap()).unwrap();
    session.send(Message::Binary(&[4, 5, 6])).unwrap();
    websocket.send("5").await;
    assert_eq!(websocket.text().await, "bBAUG");
    assert_eq!(websocket.text().await, "bAQID");
}

#[tokio::test]
async fn the_request_that_opened_it_is_known_on_its_new_node() {
    let cluster = Cluster::silent(patient).await;
    let headers = [("origin", "https://a.org"), ("x-twice", "1"), ("x-twice", "2")];
    let target = "/engine.io/?EIO=4&transport=polling&user=%20me";
    let open = Http::request(cluster.nodes[0].address, "GET", target, &headers, b"").await;
    let sid = open.text().split('"').nth(3).unwrap().to_owned();
    let handshake = cluster.nodes[0].engine.session(sid.parse().unwrap()).unwrap().handshake().clone();
    let target = format!("/engine.io/?EIO=4&transport=websocket&sid={sid}");
    let mut websocket = WebSocket::connect(cluster.nodes[1].address, &target).await;
    websocket.send("2probe").await;
    websocket.text().await;
    websocket.send("5").await;
    let mut node = cluster.nodes.into_iter().nth(1).unwrap();
    let session = node.opened().await;
    let moved = session.handshake();
    assert_eq!((moved.url(), moved.address()), (handshake.url(), handshake.address()));
    assert_eq!(moved.query_value("user").as_deref(), Some(" me"));
    assert!(moved.headers().eq(handshake.headers()) && moved.headers().any(|(_, value)| value == b"2"));
    let age = |at: std::time::SystemTime| at.duration_since(handshake.time()).unwrap_or_default();
    assert!(age(moved.time()) < millis(2) && moved.is_cross_domain());
}

#[tokio::test]
async fn frames_that_come_at_once_are_read_where_they_belong() {
    let mut cluster = Cluster::echo(patient).await;
    let polling = cluster.polling().await;
    let mut websocket = WebSocket::connect(cluster.nodes[1].address, &polling[1].target("websocket")).await;
    let mut frames = ["2probe", "5", "4a", "4b"].map(|text| WebSocket::frame(0x81, text.as_bytes())).concat();
    let large = WebSocket::frame(0x81, format!("4{}", "x".repeat(400_000)).as_bytes());
    frames.extend(&large);
    websocket.send_raw(&frames).await;
    assert_eq!(websocket.text().await, "3probe");
    for text in ["4a", "4b"] {
        assert_eq!(websocket.text().await, text);
    }
    assert_eq!(websocket.text().await.len(), 400_001);
    cluster.nodes[1].opened().await;
    cluster.no_relay_is_left().await;
}

#[tokio::test]
async fn any_cut_of_the_frames_leads_to_the_same() {
    let cluster = Cluster::echo(patient).await;
    let frames = ["2probe", "5", "4behind"].map(|text| WebSocket::frame(0x81, text.as_bytes())).concat();
    for cut in 1..frames.len() {
        let polling = cluster.polling().await;
        let mut websocket = WebSocket::connect(cluster.nodes[1].address, &polling[1].target("websocket")).await;
        websocket.send_raw(&frames[..cut]).await;
        tokio::time::sleep(millis(cut as u64 % 4)).await;
        websocket.send_raw(&frames[cut..]).await;
        assert_eq!(websocket.text().await, "3probe", "{cut}");
        assert_eq!(websocket.text().await, "4behind", "{cut}");
    }
}

#[tokio::test]
async fn what_is_left_of_polling_is_refused_everywhere() {
    let mut cluster = Cluster::echo(patient).await;
    let polling = cluster.polling().await;
    let mut get = polling[2].start_poll().await;
    let session = cluster.nodes[0].engine.session(polling[0].sid().parse().unwrap()).unwrap();
    crate::server::polled(&session).await;
    let mut websocket = cluster.probe(1, &polling).await;
    websocket.send("5").await;
    cluster.nodes[1].opened().await;
    let released = get.response().await;
    assert!(matches!(released.text(), "1" | "6"), "{released:?}");
    for (node, polling) in cluster.nodes.iter().zip(&polling) {
        for response in [polling.poll().await, polling.send(&["4late"]).await] {
            assert_eq!((response.status, response.text()), (400, &*error(3, "Bad request")));
        }
        let mut second = WebSocket::connect(node.address, &polling.target("websocket")).await;
        expect_plain_close(&mut second).await;
    }
    websocket.send("4unharmed").await;
    assert_eq!(websocket.text().await, "4unharmed");
}

#[tokio::test]
async fn a_session_that_has_moved_lives_there_as_any_other() {
    let beating = || patient().ping_interval(millis(150)).ping_timeout(millis(300));
    let mut cluster = Cluster::echo(beating).await;
    let polling = cluster.polling().await;
    let mut websocket = cluster.probe(1, &polling).await;
    websocket.send("5").await;
    let session = cluster.nodes[1].opened().await;
    // The node that has opened it is not needed any more.
    cluster.net.cut_off(cluster.id(0));
    for _ in 0..3 {
        assert_eq!(websocket.text().await, "2");
        websocket.send("3").await;
    }
    assert!(session.is_open());
    assert_eq!(websocket.closed().await, Some(None));
    cluster.nodes[1].expect_closed("ping timeout", None).await;
    assert_eq!(cluster.nodes[1].engine.clients_count(), 0);
}

#[tokio::test]
async fn an_address_has_its_place_again_on_the_node_that_has_given_the_session_away() {
    let cluster = Cluster::echo(|| patient().max_sessions_per_address(1)).await;
    let polling = cluster.polling().await;
    let refused = || async { Http::get(cluster.nodes[0].address, "/engine.io/?EIO=4&transport=polling").await.status };
    assert_eq!(refused().await, 503);
    let mut websocket = cluster.probe(1, &polling).await;
    websocket.send("5").await;
    websocket.send("4hi").await;
    assert_eq!(websocket.text().await, "4hi");
    assert_eq!(refused().await, 200);
    drop(websocket);
    eventually("its new node has place", || cluster.nodes[1].engine.clients_count() == 0).await;
    assert_eq!(Http::get(cluster.nodes[1].address, "/engine.io/?EIO=4&transport=polling").await.status, 200);
}
