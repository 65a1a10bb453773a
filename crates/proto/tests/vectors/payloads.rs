//! Engine.IO v4, "HTTP long-polling", "Packet encoding". Rows E61, E62, E75, E171, EIO-02, EIO-05, EIO-06.

use fanfare_proto::engine::payload::{self, binary_text, push_text};
use fanfare_proto::engine::{DecodeError, Packet};

/// Payloads, and the texts of the packets in them; `!` stands for the error that ends one.
pub(crate) const FROM_CLIENT: &[(&str, &[&str])] = &[
    ("4hello\x1e2\x1e4world", &["4hello", "2", "4world"]),
    ("4hello\x1ebAQIDBA==", &["4hello", "bAQIDBA=="]),
    ("bAQIDBA==\x1ebAQIDBA", &["bAQIDBA==", "bAQIDBA=="]),
    ("42[\"hello\"]\x1e42[\"world\"]", &["42[\"hello\"]", "42[\"world\"]"]),
    ("40", &["40"]),
    ("4", &["4"]),
    ("4\x1e4", &["4", "4"]),
    ("3\x1e4€\x1e1", &["3", "4€", "1"]),
    ("", &["!packet is empty"]),
    ("\x1e", &["!packet is empty"]),
    ("\x1e4a", &["!packet is empty"]),
    ("4a\x1e", &["4a", "!packet is empty"]),
    ("4a\x1e\x1e4b", &["4a", "!packet is empty"]),
    ("4a\x1e9\x1e4b", &["4a", "!unknown packet type '9'"]),
    ("abc", &["!unknown packet type 'a'"]),
    ("4a\x1e4b\x1e\u{feff}4c", &["4a", "4b", "!unknown packet type '\\u{feff}'"]),
    // How the protocol before this one wrote a payload.
    ("2:40", &["2:40"]),
    ("6:4hello2:4€", &["6"]),
];

const MAX_PACKETS: usize = 1024;

#[test]
fn payloads_are_read_packet_by_packet_up_to_the_first_error() {
    for (text, expected) in FROM_CLIENT {
        let packets = payload::decode(text, MAX_PACKETS).expect("there are few");
        let shown: Vec<_> = packets.map(|packet| show(&packet)).collect();
        assert_eq!(shown, *expected, "{text:?}");
    }
}

fn show(packet: &Result<Packet<'_>, DecodeError>) -> String {
    match packet {
        Ok(packet) => packet.encode().into_owned(),
        Err(error) => format!("!{error}"),
    }
}

#[test]
fn packets_are_joined_by_record_separators() {
    let check = |packets: &[&[u8]], expected: &[u8]| {
        let mut payload = Vec::new();
        packets.iter().for_each(|packet| push_text(&mut payload, packet));
        assert_eq!(payload, expected);
    };
    check(&[], b"");
    check(&[b"6"], b"6");
    check(&[b"4hello", b"2", b"4world"], b"4hello\x1e2\x1e4world");
    check(&[b"4hello", binary_text(&[1, 2, 3, 4]).as_bytes()], b"4hello\x1ebAQIDBA==");
    check(&[binary_text(&[]).as_bytes(), b"6", b"1"], b"b\x1e6\x1e1");
}

#[test]
fn the_number_of_packets_is_bounded() {
    let payload = |packets: usize| vec!["4"; packets].join("\x1e");
    let count = |text: &str| payload::decode(text, MAX_PACKETS).map(Iterator::count);
    assert_eq!(count(&payload(1)), Ok(1));
    assert_eq!(count(&payload(MAX_PACKETS)), Ok(MAX_PACKETS));
    for packets in [MAX_PACKETS + 1, 70_000] {
        let error = DecodeError::TooManyPackets { count: packets, max: MAX_PACKETS };
        assert_eq!(count(&payload(packets)), Err(error));
    }
    let separators = "\x1e".repeat(1_000_000);
    let error = DecodeError::TooManyPackets { count: 1_000_001, max: MAX_PACKETS };
    assert_eq!(error.to_string(), "payload of 1000001 packets exceeds the limit of 1024");
    assert_eq!(count(&separators), Err(error));
}
