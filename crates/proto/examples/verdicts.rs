//! Says what becomes of the messages of clients, so that other parsers can be compared with ours.
//!
//! Reads one session a line, `{"parser":"json","messages":["2[\"e\"]",{"base64":"AQ=="}]}`, and writes one line for
//! each: what every message has led to, up to the first error. `null` means that attachments are still to come.

use std::io::{self, BufRead as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use fanfare_proto::buffer::Frame;
use fanfare_proto::socket::{
    ArgError, Args, ArgsWriter, Body, Decoded, Decoder, DecoderLimits, EmitArgs, EncodeError, Encoded, Number, Packet,
    Parser, Value,
};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize)]
struct Session {
    parser: ParserName,
    messages: Vec<Message>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ParserName {
    Json,
    MsgPack,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Text(String),
    Binary { base64: String },
}

fn main() -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let session: Session = serde_json::from_str(&line?)?;
        let verdicts = verdicts(&session).map_err(io::Error::other)?;
        writeln!(out, "{}", Json::from(verdicts))?;
    }
    out.flush()
}

fn verdicts(session: &Session) -> Result<Vec<Json>, base64::DecodeError> {
    let parser = match session.parser {
        ParserName::Json => Parser::Json,
        ParserName::MsgPack => Parser::MsgPack,
    };
    let mut decoder = Decoder::new(parser, DecoderLimits::default());
    let mut verdicts = Vec::new();
    for message in &session.messages {
        let data;
        let decoded = match message {
            Message::Text(text) => decoder.handle_text(text),
            Message::Binary { base64 } => {
                data = BASE64.decode(base64)?;
                decoder.handle_binary(&data)
            }
        };
        let verdict = decoded.map(|decoded| match decoded {
            Decoded::Packet(packet) => describe(parser, &packet),
            Decoded::Assembled(assembled) => describe(parser, &assembled.packet()),
            Decoded::Incomplete => Json::Null,
        });
        let is_over = verdict.is_err();
        verdicts.push(verdict.unwrap_or_else(|error| json!({"error": error.to_string()})));
        if is_over {
            break;
        }
    }
    Ok(verdicts)
}

/// The packet as the JavaScript parsers describe it; and as messages, written anew from its values.
fn describe(parser: Parser, packet: &Packet<'_>) -> Json {
    let nsp = &*packet.namespace;
    match &packet.body {
        Body::Connect { auth } => {
            let auth: Option<Json> = auth.as_deref().map(|text| serde_json::from_str(text).expect("it is JSON"));
            json!({"type": 0, "nsp": nsp, "data": auth})
        }
        Body::Disconnect => json!({"type": 1, "nsp": nsp}),
        Body::ConnectError => json!({"type": 4, "nsp": nsp}),
        Body::Event { name, args, id } => match values(args) {
            Ok(values) => {
                let mut data = vec![Json::from(&**name)];
                data.extend(values.iter().map(describe_value));
                let sent = parser.encode_event(nsp, *id, name, &All(&values), None).expect("it was received");
                json!({"type": 2, "nsp": nsp, "id": id, "data": data, "sent": describe_messages(&sent)})
            }
            Err(error) => json!({"type": 2, "nsp": nsp, "id": id, "unreadable": error.to_string()}),
        },
        Body::Ack { id, args } => match values(args) {
            Ok(values) => {
                let data: Vec<_> = values.iter().map(describe_value).collect();
                let sent = id.map(|id| parser.encode_ack(nsp, id, &All(&values)).expect("it was received"));
                json!({"type": 3, "nsp": nsp, "id": id, "data": data, "sent": sent.as_ref().map(describe_messages)})
            }
            Err(error) => json!({"type": 3, "nsp": nsp, "id": id, "unreadable": error.to_string()}),
        },
    }
}

fn values(args: &Args<'_>) -> Result<Vec<Value>, ArgError> {
    let mut reader = args.reader();
    std::iter::from_fn(|| reader.next()).collect()
}

/// A value as JSON, where binary data is `{"$bytes":"AQ=="}`.
fn describe_value(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Number(Number::Integer(number)) => Json::from(*number),
        Value::Number(Number::Unsigned(number)) => Json::from(*number),
        Value::Number(Number::Float(number)) => Json::from(*number),
        Value::String(text) => Json::from(text.as_str()),
        Value::Binary(bytes) => json!({"$bytes": BASE64.encode(bytes)}),
        Value::Array(items) => items.iter().map(describe_value).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), describe_value(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

fn describe_messages(packet: &Encoded) -> Json {
    let binary = |data: &[u8]| json!({"base64": BASE64.encode(data)});
    let head = match &packet.head {
        Frame::Text(text) => std::str::from_utf8(text.as_slice()).expect("it is text").into(),
        Frame::Binary(_) | Frame::Attachment(_) => binary(packet.head.as_slice()),
    };
    std::iter::once(head).chain(packet.attachments.iter().map(|data| binary(data))).collect()
}

/// Any number of arguments.
struct All<'a>(&'a [Value]);

impl EmitArgs for All<'_> {
    fn write(&self, out: &mut ArgsWriter<'_>) -> Result<(), EncodeError> {
        self.0.iter().try_for_each(|value| out.push(value))
    }
}
