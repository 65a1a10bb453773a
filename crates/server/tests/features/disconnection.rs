//! How sockets end, and what is told of that.

use std::time::Duration;

use fanfare::{Ack, DisconnectDescription, DisconnectReason, Socket, State};
use fanfare_testkit::{Client, Frame};

use crate::support::{Journal, Node, pass_time, patiently, until};

/// A node that notes why its sockets end, with the namespace.
async fn node() -> Node {
    let node = Node::start().await;
    listen(&node);
    node
}

fn listen(node: &Node) {
    for namespace in [node.io.of("/"), node.io.of("/other")] {
        namespace.on_connect(async |socket: Socket| {
            let note = async |State(journal): State<Journal>, socket: Socket, reason: DisconnectReason| {
                journal.note(format!("{} {reason}", socket.namespace().name()));
            };
            socket.on_disconnecting(note);
            socket.on_disconnect(note);
        });
    }
}

/// Checks that the socket in `/` has ended for this reason, once, and is gone.
async fn expect_end(node: &Node, reason: &str) {
    let note = format!("/ {reason}");
    assert_eq!([node.journal.next().await, node.journal.next().await], [note.clone(), note]);
    node.journal.expect_nothing().await;
    until("it is gone", || node.io.sockets_count() == 0).await;
}

