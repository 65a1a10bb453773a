//! Rooms that clients name.

use fanfare::Server;
use fanfare_testkit::Client;

use crate::node::Node;

/// SIO-28
#[tokio::test]
async fn a_room_is_named_by_a_string() {
    let mut node = Node::start().await;
    let mut client = node.client().await;
    for room in ["null", "true", "0", "-1", "1.5", "[]", "[\"a\"]", "{}", r#"{"toString":"a"}"#] {
        assert_eq!(client.ask(1, &format!(r#"["join",{room}]"#)).await, r#"["error"]"#, "{room}");
    }
    assert_eq!(client.ask(2, r#"["join"]"#).await, r#"["error"]"#);
    for room in [r#""""#, r#""__proto__""#, r#""\u0000""#, r#""a\nb""#, r#""😀""#] {
        assert_eq!(client.ask(3, &format!(r#"["join",{room}]"#)).await, r#"["ok"]"#, "{room}");
    }
    assert_eq!(node.io.rooms().len(), 5);
    node.expect_undisturbed().await;
}

/// Limits, room name
#[tokio::test]
async fn a_room_name_has_255_bytes_at_most() {
    let mut node = Node::start().await;
    let mut client = node.client().await;
    for (name, answer) in
        [("n".repeat(255), "ok"), ("n".repeat(256), "error"), ("é".repeat(127), "ok"), ("é".repeat(128), "error")]
    {
        assert_eq!(client.ask(1, &format!(r#"["join","{name}"]"#)).await, format!(r#"["{answer}"]"#));
    }
    assert_eq!(client.ask(2, &format!(r#"["join","{}"]"#, "n".repeat(500_000))).await, r#"["error"]"#);
    assert_eq!(node.io.rooms().len(), 2);
    node.expect_undisturbed().await;
}

/// Limits, rooms per socket
#[tokio::test]
async fn a_socket_is_in_so_many_rooms_and_no_more() {
    let mut node = Node::build(Server::builder().max_rooms_per_socket(3)).await;
    let mut client = node.client().await;
    for (room, answer) in [("a", "ok"), ("b", "ok"), ("c", "ok"), ("d", "error"), ("a", "ok")] {
        assert_eq!(client.ask(1, &format!(r#"["join","{room}"]"#)).await, format!(r#"["{answer}"]"#), "{room}");
    }
    client.ask(2, r#"["leave","b"]"#).await;
    assert_eq!(client.ask(3, r#"["join","d"]"#).await, r#"["ok"]"#, "there is room again");
    assert_eq!(node.io.rooms().len(), 3);
    node.expect_undisturbed().await;
}

/// Limits, rooms per socket
#[tokio::test]
async fn a_socket_may_not_join_more_rooms_before_it_is_connected_either() {
    let io = Server::builder().max_rooms_per_socket(3).build().unwrap();
    io.on_connect(crate::node::handle);
    io.middleware(async |socket: fanfare::Socket| {
        let joined = (0..10).filter(|number| socket.join(format!("{number}"))).count();
        if joined == 3 { Ok(()) } else { Err(fanfare::ConnectError::new(format!("in {joined} rooms"))) }
    });
    let mut node = Node::serve(io).await;
    assert_eq!(node.io.rooms().len(), 3);
    node.expect_undisturbed().await;
}

/// SIO-29
#[tokio::test]
async fn only_members_get_what_is_said_in_a_room() {
    let mut node = Node::start().await;
    let (mut member, mut other, mut former) = (node.client().await, node.client().await, node.client().await);
    member.ask(1, r#"["join","room"]"#).await;
    other.ask(1, r#"["join","room2"]"#).await;
    former.ask(1, r#"["join","room"]"#).await;
    former.ask(2, r#"["leave","room"]"#).await;
    other.ask(2, r#"["say","room","hello"]"#).await;
    assert_eq!(member.event().await, r#"["said","room","hello"]"#);
    // The name of a room is not a pattern, and a socket's own room only its id.
    let member_id = member.sid().to_owned();
    for room in ["*", "roo", "room ", "", "%", "rooms", &member_id[..19], &member_id.to_uppercase()] {
        other.ask(3, &format!(r#"["say","{room}","nobody"]"#)).await;
    }
    other.ask(4, &format!(r#"["say","{member_id}","you"]"#)).await;
    assert_eq!(member.event().await, format!(r#"["said","{member_id}","you"]"#));
    for client in [&mut member, &mut other, &mut former] {
        client.expect_nothing_before(5, r#"["echo"]"#).await;
    }
    node.expect_undisturbed().await;
}

/// SIO-30
#[tokio::test]
async fn a_room_of_one_namespace_is_not_that_of_another() {
    let mut node = Node::start().await;
    let mut here = node.client().await;
    let mut there = Client::connect_to(node.address, "/other", "").await;
    here.ask(1, r#"["join","room"]"#).await;
    there.ask(1, r#"["join","room"]"#).await;
    node.io.to("room").emit("said", &1);
    node.io.of("/other").to("room").emit("said", &2);
    assert_eq!(here.event().await, r#"["said",1]"#);
    assert_eq!(there.event().await, r#"["said",2]"#);
    let id = here.sid().to_owned();
    node.io.of("/other").to(id).emit("said", &3);
    here.expect_nothing_before(2, r#"["echo"]"#).await;
    there.expect_nothing_before(2, r#"["echo"]"#).await;
    node.expect_undisturbed().await;
}
