//! Events, from clients and to them.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use fanfare::{Data, EmitError, RawArgs, Socket, State, Value};
use fanfare_testkit::Frame;

use crate::support::{Journal, Node, until};

/// Sends every `echo` back, with its arguments as they are, and every `value`, turned into a value and back.
async fn echo(socket: Socket) {
    socket.on("echo", async |socket: Socket, args: RawArgs| socket.emit("echo", args));
    socket.on("value", async |socket: Socket, Data(value): Data<Value>| socket.emit("value", &value));
}

#[tokio::test]
async fn any_arguments_travel_both_ways() {
    let node = Node::start().await;
    node.io.on_connect(echo);
    let mut client = node.client().await;
    for event in [
        r#"["echo"]"#,
        r#"["echo",1,"2",{"3":[true]}]"#,
        r#"["echo",null,false,-1.5e-7,123456789012345678901234567890]"#,
        r#"["echo","",[],{},[[[]]],{"":{"":null}}]"#,
        r#"["echo","\"\\\/\b\f\n\r\té\u0000\ud83d\ude00 てすと 😀"]"#,
        r#"["echo",{"_placeholder":true,"num":0}]"#,
        r#"["value",{"z":[1,-2,1.5,18446744073709551615,"é😀"],"a":{"_placeholder":false}}]"#,
        r#"["value",null]"#,
    ] {
        client.emit(event).await;
        assert_eq!(client.event().await, event);
    }
    client.emit(r#"[ "echo" , 1 , { "a" : 2 } ]"#).await;
    assert_eq!(client.event().await, r#"["echo",1 , { "a" : 2 }]"#);
}

#[tokio::test]
async fn nearly_any_name_will_do() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        for name in ["", "7", "error", "connection", "message", "two words", "\"quoted\"", "é😀", "__proto__"] {
            socket.on(name, async |socket: Socket, args: RawArgs| socket.emit("heard", args));
        }
    });
    let mut client = node.client().await;
    for name in [
        "\"\"",
        "7",
        "\"7\"",
        "\"error\"",
        "\"connection\"",
        "\"two words\"",
        r#""\"quoted\"""#,
        "\"é😀\"",
        "\"__proto__\"",
    ] {
        client.emit(&format!("[{name},1]")).await;
        assert_eq!(client.event().await, r#"["heard",1]"#, "{name}");
    }
}

