//! Clients that ask for more than they take. Each returns when the node has dealt with it.

use fanfare_testkit::{Client, Frame, Http, Polling, WebSocket};

use crate::node::Node;

/// LIM-06: 400 MB of echo requests, and nothing is read.
pub(crate) async fn ask_and_read_nothing(node: &Node) {
    let mut client = node.client().await;
    let request = WebSocket::frame(0x81, format!(r#"421["echo","{}"]"#, "x".repeat(400_000)).as_bytes());
    let mut sent = 0;
    while sent < 1000
        && tokio::time::timeout(crate::node::PATIENCE, send(&mut client, &request)).await.is_ok_and(|ok| ok)
    {
        sent += 1;
    }
    assert!(sent < 200, "the server has read {sent} requests of 400 kB");
    expect_slow_consumer(&mut client).await;
}

/// LIM-07: a client is sent many times what its outbox holds, and reads nothing.
pub(crate) async fn join_and_read_nothing(node: &Node) {
    let mut deaf = node.client().await;
    assert_eq!(deaf.ask(1, r#"["join","deaf"]"#).await, r#"["ok"]"#);
    let mut pusher = node.client().await;
    let push = format!(r#"["room","deaf","{}"]"#, "x".repeat(900_000));
    for id in 0..25 {
        assert_eq!(pusher.ask(id, &push).await, "[]");
    }
    expect_slow_consumer(&mut deaf).await;
}

/// LIM-08: events are asked for over polling, and nobody polls.
pub(crate) async fn post_and_never_poll(node: &Node) {
    let session = Polling::open(node.address, "/socket.io/").await;
    assert_eq!(session.send(&["40"]).await.status, 200);
    let request = format!(r#"42["echo","{}"]"#, "x".repeat(900_000));
    let mut posted = 0;
    while post(node, &session, &request).await == 200 {
        posted += 1;
    }
    assert!(posted < 10, "{posted} requests of 900 kB were taken");
    assert_eq!(session.poll().await.status, 400, "the session is gone");
}

/// LIM-12: 20 000 rooms for one socket.
pub(crate) async fn join_rooms_without_end(node: &Node) {
    let mut client = node.client().await;
    let mut joined = 0;
    for first in (0..20_000).step_by(1000) {
        let events = (first..first + 1000)
            .flat_map(|id| WebSocket::frame(0x81, format!(r#"42{id}["join","{id:0>250}"]"#).as_bytes()));
        client.websocket.send_raw(&events.collect::<Vec<u8>>()).await;
        for id in first..first + 1000 {
            let answer = client.packet().await;
            joined += usize::from(answer == format!(r#"3{id}["ok"]"#));
        }
    }
    assert_eq!(joined, 1024);
}

/// SIO-20: 120 MB of attachments for one packet.
pub(crate) async fn attach_without_end(node: &Node) {
    let mut client = node.client().await;
    let places: Vec<String> = (0..10).map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#)).collect();
    client.send(&format!(r#"510-["echo",{}]"#, places.join(","))).await;
    let attachment = WebSocket::frame(0x82, &vec![7; 900_000]);
    for _ in 0..130 {
        // What comes behind the end is read for a moment, and thrown away.
        if !send(&mut client, &attachment).await {
            break;
        }
    }
    while client.websocket.recv().await.is_some() {}
}

/// LIM-02: clients that come and go.
pub(crate) async fn come_and_go(node: &Node, times: usize) {
    for _ in 0..times {
        drop(node.client().await);
    }
}

/// Sends as far as the server takes it; says whether it took all.
async fn send(client: &mut Client, bytes: &[u8]) -> bool {
    tokio::io::AsyncWriteExt::write_all(client.websocket.stream(), bytes).await.is_ok()
}

/// Posts without the patience of the test kit: the answer waits for the client to poll.
async fn post(node: &Node, session: &Polling, body: &str) -> u16 {
    let mut connection = Http::connect(node.address).await;
    connection.send_request("POST", &session.target("polling"), &[], body.as_bytes()).await;
    connection.response().await.status
}

async fn expect_slow_consumer(client: &mut Client) {
    loop {
        match client.websocket.recv().await {
            Some(Frame::Close(code)) => return assert_eq!(code, Some(1008)),
            Some(_) => {}
            // With so much unread, the end may come as a reset.
            None => return,
        }
    }
}