#[tokio::test]
async fn a_client_that_leaves_the_namespace() {
    let node = node().await;
    let mut client = node.client().await;
    client.send("1").await;
    expect_end(&node, "client namespace disconnect").await;
    // The connection stays.
    client.send("0").await;
    assert!(client.packet().await.starts_with(r#"0{"sid""#));
    let (polling, _) = node.polling_client().await;
    polling.send(&["41"]).await;
    node.journal.expect(["/ client namespace disconnect"]).await;
}

#[tokio::test]
async fn a_client_that_closes_its_connection() {
    let node = node().await;
    let mut client = node.client().await;
    client.websocket.send_frame(0x88, &1000_u16.to_be_bytes()).await;
    expect_end(&node, "transport close").await;
    assert_eq!(client.websocket.recv().await, Some(Frame::Close(Some(1000))));
    drop(node.client().await);
    expect_end(&node, "transport close").await;
    let mut client = node.client().await;
    client.websocket.send("1").await;
    expect_end(&node, "transport close").await;
    let (polling, _) = node.polling_client().await;
    polling.send(&["1"]).await;
    expect_end(&node, "transport close").await;
}

#[tokio::test]
async fn a_client_that_leaves_the_namespace_and_closes_its_connection_at_once() {
    let node = node().await;
    let (polling, _) = node.polling_client().await;
    polling.send(&["41", "1"]).await;
    expect_end(&node, "transport close").await;
    let mut client = node.client().await;
    client.send("1").await;
    client.websocket.send_frame(0x88, &[]).await;
    expect_end(&node, "client namespace disconnect").await;
}

#[tokio::test]
async fn a_connection_that_breaks() {
    let node = node().await;
    let mut client = node.client().await;
    // Half a frame, and gone.
    client.websocket.send_raw(&[0x81, 0x85, 0, 0, 0, 0, b'4']).await;
    drop(client);
    expect_end(&node, "transport error").await;
    let (polling, _) = node.polling_client().await;
    let _first = polling.start_poll().await;
    until("the GET waits", || node.io.sockets().iter().all(|socket| socket.conn().session().is_writable())).await;
    assert_eq!(polling.poll().await.status, 400);
    expect_end(&node, "transport error").await;
}

#[tokio::test]
async fn a_client_that_does_not_answer_pings() {
    let node = node().await;
    let mut client = node.client().await;
    pass_time(Duration::from_secs(26)).await;
    assert_eq!(client.websocket.text().await, "2");
    pass_time(Duration::from_secs(21)).await;
    expect_end(&node, "ping timeout").await;
    assert!(client.closed().await);

    let (polling, _) = node.polling_client().await;
    let mut poll = polling.start_poll().await;
    until("the GET waits", || node.io.sockets().iter().all(|socket| socket.conn().session().is_writable())).await;
    pass_time(Duration::from_secs(26)).await;
    assert_eq!(poll.response().await.text(), "2");
    pass_time(Duration::from_secs(21)).await;
    expect_end(&node, "ping timeout").await;
    assert_eq!(polling.poll().await.status, 400);
}

#[tokio::test]
async fn a_client_that_sends_no_packets() {
    let node = node().await;
    for packet in ["abc", "2{}", r#"2["disconnect"]"#, "51-[1]"] {
        let mut client = node.client().await;
        client.send(packet).await;
        expect_end(&node, "parse error").await;
        assert!(client.closed().await);
    }
    let (polling, _) = node.polling_client().await;
    polling.send(&["4abc"]).await;
    expect_end(&node, "parse error").await;
}

#[tokio::test]
async fn a_client_that_violates_the_protocol() {
    let node = node().await;
    let mut client = node.client().await;
    client.send("0").await;
    expect_end(&node, "forced close").await;
    assert!(client.closed().await);

    let (polling, _) = node.polling_client().await;
    let mut poll = polling.start_poll().await;
    until("the GET waits", || node.io.sockets().iter().all(|socket| socket.conn().session().is_writable())).await;
    polling.send(&["40"]).await;
    expect_end(&node, "forced close").await;
    assert_eq!(poll.response().await.text(), "1");

    // One that cannot be told yet.
    let (polling, _) = node.polling_client().await;
    polling.send(&["40"]).await;
    expect_end(&node, "forced server close").await;
    assert_eq!(polling.poll().await.text(), "6\x1e1");
}

#[tokio::test]
async fn a_client_that_does_not_read() {
    let node = Node::with(|builder| builder.engine(|engine| engine.max_outbox_size(4000))).await;
    listen(&node);
    let (_polling, _) = node.polling_client().await;
    let text = "x".repeat(1000);
    for _ in 0..5 {
        node.io.emit("much", &text);
    }
    expect_end(&node, "slow consumer").await;
}

#[tokio::test]
async fn a_server_that_disconnects_a_socket() {
    let node = node().await;
    let mut client = node.client().await;
    client.send("0/other,").await;
    client.packet().await;
    let main = node.io.sockets().remove(0);
    let other = node.io.of("/other").sockets().remove(0);
    other.disconnect(false);
    node.journal.expect(["/other server namespace disconnect", "/other server namespace disconnect"]).await;
    assert_eq!(client.packet().await, "1/other,");
    assert!(main.connected() && !other.connected());
    main.disconnect(false);
    assert_eq!(client.packet().await, "1");
    expect_end(&node, "server namespace disconnect").await;
    // Once more changes nothing.
    main.disconnect(false);
    other.disconnect(false);
    client.send("0").await;
    assert!(client.packet().await.starts_with(r#"0{"sid""#));
    node.journal.expect_nothing().await;
}

#[tokio::test]
async fn a_server_that_disconnects_a_client() {
    let node = node().await;
    let mut client = node.client().await;
    client.send("0/other,").await;
    client.packet().await;
    node.io.of("/other").sockets()[0].disconnect(true);
    let mut notes = Vec::new();
    for _ in 0..4 {
        notes.push(node.journal.next().await);
    }
    notes.sort();
    let [main, other] = ["/ server namespace disconnect", "/other server namespace disconnect"];
    assert_eq!(notes, [main, main, other, other]);
    let mut packets = [client.packet().await, client.packet().await];
    packets.sort();
    assert_eq!(packets, ["1", "1/other,"]);
    assert_eq!(client.websocket.recv().await, Some(Frame::Close(None)));
}

#[tokio::test]
async fn a_server_that_disconnects_a_polling_client() {
    let node = node().await;
    let (polling, _) = node.polling_client().await;
    node.io.sockets()[0].disconnect(true);
    expect_end(&node, "server namespace disconnect").await;
    assert_eq!(polling.poll().await.text(), "41");
    assert_eq!(polling.poll().await.text(), "6\x1e1");
    assert_eq!(polling.poll().await.status, 400);
}

#[tokio::test]
async fn a_socket_can_be_disconnected_by_its_own_handlers() {
    let node = node().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("leave", async |socket: Socket, ack: Ack| {
            ack.send("bye")?;
            socket.disconnect(false);
            socket.on("more", async |State(journal): State<Journal>| journal.note("never"));
            ack.send("nothing")
        });
        if socket.handshake().auth()["welcome"] == false.into() {
            socket.disconnect(true);
            assert!(!socket.connected());
        }
    });
    let mut client = node.client().await;
    client.send(r#"21["leave"]"#).await;
    assert_eq!(client.packet().await, r#"31["bye"]"#);
    assert_eq!(client.packet().await, "1");
    expect_end(&node, "server namespace disconnect").await;
    let mut unwelcome = Client::open(node.address).await;
    unwelcome.send(r#"0{"welcome":false}"#).await;
    assert!(unwelcome.packet().await.starts_with(r#"0{"sid""#));
    assert_eq!(unwelcome.packet().await, "1");
    assert!(unwelcome.closed().await);
    expect_end(&node, "server namespace disconnect").await;
}

#[tokio::test]
async fn what_exactly_has_happened_can_be_asked_for() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on_disconnect(
            async |State(journal): State<Journal>, DisconnectDescription(what): DisconnectDescription| {
                journal.note(format!("{what:?}"));
            },
        );
    });
    let mut client = node.client().await;
    client.websocket.send_raw(&[0x81, 0x85, 0, 0, 0, 0, b'4']).await;
    drop(client);
    node.journal.expect([r#"Some("connection closed in the middle of a message")"#]).await;
    let mut client = node.client().await;
    client.send("1").await;
    node.journal.expect(["None"]).await;
}

#[tokio::test]
async fn last_words_reach_the_others() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.join("room");
        socket.on_disconnecting(async |socket: Socket| {
            for room in &socket.rooms()[1..] {
                socket.to(room).emit("left", (socket.id(), room));
            }
        });
        socket.on_disconnect(async |socket: Socket| {
            tokio::task::yield_now().await;
            socket.to("room").emit("gone", ());
        });
    });
    let leaving = node.client().await;
    let mut staying = node.client().await;
    let id = leaving.sid().to_owned();
    drop(leaving);
    assert_eq!(staying.event().await, format!(r#"["left","{id}","room"]"#));
    assert_eq!(staying.event().await, r#"["gone"]"#);
}

#[tokio::test]
async fn a_socket_that_has_ended_keeps_nothing() {
    #[derive(Clone)]
    struct Held(#[allow(dead_code, reason = "only that it is held matters")] std::sync::Arc<()>);
    let node = Node::start().await;
    let held = std::sync::Arc::new(());
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    for _ in 0..3 {
        let held = Held(held.clone());
        socket.on("e", move || {
            let _held = held.clone();
            async {}
        });
    }
    assert_eq!(std::sync::Arc::strong_count(&held), 4);
    client.send("1").await;
    patiently("the end", async {
        while std::sync::Arc::strong_count(&held) > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(!socket.connected());
}
