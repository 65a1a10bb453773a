//! Packets and what becomes of messages, as text that a table can hold.

use fanfare_proto::socket::{Args, Body, Decoded, Decoder, DecoderLimits, Number, Packet, Parser, Value};

/// A message of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Message {
    Text(&'static str),
    Binary(&'static [u8]),
}

/// What each of the messages of one session leads to: a packet, `...` while attachments are due, or an error, which
/// ends it.
pub(crate) fn decode(parser: Parser, messages: &[Message]) -> Vec<String> {
    let mut decoder = Decoder::new(parser, DecoderLimits::default());
    let mut shown = Vec::new();
    for message in messages {
        let decoded = match message {
            Message::Text(text) => decoder.handle_text(text),
            Message::Binary(data) => decoder.handle_binary(data),
        };
        match decoded {
            Ok(decoded) => shown.push(show_decoded(&decoded)),
            Err(error) => {
                shown.push(format!("error: {error}"));
                break;
            }
        }
    }
    shown
}

/// Checks what becomes of a text message that begins a session.
pub(crate) fn check(text: &str, expected: &str) {
    let shown = match Decoder::new(Parser::Json, DecoderLimits::default()).handle_text(text) {
        Ok(decoded) => show_decoded(&decoded),
        Err(error) => format!("error: {error}"),
    };
    assert_eq!(shown, expected, "{text}");
}

pub(crate) fn check_all(table: &[(&str, &str)]) {
    table.iter().for_each(|(text, expected)| check(text, expected));
}

fn show_decoded(decoded: &Decoded<'_>) -> String {
    match decoded {
        Decoded::Packet(packet) => show_packet(packet),
        Decoded::Assembled(assembled) => show_packet(&assembled.packet()),
        Decoded::Incomplete => "...".to_owned(),
    }
}

/// `EVENT /admin #12 ["name",1]`, as the guide to style writes it.
pub(crate) fn show_packet(packet: &Packet<'_>) -> String {
    let namespace = &packet.namespace;
    match &packet.body {
        Body::Connect { auth } => format!("CONNECT {namespace} {}", auth.as_deref().unwrap_or("-")),
        Body::Disconnect => format!("DISCONNECT {namespace}"),
        Body::ConnectError => format!("CONNECT_ERROR {namespace}"),
        Body::Event { name, args, id } => {
            let mut items = vec![Value::from(&**name)];
            items.extend(values(args));
            format!("EVENT {namespace}{} {}", show_id(*id), show_value(&Value::Array(items)))
        }
        Body::Ack { id, args } => {
            format!("ACK {namespace}{} {}", show_id(*id), show_value(&Value::Array(values(args))))
        }
    }
}

fn show_id(id: Option<u64>) -> String {
    id.map_or(String::new(), |id| format!(" #{id}"))
}

fn values(args: &Args<'_>) -> Vec<Value> {
    let mut reader = args.reader();
    std::iter::from_fn(|| reader.next()).map(|value| value.expect("anything is a value")).collect()
}

/// JSON, with binary data as `<01 02>`.
fn show_value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(Number::Integer(number)) => number.to_string(),
        Value::Number(Number::Unsigned(number)) => number.to_string(),
        Value::Number(Number::Float(number)) => format!("{number:?}"),
        Value::String(text) => format!("{text:?}"),
        Value::Binary(bytes) => {
            let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("<{}>", digits.join(" "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(show_value).collect::<Vec<_>>().join(",")),
        Value::Object(members) => {
            let members: Vec<_> = members.iter().map(|(key, value)| format!("{key:?}:{}", show_value(value))).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}
