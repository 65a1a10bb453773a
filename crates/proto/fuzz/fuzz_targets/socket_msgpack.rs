//! One Socket.IO packet in MessagePack.
#![no_main]

#[path = "../../tests/properties/exercise.rs"]
mod exercise;

use fanfare_proto::socket::Parser;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    exercise::session(Parser::MsgPack, [Err(data)]);
});
