//! Polling requests that come to other nodes than the owner of their session.

use fanfare_engine::{Engine, Message};
use fanfare_testkit::{Http, WebSocket};

use crate::cluster::{Cluster, at_once, forwarded};
use crate::server::{Heard, error, eventually, polled};

#[tokio::test]
async fn any_request_may_come_to_any_node() {
    let mut cluster = Cluster::echo(at_once).await;
    let (polling, session) = cluster.connected().await;
    for (up, down) in [(1, 2), (2, 1), (0, 1), (1, 0), (1, 1)] {
        let text = format!("4by {up} and {down}");
        assert_eq!(polling[up].send(&[&text, "bAQID"]).await.text(), "ok");
        assert_eq!(polling[down].packets().await, [&*text, "bAQID"]);
        assert_eq!(cluster.nodes[0].text().await, text[1..]);
        assert_eq!(cluster.nodes[0].heard().await, Heard::Binary(vec![1, 2, 3]));
    }
    assert!(session.is_open());
    assert_eq!(cluster.nodes[1].engine.clients_count(), 0);
    assert_eq!(cluster.nodes[0].metric("fanfare_answered_for_peers_total", "post"), 4);
    assert_eq!(forwarded(&cluster.nodes[1], "post", "answered"), 3);
    assert_eq!(forwarded(&cluster.nodes[2], "get", "answered"), 1);
}

#[tokio::test]
async fn a_request_costs_one_message_each_way_between_the_two_nodes_concerned() {
    let mut cluster = Cluster::silent(at_once).await;
    let (polling, session) = cluster.connected().await;
    let (owner, other) = (cluster.id(0), cluster.id(1));
    polling[0].send(&["4hi"]).await;
    assert_eq!(cluster.net.carried_altogether(), 0);
    polling[1].send(&["4hi"; 100]).await;
    session.send(Message::Text(&"x".repeat(100_000))).unwrap();
    polling[1].poll().await;
    assert_eq!((cluster.net.carried(other, owner), cluster.net.carried(owner, other)), (2, 2));
    assert_eq!(cluster.net.carried_altogether(), 4);
}

#[tokio::test]
async fn a_get_waits_on_another_node_until_there_is_something_to_say() {
    let mut cluster = Cluster::silent(at_once).await;
    let (polling, session) = cluster.connected().await;
    let mut get = polling[1].start_poll().await;
    polled(&session).await;
    session.send(Message::Text("at last")).unwrap();
    assert_eq!(get.response().await.text(), "4at last");
}

#[tokio::test]
async fn the_answer_is_the_owners_with_all_its_headers() {
    let options =
        || at_once().headers(|headers, handshake| drop(headers.insert("x-url", handshake.url().parse().unwrap())));
    let mut cluster = Cluster::silent(options).await;
    let (polling, session) = cluster.connected().await;
    session.send(Message::Text(&"x".repeat(2000))).unwrap();
    let headers = [("accept-encoding", "gzip"), ("user-agent", "Trident/7.0")];
    let target = polling[1].target("polling");
    let response = Http::request(cluster.nodes[1].address, "GET", &target, &headers, b"").await;
    let header = |name| response.header(name);
    assert_eq!(header("x-url"), Some("/engine.io/?EIO=4&transport=polling"));
    assert_eq!((header("content-encoding"), header("x-xss-protection")), (Some("gzip"), Some("0")));
    assert_eq!(header("content-type"), Some("text/plain; charset=UTF-8"));
    assert!(response.body.len() < 200);
}

#[tokio::test]
async fn a_second_get_ends_the_session_whichever_nodes_they_come_to() {
    for [first, second] in [[1, 2], [0, 1], [1, 0], [1, 1]] {
        let mut cluster = Cluster::silent(at_once).await;
        let (polling, session) = cluster.connected().await;
        let mut get = polling[first].start_poll().await;
        polled(&session).await;
        let refused = polling[second].poll().await;
        assert_eq!((refused.status, refused.text()), (400, ""));
        assert_eq!(get.response().await.text(), "1");
        cluster.nodes[0].expect_closed("transport error", Some("overlap from client")).await;
        for polling in polling {
            assert_eq!(polling.poll().await.text(), error(1, "Session ID unknown"));
        }
        cluster.nothing_is_left().await;
    }
}

#[tokio::test]
async fn a_get_that_its_client_drops_ends_the_session() {
    let mut cluster = Cluster::silent(at_once).await;
    let (polling, session) = cluster.connected().await;
    let get = polling[1].start_poll().await;
    polled(&session).await;
    drop(get);
    cluster.nodes[0].expect_closed("transport error", Some("poll connection closed prematurely")).await;
    assert_eq!(forwarded(&cluster.nodes[1], "get", "cancelled"), 1);
    cluster.nothing_is_left().await;
}

