//! Ids of acknowledgements.

use crate::node::Node;

/// SIO-12
#[tokio::test]
async fn every_id_that_javascript_can_count_to_is_answered_exactly() {
    let mut node = Node::start().await;
    let mut client = node.client().await;
    for id in [0, 1, u64::from(u32::MAX), (1 << 53) - 2, (1 << 53) - 1] {
        assert_eq!(client.ask(id, r#"["echo","x"]"#).await, r#"["x"]"#);
    }
    for zeros in [2, 900_000] {
        client.send(&format!(r#"2{}7["echo"]"#, "0".repeat(zeros))).await;
        assert_eq!(client.packet().await, "37[]");
    }
    node.expect_undisturbed().await;
}

/// SIO-12
#[tokio::test]
async fn ids_that_are_no_such_number_close_the_connection() {
    let mut node = Node::start().await;
    for id in [
        "9007199254740992",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999",
        "-1",
        "1.5",
        "1e3",
        "0x1",
        " 1",
        "1 2",
        "١",
    ] {
        node.expect_closed("packet", &[&format!(r#"2{id}["echo"]"#)]).await;
        node.expect_closed("packet", &[&format!("3{id}[]")]).await;
    }
    node.expect_undisturbed().await;
}

/// SIO-13
#[tokio::test]
async fn acknowledgements_that_nobody_asked_for_are_ignored() {
    let mut node = Node::start().await;
    node.expect_nothing(&["30[]", "31[1]", "39007199254740991[]", "3[]", r#"37[{"a":1}]"#]).await;
    node.expect_undisturbed().await;
}

/// SIO-27
#[tokio::test]
async fn a_number_or_a_name_without_end_is_refused_at_once() {
    let mut node = Node::start().await;
    let many = 999_000;
    for packet in [
        format!("2{}", "9".repeat(many)),
        format!("5{}", "1".repeat(many)),
        format!("5{}-[\"echo\"]", "9".repeat(many)),
        format!("2/{}", "n".repeat(many)),
        format!("2/{},[\"echo\"]", "/".repeat(many)),
        format!("21[\"echo\",{}", "1".repeat(many)),
        format!("21[\"echo\",\"{}", "\\\\".repeat(many / 2)),
        format!("21[\"echo\"{}", " ".repeat(many)),
    ] {
        node.expect_closed("packet", &[&packet]).await;
        node.expect_undisturbed().await;
    }
}
