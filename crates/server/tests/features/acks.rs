//! Acknowledgements between one client and the server.

use std::time::Duration;

use bytes::Bytes;
use fanfare::{Ack, AckArgs, AckError, Data, EmitError, HandlerError, RawArgs, Socket, State, Value};
use serde::Serialize;

use crate::support::{Gate, Journal, Node, patiently, until};

#[derive(Serialize)]
struct Receipt {
    id: u32,
}

#[tokio::test]
async fn what_a_handler_returns_is_the_acknowledgement() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("nothing", async || ());
        socket.on("text", async || "text");
        socket.on("string", async || String::from("é\""));
        socket.on("number", async || -1.5);
        socket.on("bool", async || true);
        socket.on("none", async || None::<u8>);
        socket.on("some", async || Some(1));
        socket.on("list", async || vec![1, 2]);
        socket.on("struct", async || Data(Receipt { id: 7 }));
        socket.on("several", async || (1, "two", [3]));
        socket.on("value", async |Data(value): Data<Value>| value);
        socket.on("args", async |args: RawArgs| args);
        socket.on("ok", async || Ok::<_, EmitError>("fine"));
        socket.on("ok nothing", async || Ok::<(), EmitError>(()));
        socket.on("emit", async |socket: Socket| socket.broadcast().emit("e", ()));
        socket.on("later", async || {
            tokio::task::yield_now().await;
            "later"
        });
        socket.on("refused", async || Err::<(), _>(HandlerError::for_client("not you")));
        socket.on("failed", async || Err::<(), _>(EmitError::Reserved("a secret".to_owned())));
    });
    let mut client = node.client().await;
    for (event, answer) in [
        (r#"["nothing"]"#, "[]"),
        (r#"["text"]"#, r#"["text"]"#),
        (r#"["string"]"#, r#"["é\""]"#),
        (r#"["number"]"#, "[-1.5]"),
        (r#"["bool"]"#, "[true]"),
        (r#"["none"]"#, "[null]"),
        (r#"["some"]"#, "[1]"),
        (r#"["list"]"#, "[[1,2]]"),
        (r#"["struct"]"#, r#"[{"id":7}]"#),
        (r#"["several"]"#, r#"[1,"two",[3]]"#),
        (r#"["value",{"a":[null]}]"#, r#"[{"a":[null]}]"#),
        (r#"["args"]"#, "[]"),
        (r#"["args",1,"2",{"3":[false]}]"#, r#"[1,"2",{"3":[false]}]"#),
        (r#"["ok"]"#, r#"["fine"]"#),
        (r#"["ok nothing"]"#, "[]"),
        (r#"["emit"]"#, "[]"),
        (r#"["later"]"#, r#"["later"]"#),
        (r#"["refused"]"#, r#"[{"error":"not you"}]"#),
        (r#"["failed"]"#, r#"[{"error":"internal error"}]"#),
    ] {
        assert_eq!(client.ask(456, event).await, answer, "{event}");
    }
}

#[tokio::test]
async fn an_acknowledgement_has_the_id_and_namespace_of_its_event() {
    let node = Node::start().await;
    for namespace in [node.io.of("/"), node.io.of("/admin")] {
        namespace.on_connect(async |socket: Socket| {
            socket.on("e", async || 1);
        });
    }
    let mut client = node.client().await;
    client.send("0/admin,").await;
    client.packet().await;
    for (event, answer) in [
        (r#"20["e"]"#, "30[1]"),
        (r#"2007["e"]"#, "37[1]"),
        (r#"29007199254740991["e"]"#, "39007199254740991[1]"),
        (r#"2/admin,13["e"]"#, "3/admin,13[1]"),
    ] {
        client.send(event).await;
        assert_eq!(client.packet().await, answer);
    }
}

#[tokio::test]
async fn acknowledgements_may_hold_binary_data() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("bytes", async |Data(bytes): Data<Bytes>| bytes);
        socket.on("args", async |args: RawArgs| args);
    });
    let mut client = node.client().await;
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    for event in ["bytes", "args"] {
        client.send(&format!(r#"51-7["{event}",{placeholder}]"#)).await;
        client.websocket.send_binary(&[1, 2, 3]).await;
        assert_eq!(client.packet().await, format!("61-7[{placeholder}]"));
        assert_eq!(client.websocket.binary().await, [1, 2, 3]);
    }
}

#[tokio::test]
async fn a_handler_can_keep_the_acknowledgement_and_answer_once() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("keep", async |State(journal): State<Journal>, State(gate): State<Gate>, ack: Ack| {
            tokio::spawn(async move {
                gate.pass().await;
                assert!(ack.is_requested());
                journal.note(format!("{:?}", ack.send((1, "first"))));
                journal.note(format!("{:?}", ack.clone().send("second")));
            });
            "what it returns does not matter then"
        });
        socket.on("never", async |_: Ack| ());
        socket.on("ping", async || "pong");
    });
    let mut client = node.client().await;
    client.send(r#"21["keep"]"#).await;
    client.send(r#"22["never"]"#).await;
    assert_eq!(client.ask(3, r#"["ping"]"#).await, r#"["pong"]"#);
    node.gate.open();
    assert_eq!(client.packet().await, r#"31[1,"first"]"#);
    node.journal.expect(["Ok(())", "Ok(())"]).await;
    assert_eq!(client.ask(4, r#"["ping"]"#).await, r#"["pong"]"#);
}

#[tokio::test]
async fn an_acknowledgement_nobody_waits_for_goes_nowhere() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("e", async |State(journal): State<Journal>, ack: Ack| {
            journal.note(ack.is_requested());
            ack.send("unasked")
        });
        socket.on("returns", async || "unasked");
        socket.on("end", async || "end");
    });
    let mut client = node.client().await;
    client.emit(r#"["e"]"#).await;
    client.emit(r#"["returns"]"#).await;
    assert_eq!(client.ask(1, r#"["end"]"#).await, r#"["end"]"#);
    node.journal.expect(["false"]).await;
}

#[tokio::test]
async fn a_client_that_has_left_cannot_be_answered() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("e", async |State(journal): State<Journal>, State(gate): State<Gate>, ack: Ack| {
            journal.note("asked");
            gate.pass().await;
            journal.note(format!("{:?}", ack.send("too late")));
        });
        socket.on("returns", async |State(gate): State<Gate>| {
            gate.pass().await;
            "too late, which is no mistake"
        });
    });
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    client.send(r#"21["e"]"#).await;
    client.send(r#"22["returns"]"#).await;
    node.journal.expect(["asked"]).await;
    client.send("1").await;
    until("it has left", || !socket.connected()).await;
    node.gate.open();
    node.gate.open();
    node.journal.expect(["Err(Disconnected)"]).await;
    node.journal.expect_nothing().await;
}

#[tokio::test]
async fn the_server_can_ask_and_take_the_answer_in_any_shape() {
    let node = Node::start().await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);

    let text = socket.emit_with_ack::<String>("q", ("a", 1));
    assert_eq!(client.packet().await, r#"20["q","a",1]"#);
    client.send(r#"30["yes","more"]"#).await;
    assert_eq!(text.await, Ok("yes".to_owned()));

    let AckArgs(all) = ask(&socket, &mut client, r#"31["yes",2]"#).await.unwrap();
    let mut all = all.as_args().reader();
    assert_eq!((all.next::<String>(), all.next::<u8>()), (Some(Ok("yes".to_owned())), Some(Ok(2))));
    assert_eq!(ask::<Option<u8>>(&socket, &mut client, "32[]").await, Ok(None));
    assert_eq!(ask::<()>(&socket, &mut client, "33[]").await, Ok(()));
    assert_eq!(ask::<Vec<u8>>(&socket, &mut client, "34[[1,2],3]").await, Ok(vec![1, 2]));

    let bytes = socket.emit_with_ack::<Bytes>("q", ());
    client.packet().await;
    client.send(r#"61-5[{"_placeholder":true,"num":0}]"#).await;
    client.websocket.send_binary(b"data").await;
    assert_eq!(bytes.await, Ok(Bytes::from_static(b"data")));

    let wrong = ask::<u8>(&socket, &mut client, r#"36["text"]"#).await;
    assert!(matches!(wrong, Err(AckError::Decode(_))), "{wrong:?}");
}

/// Asks, answers with a packet, and takes what has become of it.
async fn ask<T: fanfare::FromAck>(
    socket: &Socket,
    client: &mut fanfare_testkit::Client,
    answer: &str,
) -> Result<T, AckError> {
    let answered = socket.emit_with_ack("q", ());
    client.packet().await;
    client.send(answer).await;
    patiently("the answer", answered).await
}

#[tokio::test]
async fn ids_count_up_in_a_namespace() {
    let node = Node::start().await;
    let admin = node.io.of("/admin");
    let (mut first, mut second) = (node.client().await, node.client().await);
    let mut other = node.client_of("/admin").await;
    let ask = |id: &str| drop(node.io.socket(id.parse().unwrap()).unwrap().emit_with_ack::<()>("q", ()));
    ask(first.sid());
    ask(second.sid());
    ask(first.sid());
    drop(admin.sockets()[0].emit_with_ack::<()>("q", ()));
    assert_eq!((first.packet().await, first.packet().await), (r#"20["q"]"#.to_owned(), r#"22["q"]"#.to_owned()));
    assert_eq!(second.packet().await, r#"21["q"]"#);
    assert_eq!(other.packet().await, r#"2/admin,0["q"]"#);
}

#[tokio::test]
async fn an_acknowledgement_that_nobody_has_asked_for_is_ignored() {
    let node = Node::start().await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    for packet in ["31[]", "3999[1]", "3[]"] {
        client.send(packet).await;
    }
    assert_eq!(ask::<u8>(&socket, &mut client, "30[1]").await, Ok(1));
    client.send("30[2]").await;
    assert_eq!(ask::<u8>(&socket, &mut client, "31[3]").await, Ok(3));
}

#[tokio::test]
async fn an_answer_can_be_waited_for_in_vain() {
    let node = Node::start().await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    let answer = socket.timeout(Duration::from_millis(20)).emit_with_ack::<u8>("q", ());
    assert_eq!(client.packet().await, r#"20["q"]"#);
    let error = answer.await.unwrap_err();
    assert_eq!((&error, error.to_string().as_str()), (&AckError::Timeout, "operation has timed out"));
    client.send("30[1]").await;
    let in_time = socket.timeout(Duration::from_secs(60)).emit_with_ack::<u8>("q", ());
    client.packet().await;
    client.send("31[2]").await;
    assert_eq!(in_time.await, Ok(2));
}

#[tokio::test]
async fn who_waits_for_a_client_that_leaves_hears_of_it() {
    let node = Node::start().await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    let answer = socket.emit_with_ack::<u8>("q", ());
    let limited = socket.timeout(Duration::from_secs(3600)).emit_with_ack::<u8>("q", ());
    client.packet().await;
    client.send("1").await;
    assert_eq!(patiently("the end", answer).await, Err(AckError::Disconnected));
    assert_eq!(patiently("the end", limited).await, Err(AckError::Disconnected));
    let late = socket.emit_with_ack::<u8>("q", ()).await;
    assert_eq!(late, Err(AckError::Emit(EmitError::Disconnected)));
}

#[tokio::test]
async fn a_client_can_owe_only_so_many_answers() {
    let node = Node::with(|builder| builder.max_pending_acks(2)).await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    let first = socket.emit_with_ack::<u8>("q", ());
    let second = socket.emit_with_ack::<u8>("q", ());
    let third = socket.emit_with_ack::<u8>("q", ()).await;
    assert_eq!(third, Err(AckError::Emit(EmitError::TooManyAcks { pending: 2 })));
    drop(second);
    let fourth = socket.emit_with_ack::<u8>("q", ());
    for id in [0, 1, 3] {
        assert_eq!(client.packet().await, format!(r#"2{id}["q"]"#));
    }
    for packet in ["30[0]", "31[1]", "33[3]"] {
        client.send(packet).await;
    }
    assert_eq!((first.await, fourth.await), (Ok(0), Ok(3)));
}
