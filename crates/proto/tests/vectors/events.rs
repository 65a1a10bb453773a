//! Socket.IO v5, "Sending and receiving data". Rows S01, S10 to S13, S15, S17, S18, S96, SIO-04, SIO-12, SIO-26.

use fanfare_proto::buffer::Frame;
use fanfare_proto::socket::{Args, EmitArgs, Parser, RESERVED_EVENTS};

use super::show::{check, check_all};

/// Events of a client.
pub(crate) const FROM_CLIENT: &[(&str, &str)] = &[
    (r#"2["foo"]"#, r#"EVENT / ["foo"]"#),
    (r#"2/admin,["bar"]"#, r#"EVENT /admin ["bar"]"#),
    (r#"212["foo"]"#, r#"EVENT / #12 ["foo"]"#),
    (r#"2/admin,456["project:delete",123]"#, r#"EVENT /admin #456 ["project:delete",123]"#),
    (r#"2["hello",1,"two",{"3":[true,null]}]"#, r#"EVENT / ["hello",1,"two",{"3":[true,null]}]"#),
    (" 2[\"foo\"]", "error: unknown packet type  "),
    ("2 [ \"a b\" , 1 ,\t{ \"c\" : [ ] } ]\r\n", r#"EVENT / ["a b",1,{"c":[]}]"#),
    (r#"2["a]","b[",","]"#, r#"EVENT / ["a]","b[",","]"#),
    (r#"2/a"],["b"]"#, r#"EVENT /a"] ["b"]"#),
    // A name may be empty, or a number; that one is the same whichever way it is written.
    (r#"2["",1]"#, r#"EVENT / ["",1]"#),
    (r#"2[1,"x"]"#, r#"EVENT / ["1","x"]"#),
    ("2[-1.5]", r#"EVENT / ["-1.5"]"#),
    ("2[1.0]", r#"EVENT / ["1"]"#),
    ("2[10e-1]", r#"EVENT / ["1"]"#),
    ("2[-0]", r#"EVENT / ["0"]"#),
    ("2[1e21]", r#"EVENT / ["1e+21"]"#),
    ("2[9007199254740993]", r#"EVENT / ["9007199254740992"]"#),
    (r#"2["\u0066oo\n\"\\\/"]"#, r#"EVENT / ["foo\n\"\\/"]"#),
    (r#"2["\ud83d\ude00"]"#, r#"EVENT / ["😀"]"#),
    // Half a character, as JavaScript's `slice` makes it.
    (
        r#"2["\ud83d","\ude00x",{"\ud83d":"\ud83d\ud83d"}]"#,
        "EVENT / [\"\u{fffd}\",\"\u{fffd}x\",{\"\u{fffd}\":\"\u{fffd}\u{fffd}\"}]",
    ),
    // Names that are special in JavaScript, but not here.
    (r#"2["error"]"#, r#"EVENT / ["error"]"#),
    (r#"2["connection"]"#, r#"EVENT / ["connection"]"#),
    (r#"2["message"]"#, r#"EVENT / ["message"]"#),
    (r#"2["__proto__",{"__proto__":{"a":1}}]"#, r#"EVENT / ["__proto__",{"__proto__":{"a":1}}]"#),
    (r#"2["constructor"]"#, r#"EVENT / ["constructor"]"#),
    (r#"2["Connect"]"#, r#"EVENT / ["Connect"]"#),
    // What looks like a placeholder is data where no attachment was announced.
    (r#"2["e",{"_placeholder":true,"num":9}]"#, r#"EVENT / ["e",{"_placeholder":true,"num":9}]"#),
    // Ids
    (r#"20["e"]"#, r#"EVENT / #0 ["e"]"#),
    (r#"2007["e"]"#, r#"EVENT / #7 ["e"]"#),
    (r#"29007199254740991["e"]"#, r#"EVENT / #9007199254740991 ["e"]"#),
    (r#"29007199254740992["e"]"#, "error: acknowledgement id is out of range"),
    (r#"218446744073709551616["e"]"#, "error: acknowledgement id is out of range"),
];

/// Payloads that no event carries.
pub(crate) const REFUSED: &[&str] = &[
    "2",
    "2/admin",
    "2/admin,",
    "212",
    "2{}",
    "2{\"0\":\"e\"}",
    "2[]",
    "2[null]",
    "2[true]",
    "2[{}]",
    "2[[\"e\"]]",
    "2\"e\"",
    "21.5[\"e\"]",
    "2-1[\"e\"]",
    "2+1[\"e\"]",
    "21e5[\"e\"]",
    "2abc[\"e\"]",
    "21 2[\"e\"]",
    "2null",
    "2[\"e\"",
    "2[\"e\",]",
    "2[,\"e\"]",
    "2[\"e\" 1]",
    "2[\"e\"]]",
    "2[\"e\"][]",
    "2[\"e\"]x",
    "2[e]",
    "2['e']",
    "2\u{a0}[\"e\"]",
    "2\u{feff}[\"e\"]",
];

#[test]
fn clients_send_events() {
    check_all(FROM_CLIENT);
}

#[test]
fn anything_but_an_array_with_a_name_is_no_event() {
    REFUSED.iter().for_each(|text| check(text, "error: invalid payload"));
}

#[test]
fn reserved_names_cannot_be_sent_however_they_are_written() {
    assert_eq!(RESERVED_EVENTS.len(), 6);
    for name in RESERVED_EVENTS {
        check(&format!("2[\"{name}\"]"), "error: invalid payload");
        check(&format!("2/admin,1[ \"{name}\" , 1]"), "error: invalid payload");
        let escaped: String = name.chars().map(|letter| format!("\\u{:04x}", u32::from(letter))).collect();
        check(&format!("2[\"{escaped}\"]"), "error: invalid payload");
    }
}

#[test]
fn long_texts_take_linear_time() {
    check(&format!("2{}[\"e\"]", "9".repeat(1_000_000)), "error: acknowledgement id is out of range");
    check(&format!("2{}[\"e\"]", "0".repeat(1_000_000)), r#"EVENT / #0 ["e"]"#);
    let name = "n".repeat(500_000);
    check(&format!("2[\"{name}\"]"), &format!("EVENT / [\"{name}\"]"));
    check(&format!("2[\"e\",{}1]", "1,".repeat(10)), r#"EVENT / ["e",1,1,1,1,1,1,1,1,1,1,1]"#);
}

fn event(namespace: &str, id: Option<u64>, name: &str, args: impl EmitArgs) -> String {
    let packet = Parser::Json.encode_event(namespace, id, name, &args, None).unwrap();
    assert!(packet.attachments.is_empty());
    let Frame::Text(text) = packet.head else { panic!("JSON is text") };
    String::from_utf8(text.as_slice().to_vec()).unwrap()
}

#[test]
fn the_server_sends_events_as_the_specification_says() {
    assert_eq!(event("/", None, "foo", ()), r#"2["foo"]"#);
    assert_eq!(event("/admin", None, "bar", ()), r#"2/admin,["bar"]"#);
    assert_eq!(event("/", Some(12), "foo", ()), r#"212["foo"]"#);
    assert_eq!(event("/admin", Some(13), "foo", "x"), r#"2/admin,13["foo","x"]"#);
    assert_eq!(event("/", None, "hey", "Jude"), r#"2["hey","Jude"]"#);
    assert_eq!(event("/", None, "e", (1, "two", &[3.0])), r#"2["e",1,"two",[3]]"#);
    assert_eq!(event("/", Some(u64::MAX), "", &None::<u8>), r#"218446744073709551615["",null]"#);
}

#[test]
fn what_is_sent_is_what_javascript_would_send() {
    let numbers = (f64::NAN, f64::INFINITY, -0.0, 1e21, 0.1_f32, 1e-7);
    assert_eq!(event("/", None, "e", numbers), r#"2["e",null,null,0,1e+21,0.1,1e-7]"#);
    let texts = ("\u{2028}", "\u{7f}é😀", "\"\\/\u{8}\u{c}\n\r\t\u{1f}");
    assert_eq!(event("/", None, "e", texts), "2[\"e\",\"\u{2028}\",\"\u{7f}é😀\",\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001f\"]");
}

#[test]
fn sending_twice_sends_the_same() {
    let args = (serde_json::json!({"b": [1, {"a": null}]}), "x");
    assert_eq!(event("/", None, "e", (&args.0, args.1)), event("/", None, "e", (&args.0, args.1)));
}

#[test]
fn the_offset_of_recovery_is_one_more_argument() {
    let check = |args: &dyn EmitArgs, offset, expected: &str| {
        let packet = Parser::Json.encode_event("/", None, "hello", args, offset).unwrap();
        assert_eq!(std::str::from_utf8(packet.head.as_slice()), Ok(expected));
    };
    check(&(1,), Some("Q87vCBs"), r#"2["hello",1,"Q87vCBs"]"#);
    check(&(1,), None, r#"2["hello",1]"#);
    check(&(), Some("Q87vCBs"), r#"2["hello","Q87vCBs"]"#);
    check(&Args::NONE, Some("Q87vCBs"), r#"2["hello","Q87vCBs"]"#);
}
