//! Socket.IO v5, "Sending and receiving data", "with binary data". Rows S04, S06 to S09, S16, SIO-16 to SIO-22.

use bytes::Bytes;
use fanfare_proto::socket::{DecodeError, Decoder, DecoderLimits, Parser};
use serde::Serialize;

use super::show::Message::{self, Binary, Text};
use super::show::{check, decode};

/// Messages of a client, and what each leads to.
pub(crate) const FROM_CLIENT: &[(&[Message], &[&str])] = &[
    (
        &[Text(r#"51-["baz",{"_placeholder":true,"num":0}]"#), Binary(&[1, 2, 3, 4])],
        &["...", r#"EVENT / ["baz",<01 02 03 04>]"#],
    ),
    (
        &[
            Text(r#"52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#),
            Binary(&[1, 2]),
            Binary(&[3, 4]),
        ],
        &["...", "...", r#"EVENT /admin ["baz",<01 02>,<03 04>]"#],
    ),
    (
        &[Text(r#"61-15["bar",{"_placeholder":true,"num":0}]"#), Binary(&[1, 2, 3, 4])],
        &["...", r#"ACK / #15 ["bar",<01 02 03 04>]"#],
    ),
    (
        &[Text(r#"51-/admin,456["project:delete",{"_placeholder":true,"num":0}]"#), Binary(&[])],
        &["...", r#"EVENT /admin #456 ["project:delete",<>]"#],
    ),
    // Attachments come in the order of their numbers, wherever the placeholders stand.
    (
        &[
            Text(
                r#"53-["e",{"a":[{"num":2,"_placeholder":true}]},{"_placeholder":true,"num":0},[[{"_placeholder":true,"num":1}]]]"#,
            ),
            Binary(&[0]),
            Binary(&[1]),
            Binary(&[2]),
        ],
        &["...", "...", "...", r#"EVENT / ["e",{"a":[<02>]},<00>,[[<01>]]]"#],
    ),
    // What only resembles a placeholder stays what it is.
    (
        &[
            Text(
                r#"51-["e",{"_placeholder":false,"num":0},{"_placeholder":"true","num":0},{"num":0},{"_placeholder":null},["_placeholder",true],{"a":{"_placeholder":true,"num":0}}]"#,
            ),
            Binary(&[9]),
        ],
        &[
            "...",
            r#"EVENT / ["e",{"_placeholder":false,"num":0},{"_placeholder":"true","num":0},{"num":0},{"_placeholder":null},["_placeholder",true],{"a":<09>}]"#,
        ],
    ),
    // The packets before and behind are not touched.
    (
        &[
            Text(r#"2["a"]"#),
            Text(r#"51-["b",{"_placeholder":true,"num":0}]"#),
            Binary(&[1]),
            Text(r#"2["c",{"_placeholder":true,"num":0}]"#),
            Text(r#"61-0[{"_placeholder":true,"num":0}]"#),
            Binary(&[2]),
        ],
        &[
            r#"EVENT / ["a"]"#,
            "...",
            r#"EVENT / ["b",<01>]"#,
            r#"EVENT / ["c",{"_placeholder":true,"num":0}]"#,
            "...",
            "ACK / #0 [<02>]",
        ],
    ),
    // Messages out of turn.
    (&[Binary(&[1])], &["error: got binary data when not reconstructing a packet"]),
    (
        &[Text(r#"2["a"]"#), Binary(&[1])],
        &[r#"EVENT / ["a"]"#, "error: got binary data when not reconstructing a packet"],
    ),
    (
        &[Text(r#"51-["b",{"_placeholder":true,"num":0}]"#), Text(r#"2["a"]"#)],
        &["...", "error: got plaintext data when reconstructing a packet"],
    ),
    (
        &[Text(r#"51-["b",{"_placeholder":true,"num":0}]"#), Binary(&[1]), Binary(&[2])],
        &["...", r#"EVENT / ["b",<01>]"#, "error: got binary data when not reconstructing a packet"],
    ),
];

/// Rows S07, SIO-19: counts of attachments that are none.
pub(crate) const BAD_COUNTS: &[&str] = &[
    "5", "51", "5-", "5a-", "50-", "500-", "5-1-", "5+1-", "51.0-", "51.23-", "51e0-", "50x1-", "5 1-", "51 -", "5١-",
    "6", "61", "60-", "6-1-", "51,", "5/a,1-",
];

/// Rows S08, S09, SIO-17, SIO-18: what follows `51-["e",` and does not use attachment 0 exactly once.
pub(crate) const BAD_PLACEHOLDERS: &[&str] = &[
    "1",
    r#"{"_placeholder":true,"num":1}"#,
    r#"{"_placeholder":true,"num":-1}"#,
    r#"{"_placeholder":true,"num":-0}"#,
    r#"{"_placeholder":true,"num":0.0}"#,
    r#"{"_placeholder":true,"num":0e0}"#,
    r#"{"_placeholder":true,"num":0.5}"#,
    r#"{"_placeholder":true,"num":1e999}"#,
    r#"{"_placeholder":true,"num":18446744073709551616}"#,
    r#"{"_placeholder":true,"num":"0"}"#,
    r#"{"_placeholder":true,"num":null}"#,
    r#"{"_placeholder":true,"num":[0]}"#,
    r#"{"_placeholder":true,"num":{"num":0}}"#,
    r#"{"_placeholder":true,"num":{"_placeholder":true,"num":0}}"#,
    r#"{"_placeholder":true}"#,
    r#"{"_placeholder":true,"num":0,"x":1}"#,
    r#"{"_placeholder":true,"num":0,"num":0}"#,
    r#"{"_placeholder":true,"_placeholder":true}"#,
    r#"{"_placeholder":true,"Num":0}"#,
    r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}"#,
    r#"[{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":0}}]"#,
    r#"{"_placeholder":false,"num":0}"#,
    r#"{"_placeholder":1,"num":0}"#,
    r#"{"_placeholder":[true],"num":0}"#,
    r#"{"_placeholder":{"a":true},"num":0}"#,
    r#"{"_placeholder":"true","num":0}"#,
    r#"[{"_placeholder":true},{"num":0}]"#,
    r#""{\"_placeholder\":true,\"num\":0}""#,
];

#[test]
fn attachments_join_the_packets_they_belong_to() {
    for (messages, expected) in FROM_CLIENT {
        assert_eq!(decode(Parser::Json, messages), *expected, "{messages:?}");
    }
}

#[test]
fn counts_have_to_be_positive_integers_in_digits() {
    for head in BAD_COUNTS {
        for payload in [r#"["e",{"_placeholder":true,"num":0}]"#, "[]", ""] {
            check(&format!("{head}{payload}"), "error: illegal attachments");
        }
    }
}

#[test]
fn no_more_than_ten_attachments_are_announced() {
    let placeholders: Vec<_> = (0..10).map(|num| format!(r#"{{"_placeholder":true,"num":{num}}}"#)).collect();
    check(&format!("510-[\"e\",{}]", placeholders.join(",")), "...");
    check(&format!("5010-[\"e\",{}]", placeholders.join(",")), "...");
    for head in ["511", "61000", "599999999999999999999999"] {
        check(&format!("{head}-[\"e\",{}]", placeholders.join(",")), "error: too many attachments");
    }
}

#[test]
fn each_attachment_is_used_exactly_once() {
    for args in BAD_PLACEHOLDERS {
        check(&format!("51-[\"e\",{args}]"), "error: illegal attachments");
        check(&format!("61-0[{args}]"), "error: illegal attachments");
    }
    check(r#"51-["e"]"#, "error: illegal attachments");
    check("61-0[]", "error: illegal attachments");
    let used = r#"{"_placeholder":true,"num":0}"#;
    check(&format!("52-[\"e\",{used}]"), "error: illegal attachments");
    check(&format!("51-[\"e\"{}]", format!(",{used}").repeat(100)), "error: illegal attachments");
    // The name is no place for one.
    check(&format!("51-[{used}]"), "error: invalid payload");
}

#[test]
fn a_payload_is_judged_before_its_attachments_come() {
    for payload in ["", "{}", "[]", "[null]", "[\"connect\"]", "[\"e\"", "\"e\""] {
        check(&format!("51-{payload}"), "error: invalid payload");
    }
    for payload in ["", "{}", "null", "[1", "\"e\""] {
        check(&format!("61-7{payload}"), "error: invalid payload");
    }
}

#[test]
fn the_attachments_of_one_packet_are_bounded_together() {
    let limits = DecoderLimits { max_attachments: 3, max_attachment_bytes: 5 };
    let mut decoder = Decoder::new(Parser::Json, limits);
    let placeholders = |count: usize| {
        let list: Vec<_> = (0..count).map(|num| format!(r#",{{"_placeholder":true,"num":{num}}}"#)).collect();
        format!("5{count}-[\"e\"{}]", list.concat())
    };
    assert_eq!(decoder.handle_text(&placeholders(4)).unwrap_err(), DecodeError::TooManyAttachments);
    for _ in 0..2 {
        decoder.handle_text(&placeholders(3)).unwrap();
        for part in [&[1, 2][..], &[3, 4], &[5]] {
            decoder.handle_binary(part).unwrap();
        }
    }
    decoder.handle_text(&placeholders(2)).unwrap();
    decoder.handle_binary(&[1, 2, 3]).unwrap();
    let error = DecodeError::AttachmentsTooLarge { len: 6, max: 5 };
    assert_eq!(error.to_string(), "attachments of 6 bytes exceed the limit of 5");
    assert_eq!(decoder.handle_binary(&[4, 5, 6]).unwrap_err(), error);
}

#[test]
fn the_server_sends_attachments_as_the_specification_says() {
    #[derive(Serialize)]
    struct Deep {
        b: (Bytes, [Bytes; 1]),
        a: Bytes,
    }
    let bytes = Bytes::from_static;
    let encode = |namespace, id, args: &dyn fanfare_proto::socket::EmitArgs| {
        Parser::Json.encode_event(namespace, id, "baz", args, None).unwrap()
    };
    let check = |packet: fanfare_proto::socket::Encoded, text: &str, attachments: &[&[u8]]| {
        assert_eq!(std::str::from_utf8(packet.head.as_slice()), Ok(text));
        assert_eq!(packet.attachments, attachments);
    };
    check(encode("/", None, &(bytes(&[1, 2, 3, 4]),)), r#"51-["baz",{"_placeholder":true,"num":0}]"#, &[&[1, 2, 3, 4]]);
    check(
        encode("/admin", None, &(bytes(&[1, 2]), bytes(&[3, 4]))),
        r#"52-/admin,["baz",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
        &[&[1, 2], &[3, 4]],
    );
    let deep = Deep { b: (bytes(b"x"), [bytes(b"y")]), a: bytes(b"z") };
    check(
        encode("/", Some(7), &&deep),
        r#"53-7["baz",{"b":[{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]],"a":{"_placeholder":true,"num":2}}]"#,
        &[b"x", b"y", b"z"],
    );
    check(
        Parser::Json.encode_ack("/", 15, &("bar", bytes(&[1, 2, 3, 4]))).unwrap(),
        r#"61-15["bar",{"_placeholder":true,"num":0}]"#,
        &[&[1, 2, 3, 4]],
    );
    // Any number of attachments leaves; the limit is for what comes in.
    let many = encode("/", None, &&vec![bytes(b"x"); 11]);
    assert!(many.head.as_slice().starts_with(b"511-[\"baz\",[{"));
    assert_eq!(many.attachments.len(), 11);
}
