//! Strings keep their content through escaping and back, however the other side escapes.

use fanfare_proto::socket::{Body, Decoded, Parser};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{exchange, given, tries};

/// The name and the argument of an event that holds the same JSON string in both places.
fn received(literal: &str) -> (String, String) {
    let text = format!("2[{literal},{literal}]");
    let mut decoder = exchange::decoder(Parser::Json);
    let Ok(Decoded::Packet(packet)) = decoder.handle_text(&text) else { panic!("refused: {text}") };
    let Body::Event { name, args, .. } = packet.body else { panic!("an event was sent") };
    let argument = args.reader().next::<String>().expect("one argument").expect("a string");
    (name.into_owned(), argument)
}

/// A string in JSON, each UTF-16 unit plain or escaped as told; a plain one has to be a character that may be.
fn literal(units: &[(u16, bool)]) -> String {
    let mut literal = String::from("\"");
    for &(unit, escape) in units {
        match char::from_u32(unit.into()).filter(|&letter| !escape && letter >= ' ' && letter != '"' && letter != '\\')
        {
            Some(letter) => literal.push(letter),
            None => literal.push_str(&format!("\\u{unit:04X}")),
        }
    }
    literal.push('"');
    literal
}

fn unit() -> impl Strategy<Value = u16> {
    prop_oneof![3 => any::<u16>(), 1 => 0x20_u16..0x7f, 2 => 0xd800_u16..0xe000]
}

proptest! {
    #![proptest_config(tries(1000))]

    #[test]
    fn any_units_are_read_as_javascript_makes_them_well_formed(units in vec((unit(), any::<bool>()), 0..12)) {
        let literal = literal(&units);
        prop_assume!(!fanfare_proto::socket::RESERVED_EVENTS.iter().any(|name| literal.contains(name)));
        let units: Vec<u16> = units.into_iter().map(|(unit, _)| unit).collect();
        let expected = String::from_utf16_lossy(&units);
        prop_assert_eq!(received(&literal), (expected.clone(), expected));
    }

    #[test]
    fn short_escapes_are_read(letters in vec(prop::sample::select(vec!["\\b", "\\f", "\\n", "\\r", "\\t", "\\/", "\\\\", "\\\"", "é", "x"]), 0..12)) {
        let literal = format!("\"{}\"", letters.concat());
        let expected: String = serde_json::from_str(&literal).unwrap();
        prop_assert_eq!(received(&literal), (expected.clone(), expected));
    }

    #[test]
    fn strings_are_escaped_as_javascript_escapes_them(text in given::text()) {
        // serde_json escapes what `JSON.stringify` escapes.
        let literal = serde_json::to_string(&text).unwrap();
        let event = Parser::Json.encode_event("/", None, &text, &(&text,), None).unwrap();
        prop_assert_eq!(std::str::from_utf8(event.head.as_slice()).unwrap(), format!("2[{literal},{literal}]"));
        let error = Parser::Json.encode_connect_error("/", &text, None);
        prop_assert_eq!(std::str::from_utf8(error.as_slice()).unwrap(), format!("4{{\"message\":{literal}}}"));
    }
}