#[tokio::test]
async fn a_post_that_its_client_drops_ends_the_session() {
    let mut cluster = Cluster::silent(at_once).await;
    let (polling, _) = cluster.connected().await;
    let mut post = Http::connect(cluster.nodes[1].address).await;
    let headers = [("content-length", "100"), ("expect", "100-continue")];
    post.send_request("POST", &polling[1].target("polling"), &headers, b"").await;
    assert_eq!(post.response().await.status, 100);
    post.send(b"4half").await;
    drop(post);
    cluster.nodes[0].expect_closed("transport error", Some("data request connection closed prematurely")).await;
    cluster.nothing_is_left().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_answered_as_by_its_owner() {
    let mut cluster = Cluster::silent(|| at_once().max_http_buffer_size(1000)).await;
    let (polling, session) = cluster.connected().await;
    let target = polling[1].target("polling");
    let large = vec![b'x'; 1001];
    let chunked = [("transfer-encoding", "chunked")];
    let chunks = [b"3e9\r\n", &large[..], b"\r\n0\r\n\r\n"].concat();
    for node in [0, 1] {
        let address = cluster.nodes[node].address;
        let status = async |method: &str, headers: &[(&str, &str)], body: &[u8]| {
            Http::request(address, method, &target, headers, body).await.status
        };
        assert_eq!(status("POST", &[], &large).await, 413);
        assert_eq!(status("PUT", &[], b"").await, 405);
        assert_eq!(status("POST", &[("content-encoding", "gzip")], b"4hi").await, 415);
        let mut connection = Http::connect(address).await;
        connection.send_request("POST", &target, &chunked, b"").await;
        connection.try_send(&chunks).await.unwrap();
        assert_eq!(connection.response().await.status, 413);
    }
    let websocket = target.replace("polling", "websocket");
    assert_eq!(Http::get(cluster.nodes[1].address, &websocket).await.text(), error(3, "Bad request"));
    let refused = WebSocket::try_connect(cluster.nodes[1].address, &target, &[]).await.unwrap_err();
    assert_eq!(refused.text(), error(3, "Bad request"));
    assert!(session.is_open());
    let binary = [("content-type", "application/octet-stream")];
    assert_eq!(Http::request(cluster.nodes[1].address, "POST", &target, &binary, b"4hi").await.status, 400);
    cluster.nodes[0].expect_closed("transport error", Some("invalid content")).await;
}

#[tokio::test]
async fn posts_and_gets_keep_their_order_through_random_nodes() {
    let mut cluster = Cluster::echo(at_once).await;
    let (polling, _) = cluster.connected().await;
    let mut received = Vec::new();
    for number in 0..60_usize {
        let text = format!("4{number}");
        assert_eq!(polling[number % 3].send(&[&text]).await.text(), "ok");
        if number % 4 == 3 {
            received.extend(polling[number / 4 % 3].packets().await);
        }
    }
    assert_eq!(received, (0..60).map(|number| format!("4{number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_client_that_leaves_through_another_node_is_told() {
    let mut cluster = Cluster::silent(at_once).await;
    let (polling, session) = cluster.connected().await;
    let mut get = polling[2].start_poll().await;
    polled(&session).await;
    assert_eq!(polling[1].send(&["4bye", "1"]).await.text(), "ok");
    assert_eq!(get.response().await.text(), "6");
    assert_eq!(cluster.nodes[0].text().await, "bye");
    cluster.nodes[0].expect_closed("transport close", None).await;
    cluster.nothing_is_left().await;
}

#[tokio::test]
async fn a_node_that_stops_has_its_polls_answered() {
    let mut cluster = Cluster::silent(at_once).await;
    let (polling, session) = cluster.connected().await;
    let mut get = polling[1].start_poll().await;
    polled(&session).await;
    cluster.nodes[1].engine.shutdown(fanfare_testkit::PATIENCE).await;
    assert_eq!(get.response().await.text(), "6");
    session.send(Message::Text("elsewhere")).unwrap();
    assert_eq!(polling[2].packets().await, ["4elsewhere"]);
}

#[tokio::test]
async fn without_peers_a_session_of_another_node_is_unknown() {
    let cluster = Cluster::silent(Engine::builder).await;
    let alone = crate::server::Server::start(Engine::builder()).await;
    let polling = cluster.polling().await;
    let refused = polling[0].at(alone.address).poll().await;
    assert_eq!((refused.status, refused.text()), (400, &*error(1, "Session ID unknown")));
    eventually("nothing is carried", || cluster.net.carried_altogether() == 0).await;
}
