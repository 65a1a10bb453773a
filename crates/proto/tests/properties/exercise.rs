//! Does with received packets whatever an application may do with them. Fuzzing shares it.

use std::collections::HashMap;

use bytes::Bytes;
use fanfare_proto::socket::{Args, Body, DecodeError, Decoded, Decoder, DecoderLimits, Packet, Parser, Value};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

/// Feeds text and binary messages to a decoder, up to the first error, and uses every packet that comes out.
pub(crate) fn session<'a>(parser: Parser, messages: impl IntoIterator<Item = Result<&'a str, &'a [u8]>>) {
    let mut decoder = Decoder::new(parser, DecoderLimits::default());
    for message in messages {
        let decoded = match message {
            Ok(text) => decoder.handle_text(text),
            Err(data) => decoder.handle_binary(data),
        };
        match decoded {
            Ok(Decoded::Packet(received)) => packet(&received),
            Ok(Decoded::Assembled(assembled)) => packet(&assembled.packet()),
            Ok(Decoded::Incomplete) => {}
            Err(error) => return assert_describes_itself(&error),
        }
    }
}

fn assert_describes_itself(error: &DecodeError) {
    let text = error.to_string();
    assert!(!text.is_empty() && text.len() < 200, "{text}");
}

/// Uses a packet.
pub(crate) fn packet(packet: &Packet<'_>) {
    assert!(packet.namespace.len() <= 255);
    match &packet.body {
        Body::Connect { auth: Some(auth) } => {
            serde_json::from_str::<HashMap<String, IgnoredAny>>(auth).expect("it is an object");
        }
        Body::Event { args, id, .. } | Body::Ack { args, id } => {
            assert!(id.is_none_or(|id| id < 1 << 53));
            arguments(args);
        }
        Body::Connect { auth: None } | Body::Disconnect | Body::ConnectError => {}
    }
}

/// Reads arguments as every kind of type, and passes them on.
pub(crate) fn arguments(args: &Args<'_>) {
    let all = count::<IgnoredAny>(args);
    assert_eq!(count::<Value>(args), all);
    assert_eq!(count::<String>(args), all);
    assert_eq!(count::<Option<bool>>(args), all);
    assert_eq!(count::<u8>(args), all);
    assert_eq!(count::<f64>(args), all);
    assert_eq!(count::<Bytes>(args), all);
    assert_eq!(count::<()>(args), all);
    assert_eq!(count::<Vec<Value>>(args), all);
    assert_eq!(count::<HashMap<String, Value>>(args), all);
    assert_eq!(count::<(i64, Option<Box<str>>)>(args), all);
    assert_eq!(count::<Fields>(args), all);
    assert_eq!(count::<Kind>(args), all);
    rest(args, all);
    pass_on(args, all);
}

/// How many arguments there are when all of them are taken for a `T`.
fn count<T: DeserializeOwned>(args: &Args<'_>) -> usize {
    let mut reader = args.reader();
    while let Some(read) = reader.next::<T>() {
        if let Err(error) = read {
            assert_eq!(error.index, reader.count() - 1);
        }
    }
    assert!(reader.next::<T>().is_none(), "the end is the end");
    reader.count()
}

/// What is left after some is what would have come anyway.
fn rest(args: &Args<'_>, all: usize) {
    let mut reader = args.reader();
    for left in (0..=all).rev() {
        let rest = reader.rest();
        assert_eq!(count::<IgnoredAny>(&rest), left);
        let (ahead, next) = (rest.reader().next::<Value>(), reader.next::<Value>());
        assert_eq!(ahead.map(|read| read.is_ok()), next.map(|read| read.is_ok()));
    }
}

/// Sends arguments to others as they came, which need not be possible: a key of a MessagePack map may be no string.
fn pass_on(args: &Args<'_>, all: usize) {
    let raw = args.to_raw();
    for parser in [Parser::Json, Parser::MsgPack] {
        let Ok(packet) = parser.encode_event("/", None, "e", &raw, Some("offset")) else { continue };
        let written = parser.args(packet.head.as_slice(), packet.args.clone(), &packet.attachments);
        assert_eq!(count::<IgnoredAny>(&written), all + 2);
    }
}

#[derive(Deserialize)]
struct Fields {
    #[serde(rename = "num")]
    _number: Option<i8>,
    #[serde(rename = "data")]
    _data: Option<Bytes>,
}

#[derive(Deserialize)]
enum Kind {
    #[serde(rename = "a")]
    _Unit,
    #[serde(rename = "num")]
    _Newtype(#[allow(dead_code, reason = "only read")] Value),
}
