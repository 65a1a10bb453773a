//! Packets that are as large as they may be.

use crate::node::Node;

/// SIO-25
#[tokio::test]
async fn half_a_million_arguments_are_handled() {
    let mut node = Node::start().await;
    let mut client = node.client().await;
    let many = "0,".repeat(400_000) + "0";
    assert_eq!(client.ask(1, &format!(r#"["echo",{many}]"#)).await, format!("[{many}]"));
    node.expect_undisturbed().await;
    let wide: Vec<String> = (0..60_000).map(|number| format!(r#""{number}":{number}"#)).collect();
    let wide = format!("{{{}}}", wide.join(","));
    assert_eq!(client.ask(2, &format!(r#"["echo",{wide}]"#)).await, format!("[{wide}]"));
    // Read as values, too: once as a string that it is not, once as whatever it is.
    assert_eq!(client.ask(3, &format!(r#"["join",{wide}]"#)).await, r#"["error"]"#);
    assert_eq!(client.ask(4, &format!(r#"["say","room",{wide}]"#)).await, "[]");
    node.expect_undisturbed().await;
}

/// SIO-26
#[tokio::test]
async fn an_event_with_a_name_of_half_a_megabyte_has_no_handler() {
    let mut node = Node::start().await;
    let name = "n".repeat(500_000);
    node.expect_nothing(&[&format!(r#"2["{name}"]"#), &format!(r#"21["{name}",1]"#)]).await;
    let escaped = r"\u006e".repeat(80_000);
    node.expect_nothing(&[&format!(r#"21["{escaped}",1]"#)]).await;
    node.expect_undisturbed().await;
}

/// SIO-20, on the wire
#[tokio::test]
async fn attachments_are_bounded_together() {
    let mut node = Node::start().await;
    let mut client = node.client().await;
    let places: Vec<String> = (0..10).map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#)).collect();
    client.send(&format!(r#"510-["echo",{}]"#, places.join(","))).await;
    let large = vec![7; 150_000];
    for _ in 0..10 {
        let _ = client.websocket.try_send_raw(&fanfare_testkit::WebSocket::frame(0x82, &large)).await;
    }
    assert!(client.closed().await);
    assert_eq!(node.violations("packet"), 1);
    node.expect_undisturbed().await;
}
