//! No text and no bytes make a decoder panic, and what is accepted can be used. Rows SIO-32, SIO-36, SIO-37.

use fanfare_proto::engine::{Packet, payload};
use fanfare_proto::ids::{NodeId, Sid, SocketId};
use fanfare_proto::socket::Parser;
use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::exchange::{All, decoder};
use super::{exercise, given, tries};

/// Text that is nearly a packet: pieces of packets in any order.
fn nearly_text() -> impl Strategy<Value = String> {
    let pieces = vec![
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
        "6",
        "51-",
        "52-",
        "61-",
        "-",
        "12",
        "/",
        "/a",
        ",",
        "[",
        "]",
        "{",
        "}",
        ":",
        "\"",
        "\"e\"",
        "[\"e\"",
        "\"a\":",
        "_placeholder",
        "\"num\":",
        "{\"_placeholder\":true,\"num\":0}",
        "{\"num\":1,\"_placeholder\":true}",
        "true",
        "null",
        "1e9",
        "-0.5",
        "9007199254740993",
        "1e999",
        "\\u00e9",
        "\\ud83d",
        "\"\\ud83d\\ude00\"",
        "\\",
        "\\n",
        " ",
        "\n",
        "é",
        "😀",
        "\u{1e}",
        "\0",
        "b",
    ];
    vec(prop::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat())
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => nearly_text(), 1 => any::<String>(), 2 => nearly_text().prop_map(|text| format!("2[\"e\",{text}]"))]
}

/// A packet in MessagePack in which bytes have been changed, added and left out.
fn nearly_msgpack() -> impl Strategy<Value = Vec<u8>> {
    let packet = (given::namespace(), given::optional_id(), given::event_name(), given::args()).prop_map(
        |(namespace, id, name, args)| {
            let packet =
                Parser::MsgPack.encode_event(&namespace, id, &name, &All(&args), None).expect("it can be sent");
            packet.head.as_slice().to_vec()
        },
    );
    let byte = prop_oneof![any::<u8>(), 0x80_u8..0xa8, 0xc0_u8..0xe0];
    let changes = vec((any::<prop::sample::Index>(), byte, 0..4_u8), 0..6);
    (packet, changes).prop_map(|(mut packet, changes)| {
        for (at, byte, change) in changes {
            let at = at.index(packet.len().max(1));
            match change {
                0 => packet.insert(at.min(packet.len()), byte),
                1 if packet.len() > 1 => drop(packet.remove(at)),
                2 => packet.truncate(at),
                _ => packet.get_mut(at).into_iter().for_each(|old| *old = byte),
            }
        }
        packet
    })
}

proptest! {
    #![proptest_config(tries(1500))]

    #[test]
    fn any_text_is_a_packet_or_an_error(text in text()) {
        exercise::session(Parser::Json, [Ok(&*text)]);
        exercise::session(Parser::MsgPack, [Ok(&*text)]);
    }

    #[test]
    fn any_sequence_of_messages_is_handled(messages in vec(prop_oneof![text().prop_map(Ok), vec(any::<u8>(), 0..9).prop_map(Err)], 0..5)) {
        let messages = messages.iter().map(|message| message.as_deref().map_err(|data: &Vec<u8>| &data[..]));
        exercise::session(Parser::Json, messages);
    }

    #[test]
    fn json_is_judged_as_serde_json_judges_it(text in nearly_text()) {
        let array = format!("[{text}]");
        let theirs = serde_json::from_str::<Vec<IgnoredAny>>(&array).is_ok();
        let ours = decoder(Parser::Json).handle_text(&format!("3{array}")).is_ok();
        prop_assert_eq!(ours, theirs, "{}", array);
        let object = format!("{{\"a\":{text}}}");
        let theirs = serde_json::from_str::<IgnoredAny>(&object).is_ok();
        let ours = decoder(Parser::Json).handle_text(&format!("0{object}")).is_ok();
        prop_assert_eq!(ours, theirs, "{}", object);
    }

    #[test]
    fn any_bytes_are_a_packet_or_an_error(bytes in prop_oneof![vec(any::<u8>(), 0..60), nearly_msgpack()]) {
        exercise::session(Parser::MsgPack, [Err(&*bytes)]);
        exercise::session(Parser::Json, [Err(&*bytes)]);
    }

    #[test]
    fn any_payload_is_read_to_its_first_error(text in text(), max_packets in 0..20_usize) {
        if let Ok(packets) = payload::decode(&text, max_packets) {
            let packets: Vec<_> = packets.collect();
            prop_assert!(!packets.is_empty() && packets.len() <= max_packets);
            let failed = packets.iter().position(Result::is_err);
            prop_assert!(failed.is_none_or(|at| at + 1 == packets.len()));
        }
        let _ = Packet::parse(&text);
    }

    #[test]
    fn any_text_is_an_id_or_none(text in prop_oneof![any::<String>(), "[A-Za-z0-9_-]{4}", "[A-Za-z0-9_-]{20}", "[A-Za-z0-9_é-]{23,25}"]) {
        let parsed = [
            text.parse::<NodeId>().ok().map(|id| id.as_str().to_owned()),
            text.parse::<SocketId>().ok().map(|id| id.as_str().to_owned()),
            text.parse::<Sid>().ok().map(|id| id.as_str().to_owned()),
        ];
        let safe = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let expected = [4, 20, 24].map(|len| (safe && text.len() == len).then(|| text.clone()));
        prop_assert_eq!(parsed, expected);
    }
}
