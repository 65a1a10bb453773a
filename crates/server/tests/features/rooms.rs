//! Rooms: how sockets come into them, and what is told of that.

use fanfare::{DisconnectReason, RoomEvent, Server, Socket, State};

use crate::support::{Journal, Node, until};

/// Notes everything that happens to rooms.
fn note_room_events(io: &Server, journal: &Journal) {
    let journal = journal.clone();
    io.on_room_event(move |event| {
        journal.note(match event {
            RoomEvent::Created(room) => format!("created {room}"),
            RoomEvent::Joined(room, id) => format!("{id} joined {room}"),
            RoomEvent::Left(room, id) => format!("{id} left {room}"),
            RoomEvent::Deleted(room) => format!("deleted {room}"),
        });
    });
}

/// Checks the next notes, behind which nothing is to come.
async fn expect(journal: &Journal, notes: &[String]) {
    expect_all(journal, notes).await;
    journal.expect_nothing().await;
}

async fn expect_all(journal: &Journal, notes: &[String]) {
    for note in notes {
        assert_eq!(journal.next().await, *note);
    }
}

#[tokio::test]
async fn every_socket_is_in_the_room_of_its_id() {
    let node = Node::start().await;
    let mut first = node.client().await;
    let mut second = node.client().await;
    let socket = node.io.socket(first.sid().parse().unwrap()).unwrap();
    assert_eq!(socket.rooms(), [socket.id().into()]);
    assert_eq!(node.io.rooms(), []);
    node.io.to(first.sid()).emit("private", ());
    node.io.emit("end", ());
    assert_eq!(first.event().await, r#"["private"]"#);
    assert_eq!(second.event().await, r#"["end"]"#);
    // Nobody leaves it, and joining it again changes nothing.
    socket.leave(socket.id());
    assert!(socket.join(socket.id()));
    assert_eq!(socket.rooms(), [socket.id().into()]);
}

#[tokio::test]
async fn rooms_come_and_go_with_their_sockets() {
    let node = Node::start().await;
    let clients = [node.client().await, node.client().await];
    let [first, second] = clients.each_ref().map(|client| node.io.socket(client.sid().parse().unwrap()).unwrap());
    assert!(first.join(["a", "b", "c"]));
    assert!(first.join("a") && first.join(vec!["b".to_owned()]));
    assert_eq!(first.rooms()[1..], ["a".into(), "b".into(), "c".into()]);
    assert!(second.join("a"));
    let mut rooms = node.io.rooms();
    rooms.sort();
    assert_eq!(rooms, [("a".into(), 2), ("b".into(), 1), ("c".into(), 1)]);
    second.leave("never joined");
    first.leave("a");
    assert_eq!(first.rooms()[1..], ["b".into(), "c".into()]);
    for room in ["c", "b", "b"] {
        first.leave(room);
    }
    assert_eq!(node.io.rooms(), [("a".into(), 1)]);
    assert_eq!((first.rooms().len(), second.rooms().len()), (1, 2));
    drop(clients);
    until("both are gone", || node.io.sockets_count() == 0).await;
    assert_eq!(node.io.rooms(), []);
}

#[tokio::test]
async fn a_socket_that_is_gone_joins_nothing() {
    let node = Node::start().await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    socket.join("a");
    client.send("1").await;
    until("it has left", || !socket.connected()).await;
    assert!(!socket.join("b"));
    socket.leave("a");
    assert_eq!((socket.rooms(), node.io.rooms()), (vec![], vec![]));
}

#[tokio::test]
async fn a_socket_can_be_in_so_many_rooms_of_so_long_names() {
    let node = Node::with(|builder| builder.max_rooms_per_socket(2)).await;
    node.io.of("/early").on_connect(async |socket: Socket| socket.emit("rooms", &socket.rooms()[1..]));
    node.io.of("/early").middleware(async |socket: Socket| {
        assert!(!socket.join("x".repeat(256)) && socket.join(["a", "b"]) && socket.join("a") && !socket.join("c"));
        Ok::<_, fanfare::ConnectError>(())
    });
    let _client = node.client().await;
    let socket = node.io.sockets().remove(0);
    assert!(!socket.join("x".repeat(256)));
    assert!(socket.join("x".repeat(255)) && socket.join("a"));
    assert!(!socket.join("b") && socket.join("a"));
    socket.leave("a");
    assert!(socket.join("b"));
    let mut early = node.client_of("/early").await;
    assert_eq!(early.event().await, r#"["rooms",["a","b"]]"#);
}

#[tokio::test]
async fn rooms_tell_what_happens_to_them() {
    let node = Node::start().await;
    let journal = &node.journal;
    note_room_events(&node.io, journal);
    let mut first = node.client().await;
    let one = first.sid().to_owned();
    expect(journal, &[format!("created {one}"), format!("{one} joined {one}")]).await;
    let mut second = node.client().await;
    let two = second.sid().to_owned();
    expect(journal, &[format!("created {two}"), format!("{two} joined {two}")]).await;

    let [socket, other] = [&one, &two].map(|id| node.io.socket(id.parse().unwrap()).unwrap());
    socket.join(["a", "b"]);
    socket.join("a");
    expect(
        journal,
        &["created a".to_owned(), format!("{one} joined a"), "created b".to_owned(), format!("{one} joined b")],
    )
    .await;
    other.join("a");
    expect(journal, &[format!("{two} joined a")]).await;
    socket.leave("a");
    socket.leave("a");
    expect(journal, &[format!("{one} left a")]).await;
    other.leave("a");
    expect(journal, &[format!("{two} left a"), "deleted a".to_owned()]).await;

    first.send("1").await;
    let notes =
        [format!("{one} left b"), "deleted b".to_owned(), format!("{one} left {one}"), format!("deleted {one}")];
    expect_all(journal, &notes).await;
    second.send("1").await;
    assert_eq!(journal.next().await, format!("{two} left {two}"));
    expect(journal, &[format!("deleted {two}")]).await;
}

#[tokio::test]
async fn rooms_of_a_middleware_are_joined_with_the_socket() {
    let node = Node::start().await;
    note_room_events(&node.io, &node.journal);
    node.io.middleware(async |State(journal): State<Journal>, socket: Socket| {
        socket.join("a");
        journal.note("middleware");
        Ok::<_, fanfare::ConnectError>(())
    });
    node.io.on_connect(async |State(journal): State<Journal>| journal.note("connected"));
    let client = node.client().await;
    let id = client.sid();
    let notes = [format!("created {id}"), format!("{id} joined {id}"), "created a".to_owned()];
    assert_eq!(node.journal.next().await, "middleware");
    expect_all(&node.journal, &notes).await;
    expect(&node.journal, &[format!("{id} joined a"), "connected".to_owned()]).await;
}

#[tokio::test]
async fn rooms_are_left_between_disconnecting_and_disconnect() {
    let node = Node::start().await;
    note_room_events(&node.io, &node.journal);
    node.io.on_connect(async |socket: Socket| {
        let note = async |State(journal): State<Journal>, socket: Socket, reason: DisconnectReason| {
            journal.note(format!("{reason} {} {:?}", socket.connected(), &socket.rooms()));
        };
        socket.on_disconnecting(note);
        socket.on_disconnect(note);
    });
    let mut client = node.client().await;
    let id = client.sid().to_owned();
    node.io.sockets()[0].join("a");
    for _ in 0..4 {
        node.journal.next().await;
    }
    client.send("1").await;
    let notes = [
        format!(r#"client namespace disconnect true ["{id}", "a"]"#),
        format!("{id} left a"),
        "deleted a".to_owned(),
        format!("{id} left {id}"),
        format!("deleted {id}"),
    ];
    expect_all(&node.journal, &notes).await;
    expect(&node.journal, &["client namespace disconnect false []".to_owned()]).await;
}

#[tokio::test]
async fn who_hears_of_a_room_may_use_it() {
    let node = Node::start().await;
    let io = node.io.clone();
    node.io.on_room_event(move |event| {
        if let RoomEvent::Joined(room, id) = event
            && **room == *"lobby"
        {
            io.to("lobby").emit("joined", &io.rooms().len());
            io.socket(*id).unwrap().join("entered");
        }
    });
    let mut client = node.client().await;
    node.io.sockets()[0].join("lobby");
    assert_eq!(client.event().await, r#"["joined",1]"#);
    assert_eq!(node.io.rooms().len(), 2);
}
