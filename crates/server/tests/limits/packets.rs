//! Text that is no packet, or not one that a client may send.

use fanfare_testkit::Client;

use crate::node::{Node, eventually};

/// SIO-01
#[tokio::test]
async fn an_unknown_type_closes_the_connection() {
    let mut node = Node::start().await;
    for packet in ["7", "9", "x", "", "8[\"echo\"]", "\u{0}", "-1", " 2[\"echo\"]", "٢[\"echo\"]", "é"] {
        node.expect_closed("packet", &[packet]).await;
    }
    assert_eq!(node.metric("fanfare_socket_disconnects_total", Some("parse error")), 10);
    node.expect_undisturbed().await;
}

/// SIO-02
#[tokio::test]
async fn malformed_json_closes_the_connection() {
    let mut node = Node::start().await;
    for json in [
        r#"["echo""#,
        r#"["echo","#,
        r#"["echo",]"#,
        r#"["echo",1,,2]"#,
        r#"["echo" 1]"#,
        r#"["echo",1]]"#,
        r#"["echo",1]x"#,
        r#"["echo",{]"#,
        r#"["echo",{"a"}]"#,
        r#"["echo",{"a":}]"#,
        r#"["echo",{a:1}]"#,
        r#"["echo",'a']"#,
        r#"["echo",01]"#,
        r#"["echo",1.]"#,
        r#"["echo",+1]"#,
        r#"["echo",NaN]"#,
        r#"["echo",undefined]"#,
        r#"["echo",tru]"#,
        r#"["echo","\x41"]"#,
        r#"["echo","\u12"]"#,
        "[\"echo\",\"a\nb\"]",
        "[\"echo\",\"\u{0}\"]",
        r#"["echo",/* */1]"#,
        "\u{feff}[\"echo\"]",
    ] {
        node.expect_closed("packet", &[&format!("21{json}")]).await;
    }
    node.expect_undisturbed().await;
}

/// SIO-03
#[tokio::test]
async fn an_event_is_an_array_that_begins_with_its_name() {
    let mut node = Node::start().await;
    for payload in
        ["", "{}", "[]", "null", "\"echo\"", "1", "true", "[null]", "[{}]", "[[\"echo\"]]", "[true]", "[null,\"echo\"]"]
    {
        node.expect_closed("packet", &[&format!("2{payload}")]).await;
        node.expect_closed("packet", &[&format!("51-{payload}")]).await;
    }
    for payload in ["", "{}", "null", "\"echo\"", "1"] {
        node.expect_closed("packet", &[&format!("31{payload}")]).await;
    }
    node.expect_undisturbed().await;
}

/// SIO-04
#[tokio::test]
async fn reserved_names_close_the_connection_and_special_ones_have_no_handler() {
    let mut node = Node::start().await;
    for name in ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"] {
        node.expect_closed("packet", &[&format!(r#"2["{name}"]"#)]).await;
    }
    node.expect_closed("packet", &[r#"2["dis\u0063onnect"]"#]).await;
    let special = [
        "__proto__",
        "constructor",
        "prototype",
        "toString",
        "hasOwnProperty",
        "error",
        "connection",
        "message",
        "ping",
        "upgrade",
        "",
    ];
    let packets: Vec<_> = special.iter().map(|name| format!(r#"21["{name}",{{}}]"#)).collect();
    node.expect_nothing(&packets.iter().map(String::as_str).collect::<Vec<_>>()).await;
    node.expect_undisturbed().await;
}

/// SIO-14
#[tokio::test]
async fn only_a_server_refuses_connections() {
    let mut node = Node::start().await;
    node.expect_closed("connect_error", &[r#"4{"message":"no"}"#]).await;
    node.expect_closed("connect_error", &["4"]).await;
    node.expect_closed("namespace", &[r#"4/other,{"message":"no"}"#]).await;
    node.expect_undisturbed().await;
}

/// SIO-10
#[tokio::test]
async fn packets_for_a_namespace_that_was_not_joined_close_the_connection() {
    let mut node = Node::start().await;
    for packet in [r#"2/other,["echo"]"#, "3/other,1[]", "1/other,", r#"2/nowhere,["echo"]"#] {
        node.expect_closed("namespace", &[packet]).await;
    }
    let mut client = Client::open(node.address).await;
    client.send(r#"2["echo"]"#).await;
    assert!(client.closed().await);
    assert_eq!(node.violations("namespace"), 5);
    node.expect_undisturbed().await;
}

/// SIO-15
#[tokio::test]
async fn an_event_behind_a_disconnect_is_not_handled() {
    let mut node = Node::start().await;
    let handled = node.metric("fanfare_events_received_total", None);
    node.expect_closed("namespace", &["1", r#"21["join","late"]"#]).await;
    assert_eq!(node.metric("fanfare_events_received_total", None), handled);
    assert!(node.io.rooms().is_empty());
    assert_eq!(node.metric("fanfare_socket_disconnects_total", Some("client namespace disconnect")), 1);
    node.expect_undisturbed().await;
}

/// SIO-23
#[tokio::test]
async fn json_may_nest_so_deep_and_no_deeper() {
    let mut node = Node::start().await;
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let mut client = node.client().await;
    let deepest = nested(127);
    assert_eq!(client.ask(1, &format!(r#"["echo",{deepest}]"#)).await, format!("[{deepest}]"));
    for depth in [128, 1000, 100_000, 480_000] {
        node.expect_closed("packet", &[&format!(r#"21["echo",{}]"#, nested(depth))]).await;
        node.expect_closed("packet", &[&format!(r#"21["echo",{}"#, r#"{"a":"#.repeat(depth / 3))]).await;
        node.expect_closed("packet", &[&format!("31{}", nested(depth + 1))]).await;
        node.expect_closed("packet", &[&format!("0/other,{{\"a\":{}}}", nested(depth))]).await;
    }
    node.expect_undisturbed().await;
}

/// SIO-24
#[tokio::test]
async fn odd_json_passes_unchanged() {
    let mut node = Node::start().await;
    let mut client = node.client().await;
    for (id, value) in [
        r#"{"__proto__":{"polluted":true},"constructor":{"prototype":{}}}"#,
        r#"{"a":1,"a":2,"":null}"#,
        r#"{"_placeholder":true,"num":0}"#,
        r#"{"toJSON":1,"length":-1}"#,
        r#"[1e400,-1e400,1e-400,-0,0.1,123456789012345678901234567890]"#,
        r#""\ud83d \udc00 \u0000 \/ \u2028""#,
        "\"\u{7f}\u{2028}\u{202e}\u{feff}😀\"",
        "[ ]",
        "{\n\"a\" :\t1 }",
        "null",
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(client.ask(id as u64, &format!(r#"["echo",{value}]"#)).await, format!("[{value}]"));
    }
    node.expect_undisturbed().await;
}

/// SIO-35
#[tokio::test]
async fn a_second_namespace_can_be_joined_and_left_for_ever() {
    let mut node = Node::start().await;
    let mut client = node.client().await;
    for _ in 0..2000 {
        client.send("0/other,").await;
        assert!(client.packet().await.starts_with(r#"0/other,{"sid":"#));
        client.send("1/other,").await;
    }
    client.expect_nothing_before(1, r#"["echo"]"#).await;
    eventually("nobody is left", || node.io.of("/other").sockets_count() == 0).await;
    assert_eq!(node.metric("fanfare_sockets", None), 2);
    node.expect_undisturbed().await;
}
