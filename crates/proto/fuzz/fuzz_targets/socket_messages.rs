//! The messages of a Socket.IO session: text, and binary ones behind a `b`, with record separators between them.
#![no_main]

#[path = "../../tests/properties/exercise.rs"]
mod exercise;

use fanfare_proto::socket::Parser;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let messages = data.split(|&byte| byte == 0x1e).map(|message| match message {
        [b'b', binary @ ..] => Err(binary),
        text => std::str::from_utf8(text).map_err(|_| text),
    });
    exercise::session(Parser::Json, messages);
});
