//! Engine.IO packets and payloads: decoding undoes encoding, and a cut loses nothing before it.

use fanfare_proto::engine::payload::{self, push_text};
use fanfare_proto::engine::{DecodeError, Packet};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{given, tries};

/// Text that a payload can hold, which has no way to escape its separator.
fn data() -> impl Strategy<Value = String> {
    given::text().prop_map(|text| text.replace('\x1e', ""))
}

/// The text forms of packets of any type.
fn packet() -> impl Strategy<Value = String> {
    let packet = prop_oneof![
        data().prop_map(|text| Packet::Open(&text).encode()),
        Just(Packet::Close.encode()),
        data().prop_map(|text| Packet::Ping(&text).encode()),
        data().prop_map(|text| Packet::Pong(&text).encode()),
        data().prop_map(|text| Packet::Message(&text).encode()),
        given::bytes().prop_map(|data| Packet::Binary(data.to_vec().into()).encode()),
        Just(Packet::Upgrade.encode()),
        Just(Packet::Noop.encode()),
    ];
    packet.prop_map(|text| text.into_owned())
}

fn join(packets: &[String]) -> String {
    let mut payload = Vec::new();
    packets.iter().for_each(|packet| push_text(&mut payload, packet.as_bytes()));
    String::from_utf8(payload).expect("packets are text")
}

/// The text forms of the packets in a payload, up to the first error.
fn split(payload: &str) -> Vec<Result<String, DecodeError>> {
    let packets = payload::decode(payload, usize::MAX).expect("there is no limit");
    packets.map(|packet| packet.map(|packet| packet.encode().into_owned())).collect()
}

proptest! {
    #![proptest_config(tries(500))]

    #[test]
    fn packets_are_read_as_they_were_written(text in packet()) {
        prop_assert_eq!(Packet::parse(&text).unwrap().encode(), text);
    }

    #[test]
    fn binary_messages_are_read_as_they_were_written(data in vec(any::<u8>(), 0..200)) {
        let text = payload::binary_text(&data);
        prop_assert_eq!(Packet::parse(&text), Ok(Packet::Binary((&data[..]).into())));
        let unpadded = text.trim_end_matches('=');
        prop_assert_eq!(Packet::parse(unpadded), Ok(Packet::Binary((&data[..]).into())));
    }

    #[test]
    fn payloads_are_read_as_they_were_written(packets in vec(packet(), 1..8)) {
        let expected: Vec<_> = packets.iter().cloned().map(Ok).collect();
        prop_assert_eq!(split(&join(&packets)), expected);
    }

    #[test]
    fn a_cut_payload_still_gives_the_packets_before_the_cut(packets in vec(packet(), 1..8), cut in any::<prop::sample::Index>()) {
        let payload = join(&packets);
        let cut = payload.floor_char_boundary(cut.index(payload.len() + 1));
        let (complete, last) = payload[..cut].rsplit_once('\x1e').map_or((0, &payload[..cut]), |(before, last)| {
            (before.split('\x1e').count(), last)
        });
        let mut read = split(&payload[..cut]);
        let of_last = read.pop().expect("even nothing is an empty packet");
        let expected: Vec<_> = packets[..complete].iter().cloned().map(Ok).collect();
        prop_assert_eq!(read, expected);
        prop_assert_eq!(of_last, Packet::parse(last).map(|packet| packet.encode().into_owned()));
    }

    #[test]
    fn the_limit_is_exact(packets in vec(packet(), 1..8)) {
        let payload = join(&packets);
        let count = packets.len();
        prop_assert!(payload::decode(&payload, count).is_ok());
        let error = DecodeError::TooManyPackets { count, max: count - 1 };
        prop_assert_eq!(payload::decode(&payload, count - 1).err(), Some(error));
    }
}