#[tokio::test]
async fn an_event_without_handler_has_no_effect() {
    let node = Node::start().await;
    node.io.on_connect(echo);
    let mut client = node.client().await;
    client.emit(r#"["nobody","listens"]"#).await;
    client.send(r#"27["nobody","answers"]"#).await;
    client.emit(r#"["echo"]"#).await;
    assert_eq!(client.event().await, r#"["echo"]"#);
}

#[tokio::test]
async fn binary_data_travels_both_ways_at_any_depth() {
    let node = Node::start().await;
    node.io.on_connect(echo);
    let mut client = node.client().await;
    let placeholder = |index: usize| format!(r#"{{"_placeholder":true,"num":{index}}}"#);
    let nested = format!(r#"{{"a":{{"b":[{},"text",[{}]]}}}}"#, placeholder(0), placeholder(1));
    let ten: Vec<_> = (0..10).map(placeholder).collect();
    for (name, args, attachments) in [
        ("echo", placeholder(0), 1),
        ("echo", format!("{},1,{}", placeholder(0), placeholder(1)), 2),
        ("echo", nested.clone(), 2),
        ("echo", ten.join(","), 10),
        ("value", placeholder(0), 1),
        ("value", nested, 2),
    ] {
        let packet = format!(r#"5{attachments}-["{name}",{args}]"#);
        client.send(&packet).await;
        for index in 0..attachments {
            client.websocket.send_binary(&[index, 0, 255]).await;
        }
        assert_eq!(client.packet().await, packet);
        for index in 0..attachments {
            assert_eq!(client.websocket.binary().await, [index, 0, 255]);
        }
    }
}

#[tokio::test]
async fn attachments_may_come_in_any_order_and_be_empty() {
    let node = Node::start().await;
    node.io.on_connect(echo);
    let mut client = node.client().await;
    client.send(r#"52-["value",[{"num":1,"_placeholder":true},{"_placeholder":true,"num":0}]]"#).await;
    client.websocket.send_binary(b"first").await;
    client.websocket.send_binary(b"").await;
    assert_eq!(client.packet().await, r#"52-["value",[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]]"#);
    assert_eq!((client.websocket.binary().await, client.websocket.binary().await), (vec![], b"first".to_vec()));
}

#[tokio::test]
async fn binary_data_travels_over_polling_as_base64() {
    let node = Node::start().await;
    node.io.on_connect(echo);
    let (client, _) = node.polling_client().await;
    let packet = r#"451-["echo",{"_placeholder":true,"num":0}]"#;
    client.send(&[packet, "bAQIDBA=="]).await;
    assert_eq!(client.packets().await, [packet, "bAQIDBA=="]);
}

#[tokio::test]
async fn whatever_serialises_can_be_sent() {
    #[derive(serde::Serialize)]
    struct Picture<'a> {
        name: &'a str,
        size: (u32, u32),
        data: Bytes,
        thumbnail: Option<Bytes>,
    }
    let node = Node::start().await;
    let mut client = node.client().await;
    let picture =
        Picture { name: "é.png", size: (3, 4), data: Bytes::from_static(&[1, 2]), thumbnail: Some(Bytes::new()) };
    node.io.emit("one", &picture);
    assert_eq!(
        client.packet().await,
        r#"52-["one",{"name":"é.png","size":[3,4],"data":{"_placeholder":true,"num":0},"thumbnail":{"_placeholder":true,"num":1}}]"#
    );
    assert_eq!((client.websocket.binary().await, client.websocket.binary().await), (vec![1, 2], vec![]));
    let plain = Picture { thumbnail: None, ..picture };
    node.io.emit("several", (1, "two", [3.5, f64::NAN], true, &plain.thumbnail, HashMap::from([("k", 'v')])));
    assert_eq!(client.event().await, r#"["several",1,"two",[3.5,null],true,null,{"k":"v"}]"#);
    node.io.emit("none", ());
    assert_eq!(client.event().await, r#"["none"]"#);
    node.io.emit("a list is one", &[1, 2]);
    assert_eq!(client.event().await, r#"["a list is one",[1,2]]"#);
}

#[tokio::test]
async fn send_is_a_message_event() {
    let node = Node::start().await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("message", async |socket: Socket, args: RawArgs| socket.send(args));
    });
    let mut client = node.client().await;
    client.emit(r#"["message","a",1]"#).await;
    assert_eq!(client.event().await, r#"["message","a",1]"#);
    node.io.send("to all");
    node.io.to(node.io.sockets()[0].id()).send(("to", "one"));
    assert_eq!(client.event().await, r#"["message","to all"]"#);
    assert_eq!(client.event().await, r#"["message","to","one"]"#);
}

#[tokio::test]
async fn reserved_names_are_not_sent() {
    let node = Node::start().await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    for name in ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"] {
        let error = socket.emit(name, ()).result().unwrap_err();
        assert_eq!(error, EmitError::Reserved(name.to_owned()));
        assert_eq!(error.to_string(), format!("{name:?} is a reserved event name"));
        assert_eq!(socket.emit(name, ()).await, Err(error.clone()));
        assert_eq!(socket.volatile().emit(name, ()).result(), Err(error.clone()));
        assert_eq!(node.io.emit(name, ()).result(), Err(error.clone()));
        assert_eq!(node.io.to("room").emit(name, ()).result(), Err(error.clone()));
        assert!(socket.emit_with_ack::<Value>(name, ()).await.is_err());
        assert!(node.io.emit_with_ack::<Value>(name, ()).await.is_err());
    }
    socket.emit("end", ());
    assert_eq!(client.event().await, r#"["end"]"#);
}

#[tokio::test]
async fn what_cannot_be_written_is_not_sent() {
    let node = Node::start().await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    let unwritable = HashMap::from([([1, 2], "a key is a string")]);
    for result in [socket.emit("bad", &unwritable).result(), node.io.emit("bad", (1, &unwritable)).result()] {
        assert!(matches!(result, Err(EmitError::Encode(_))), "{result:?}");
    }
    socket.emit("end", ());
    assert_eq!(client.event().await, r#"["end"]"#);
}

#[tokio::test]
async fn nothing_is_sent_to_a_socket_that_is_gone() {
    let node = Node::start().await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    client.send("1").await;
    until("it has left", || !socket.connected()).await;
    assert_eq!(socket.emit("too late", ()).await, Err(EmitError::Disconnected));
    assert!(node.io.emit("to nobody", ()).await.is_ok());
    client.send("0").await;
    assert!(client.packet().await.starts_with(r#"0{"sid""#));
}

#[tokio::test]
async fn a_handler_that_awaits_its_emits_goes_at_the_pace_of_its_client() {
    let node = Node::with(|builder| builder.engine(|engine| engine.max_outbox_size(8000))).await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("go", async |State(journal): State<Journal>, socket: Socket| {
            for number in 0..100 {
                socket.emit("much", (number, "x".repeat(500))).await?;
            }
            journal.note("done");
            Ok::<_, EmitError>(())
        });
    });
    let (client, _) = node.polling_client().await;
    // The POST is answered when what it has led to does not wait any more.
    let sender = client.clone();
    let sent = tokio::spawn(async move { sender.send(&[r#"42["go"]"#]).await });
    let mut number = 0;
    while number < 100 {
        for packet in client.packets().await {
            assert!(packet.starts_with(&format!(r#"42["much",{number},"x"#)), "{packet}");
            number += 1;
        }
        // It is some 8000 bytes ahead at most.
        let is_done = !node.journal.is_empty().await;
        assert!(!is_done || number > 80, "{number}");
    }
    assert_eq!(sent.await.unwrap().text(), "ok");
    node.journal.expect(["done"]).await;
}

#[tokio::test]
async fn compression_can_be_asked_for_by_event() {
    let node = Node::with(|builder| builder.http_compression(Some(100))).await;
    let (client, _) = node.polling_client().await;
    let socket = node.io.sockets().remove(0);
    let text = "x".repeat(200);
    let send: [(bool, &dyn Fn()); 6] = [
        (true, &|| drop(socket.emit("e", &text))),
        (false, &|| drop(socket.compress(false).emit("e", &text))),
        (true, &|| drop(socket.compress(true).emit("e", &text))),
        (true, &|| drop(node.io.emit("e", &text))),
        (false, &|| drop(node.io.compress(false).emit("e", &text))),
        (false, &|| drop(node.io.to(socket.id()).compress(false).emit("e", &text))),
    ];
    for (index, (compressed, send)) in send.into_iter().enumerate() {
        send();
        let mut poll = fanfare_testkit::Http::connect(node.address).await;
        poll.send_request("GET", &client.target("polling"), &[("accept-encoding", "gzip")], b"").await;
        let coding = poll.response().await.header("content-encoding").map(str::to_owned);
        assert_eq!(coding.as_deref() == Some("gzip"), compressed, "case {index}");
    }
}

#[tokio::test]
async fn what_was_sent_before_the_end_still_arrives() {
    let node = Node::with(|builder| builder.ping_interval(Duration::from_secs(1))).await;
    node.io.on_connect(async |socket: Socket| {
        socket.on("bye", async |socket: Socket| {
            socket.emit("last words", &Bytes::from_static(b"farewell"));
            socket.disconnect(true);
        });
    });
    let mut client = node.client().await;
    client.emit(r#"["bye"]"#).await;
    assert_eq!(client.packet().await, r#"51-["last words",{"_placeholder":true,"num":0}]"#);
    assert_eq!(client.websocket.binary().await, b"farewell");
    assert_eq!(client.packet().await, "1");
    assert_eq!(client.websocket.recv().await, Some(Frame::Close(None)));
}
