//! Values between JSON and MessagePack: whichever way they take, they stay the same.
#![no_main]

use bytes::Bytes;
use fanfare_proto::socket::{Args, Body, Decoded, Decoder, DecoderLimits, Number, Parser, Value};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let packet = format!("3[{text}]");
    let mut decoder = Decoder::new(Parser::Json, DecoderLimits::default());
    let Ok(Decoded::Packet(packet)) = decoder.handle_text(&packet) else { return };
    let Body::Ack { args: Args::Json { text, .. }, .. } = packet.body else { return };
    let values = read(&Args::Json { text, attachments: &[] });

    // Beside attachments, arguments are read by way of MessagePack.
    if !text.contains("placeholder") {
        let attachments = [Bytes::from_static(b"unused")];
        assert_same(&read(&Args::Json { text, attachments: &attachments }), &values);
    }
    for parser in [Parser::Json, Parser::MsgPack] {
        let packet = parser.encode_ack("/", 0, &Args::Json { text, attachments: &[] }).expect("it can be passed on");
        assert!(packet.attachments.is_empty());
        assert_same(&read(&parser.args(packet.head.as_slice(), packet.args, &[])), &values);
    }
    for value in &values {
        let written = serde_json::to_string(value).expect("there is no binary data in it");
        assert_same(&read(&Args::Json { text: &written, attachments: &[] }), std::slice::from_ref(value));
    }
});

fn read(args: &Args<'_>) -> Vec<Value> {
    let mut reader = args.reader();
    std::iter::from_fn(|| reader.next()).map(|value| value.expect("anything is a value")).collect()
}

fn assert_same(ones: &[Value], others: &[Value]) {
    assert_eq!(ones.len(), others.len());
    assert!(ones.iter().zip(others).all(|(one, other)| same(one, other)), "{ones:?} {others:?}");
}

/// Numbers are those of JavaScript; what is none is `null`.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Number(Number::Float(number)), Value::Null) | (Value::Null, Value::Number(Number::Float(number))) => {
            !number.is_finite()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && same(&one.1, &other.1))
        }
        _ => one == other,
    }
}
