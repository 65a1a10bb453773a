//! Engine.IO v4, "Packet encoding". Rows E170 to E173, E61, EIO-01.

use std::borrow::Cow;

use fanfare_proto::engine::{DecodeError, Packet};

/// Every type, in both directions.
pub(crate) const TEXT_FORMS: &[(&str, Packet<'static>)] = &[
    ("0{\"sid\":\"lv_VI97HAXpY6yYWAAAC\"}", Packet::Open("{\"sid\":\"lv_VI97HAXpY6yYWAAAC\"}")),
    ("0", Packet::Open("")),
    ("1", Packet::Close),
    ("2", Packet::Ping("")),
    ("2probe", Packet::Ping("probe")),
    ("3", Packet::Pong("")),
    ("3probe", Packet::Pong("probe")),
    ("4hello", Packet::Message("hello")),
    ("4", Packet::Message("")),
    ("4€", Packet::Message("€")),
    ("4 utf8 — 漢字 😀 \u{f8ff}\u{2028}\0", Packet::Message(" utf8 — 漢字 😀 \u{f8ff}\u{2028}\0")),
    ("42[\"hello\"]", Packet::Message("2[\"hello\"]")),
    ("bAQIDBA==", Packet::Binary(Cow::Borrowed(&[1, 2, 3, 4]))),
    ("b", Packet::Binary(Cow::Borrowed(&[]))),
    ("bAA==", Packet::Binary(Cow::Borrowed(&[0]))),
    ("b++//", Packet::Binary(Cow::Borrowed(&[0xfb, 0xef, 0xff]))),
    ("5", Packet::Upgrade),
    ("6", Packet::Noop),
];

/// Other forms that are understood: base64 without its padding, and data behind types that carry none.
pub(crate) const LENIENT_FORMS: &[(&str, Packet<'static>)] = &[
    ("bAQIDBA", Packet::Binary(Cow::Borrowed(&[1, 2, 3, 4]))),
    ("bAQIDBA=", Packet::Binary(Cow::Borrowed(&[1, 2, 3, 4]))),
    ("1bye", Packet::Close),
    ("5 ", Packet::Upgrade),
    ("60", Packet::Noop),
];

/// What begins with no packet type.
pub(crate) const UNKNOWN_TYPES: &[&str] =
    &["7", "8", "9", "x", "abc", "\0", "\u{1e}", "€", "😀", "-1", " 4", "\u{feff}4", "B", "４", "\"4\""];

/// What is no base64 behind its `b`.
pub(crate) const BAD_BASE64: &[&str] =
    &["bA", "b=", "b====", "b€", "b AQIDBA==", "bAQIDBA===", "bAQ=DBA", "bAQIDBB==", "b-_-_", "b\0"];

#[test]
fn every_type_has_its_text() {
    for (text, packet) in TEXT_FORMS {
        assert_eq!(Packet::parse(text).as_ref(), Ok(packet), "{text}");
        assert_eq!(packet.encode(), *text);
    }
}

#[test]
fn what_others_write_differently_is_understood() {
    for (text, packet) in LENIENT_FORMS {
        assert_eq!(Packet::parse(text).as_ref(), Ok(packet), "{text}");
    }
}

#[test]
fn anything_else_is_no_packet() {
    assert_eq!(Packet::parse(""), Err(DecodeError::Empty));
    for text in UNKNOWN_TYPES {
        let first = text.chars().next().expect("it is not empty");
        assert_eq!(Packet::parse(text), Err(DecodeError::UnknownType(first)), "{text}");
    }
    for text in BAD_BASE64 {
        assert!(matches!(Packet::parse(text), Err(DecodeError::Base64(_))), "{text}");
    }
}

#[test]
fn errors_name_what_was_wrong() {
    let check = |text, expected: &str| assert_eq!(Packet::parse(text).unwrap_err().to_string(), expected);
    check("", "packet is empty");
    check("x", "unknown packet type 'x'");
    check("\n", "unknown packet type '\\n'");
    check("b€", "binary packet is not base64: Invalid symbol 226, offset 0.");
}
