//! Upgrades that go wrong: the rows EIO-13 to EIO-16.

use fanfare_testkit::{Frame, Polling, WebSocket};

use crate::Node;

/// EIO-13.
#[tokio::test]
async fn a_second_websocket_is_closed_and_the_first_undisturbed() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    let mut first = upgraded(&node, &polling).await;
    let mut second = WebSocket::connect(node.address, &polling.target("websocket")).await;
    assert_eq!(second.closed().await, Some(None));
    first.send("4undisturbed").await;
    assert_eq!(first.text().await, "4undisturbed");
    assert_eq!(node.count("fanfare_client_errors_total", "second_websocket"), 1);
    node.is_well().await;
}

/// EIO-14.
#[tokio::test]
async fn a_probe_that_goes_wrong_closes_its_websocket_only() {
    let mut node = Node::start().await;
    let frame = WebSocket::frame;
    let text = |text: &str| frame(0x81, text.as_bytes());
    let cases = [
        text("5"),
        text("2"),
        text("2probe2"),
        text("3probe"),
        text("4a message"),
        frame(0x82, b"a message"),
        text("x"),
        text(""),
        text("1"),
        text("6"),
        text("0{}"),
        frame(0x88, b"\x03\xe8"),
        frame(0xc1, b"2probe"),
        frame(0x81, b"2\xff"),
        vec![0x81, 6],
        [text("2probe"), text("4a message")].concat(),
        [text("2probe"), text("2")].concat(),
        [text("2probe"), frame(0x82, b"a message")].concat(),
        [text("2probe"), frame(0x88, b"")].concat(),
    ];
    let count = cases.len() as u64;
    let polling = node.open_polling().await;
    for case in cases {
        let mut websocket = WebSocket::connect(node.address, &polling.target("websocket")).await;
        websocket.send_raw(&case).await;
        assert_eq!(websocket.closed().await, Some(None), "{case:?}");
        polling.send(&["4goes on"]).await;
        assert_eq!(polling.packets().await, ["4goes on"], "{case:?}");
    }
    assert_eq!(node.count("fanfare_upgrades_total", "abandoned"), count);
    // After all of that, an upgrade that is right succeeds.
    let mut websocket = upgraded(&node, &polling).await;
    websocket.send("4goes on").await;
    assert_eq!(websocket.text().await, "4goes on");
    node.is_well().await;
}

/// EIO-14: a probe may be repeated, and is answered no faster than its answers are read. That this takes no memory is
/// measured in `tests/resources`.
#[tokio::test]
async fn a_probe_may_be_repeated() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    let mut websocket = WebSocket::connect(node.address, &polling.target("websocket")).await;
    websocket
        .send_raw(&[WebSocket::frame(0x89, b"ping"), WebSocket::frame(0x81, b"2probe").repeat(100)].concat())
        .await;
    for _ in 0..100 {
        assert_eq!(websocket.text().await, "3probe");
    }
    websocket.send("5").await;
    websocket.send("4moved").await;
    assert_eq!(websocket.text().await, "4moved");
    node.is_well().await;
}

/// EIO-15.
#[tokio::test]
async fn one_of_two_upgrades_wins() {
    let mut node = Node::start().await;
    let polling = node.open_polling().await;
    let mut first = WebSocket::connect(node.address, &polling.target("websocket")).await;
    let mut second = WebSocket::connect(node.address, &polling.target("websocket")).await;
    assert_eq!(second.closed().await, Some(None));
    first.send("2probe").await;
    assert_eq!(first.text().await, "3probe");
    first.send("5").await;
    first.send("4moved").await;
    assert_eq!(first.text().await, "4moved");
    node.is_well().await;
}

/// EIO-16.
#[tokio::test]
async fn an_upgrade_under_way_loses_and_reorders_nothing() {
    let mut node = Node::start().await;
    for _ in 0..10 {
        let polling = node.open_polling().await;
        let session = node.session(polling.sid());
        let mut sent = 0;
        let mut next = || {
            sent += 1;
            format!("4{sent}")
        };
        let mut received = Vec::new();
        polling.send(&[&*next(), &next()]).await;
        let mut websocket = WebSocket::connect(node.address, &polling.target("websocket")).await;
        websocket.send("2probe").await;
        received.extend(polling.packets().await);
        polling.send(&[&*next()]).await;
        let mut poll = node.start_poll(&polling).await;
        assert_eq!(websocket.text().await, "3probe");
        polling.send(&[&*next(), &next()]).await;
        // What the server says by itself keeps its place, too.
        session.send(fanfare_engine::Message::Text(&next()[1..])).expect("it is open");
        let frames = ["5".to_owned(), next(), next()].map(|packet| WebSocket::frame(0x81, packet.as_bytes()));
        websocket.send_raw(&frames.concat()).await;
        received.extend(poll.response().await.text().split('\x1e').map(str::to_owned));
        while received.last() != Some(&format!("4{sent}")) {
            received.push(websocket.text().await);
        }
        received.retain(|packet| packet != "6" && packet != "1");
        assert_eq!(received, (1..=sent).map(|i| format!("4{i}")).collect::<Vec<_>>());
        websocket.send_raw(&WebSocket::frame(0x88, b"")).await;
        assert_eq!(websocket.recv().await, Some(Frame::Close(None)));
        node.ends_with("transport close").await;
    }
    assert_eq!(node.count("fanfare_upgrades_total", "completed"), 10);
    node.is_well().await;
}

async fn upgraded(node: &Node, polling: &Polling) -> WebSocket {
    let mut websocket = WebSocket::connect(node.address, &polling.target("websocket")).await;
    websocket.send("2probe").await;
    assert_eq!(websocket.text().await, "3probe");
    websocket.send("5").await;
    websocket
}
