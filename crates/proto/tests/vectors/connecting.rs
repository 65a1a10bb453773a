//! Socket.IO v5, "Connection to a namespace", "Disconnection from a namespace".
//! Rows S01 to S03, S05, S21 to S24, S95, SIO-06, SIO-09.

use fanfare_proto::buffer::Frame;
use fanfare_proto::socket::{ConnectReply, Parser};

use super::show::{check, check_all};

/// CONNECT and DISCONNECT of a client.
pub(crate) const FROM_CLIENT: &[(&str, &str)] = &[
    ("0", "CONNECT / -"),
    ("0{}", "CONNECT / {}"),
    (r#"0{"token":"123"}"#, r#"CONNECT / {"token":"123"}"#),
    (r#"0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}"#, r#"CONNECT /admin {"sid":"oSO0OpakMV_3jnilAAAA"}"#),
    (r#"0{"pid":"Ojs3","offset":"Q87"}"#, r#"CONNECT / {"pid":"Ojs3","offset":"Q87"}"#),
    (r#"0{ "a" : [ 1 ] } "#, r#"CONNECT / { "a" : [ 1 ] } "#),
    ("0/admin,", "CONNECT /admin -"),
    // Without the comma the namespace ends where the text ends.
    ("0/custom", "CONNECT /custom -"),
    ("0/,", "CONNECT / -"),
    ("0/", "CONNECT / -"),
    ("0/,{}", "CONNECT / {}"),
    // A query is part of the name.
    ("0/custom?a=b,", "CONNECT /custom?a=b -"),
    ("0/a b/ü/😀,{}", "CONNECT /a b/ü/😀 {}"),
    ("0/__proto__,", "CONNECT /__proto__ -"),
    ("0//,", "CONNECT // -"),
    ("0/{},{}", "CONNECT /{} {}"),
    ("0/a,/b", "error: invalid payload"),
    // What only JavaScript reads is replaced by what everybody reads.
    (r#"0{ "a" : "\ud83d" , "b" : 1e999 }"#, "CONNECT / {\"a\":\"\u{fffd}\",\"b\":null}"),
    // An id means nothing here, and is passed over as the reference does.
    ("017{}", "CONNECT / {}"),
    // Its payload is no place for attachments: what looks like a placeholder is data.
    (r#"0{"_placeholder":true,"num":0}"#, r#"CONNECT / {"_placeholder":true,"num":0}"#),
    ("1", "DISCONNECT /"),
    ("1/admin,", "DISCONNECT /admin"),
    ("1/admin", "DISCONNECT /admin"),
    // Only servers send this; the connection is closed for it.
    (r#"4{"message":"Not authorized"}"#, "CONNECT_ERROR /"),
    (r#"4/admin,"x""#, "CONNECT_ERROR /admin"),
];

/// Payloads that no CONNECT and no DISCONNECT carries.
pub(crate) const REFUSED: &[&str] = &[
    "0[]",
    "0[{}]",
    "0\"x\"",
    "0null",
    "0true",
    "0/admin,1.5",
    "0/admin,null",
    "0{",
    "0{}}",
    "0{}{}",
    "0{\"a\":}",
    "0{a:1}",
    "0 ",
    "0/admin, ",
    "0-",
    "0x",
    "1{}",
    "1[]",
    "1null",
    "1/admin,{}",
    "1 ",
    "1x",
];

#[test]
fn clients_join_and_leave_namespaces() {
    check_all(FROM_CLIENT);
}

#[test]
fn anything_but_an_object_is_no_authentication() {
    REFUSED.iter().for_each(|text| check(text, "error: invalid payload"));
}

#[test]
fn the_name_of_a_namespace_is_bounded() {
    let name = |bytes: usize| format!("/{}", "n".repeat(bytes - 1));
    check(&format!("0{},", name(255)), &format!("CONNECT {} -", name(255)));
    check(&format!("1{}", name(255)), &format!("DISCONNECT {}", name(255)));
    for kind in ["0", "1", "2", "3", "51-"] {
        let error = "error: namespace of 256 bytes exceeds the limit of 255";
        check(&format!("{kind}{},[\"e\"]", name(256)), error);
        check(&format!("{kind}{}", name(256)), error);
    }
    // Bytes, not characters.
    check(&format!("0/{},", "é".repeat(128)), "error: namespace of 257 bytes exceeds the limit of 255");
}

#[test]
fn the_server_answers_as_the_specification_says() {
    let check = |frame: Frame, expected: &str| {
        assert!(matches!(frame, Frame::Text(_)));
        assert_eq!(std::str::from_utf8(frame.as_slice()), Ok(expected));
    };
    let json = Parser::Json;
    let reply = ConnectReply { sid: "oSO0OpakMV_3jnilAAAA", pid: None };
    check(json.encode_connect("/", reply), r#"0{"sid":"oSO0OpakMV_3jnilAAAA"}"#);
    check(json.encode_connect("/admin", reply), r#"0/admin,{"sid":"oSO0OpakMV_3jnilAAAA"}"#);
    let recoverable = ConnectReply { pid: Some("Ojs3"), ..reply };
    check(json.encode_connect("/", recoverable), r#"0{"sid":"oSO0OpakMV_3jnilAAAA","pid":"Ojs3"}"#);
    check(json.encode_connect_error("/", "Not authorized", None), r#"4{"message":"Not authorized"}"#);
    check(
        json.encode_connect_error("/random", "Invalid namespace", None),
        r#"4/random,{"message":"Invalid namespace"}"#,
    );
    let data = Some(r#"{"code":1}"#);
    check(json.encode_connect_error("/mw", "boom \"\n", data), r#"4/mw,{"message":"boom \"\n","data":{"code":1}}"#);
    check(json.encode_disconnect("/"), "1");
    check(json.encode_disconnect("/admin"), "1/admin,");
}
