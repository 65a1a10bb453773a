//! Binary attachments: their number, their places, their order.

use fanfare_testkit::Client;

use crate::node::Node;

/// Sends a text packet and binary messages, and checks that the connection is closed for it.
async fn expect_closed(node: &Node, text: &str, attachments: usize) {
    let before = node.violations("packet");
    let mut client = node.client().await;
    client.send(text).await;
    for _ in 0..attachments {
        let _ = client.websocket.try_send_raw(&fanfare_testkit::WebSocket::frame(0x82, &[1, 2, 3])).await;
    }
    assert!(client.closed().await, "{text:.100}");
    assert_eq!(node.violations("packet"), before + 1, "{text:.100}");
}

/// Sends an event with attachments; returns the answer and what is attached to it.
async fn ask(client: &mut Client, text: &str, attachments: &[&[u8]]) -> (String, Vec<Vec<u8>>) {
    client.send(text).await;
    for attachment in attachments {
        client.websocket.send_binary(attachment).await;
    }
    let answer = client.packet().await;
    let mut attached = Vec::new();
    for _ in attachments {
        attached.push(client.websocket.binary().await);
    }
    (answer, attached)
}

/// SIO-16
#[tokio::test]
async fn bytes_come_back_as_they_were_sent() {
    let mut node = Node::start().await;
    let mut client = node.client().await;
    let all: Vec<u8> = (0..=255).collect();
    let text = r#"52-1["echo",{"_placeholder":true,"num":1},[{"a":{"num":0,"_placeholder":true}}],"é"]"#;
    let (answer, attached) = ask(&mut client, text, &[&all, &[]]).await;
    assert_eq!(answer, text.replace(r#"52-1["echo","#, "62-1["));
    assert_eq!(attached, [all.clone(), vec![]]);
    let ten: Vec<&[u8]> = (0..10).map(|at| &all[at..=at]).collect();
    let places: Vec<String> = (0..10).map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#)).collect();
    let (_, attached) = ask(&mut client, &format!(r#"510-2["echo",{}]"#, places.join(",")), &ten).await;
    assert_eq!(attached, ten);
    node.expect_undisturbed().await;
}

/// SIO-17
#[tokio::test]
async fn placeholders_that_lie_close_the_connection() {
    let mut node = Node::start().await;
    for argument in [
        r#"{"_placeholder":true,"num":1}"#,
        r#"{"_placeholder":true,"num":99999999999999999999}"#,
        r#"{"_placeholder":true,"num":-1}"#,
        r#"{"_placeholder":true,"num":-0}"#,
        r#"{"_placeholder":true,"num":0.5}"#,
        r#"{"_placeholder":true,"num":0e0}"#,
        r#"{"_placeholder":true,"num":"0"}"#,
        r#"{"_placeholder":true,"num":null}"#,
        r#"{"_placeholder":true,"num":[0]}"#,
        r#"{"_placeholder":true,"num":{"num":0}}"#,
        r#"{"_placeholder":true,"num":"__proto__"}"#,
        r#"{"_placeholder":true}"#,
        r#"{"_placeholder":true,"num":0,"more":1}"#,
        r#"{"_placeholder":[true],"num":0}"#,
        r#"{"_placeholder":1,"num":0}"#,
        r#"{"_placeholder":false,"num":0}"#,
        r#"{"num":0}"#,
        r#"[true,0]"#,
        r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}"#,
        r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#,
        "null",
    ] {
        expect_closed(&node, &format!(r#"51-["echo",{argument}]"#), 1).await;
    }
    expect_closed(&node, r#"52-["echo",{"_placeholder":true,"num":0}]"#, 2).await;
    node.expect_undisturbed().await;
}

/// SIO-18
#[tokio::test]
async fn an_attachment_is_used_once() {
    let mut node = Node::start().await;
    let hundred = [r#"{"_placeholder":true,"num":0}"#; 100].join(",");
    expect_closed(&node, &format!(r#"51-1["echo",{hundred}]"#), 1).await;
    node.expect_undisturbed().await;
}

/// SIO-19
#[tokio::test]
async fn the_number_of_attachments_is_a_small_number() {
    let mut node = Node::start().await;
    for count in [
        "",
        "0-",
        "00-",
        "-",
        "-1-",
        "+1-",
        "1.0-",
        "1e0-",
        " 1-",
        "1 -",
        "0x1-",
        "x-",
        "11-",
        "99-",
        "4294967296-",
        "18446744073709551617-",
        "1",
    ] {
        expect_closed(&node, &format!(r#"5{count}["echo",{{"_placeholder":true,"num":0}}]"#), 1).await;
        expect_closed(&node, &format!(r#"6{count}1[{{"_placeholder":true,"num":0}}]"#), 1).await;
    }
    node.expect_undisturbed().await;
}

/// SIO-21
#[tokio::test]
async fn a_flood_of_binary_data_behind_no_announcement_is_not_read() {
    let mut node = Node::start().await;
    expect_closed(&node, r#"50-["echo"]"#, 1000).await;
    expect_closed(&node, r#"2["echo"]"#, 1000).await;
    node.expect_undisturbed().await;
}

/// SIO-22
#[tokio::test]
async fn text_and_binary_come_in_turn() {
    let mut node = Node::start().await;
    let owing = r#"52-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    for interrupting in [r#"2["echo"]"#, owing, "1", "0/other,", "x"] {
        node.expect_closed("packet", &[owing, interrupting]).await;
    }
    let mut client = Client::open(node.address).await;
    client.websocket.send_binary(&[1]).await;
    assert!(client.closed().await, "before anything was joined");
    let mut client = node.client().await;
    client.send(owing).await;
    client.websocket.send_binary(&[1]).await;
    client.send(r#"2["echo"]"#).await;
    assert!(client.closed().await, "half-way");
    node.expect_undisturbed().await;
}
