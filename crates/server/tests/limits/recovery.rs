//! Sessions that come back, and those that must not.

use std::time::Duration;

use fanfare::{Recovery, Server, Socket};
use fanfare_testkit::Client;

use crate::node::{Node, eventually, handle};

/// What a client needs to come back.
struct Ticket {
    id: String,
    pid: String,
    offset: String,
}

impl Ticket {
    fn auth(&self) -> String {
        format!(r#"{{"pid":"{}","offset":"{}"}}"#, self.pid, self.offset)
    }
}

async fn node(keep: Duration) -> Node {
    let recovery = Recovery { max_disconnection_duration: keep, ..Recovery::default() };
    Node::build(Server::builder().connection_state_recovery(recovery)).await
}

/// Connects a client in a room and loses it again.
async fn lose(node: &Node, room: &str) -> Ticket {
    let (mut client, answer) = connect(node, "").await;
    let ticket = Ticket { id: sid(&answer), pid: field(&answer, "pid"), offset: String::new() };
    node.io.to(ticket.id.as_str()).emit("first", ());
    let event = client.event().await;
    let offset = event.strip_prefix(r#"["first",""#).and_then(|rest| rest.strip_suffix("\"]"));
    let ticket = Ticket { offset: offset.expect("an offset").to_owned(), ..ticket };
    let socket = node.io.socket(ticket.id.parse().unwrap()).expect("it is connected");
    socket.join(room);
    drop(client);
    eventually("it is lost", || node.io.socket(socket.id()).is_none() && !socket.connected()).await;
    ticket
}

/// Connects with a payload; returns the client and the answer.
async fn connect(node: &Node, auth: &str) -> (Client, String) {
    let mut client = Client::open(node.address).await;
    client.send(&format!("0{auth}")).await;
    loop {
        // What was missed comes before the answer.
        let packet = client.packet().await;
        if packet.starts_with('0') {
            return (client, packet);
        }
        assert!(packet.starts_with('2'), "{packet}");
    }
}

/// Comes back; returns the events that come before the answer, and the answer.
async fn come_back(node: &Node, auth: &str) -> (Client, Vec<String>, String) {
    let mut client = Client::open(node.address).await;
    client.send(&format!("0{auth}")).await;
    let mut missed = Vec::new();
    loop {
        let packet = client.packet().await;
        match packet.strip_prefix('2') {
            Some(event) => missed.push(event.split(',').next().unwrap_or_default().to_owned()),
            None => return (client, missed, packet),
        }
    }
}

fn sid(answer: &str) -> String {
    field(answer, "sid")
}

fn field(answer: &str, name: &str) -> String {
    let rest = answer.split(&format!(r#""{name}":""#)).nth(1).unwrap_or_else(|| panic!("no {name}: {answer}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}

/// AUTH-07
#[tokio::test]
async fn only_the_right_ticket_brings_a_session_back_and_only_once() {
    let mut node = node(Duration::from_secs(60)).await;
    let (ticket, other) = (lose(&node, "room").await, lose(&node, "room").await);
    node.io.to("room").emit("missed", ());
    let own = |pid: &str, offset: &str| format!(r#"{{"pid":"{pid}","offset":"{offset}"}}"#);
    let altered = format!("{}{}", &ticket.pid[1..], if ticket.pid.ends_with('A') { "B" } else { "A" });
    for auth in [
        own(&ticket.id, &ticket.offset),
        own(&altered, &ticket.offset),
        own(&ticket.pid.to_lowercase(), &ticket.offset),
        own("", &ticket.offset),
        own("__proto__", &ticket.offset),
        own(&"x".repeat(100_000), &ticket.offset),
        format!(r#"{{"pid":"{}"}}"#, ticket.pid),
        format!(r#"{{"pid":["{}"],"offset":"{}"}}"#, ticket.pid, ticket.offset),
        format!(r#"{{"pid":"{}","offset":7}}"#, ticket.pid),
    ] {
        let (_client, missed, answer) = come_back(&node, &auth).await;
        assert!(missed.is_empty() && sid(&answer) != ticket.id && field(&answer, "pid") != ticket.pid, "{auth:.100}");
    }
    let (_client, missed, answer) = come_back(&node, &ticket.auth()).await;
    assert_eq!((missed, sid(&answer)), (vec![r#"["missed""#.to_owned()], ticket.id.clone()));
    let (_second, missed, answer) = come_back(&node, &ticket.auth()).await;
    assert!(missed.is_empty() && sid(&answer) != ticket.id, "it has been used");
    // A wrong offset is no way in, and spends the ticket.
    for offset in ["ffff", "-1", "zz", "", "ffffffffffffffff"] {
        let (_client, missed, answer) = come_back(&node, &own(&other.pid, offset)).await;
        assert!(missed.is_empty() && sid(&answer) != other.id, "{offset}");
    }
    node.expect_undisturbed().await;
}

/// AUTH-07
#[tokio::test]
async fn a_ticket_expires() {
    let mut node = node(Duration::from_millis(50)).await;
    let ticket = lose(&node, "room").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (_client, missed, answer) = come_back(&node, &ticket.auth()).await;
    assert!(missed.is_empty() && sid(&answer) != ticket.id);
    node.expect_undisturbed().await;
}

/// AUTH-07
#[tokio::test]
async fn a_ticket_is_not_spent_on_a_connection_that_breaks_before_the_answer() {
    let recovery = Recovery { skip_middlewares: false, ..Recovery::default() };
    let io = Server::builder().connection_state_recovery(recovery).build().unwrap();
    io.on_connect(handle);
    let (pauses, waiting) = (std::sync::Arc::new(tokio::sync::Semaphore::new(100)), std::sync::Arc::new(()));
    let (pause, asked) = (pauses.clone(), waiting.clone());
    io.middleware(move || {
        let (pause, asked) = (pause.clone(), asked.clone());
        async move {
            let _asked = asked;
            pause.acquire().await.map(drop).map_err(|_| "closed")
        }
    });
    let mut node = Node::serve(io).await;
    let ticket = lose(&node, "room").await;
    let asked = std::sync::Arc::strong_count(&waiting);
    let permits = pauses.forget_permits(100);
    let mut client = Client::open(node.address).await;
    client.send(&format!("0{}", ticket.auth())).await;
    eventually("it is asked about", || std::sync::Arc::strong_count(&waiting) == asked + 1).await;
    drop(client);
    eventually("it is not any more", || std::sync::Arc::strong_count(&waiting) == asked).await;
    pauses.add_permits(permits);
    let (_client, _, answer) = come_back(&node, &ticket.auth()).await;
    assert_eq!(sid(&answer), ticket.id);
    node.expect_undisturbed().await;
}

/// AUTH-08
#[tokio::test]
async fn what_was_said_in_rooms_that_were_left_is_not_replayed() {
    let mut node = node(Duration::from_secs(60)).await;
    let (mut client, answer) = connect(&node, "").await;
    let (id, pid) = (sid(&answer), field(&answer, "pid"));
    let socket = node.io.socket(id.parse().unwrap()).expect("it is connected");
    socket.join(["kept", "left"]);
    node.io.to("kept").emit("first", ());
    let event = client.event().await;
    let offset = event.split('"').nth(3).expect("an offset").to_owned();
    socket.leave("left");
    drop(client);
    eventually("it is lost", || !socket.connected()).await;
    for room in ["kept", "left", "never"] {
        node.io.to(room).emit(room, ());
    }
    let ticket = Ticket { id, pid, offset };
    let (_client, missed, answer) = come_back(&node, &ticket.auth()).await;
    assert_eq!((missed, sid(&answer)), (vec![r#"["kept""#.to_owned()], ticket.id));
    node.expect_undisturbed().await;
}

/// AUTH-08
#[tokio::test]
async fn rights_are_taken_from_lost_clients_too() {
    let mut node = node(Duration::from_secs(60)).await;
    let (demoted, banned) = (lose(&node, "moderators").await, lose(&node, "guests").await);
    node.io.to("moderators").emit("before", ());
    node.io.to("moderators").sockets_leave("moderators");
    node.io.to("guests").disconnect_sockets(true);
    node.io.to("moderators").emit("after", ());
    node.io.emit("everybody", ());
    let (_client, missed, answer) = come_back(&node, &demoted.auth()).await;
    assert_eq!((missed, sid(&answer)), (vec![r#"["everybody""#.to_owned()], demoted.id));
    assert!(node.io.rooms().is_empty());
    let (_client, missed, answer) = come_back(&node, &banned.auth()).await;
    assert!(missed.is_empty() && sid(&answer) != banned.id);
    assert!(node.canary().event().await.starts_with(r#"["everybody""#));
    node.expect_undisturbed().await;
}

/// AUTH-08
#[tokio::test]
async fn nobody_asks_for_what_happened_before_it_came() {
    let mut node = node(Duration::from_secs(60)).await;
    let earlier = lose(&node, "room").await;
    node.io.to("room").emit("before", ());
    let ticket = lose(&node, "room").await;
    let (number, signature) = ticket.offset.split_once('.').expect("a number and its signature");
    let number = u64::from_str_radix(number, 16).expect("a number") - 2;
    let forged = format!(r#"{{"pid":"{}","offset":"{number:x}.{signature}"}}"#, ticket.pid);
    let (_client, missed, answer) = come_back(&node, &forged).await;
    assert!(missed.is_empty() && sid(&answer) != ticket.id && sid(&answer) != earlier.id);
    node.expect_undisturbed().await;
}

/// AUTH-08: whatever is sent while it comes back arrives once
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_while_a_session_comes_back() {
    let mut node = node(Duration::from_secs(60)).await;
    for _ in 0..20 {
        let ticket = lose(&node, "room").await;
        let io = node.io.clone();
        let sending = tokio::task::spawn_blocking(move || {
            for number in 0..200 {
                io.to("room").emit("number", &number);
            }
        });
        let mut client = Client::open(node.address).await;
        client.send(&format!("0{}", ticket.auth())).await;
        let (mut numbers, mut answers) = (Vec::new(), 0);
        while numbers.len() < 200 || answers == 0 {
            let packet = client.packet().await;
            match packet.strip_prefix(r#"2["number","#).and_then(|rest| rest.split(',').next()) {
                Some(number) => numbers.push(number.parse::<usize>().unwrap()),
                None => {
                    assert_eq!(sid(&packet), ticket.id);
                    answers += 1;
                }
            }
        }
        assert!(numbers.iter().copied().eq(0..200), "{numbers:?}");
        sending.await.unwrap();
        client.expect_nothing_before(1, r#"["echo"]"#).await;
    }
    node.expect_undisturbed().await;
}

/// Limits, all outboxes: what is kept for recovery does not count
#[tokio::test]
async fn what_is_kept_for_lost_clients_closes_nobody() {
    let recovery = Recovery::default();
    let io = Server::builder().connection_state_recovery(recovery).engine(|engine| engine.max_outboxes_size(2 << 20));
    let mut node = Node::build(io).await;
    let ticket = lose(&node, "room").await;
    let filler = "x".repeat(100_000);
    for _ in 0..100 {
        node.io.to("room").emit("filler", &filler);
    }
    assert!(node.metric("fanfare_outbox_bytes", None) < 100_000, "nobody is there to wait for it");
    node.expect_undisturbed().await;
    node.io.to("room").sockets_leave("room");
    node.io.emit("news", ());
    assert!(node.canary().event().await.starts_with(r#"["news""#));
    let (_client, missed, answer) = come_back(&node, &ticket.auth()).await;
    assert_eq!((missed, sid(&answer)), (vec![r#"["news""#.to_owned()], ticket.id));
    assert_eq!(node.metric("fanfare_outbox_overflows_total", None), 0);
    node.expect_undisturbed().await;
}

/// The client is back before the server has noticed that it was gone: a session that is not lost cannot be restored.
#[tokio::test]
async fn a_session_that_is_still_there_is_not_given_away() {
    let mut node = node(Duration::from_secs(60)).await;
    let (mut client, answer) = connect(&node, "").await;
    let (id, pid) = (sid(&answer), field(&answer, "pid"));
    node.io.to(id.as_str()).emit("first", ());
    let offset = client.event().await.split('"').nth(3).expect("an offset").to_owned();
    let ticket = Ticket { id, pid, offset };
    let (_thief, missed, answer) = come_back(&node, &ticket.auth()).await;
    assert!(missed.is_empty() && sid(&answer) != ticket.id);
    client.expect_nothing_before(1, r#"["echo"]"#).await;
    let socket: Socket = node.io.socket(ticket.id.parse().unwrap()).expect("it is connected");
    assert!(!socket.recovered());
    node.expect_undisturbed().await;
}
