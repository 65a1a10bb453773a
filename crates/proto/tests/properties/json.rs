//! JSON is judged as serde_json judges it, wherever it stands and whatever is wrong with it.

use fanfare_proto::socket::{Args, Body, DecodeError, Decoded, Parser};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::IgnoredAny;

use super::{exchange, tries};

/// What serde_json says. Values are not built, so that, as in JavaScript, half of a surrogate pair is sound, and so is a
/// number that is out of range.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Says whether a packet is accepted; of an acknowledgement, whether its arguments are given out one by one as well.
fn accepts(packet: &str) -> bool {
    let mut decoder = exchange::decoder(Parser::Json);
    match decoder.handle_text(packet) {
        Ok(Decoded::Packet(packet)) => {
            if let Body::Ack { args, .. } = packet.body {
                assert_eq!(given_out(args), items(args));
            }
            true
        }
        Err(DecodeError::InvalidPayload) => false,
        other => panic!("{packet:?}: {other:?}"),
    }
}

fn given_out(args: Args<'_>) -> usize {
    let mut reader = args.reader();
    while let Some(item) = reader.next::<IgnoredAny>() {
        item.expect("it has been checked");
    }
    reader.count()
}

fn items(args: Args<'_>) -> usize {
    let Args::Json { text, .. } = args else { panic!("JSON was sent") };
    serde_json::from_str::<Vec<IgnoredAny>>(&format!("[{text}]")).expect("it has been checked").len()
}

/// The same text as a payload, among arguments, and in an object.
fn check(text: &str) {
    assert_eq!(accepts(&format!("3[{text}]")), is_json(&format!("[{text}]")), "{text:?}");
    assert_eq!(accepts(&format!("2[\"e\"{text}]")), is_json(&format!("[\"e\"{text}]")), "{text:?}");
    assert_eq!(accepts(&format!("2[\"e\",{text}]")), is_json(&format!("[\"e\",{text}]")), "{text:?}");
    assert_eq!(accepts(&format!("0{{\"k\":{text}}}")), is_json(&format!("{{\"k\":{text}}}")), "{text:?}");
}

/// A text that is JSON, with white space anywhere or nowhere.
fn json() -> impl Strategy<Value = String> {
    leaf().prop_recursive(5, 60, 6, |inner| {
        let member = (space(), string(), space(), space(), inner.clone(), space())
            .prop_map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"));
        let item = (space(), inner, space()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
        prop_oneof![
            vec(member, 1..6).prop_map(|members| format!("{{{}}}", members.join(","))),
            vec(item, 1..6).prop_map(|items| format!("[{}]", items.join(","))),
            space().prop_map(|space| format!("{{{space}}}")),
            space().prop_map(|space| format!("[{space}]")),
        ]
    })
}

fn leaf() -> impl Strategy<Value = String> {
    let word = select(vec!["true", "false", "null"]).prop_map(str::to_owned);
    prop_oneof![2 => string(), 2 => "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?", 1 => word]
}

/// Strings of every length around that of the chunks they are looked at in.
fn string() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-z0-9 ]{1,9}",
        1 => "[\u{7f}-\u{ffff}]",
        1 => "\\\\(u[0-9a-fA-F]{4}|[\"\\\\/bfnrt])",
    ];
    vec(part, 0..6).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(String::new()), 1 => "[ \t\r\n]{1,3}"]
}

/// A change of one place: what stands there goes, something else comes, or both.
fn mutation() -> impl Strategy<Value = (Index, bool, &'static str)> {
    let parts = vec![
        "", "\"", "\\", "\\\"", "\\u12", "{", "}", "[", "]", ",", ":", "0", "1", "-", ".", "e", "E+", "tru", "null",
        " ", "\n", "\u{b}", "\u{c}", "\u{0}", "\u{1f}", "\u{a0}", "\u{feff}", "é", "//",
    ];
    (any::<Index>(), any::<bool>(), select(parts))
}

fn mutated(text: &str, mutations: &[(Index, bool, &str)]) -> String {
    let mut letters: Vec<String> = text.chars().map(String::from).collect();
    for (place, replace, part) in mutations {
        let place = place.index(letters.len() + 1);
        match letters.get_mut(place) {
            Some(letter) if *replace => (*part).clone_into(letter),
            _ => letters.insert(place, (*part).to_owned()),
        }
    }
    letters.concat()
}

proptest! {
    #![proptest_config(tries(1000))]

    #[test]
    fn what_is_json_passes(text in json()) {
        prop_assert!(is_json(&text));
        check(&text);
    }

    #[test]
    fn what_is_almost_json_passes_only_where_serde_json_reads_it(
        text in json(),
        mutations in vec(mutation(), 1..4),
    ) {
        check(&mutated(&text, &mutations));
    }

    #[test]
    fn what_is_cut_off_is_refused(text in json(), end in any::<Index>()) {
        let boundaries: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
        check(&text[..boundaries[end.index(boundaries.len())]]);
    }

    #[test]
    fn any_pieces_are_judged_alike(
        pieces in vec(select(vec!["{", "}", "[", "]", ",", ":", "\"k\"", "1", "-0", "true", " ", "\"long string\""]), 0..12),
    ) {
        check(&pieces.concat());
    }
}
