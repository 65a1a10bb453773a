//! The two ends of a connection: arguments that are written, packets that are read.

use fanfare_proto::buffer::Frame;
use fanfare_proto::socket::{
    Args, ArgsWriter, Body, Decoded, Decoder, DecoderLimits, EmitArgs, EncodeError, Encoded, Packet, Parser, Value,
};

/// Any number of arguments.
pub(crate) struct All<'a>(pub(crate) &'a [Value]);

impl EmitArgs for All<'_> {
    fn write(&self, out: &mut ArgsWriter<'_>) -> Result<(), EncodeError> {
        self.0.iter().try_for_each(|value| out.push(value))
    }
}

/// A packet that has been received, as values.
#[derive(Debug, PartialEq)]
pub(crate) struct Received {
    pub(crate) namespace: String,
    pub(crate) body: Content,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Content {
    Connect(Option<serde_json::Value>),
    Disconnect,
    ConnectError,
    Event { name: String, args: Vec<Value>, id: Option<u64> },
    Ack { args: Vec<Value>, id: Option<u64> },
}

/// A decoder without bounds on attachments.
pub(crate) fn decoder(parser: Parser) -> Decoder {
    Decoder::new(parser, DecoderLimits { max_attachments: usize::MAX, max_attachment_bytes: usize::MAX })
}

/// Sends a packet with its attachments through a decoder; returns what comes out.
pub(crate) fn deliver(decoder: &mut Decoder, packet: &Encoded) -> Result<Received, String> {
    let mut received = receive(decoder, &packet.head)?;
    for attachment in &packet.attachments {
        if received.is_some() {
            return Err("a packet was complete before its last attachment".to_owned());
        }
        received = receive(decoder, &Frame::Attachment(attachment.clone()))?;
    }
    received.ok_or_else(|| "attachments are missing".to_owned())
}

pub(crate) fn receive(decoder: &mut Decoder, frame: &Frame) -> Result<Option<Received>, String> {
    let decoded = match frame {
        Frame::Text(text) => decoder.handle_text(std::str::from_utf8(text.as_slice()).expect("it is text")),
        Frame::Binary(_) | Frame::Attachment(_) => decoder.handle_binary(frame.as_slice()),
    };
    Ok(match decoded.map_err(|error| error.to_string())? {
        Decoded::Packet(packet) => Some(as_values(&packet)),
        Decoded::Assembled(assembled) => Some(as_values(&assembled.packet())),
        Decoded::Incomplete => None,
    })
}

fn as_values(packet: &Packet<'_>) -> Received {
    let body = match &packet.body {
        Body::Connect { auth } => {
            Content::Connect(auth.as_deref().map(|text| serde_json::from_str(text).expect("it was checked before")))
        }
        Body::Disconnect => Content::Disconnect,
        Body::ConnectError => Content::ConnectError,
        Body::Event { name, args, id } => Content::Event { name: (**name).to_owned(), args: values(args), id: *id },
        Body::Ack { id, args } => Content::Ack { args: values(args), id: *id },
    };
    Received { namespace: packet.namespace.clone().into_owned(), body }
}

pub(crate) fn values(args: &Args<'_>) -> Vec<Value> {
    let mut reader = args.reader();
    std::iter::from_fn(|| reader.next()).map(|value| value.expect("anything is a value")).collect()
}
