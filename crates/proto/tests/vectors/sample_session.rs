//! Socket.IO v5, "Sample session": both protocols together, from the first request to the last frame.

use std::time::Duration;

use bytes::Bytes;
use fanfare_proto::engine::{Open, Packet, payload};
use fanfare_proto::ids::{NodeId, Sid};
use fanfare_proto::socket::{ConnectReply, Encoded, Parser};

use super::show::Message::Text;
use super::show::decode;

/// What stands in the messages of a payload.
fn messages(text: &'static str) -> Vec<&'static str> {
    let message = |packet| match packet {
        Ok(Packet::Message(text)) => text,
        other => panic!("not a message: {other:?}"),
    };
    payload::decode(text, 10).expect("there are few").map(message).collect()
}

/// The packets of a client in a payload.
fn received(text: &'static str) -> Vec<String> {
    let messages: Vec<_> = messages(text).into_iter().map(Text).collect();
    decode(Parser::Json, &messages)
}

fn message(head: &[u8]) -> String {
    let text = std::str::from_utf8(head).expect("JSON is text");
    Packet::Message(text).encode().into_owned()
}

fn sent(packet: &Encoded) -> String {
    message(packet.head.as_slice())
}

#[test]
fn over_polling() {
    let json = Parser::Json;
    let open = Open {
        sid: Sid::from_random(NodeId::from_random([0; 3]), [0; 15]),
        may_upgrade: true,
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(5),
        max_payload_bytes: 1_000_000,
    };
    let text = open.encode();
    assert!(matches!(Packet::parse(&text), Ok(Packet::Open(handshake)) if handshake.starts_with(r#"{"sid":""#)));
    assert_eq!(received("40"), ["CONNECT / -"]);
    let reply = ConnectReply { sid: "wZX3oN0bSVIhsaknAAAI", pid: None };
    assert_eq!(message(json.encode_connect("/", reply).as_slice()), r#"40{"sid":"wZX3oN0bSVIhsaknAAAI"}"#);
    assert_eq!(sent(&json.encode_event("/", None, "hey", &"Jude", None).unwrap()), r#"42["hey","Jude"]"#);
    assert_eq!(received("42[\"hello\"]\x1e42[\"world\"]"), [r#"EVENT / ["hello"]"#, r#"EVENT / ["world"]"#]);
}

#[test]
fn over_websocket() {
    let json = Parser::Json;
    assert_eq!(Packet::parse("2probe"), Ok(Packet::Ping("probe")));
    assert_eq!(Packet::Pong("probe").encode(), "3probe");
    assert_eq!(Packet::parse("5"), Ok(Packet::Upgrade));
    assert_eq!(received("40/admin,"), ["CONNECT /admin -"]);
    let reply = ConnectReply { sid: "-G5j-67EZFp-q59rADQM", pid: None };
    assert_eq!(message(json.encode_connect("/admin", reply).as_slice()), r#"40/admin,{"sid":"-G5j-67EZFp-q59rADQM"}"#);
    assert_eq!(received("42/admin,1[\"tellme\"]"), [r#"EVENT /admin #1 ["tellme"]"#]);
    let ack = json.encode_ack("/admin", 1, &(Bytes::from_static(&[1, 2]),)).unwrap();
    assert_eq!(sent(&ack), r#"461-/admin,1[{"_placeholder":true,"num":0}]"#);
    assert_eq!(ack.attachments, [&[1, 2][..]]);
    assert_eq!(Packet::Ping("").encode(), "2");
    assert_eq!(Packet::parse("3"), Ok(Packet::Pong("")));
    assert_eq!(Packet::parse("1"), Ok(Packet::Close));
}
