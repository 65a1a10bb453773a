//! Acknowledgements of many clients.

use std::time::Duration;

use bytes::Bytes;
use fanfare::{AckArgs, AckError, BroadcastAckError, Server, Socket};
use fanfare_testkit::Client;

use crate::support::{Node, pass_time, patiently, until};

/// Clients that are all in the room `all`, and each in one of its own.
async fn clients(node: &Node, count: usize) -> Vec<Client> {
    node.io.on_connect(async |socket: Socket| {
        let number = socket.namespace().sockets_count();
        socket.join(["all".to_owned(), number.to_string()]);
    });
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(node.client().await);
    }
    clients
}

fn a_minute(io: &Server) -> fanfare::BroadcastOperator {
    io.timeout(Duration::from_secs(60))
}

/// Waits for the event and answers it.
async fn answer(client: &mut Client, id: usize, answer: &str) {
    assert_eq!(client.packet().await, format!(r#"2{id}["q","arg"]"#));
    client.send(&format!("3{id}{answer}")).await;
}

fn sorted<T: Ord>(mut answers: Vec<T>) -> Vec<T> {
    answers.sort();
    answers
}

#[tokio::test]
async fn all_clients_are_asked_with_one_id_and_all_answers_collected() {
    let node = Node::start().await;
    let mut clients = clients(&node, 3).await;
    let answers = a_minute(&node.io).emit_with_ack::<u32>("q", "arg");
    for (number, client) in clients.iter_mut().enumerate() {
        answer(client, 0, &format!(r#"[{number},"ignored"]"#)).await;
    }
    assert_eq!(sorted(patiently("answers", answers).await.unwrap()), [0, 1, 2]);
    // Without a timeout of its own it has one of 5 s.
    let answers = node.io.emit_with_ack::<Option<u32>>("q", "arg");
    for client in &mut clients {
        answer(client, 1, "[]").await;
    }
    assert_eq!(patiently("answers", answers).await, Ok(vec![None, None, None]));
}

#[tokio::test]
async fn rooms_and_exceptions_say_who_is_asked() {
    let node = Node::start().await;
    let mut clients = clients(&node, 3).await;
    let sender = node.io.socket(clients[0].sid().parse().unwrap()).unwrap();
    let asked = [
        (a_minute(&node.io).to("2"), vec![1]),
        (a_minute(&node.io).to(["1", "2", "all"]).except("3"), vec![0, 1]),
        (sender.broadcast().timeout(Duration::from_secs(60)), vec![1, 2]),
        (sender.to("3").local().timeout(Duration::from_secs(60)), vec![2]),
    ];
    for (id, (operator, expected)) in asked.into_iter().enumerate() {
        let answers = operator.emit_with_ack::<usize>("q", "arg");
        for &number in &expected {
            answer(&mut clients[number], id, &format!("[{number}]")).await;
        }
        assert_eq!(sorted(patiently("answers", answers).await.unwrap()), expected);
    }
    node.io.emit("end", ());
    for client in &mut clients {
        assert_eq!(client.event().await, r#"["end"]"#);
    }
}

#[tokio::test]
async fn answers_come_in_any_shape() {
    let node = Node::start().await;
    let mut client = clients(&node, 1).await.remove(0);
    let answers = node.io.emit_with_ack::<AckArgs>("q", "arg");
    answer(&mut client, 0, r#"["first","second"]"#).await;
    let AckArgs(args) = answers.await.unwrap().remove(0);
    let mut args = args.as_args().reader();
    assert_eq!(args.next::<(String,)>().map(|first| first.is_err()), Some(true));
    assert_eq!(args.next::<String>(), Some(Ok("second".to_owned())));

    let answers = node.io.emit_with_ack::<Bytes>("q", &Bytes::from_static(b"binary"));
    assert_eq!(client.packet().await, r#"51-1["q",{"_placeholder":true,"num":0}]"#);
    client.websocket.binary().await;
    client.send(r#"61-1[{"_placeholder":true,"num":0}]"#).await;
    client.websocket.send_binary(b"too").await;
    assert_eq!(answers.await, Ok(vec![Bytes::from_static(b"too")]));

    let answers = node.io.emit_with_ack::<u8>("q", "arg");
    answer(&mut client, 2, r#"["text"]"#).await;
    let error = answers.await.unwrap_err();
    assert!(matches!(error, BroadcastAckError::Answer(AckError::Decode(_))), "{error:?}");
}

#[tokio::test]
async fn what_has_come_in_time_is_not_lost() {
    let node = Node::start().await;
    let mut clients = clients(&node, 3).await;
    for client in &clients {
        node.io.socket(client.sid().parse().unwrap()).unwrap().on("ping", async || "pong");
    }
    let answers = a_minute(&node.io).emit_with_ack::<u32>("q", "arg");
    answer(&mut clients[1], 0, "[1]").await;
    clients[1].ask(1, r#"["ping"]"#).await;
    pass_time(Duration::from_secs(61)).await;
    let error = answers.await.unwrap_err();
    assert_eq!(error, BroadcastAckError::Incomplete { responses: vec![1], missing: 2 });
    assert_eq!(error.to_string(), "operation has timed out: 2 clients have not answered");
    answer(&mut clients[0], 0, "[too late]").await;
}

#[tokio::test]
async fn clients_that_never_answer_are_asked_on_and_on() {
    let node = Node::with(|builder| builder.max_pending_acks(3)).await;
    let mut client = clients(&node, 1).await.remove(0);
    for round in 0..20 {
        let answers = node.io.timeout(Duration::from_millis(1)).emit_with_ack::<u32>("q", "arg");
        assert_eq!(answers.await, Err(BroadcastAckError::Incomplete { responses: vec![], missing: 1 }));
        drop(node.io.emit_with_ack::<u32>("dropped", ()));
        assert_eq!(client.packet().await, format!(r#"2{}["q","arg"]"#, 2 * round));
        assert_eq!(client.packet().await, format!(r#"2{}["dropped"]"#, 2 * round + 1));
    }
    let answers = node.io.emit_with_ack::<u32>("q", "arg");
    answer(&mut client, 40, "[1]").await;
    assert_eq!(answers.await, Ok(vec![1]));
}

#[tokio::test]
async fn a_client_that_owes_too_many_answers_gets_the_event_and_counts_as_missing() {
    let node = Node::with(|builder| builder.max_pending_acks(1)).await;
    let mut client = clients(&node, 1).await.remove(0);
    let first = a_minute(&node.io).emit_with_ack::<u32>("q", "arg");
    let second = patiently("the end", a_minute(&node.io).emit_with_ack::<u32>("q", "arg")).await;
    assert_eq!(second, Err(BroadcastAckError::Incomplete { responses: vec![], missing: 1 }));
    answer(&mut client, 0, "[0]").await;
    answer(&mut client, 1, "[1]").await;
    assert_eq!(first.await, Ok(vec![0]));
}

#[tokio::test]
async fn nobody_answers_at_once() {
    let node = Node::start().await;
    let _clients = clients(&node, 1).await;
    assert_eq!(patiently("nothing", a_minute(&node.io).to("empty").emit_with_ack::<u32>("q", ())).await, Ok(vec![]));
    assert_eq!(patiently("nothing", node.io.of("/empty").emit_with_ack::<u32>("q", ())).await, Ok(vec![]));
}

#[tokio::test]
async fn clients_that_leave_are_not_waited_for() {
    let node = Node::start().await;
    let mut clients = clients(&node, 2).await;
    let answers = a_minute(&node.io).emit_with_ack::<u32>("q", "arg");
    answer(&mut clients[0], 0, "[0]").await;
    clients[1].packet().await;
    clients[1].send("1").await;
    let error = patiently("the end", answers).await.unwrap_err();
    assert_eq!(error, BroadcastAckError::Incomplete { responses: vec![0], missing: 1 });
}

#[tokio::test]
async fn a_fetched_socket_gives_one_answer() {
    let node = Node::start().await;
    let mut client = clients(&node, 1).await.remove(0);
    let remote = node.io.fetch_sockets().await.unwrap().remove(0);
    let asking = tokio::spawn({
        let remote = remote.clone();
        async move { remote.timeout(Duration::from_secs(60)).emit_with_ack::<u32>("q", "arg").await }
    });
    answer(&mut client, 0, "[7]").await;
    assert_eq!(asking.await.unwrap(), Ok(7));
    let error = remote.timeout(Duration::from_millis(1)).emit_with_ack::<u32>("q", ()).await;
    assert_eq!(error, Err(AckError::Timeout));
    client.send("1").await;
    until("it has left", || node.io.sockets_count() == 0).await;
    assert_eq!(remote.emit_with_ack::<u32>("q", ()).await, Err(AckError::Disconnected));
}
