//! From events to messages.

use std::ops::Range;

use bytes::Bytes;

use super::args::{Args, ArgsWriter, EmitArgs};
use super::{json, msgpack};
use crate::buffer::{Buffer, Frame};

/// How packets are written and read; one for a whole server, and the same as its clients use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parser {
    /// The default parser: JSON text, binary data in messages of its own behind it.
    #[default]
    Json,
    /// `socket.io-msgpack-parser`: one binary message a packet.
    MsgPack,
}

/// A packet ready to be framed by a transport.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// The message itself.
    pub head: Frame,
    /// The binary messages that follow it.
    pub attachments: Vec<Bytes>,
    /// Where in the message the arguments stand, event name included. See [`Parser::args`].
    pub args: Range<usize>,
}

impl Encoded {
    /// Its messages, in the order in which they are sent.
    pub fn into_frames(self) -> impl Iterator<Item = Frame> {
        std::iter::once(self.head).chain(self.attachments.into_iter().map(Frame::Attachment))
    }
}

/// The answer to a `CONNECT`.
#[derive(Clone, Copy, Debug)]
pub struct ConnectReply<'a> {
    /// The id of the socket.
    pub sid: &'a str,
    /// The private id for connection state recovery, where that is on.
    pub pid: Option<&'a str>,
}

/// A value that cannot be sent, in the words of its `Serialize` implementation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("arguments cannot be encoded: {0}")]
pub struct EncodeError(pub(super) String);

impl EncodeError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl Parser {
    /// Writes an event. `offset` is the extra last argument of connection state recovery.
    pub fn encode_event(
        self,
        namespace: &str,
        id: Option<u64>,
        name: &str,
        args: &(impl EmitArgs + ?Sized),
        offset: Option<&str>,
    ) -> Result<Encoded, EncodeError> {
        self.encode_array(Kind::Event, namespace, id, |items| {
            items.push(name)?;
            args.write(items)?;
            offset.map_or(Ok(()), |offset| items.push(offset))
        })
    }

    /// Writes an acknowledgement.
    pub fn encode_ack(self, namespace: &str, id: u64, args: &(impl EmitArgs + ?Sized)) -> Result<Encoded, EncodeError> {
        self.encode_array(Kind::Ack, namespace, Some(id), |items| args.write(items))
    }

