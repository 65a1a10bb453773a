//! JSON is judged as serde_json judges it, but for the depth: ours is bounded, theirs is not where no values are built.
#![no_main]

use fanfare_proto::socket::{DecodeError, Decoder, DecoderLimits, MAX_DEPTH, Parser};
use serde::de::IgnoredAny;

libfuzzer_sys::fuzz_target!(|text: &str| {
    check(&format!("[{text}]"), "3");
    check(&format!("{{\"a\":{text}}}"), "0");
    if text.starts_with('[') {
        check(text, "3");
    }
});

fn check(json: &str, packet_type: &str) {
    let mut decoder = Decoder::new(Parser::Json, DecoderLimits::default());
    let packet = format!("{packet_type}{json}");
    let ours = decoder.handle_text(&packet).map(|_| ());
    let theirs = serde_json::from_str::<IgnoredAny>(json);
    match ours {
        Ok(()) => assert!(theirs.is_ok() && depth(json) <= MAX_DEPTH, "{json:?}"),
        Err(DecodeError::TooDeep) => assert!(depth(json) > MAX_DEPTH, "{json:?}"),
        Err(DecodeError::InvalidPayload) => assert!(theirs.is_err(), "{json:?}"),
        Err(error) => panic!("{error} is not about JSON"),
    }
}

/// How deep brackets nest, up to where the text goes wrong.
fn depth(json: &str) -> u32 {
    let (mut depth, mut deepest) = (0_u32, 0);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                while let Some(byte) = bytes.next().filter(|&byte| byte != b'"') {
                    if byte == b'\\' {
                        bytes.next();
                    }
                }
            }
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
