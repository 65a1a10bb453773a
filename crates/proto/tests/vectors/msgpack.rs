//! `socket.io-msgpack-parser`. Rows U09 to U12, SIO-37.
//!
//! The packets of the client are bytes that the JavaScript library has written.

use bytes::Bytes;
use fanfare_proto::socket::{ConnectReply, Decoder, DecoderLimits, Parser};
use serde_json::json;

use super::show::Message::{Binary, Text};
use super::show::decode;

/// Packets of a client.
pub(crate) const FROM_CLIENT: &[(&[u8], &str)] = &[
    (b"\x83\xa4type\x00\xa4data\xd4\x00\x00\xa3nsp\xa1/", "CONNECT / -"),
    (b"\x83\xa4type\x00\xa4data\x81\xa5token\xa3123\xa3nsp\xa6/admin", r#"CONNECT /admin {"token":"123"}"#),
    (
        b"\x83\xa4type\x00\xa4data\x82\xa3sid\xa3abc\xa3pid\xd4\x00\x00\xa3nsp\xa1/",
        r#"CONNECT / {"sid":"abc"}"#,
    ),
    (b"\x82\xa4type\x01\xa3nsp\xa6/admin", "DISCONNECT /admin"),
    (b"\x83\xa4type\x01\xa3nsp\xa1/\xa7options\x81\xa8compress\xc3", "DISCONNECT /"),
    (b"\x84\xa4type\x02\xa4data\x91\xa3foo\xa7options\x81\xa8compress\xc3\xa3nsp\xa1/", r#"EVENT / ["foo"]"#),
    (
        b"\x85\xa4type\x02\xa4data\x9a\xa3foo\x01\xff\xcb?\xf8\x00\x00\x00\x00\x00\x00\xcd\x01,\xcf\x00\x00\x01\x00\x00\x00\x00\x00\xc0\xc3\xa2\xc3\xa9\x91\x81\xa1a\x90\xa7options\x81\xa8compress\xc3\xa2id\x0c\xa3nsp\xa1/",
        r#"EVENT / #12 ["foo",1,-1,1.5,300,1099511627776,null,true,"é",[{"a":[]}]]"#,
    ),
    (
        b"\x83\xa4type\x02\xa4data\x92\xa3baz\xc4\x04\x01\x02\x03\x04\xa3nsp\xa1/",
        r#"EVENT / ["baz",<01 02 03 04>]"#,
    ),
    // An ArrayBuffer, `undefined`, a Date and NaN.
    (
        b"\x83\xa4type\x02\xa4data\x95\xa3baz\xc7\x02\x00\x01\x02\xd4\x00\x00\xd7\x00\x00\x00\x01\x8b\xcf\xe5h{\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00\xa3nsp\xa1/",
        r#"EVENT / ["baz",<01 02>,null,"2023-11-14T22:13:20.123Z",NaN]"#,
    ),
    // In an object, `undefined` is as good as no member.
    (
        b"\x83\xa4type\x02\xa4data\x92\xa1e\x82\xa1u\xd4\x00\x00\xa1d\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00\xa3nsp\xa1/",
        r#"EVENT / ["e",{"d":"1970-01-01T00:00:00.000Z"}]"#,
    ),
    (b"\x83\xa4type\x02\xa4data\x92\x01\xa1x\xa3nsp\xa1/", r#"EVENT / ["1","x"]"#),
    (b"\x83\xa4type\x02\xa4data\x91\xff\xa3nsp\xa1/", r#"EVENT / ["-1"]"#),
    (b"\x83\xa4type\x02\xa4data\x91\xcb?\xf8\x00\x00\x00\x00\x00\x00\xa3nsp\xa1/", r#"EVENT / ["1.5"]"#),
    (b"\x84\xa4type\x03\xa4data\x91\xa3bar\xa2id\x0d\xa3nsp\xa6/admin", r#"ACK /admin #13 ["bar"]"#),
    (b"\x84\xa4type\x03\xa4data\x90\xa2id\x00\xa3nsp\xa1/", "ACK / #0 []"),
    (b"\x83\xa4type\x03\xa4data\x91\xc4\x01\x07\xa3nsp\xa1/", "ACK / [<07>]"),
    (b"\x83\xa4type\x04\xa4data\x81\xa7message\xa1x\xa3nsp\xa1/", "CONNECT_ERROR /"),
    // What other libraries write: wider forms, signed where it need not be, `data` first, fields nobody knows.
    (b"\x83\xd9\x04data\xdc\x00\x01\xda\x00\x01e\xa4type\xd0\x02\xa3nsp\xdb\x00\x00\x00\x01/", r#"EVENT / ["e"]"#),
    (b"\xde\x00\x04\xa4type\xcf\x00\x00\x00\x00\x00\x00\x00\x03\xa4data\xdd\x00\x00\x00\x00\xa2id\xd3\x00\x00\x00\x00\x00\x00\x00\x05\xa3nsp\xa1/", "ACK / #5 []"),
    (b"\x85\xa4type\x01\xa3nsp\xa1/\xc0\xc0\x01\x02\x90\xa3nsp", "DISCONNECT /"),
    // A timestamp as MessagePack itself defines it, and an extension that nobody knows.
    (
        b"\x83\xa4type\x02\xa4data\x93\xa1e\xd6\xff\x65\x53\xf1\x00\xd5\x07ab\xa3nsp\xa1/",
        r#"EVENT / ["e","2023-11-14T22:13:20.000Z",[7,<61 62>]]"#,
    ),
];

#[test]
fn clients_send_one_binary_message_a_packet() {
    for (bytes, expected) in FROM_CLIENT {
        assert_eq!(decode(Parser::MsgPack, &[Binary(bytes)]), [*expected], "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_packet_that_ends_early_or_late_is_refused() {
    for (bytes, _) in FROM_CLIENT {
        for end in 0..bytes.len() {
            refuse(&bytes[..end]);
        }
        for more in [0x00, 0x80, 0xc0] {
            refuse(&[bytes, &[more][..]].concat());
        }
    }
}

fn refuse(bytes: &[u8]) -> String {
    let decoded = Decoder::new(Parser::MsgPack, DecoderLimits::default()).handle_binary(bytes).map(|_| ());
    decoded.expect_err(&bytes.escape_ascii().to_string()).to_string()
}

/// Packets as MessagePack has them in common with JSON.
fn refuse_json(packet: serde_json::Value, expected: &str) {
    assert_eq!(refuse(&rmp_serde::to_vec(&packet).unwrap()), expected, "{packet}");
}

#[test]
fn type_namespace_data_and_id_are_checked() {
    let invalid = "invalid payload";
    for packet in [
        json!(null),
        json!(2),
        json!([]),
        json!({}),
        json!({"nsp": "/", "data": ["e"]}),
        json!({"type": 2, "data": ["e"]}),
        json!({"type": "2", "nsp": "/", "data": ["e"]}),
        json!({"type": -1, "nsp": "/", "data": ["e"]}),
        json!({"type": null, "nsp": "/", "data": ["e"]}),
        json!({"type": 2.5, "nsp": "/", "data": ["e"]}),
        json!({"type": 2, "nsp": 1, "data": ["e"]}),
        json!({"type": 2, "nsp": null, "data": ["e"]}),
        json!({"type": 2, "nsp": ["/"], "data": ["e"]}),
        json!({"type": 2, "nsp": "/", "data": ["e"], "id": "1"}),
        json!({"type": 2, "nsp": "/", "data": ["e"], "id": null}),
        json!({"type": 2, "nsp": "/", "data": ["e"], "id": -1}),
        json!({"type": 2, "nsp": "/", "data": ["e"], "id": 0.5}),
    ] {
        refuse_json(packet, invalid);
    }
    for kind in [5, 6, 7, 255, u64::MAX] {
        refuse_json(json!({"type": kind, "nsp": "/", "data": ["e"]}), &format!("unknown packet type {kind}"));
    }
    refuse_json(json!({"type": 3, "nsp": "/", "data": [], "id": 1_u64 << 53}), "acknowledgement id is out of range");
    let name = format!("/{}", "n".repeat(255));
    refuse_json(json!({"type": 1, "nsp": name}), "namespace of 256 bytes exceeds the limit of 255");
}

#[test]
fn each_type_carries_what_belongs_to_it() {
    let invalid = "invalid payload";
    for data in [json!(null), json!([]), json!(["a"]), json!("x"), json!(1), json!(true)] {
        refuse_json(json!({"type": 0, "nsp": "/", "data": data}), invalid);
    }
    for data in [json!(null), json!([]), json!({}), json!("x")] {
        refuse_json(json!({"type": 1, "nsp": "/", "data": data}), invalid);
    }
    for data in
        [json!(null), json!([]), json!({}), json!("e"), json!([null]), json!([["e"]]), json!([{}]), json!([true])]
    {
        refuse_json(json!({"type": 2, "nsp": "/", "data": data}), invalid);
    }
    for data in [json!(null), json!({}), json!("e"), json!(1)] {
        refuse_json(json!({"type": 3, "nsp": "/", "data": data}), invalid);
    }
    for name in fanfare_proto::socket::RESERVED_EVENTS {
        refuse_json(json!({"type": 2, "nsp": "/", "data": [name]}), invalid);
    }
}

/// Values that are none: lengths that lie, the byte that means nothing, text that is not UTF-8.
pub(crate) const BAD_VALUES: &[&[u8]] = &[
    b"\xc1",
    b"\xa2a",
    b"\xa1\xff",
    b"\xa3\xed\xa0\x80",
    b"\xd9\xffa",
    b"\xdb\xff\xff\xff\xffa",
    b"\xc6\xff\xff\xff\xffa",
    b"\xc9\xff\xff\xff\xff\x00a",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\x91",
    b"\x81\xa1a",
    b"\x81\xa1\xff\x01",
    b"\xd4\x00",
    b"\xcb\x00",
];

#[test]
fn declared_lengths_and_texts_are_not_believed() {
    for value in BAD_VALUES {
        let packet = [b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1e", *value].concat();
        assert_eq!(refuse(&packet), "invalid payload", "{}", value.escape_ascii());
        let unread = [b"\x84\xa4type\x02\xa3nsp\xa1/\xa4data\x91\xa1e\xa1x", *value].concat();
        assert_eq!(refuse(&unread), "invalid payload", "{}", value.escape_ascii());
    }
    for name in [&b"\xa1\xff"[..], b"\xc4\x01e", b"\xc7\x01\x00e", b"\xd4\x00\x00"] {
        let packet = [b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x91", name].concat();
        assert_eq!(refuse(&packet), "invalid payload", "{}", name.escape_ascii());
    }
}

#[test]
fn nesting_is_bounded() {
    let packet = |depth: usize| {
        let mut bytes = b"\x83\xa4type\x02\xa3nsp\xa1/\xa4data\x92\xa1e".to_vec();
        bytes.resize(bytes.len() + depth - 1, 0x91);
        bytes.push(0x90);
        bytes
    };
    // The packet and its data are two levels.
    assert!(Decoder::new(Parser::MsgPack, DecoderLimits::default()).handle_binary(&packet(126)).is_ok());
    for depth in [127, 1000, 480_000] {
        assert_eq!(refuse(&packet(depth)), "payload is nested too deep");
    }
}

#[test]
fn the_server_writes_what_the_javascript_client_reads() {
    let check = |bytes: &[u8], expected: serde_json::Value| {
        assert_eq!(rmp_serde::from_slice::<serde_json::Value>(bytes).unwrap(), expected);
    };
    let parser = Parser::MsgPack;
    let reply = ConnectReply { sid: "abc", pid: None };
    check(parser.encode_connect("/", reply).as_slice(), json!({"type": 0, "nsp": "/", "data": {"sid": "abc"}}));
    let reply = ConnectReply { sid: "abc", pid: Some("def") };
    let expected = json!({"type": 0, "nsp": "/admin", "data": {"sid": "abc", "pid": "def"}});
    check(parser.encode_connect("/admin", reply).as_slice(), expected);
    check(parser.encode_disconnect("/admin").as_slice(), json!({"type": 1, "nsp": "/admin"}));
    let error = parser.encode_connect_error("/", "no \"x\"", Some(r#"{"code":[1.5,null]}"#));
    let expected = json!({"type": 4, "nsp": "/", "data": {"message": "no \"x\"", "data": {"code": [1.5, null]}}});
    check(error.as_slice(), expected);
    let event = parser.encode_event("/", Some(7), "e", &(1, "x", &[-1.5]), Some("Q87")).unwrap();
    check(event.head.as_slice(), json!({"type": 2, "nsp": "/", "data": ["e", 1, "x", [-1.5], "Q87"], "id": 7}));
    let ack = parser.encode_ack("/admin", 0, &()).unwrap();
    check(ack.head.as_slice(), json!({"type": 3, "nsp": "/admin", "data": [], "id": 0}));
    assert!(event.attachments.is_empty() && ack.attachments.is_empty());
}

#[test]
fn binary_data_stands_where_it_belongs() {
    let args = (Bytes::from_static(&[1, 2]), &[Bytes::from_static(&[3])]);
    let packet = Parser::MsgPack.encode_event("/", None, "e", &args, None).unwrap();
    assert!(packet.attachments.is_empty());
    let expected = b"\x83\xa4type\x02\xa4data\x93\xa1e\xc4\x02\x01\x02\x91\xc4\x01\x03\xa3nsp\xa1/";
    assert_eq!(packet.head.as_slice().escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn packets_follow_each_other() {
    let packets = FROM_CLIENT.iter().map(|(bytes, _)| Binary(bytes)).collect::<Vec<_>>();
    let expected = FROM_CLIENT.iter().map(|(_, shown)| *shown).collect::<Vec<_>>();
    assert_eq!(decode(Parser::MsgPack, &packets), expected);
    let text = [packets[0], Text("2[\"e\"]")];
    assert_eq!(decode(Parser::MsgPack, &text), [expected[0], "error: invalid payload"]);
}
