//! A polling payload: read packet by packet up to the first error, and the packets make the same payload again.
#![no_main]

use fanfare_proto::engine::payload::{self, push_text};
use fanfare_proto::engine::{DecodeError, Packet};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let count = text.split('\x1e').count();
    let error = DecodeError::TooManyPackets { count, max: count - 1 };
    assert_eq!(payload::decode(text, count - 1).err(), Some(error));

    let packets: Vec<_> = payload::decode(text, count).expect("there are no more").collect();
    let sound = packets.iter().take_while(|packet| packet.is_ok()).count();
    assert!(packets.len() == count || packets.len() == sound + 1, "it stops at the first error");

    let mut written = Vec::new();
    for packet in packets.iter().flatten() {
        push_text(&mut written, packet.encode().as_bytes());
    }
    let written = String::from_utf8(written).expect("packets are text");
    let again: Vec<_> = payload::decode(&written, count).expect("there are no more").collect();
    if sound == 0 {
        assert_eq!(again, [Err(DecodeError::Empty)]);
    } else {
        let packets: Vec<Result<Packet<'_>, _>> = packets.into_iter().take(sound).collect();
        assert_eq!(again, packets);
    }
});