    /// Writes the answer to a successful `CONNECT`.
    pub fn encode_connect(self, namespace: &str, reply: ConnectReply<'_>) -> Frame {
        let pid = reply.pid.map(|pid| format!(r#","pid":"{pid}""#)).unwrap_or_default();
        let payload = format!(r#"{{"sid":"{}"{pid}}}"#, reply.sid);
        self.encode_control(0, namespace, &payload)
    }

    /// Writes a `DISCONNECT`.
    pub fn encode_disconnect(self, namespace: &str) -> Frame {
        self.encode_control(1, namespace, "")
    }

    /// Writes a `CONNECT_ERROR`; `data` is the text of a JSON value.
    pub fn encode_connect_error(self, namespace: &str, message: &str, data: Option<&str>) -> Frame {
        let mut payload = br#"{"message":"#.to_vec();
        json::push_string(&mut payload, message);
        if let Some(data) = data {
            payload.extend_from_slice(b",\"data\":");
            payload.extend_from_slice(data.as_bytes());
        }
        payload.push(b'}');
        let payload = String::from_utf8(payload).expect("strings are joined with ASCII");
        self.encode_control(4, namespace, &payload)
    }

    /// The event name and arguments of a packet that was [encoded](Encoded) as `head` with these attachments.
    pub fn args<'a>(self, head: &'a [u8], args: Range<usize>, attachments: &'a [Bytes]) -> Args<'a> {
        match self {
            Self::Json => Args::Json { text: std::str::from_utf8(&head[args]).unwrap_or_default(), attachments },
            Self::MsgPack => Args::MsgPack(&head[args]),
        }
    }

    fn encode_array(
        self,
        kind: Kind,
        namespace: &str,
        id: Option<u64>,
        write: impl FnOnce(&mut ArgsWriter<'_>) -> Result<(), EncodeError>,
    ) -> Result<Encoded, EncodeError> {
        let mut buffer = Buffer::with_room(namespace.len() + PREFIX_ROOM);
        let mut attachments = Vec::new();
        if self == Self::Json {
            buffer.tail().push(b'[');
        }
        let mut items = ArgsWriter::new(self, buffer.tail(), &mut attachments);
        write(&mut items)?;
        let (count, len) = (items.items(), buffer.len());
        match self {
            Self::Json => buffer.tail().push(b']'),
            Self::MsgPack => msgpack::push_suffix(buffer.tail(), namespace, id),
        }
        let without_prefix = buffer.len();
        match self {
            Self::Json => prepend_text_prefix(&mut buffer, kind, attachments.len(), namespace, id),
            Self::MsgPack => buffer.prepend(&msgpack::prefix(kind.msgpack_type(), id, count)),
        }
        let prefix = buffer.len() - without_prefix;
        let bracket = usize::from(self == Self::Json);
        Ok(Encoded { args: prefix + bracket..prefix + len, head: self.frame(buffer), attachments })
    }

    fn encode_control(self, packet_type: u8, namespace: &str, payload: &str) -> Frame {
        let mut buffer = Buffer::with_room(0);
        match self {
            Self::Json => {
                let out = buffer.tail();
                out.push(b'0' + packet_type);
                push_namespace(out, namespace);
                out.extend_from_slice(payload.as_bytes());
            }
            Self::MsgPack => msgpack::push_control(buffer.tail(), packet_type, namespace, payload),
        }
        self.frame(buffer)
    }

    fn frame(self, buffer: Buffer) -> Frame {
        match self {
            Self::Json => Frame::Text(buffer),
            Self::MsgPack => Frame::Binary(buffer),
        }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Event,
    Ack,
}

impl Kind {
    fn text_type(self, binary: bool) -> u8 {
        match (self, binary) {
            (Self::Event, false) => b'2',
            (Self::Ack, false) => b'3',
            (Self::Event, true) => b'5',
            (Self::Ack, true) => b'6',
        }
    }

    fn msgpack_type(self) -> u8 {
        match self {
            Self::Event => 2,
            Self::Ack => 3,
        }
    }
}

/// Puts `<type>[<attachments>-][<namespace>,][<id>]` in front, its last part first.
fn prepend_text_prefix(buffer: &mut Buffer, kind: Kind, attachments: usize, namespace: &str, id: Option<u64>) {
    if let Some(id) = id {
        prepend_number(buffer, id);
    }
    if namespace != "/" {
        buffer.prepend(b",");
        buffer.prepend(namespace.as_bytes());
    }
    if attachments > 0 {
        buffer.prepend(b"-");
        prepend_number(buffer, attachments as u64);
    }
    buffer.prepend(&[kind.text_type(attachments > 0)]);
}

fn prepend_number(buffer: &mut Buffer, number: u64) {
    buffer.prepend(&[b'0' + (number % 10) as u8]);
    if number >= 10 {
        prepend_number(buffer, number / 10);
    }
}

fn push_namespace(out: &mut Vec<u8>, namespace: &str) {
    if namespace != "/" {
        out.extend_from_slice(namespace.as_bytes());
        out.push(b',');
    }
}

/// A packet type, a count of attachments with its dash, a comma, an id of 20 digits; or as much MessagePack.
const PREFIX_ROOM: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(frame: &Frame) -> &str {
        std::str::from_utf8(frame.as_slice()).unwrap()
    }

    #[test]
    fn events_are_written_as_in_the_specification() {
        let check = |namespace, id, args: &dyn Fn(&mut ArgsWriter<'_>) -> Result<(), EncodeError>, expected| {
            struct By<'a>(&'a dyn Fn(&mut ArgsWriter<'_>) -> Result<(), EncodeError>);
            impl EmitArgs for By<'_> {
                fn write(&self, out: &mut ArgsWriter<'_>) -> Result<(), EncodeError> {
                    (self.0)(out)
                }
            }
            let packet = Parser::Json.encode_event(namespace, id, "foo", &By(args), None).unwrap();
            assert_eq!(text(&packet.head), expected);
        };
        check("/", None, &|_| Ok(()), r#"2["foo"]"#);
        check("/admin", None, &|_| Ok(()), r#"2/admin,["foo"]"#);
        check("/", Some(12), &|_| Ok(()), r#"212["foo"]"#);
        check("/", None, &|out| out.push(&1.0), r#"2["foo",1]"#);
        check("/", None, &|out| out.push(&f64::NAN), r#"2["foo",null]"#);
        check("/", None, &|out| out.push("\u{2028}\u{1}"), "2[\"foo\",\"\u{2028}\\u0001\"]");
    }

    #[test]
    fn acks_are_written_as_in_the_specification() {
        let packet = Parser::Json.encode_ack("/admin", 13, &("bar", 1)).unwrap();
        assert_eq!(text(&packet.head), r#"3/admin,13["bar",1]"#);
        let packet = Parser::Json.encode_ack("/", 0, &()).unwrap();
        assert_eq!(text(&packet.head), "30[]");
    }

    #[test]
    fn bytes_become_attachments_at_any_depth() {
        #[derive(serde::Serialize)]
        struct Deep {
            list: Vec<Bytes>,
        }
        let deep = Deep { list: vec![Bytes::from_static(&[2]), Bytes::from_static(&[3])] };
        let args = (Bytes::from_static(&[1]), &deep);
        let packet = Parser::Json.encode_event("/", Some(7), "e", &args, None).unwrap();
        let expected = r#"53-7["e",{"_placeholder":true,"num":0},{"list":[{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]}]"#;
        assert_eq!(text(&packet.head), expected);
        assert_eq!(packet.attachments, [&[1][..], &[2], &[3]]);
        let packet = Parser::Json.encode_ack("/", 7, &(Bytes::new(),)).unwrap();
        assert_eq!(text(&packet.head), r#"61-7[{"_placeholder":true,"num":0}]"#);
    }

    #[test]
    fn the_offset_is_the_last_argument() {
        let packet = Parser::Json.encode_event("/", None, "hello", &(1,), Some("Q87")).unwrap();
        assert_eq!(text(&packet.head), r#"2["hello",1,"Q87"]"#);
        let args = Parser::Json.args(packet.head.as_slice(), packet.args, &[]);
        assert_eq!(args.show(), r#""hello",1,"Q87""#);
    }

    #[test]
    fn control_packets_are_written_as_in_the_specification() {
        let reply = ConnectReply { sid: "abc", pid: None };
        assert_eq!(text(&Parser::Json.encode_connect("/", reply)), r#"0{"sid":"abc"}"#);
        let reply = ConnectReply { sid: "abc", pid: Some("def") };
        assert_eq!(text(&Parser::Json.encode_connect("/admin", reply)), r#"0/admin,{"sid":"abc","pid":"def"}"#);
        assert_eq!(text(&Parser::Json.encode_disconnect("/")), "1");
        assert_eq!(text(&Parser::Json.encode_disconnect("/admin")), "1/admin,");
        assert_eq!(
            text(&Parser::Json.encode_connect_error("/random", "Invalid namespace", None)),
            r#"4/random,{"message":"Invalid namespace"}"#
        );
        assert_eq!(
            text(&Parser::Json.encode_connect_error("/", "a\"b", Some("[1]"))),
            r#"4{"message":"a\"b","data":[1]}"#
        );
    }

    #[test]
    fn what_cannot_be_a_map_key_is_an_error() {
        let map = std::collections::HashMap::from([(vec![1], 1)]);
        let error = Parser::Json.encode_event("/", None, "e", &&map, None).unwrap_err();
        assert_eq!(error.to_string(), "arguments cannot be encoded: key must be a string");
    }
}
