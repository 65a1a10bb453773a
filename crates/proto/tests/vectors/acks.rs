//! Socket.IO v5, "Acknowledgement". Rows S01, S11, S14, S15, SIO-12.

use fanfare_proto::buffer::Frame;
use fanfare_proto::socket::{EmitArgs, Parser};

use super::show::{check, check_all};

/// Acknowledgements of a client.
pub(crate) const FROM_CLIENT: &[(&str, &str)] = &[
    (r#"3/admin,13["bar"]"#, r#"ACK /admin #13 ["bar"]"#),
    ("312[]", "ACK / #12 []"),
    ("3/admin,456[]", "ACK /admin #456 []"),
    (r#"315[null,{"a":[1,2]},"x"]"#, r#"ACK / #15 [null,{"a":[1,2]},"x"]"#),
    ("31[ 1 , 2 ] ", "ACK / #1 [1,2]"),
    ("3007[]", "ACK / #7 []"),
    // Its items have no names, so nothing is reserved.
    (r#"31["disconnect"]"#, r#"ACK / #1 ["disconnect"]"#),
    // Without an id it has no effect, but is no violation either.
    ("3[]", "ACK / []"),
    ("3/admin,[1]", "ACK /admin [1]"),
    ("39007199254740991[]", "ACK / #9007199254740991 []"),
    ("39007199254740992[]", "error: acknowledgement id is out of range"),
];

/// Payloads that no acknowledgement carries.
pub(crate) const REFUSED: &[&str] = &[
    "3",
    "312",
    "3/admin,",
    "3/admin,13",
    "31{}",
    "31null",
    "31\"x\"",
    "31true",
    "31[",
    "31[1,]",
    "31[]x",
    "3-1[]",
    "31.5[]",
    "3abc[]",
    "3[]1",
];

#[test]
fn clients_acknowledge_events() {
    check_all(FROM_CLIENT);
}

#[test]
fn anything_but_an_array_is_no_acknowledgement() {
    REFUSED.iter().for_each(|text| check(text, "error: invalid payload"));
}

#[test]
fn the_server_acknowledges_as_the_specification_says() {
    assert_eq!(ack("/", 12, ()), "312[]");
    assert_eq!(ack("/admin", 13, "bar"), r#"3/admin,13["bar"]"#);
    assert_eq!(ack("/", 0, ("a", 1, &[()])), r#"30["a",1,[null]]"#);
}

fn ack(namespace: &str, id: u64, args: impl EmitArgs) -> String {
    let packet = Parser::Json.encode_ack(namespace, id, &args).unwrap();
    assert!(packet.attachments.is_empty());
    let Frame::Text(text) = packet.head else { panic!("JSON is text") };
    String::from_utf8(text.as_slice().to_vec()).unwrap()
}
