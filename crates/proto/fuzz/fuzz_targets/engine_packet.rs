//! An Engine.IO packet: what is read can be written, and reads the same again.
#![no_main]

use fanfare_proto::engine::Packet;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(packet) = Packet::parse(text) else { return };
    let written = packet.encode();
    assert_eq!(Packet::parse(&written), Ok(packet.clone()));
    // Only padding, and data where there is none to be had, may get lost.
    assert!(text.starts_with(written.trim_end_matches('=')), "{text:?} {written:?}");
});
