//! What is no packet at all. Rows S16, SIO-01 to SIO-04, SIO-23, SIO-27, EIO-01.

use fanfare_proto::socket::{Decoder, DecoderLimits, Parser};

use super::show::check;

/// First characters that are no packet type.
pub(crate) const UNKNOWN_TYPES: &[&str] = &["7", "8", "9", "x", "-", " ", "[", "\"", "/", ",", "\0", "é", "😀", "٢"];

#[test]
fn packets_begin_with_their_type() {
    check("", "error: unknown packet type ");
    for kind in UNKNOWN_TYPES {
        for rest in ["", "[\"e\"]", "/admin,", "{}"] {
            check(&format!("{kind}{rest}"), &format!("error: unknown packet type {kind}"));
        }
    }
}

#[test]
fn nesting_is_bounded() {
    let event = |depth: usize| format!("2[\"e\",{}{}]", "[".repeat(depth), "]".repeat(depth));
    check(&event(127), &format!("EVENT / [\"e\",{}{}]", "[".repeat(127), "]".repeat(127)));
    for text in [
        event(128),
        event(1000),
        format!("2[\"e\",{}", "[".repeat(480_000)),
        format!("2[\"e\",{}", "{\"a\":".repeat(480_000)),
        format!("3{}", "[".repeat(480_000)),
        format!("0{}", "{\"a\":".repeat(480_000)),
        format!("51-[\"e\",{}", "[".repeat(480_000)),
    ] {
        check(&text, "error: payload is nested too deep");
    }
}

#[test]
fn wide_payloads_are_no_problem() {
    let wide = format!("2[\"e\",[{}0]]", "0,".repeat(200_000));
    let expected = format!("EVENT / [\"e\",[{}0]]", "0,".repeat(200_000));
    check(&wide, &expected);
    let unnamed = format!("2[\"e\",{{{}\"\":0}}]", "\"\":0,".repeat(1000));
    check(&unnamed, &format!("EVENT / {}", &unnamed[1..]));
}

#[test]
fn messages_of_the_other_parser_are_refused() {
    let mut json = Decoder::new(Parser::Json, DecoderLimits::default());
    let packet = Parser::MsgPack.encode_disconnect("/");
    let error = json.handle_binary(packet.as_slice()).unwrap_err();
    assert_eq!(error.to_string(), "got binary data when not reconstructing a packet");
    let mut msgpack = Decoder::new(Parser::MsgPack, DecoderLimits::default());
    assert_eq!(msgpack.handle_text("0").unwrap_err().to_string(), "invalid payload");
}
