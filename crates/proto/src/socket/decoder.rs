//! From messages to packets: puts attachments back to the packets they belong to.

use bytes::Bytes;
use smallvec::SmallVec;

use super::args::Args;
use super::encoder::Parser;
use super::packet::{Body, DecodeError, Head, Packet};
use super::{attachment, msgpack};

/// Turns the messages of one session into packets.
///
/// ```
/// use fanfare_proto::socket::{Body, Decoded, Decoder, DecoderLimits, Parser};
///
/// let mut decoder = Decoder::new(Parser::Json, DecoderLimits::default());
/// let Ok(Decoded::Packet(packet)) = decoder.handle_text(r#"2["hello",1]"#) else { panic!() };
/// let Body::Event { name, args, .. } = packet.body else { panic!() };
/// assert_eq!(name, "hello");
/// assert_eq!(args.reader().next::<u32>().unwrap().unwrap(), 1);
/// ```
#[derive(Debug)]
pub struct Decoder {
    parser: Parser,
    limits: DecoderLimits,
    pending: Option<Box<Pending>>,
}

/// What a client may send in one packet.
#[derive(Clone, Copy, Debug)]
pub struct DecoderLimits {
    /// Attachments of one packet. Default: 10. Source: the reference parser.
    pub max_attachments: usize,
    /// Bytes of all attachments of one packet. Default: 1 000 000.
    pub max_attachment_bytes: usize,
}

impl Default for DecoderLimits {
    fn default() -> Self {
        Self { max_attachments: 10, max_attachment_bytes: 1_000_000 }
    }
}

/// What a message has led to.
#[derive(Debug)]
pub enum Decoded<'a> {
    /// A packet that stands in the message itself.
    Packet(Packet<'a>),
    /// A packet whose last attachment this was.
    Assembled(Assembled),
    /// Attachments are still to come.
    Incomplete,
}

/// A packet with attachments, all of them there.
#[derive(Debug)]
pub struct Assembled {
    /// The namespace, the name of an event and the text of the arguments, one behind the other.
    text: String,
    namespace_len: usize,
    /// `None` for an acknowledgement.
    name_len: Option<usize>,
    id: Option<u64>,
    attachments: SmallVec<[Bytes; 1]>,
}

#[derive(Debug)]
struct Pending {
    packet: Assembled,
    expected: usize,
    bytes: usize,
}

impl Decoder {
    /// Starts a session.
    pub fn new(parser: Parser, limits: DecoderLimits) -> Self {
        Self { parser, limits, pending: None }
    }

    /// A text message has come.
    pub fn handle_text<'a>(&mut self, text: &'a str) -> Result<Decoded<'a>, DecodeError> {
        if self.pending.is_some() {
            return Err(DecodeError::UnexpectedText);
        }
        if self.parser == Parser::MsgPack {
            return Err(DecodeError::InvalidPayload);
        }
        let head = Head::parse(text)?;
        if head.attachments == 0 {
            return Packet::parse(&head, &[]).map(Decoded::Packet);
        }
        self.expect(&head)?;
        Ok(Decoded::Incomplete)
    }

    /// A binary message has come.
    pub fn handle_binary<'a>(&mut self, data: &'a [u8]) -> Result<Decoded<'a>, DecodeError> {
        if self.parser == Parser::MsgPack {
            return msgpack::decode_packet(data).map(Decoded::Packet);
        }
        let mut pending = self.pending.take().ok_or(DecodeError::UnexpectedBinary)?;
        pending.bytes += data.len();
        if pending.bytes > self.limits.max_attachment_bytes {
            return Err(DecodeError::AttachmentsTooLarge { len: pending.bytes, max: self.limits.max_attachment_bytes });
        }
        pending.packet.attachments.push(attachment::copy(data));
        if pending.packet.attachments.len() == pending.expected {
            return Ok(Decoded::Assembled(pending.packet));
        }
        self.pending = Some(pending);
        Ok(Decoded::Incomplete)
    }

    fn expect(&mut self, head: &Head<'_>) -> Result<(), DecodeError> {
        if head.attachments > self.limits.max_attachments {
            return Err(DecodeError::TooManyAttachments);
        }
        // Checked before the attachments come, so that a lying packet cannot make us collect any.
        let packet = Assembled::without_attachments(&Packet::parse(head, &[])?)?;
        self.pending = Some(Box::new(Pending { packet, expected: head.attachments, bytes: 0 }));
        Ok(())
    }
}

impl Assembled {
    /// Keeps a packet whose attachments are still to come.
    fn without_attachments(packet: &Packet<'_>) -> Result<Self, DecodeError> {
        let (name, id, args) = match &packet.body {
            Body::Event { name, args: Args::Json { text, .. }, id } => (Some(&**name), *id, *text),
            Body::Ack { id, args: Args::Json { text, .. } } => (None, *id, *text),
            _ => return Err(DecodeError::IllegalAttachments),
        };
        Ok(Self {
            text: [&packet.namespace, name.unwrap_or_default(), args].concat(),
            namespace_len: packet.namespace.len(),
            name_len: name.map(str::len),
            id,
            attachments: SmallVec::new(),
        })
    }

    /// The packet.
    pub fn packet(&self) -> Packet<'_> {
        let (namespace, rest) = self.text.split_at(self.namespace_len);
        let (name, text) = rest.split_at(self.name_len.unwrap_or(0));
        let (id, args) = (self.id, Args::Json { text, attachments: &self.attachments });
        let body = match self.name_len {
            Some(_) => Body::Event { name: name.into(), args, id },
            None => Body::Ack { id, args },
        };
        Packet { namespace: namespace.into(), body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::{Body, Value};

    fn decoder() -> Decoder {
        Decoder::new(Parser::Json, DecoderLimits::default())
    }

    /// Shows what becomes of a message, or why nothing does.
    fn show(text: &str) -> String {
        match decoder().handle_text(text) {
            Ok(Decoded::Packet(packet)) => show_packet(&packet),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        }
    }

    fn show_packet(packet: &Packet<'_>) -> String {
        let id = |id: &Option<u64>| id.map_or(String::new(), |id| format!(" #{id}"));
        let body = match &packet.body {
            Body::Connect { auth } => format!("CONNECT {}", auth.as_deref().unwrap_or("-")),
            Body::Disconnect => "DISCONNECT".to_owned(),
            Body::Event { name, args, id: ack } => format!("EVENT{} {name:?} {}", id(ack), args.show()),
            Body::Ack { id: ack, args } => format!("ACK{} {}", id(ack), args.show()),
            Body::ConnectError => "CONNECT_ERROR".to_owned(),
        };
        format!("{} {body}", packet.namespace)
    }

    #[test]
    fn examples_from_the_specification_decode() {
        let check = |text: &str, expected: &str| assert_eq!(show(text), expected, "{text}");
        check("0", "/ CONNECT -");
        check(r#"0{"token":"123"}"#, r#"/ CONNECT {"token":"123"}"#);
        check(r#"0/admin,{"sid":"x"}"#, r#"/admin CONNECT {"sid":"x"}"#);
        check(r#"0{"a":"\ud83d","b":-1e999}"#, "/ CONNECT {\"a\":\"\u{fffd}\",\"b\":null}");
        check("0/custom", "/custom CONNECT -");
        check("0/,", "/ CONNECT -");
        check("0/a?b=c,", "/a?b=c CONNECT -");
        check("1/admin,", "/admin DISCONNECT");
        check("1", "/ DISCONNECT");
        check(r#"2["foo"]"#, r#"/ EVENT "foo" "#);
        check(r#"2/admin,["bar"]"#, r#"/admin EVENT "bar" "#);
        check(r#"212["foo"]"#, r#"/ EVENT #12 "foo" "#);
        check(r#"2[1,"x"]"#, r#"/ EVENT "1" "x""#);
        check(r#"2[1.50e0,"x"]"#, r#"/ EVENT "1.5" "x""#);
        check(r#"2 [ "a b" , 1 , {"c":[]} ] "#, r#"/ EVENT "a b"  1 , {"c":[]} "#);
        check(r#"2["é\n"]"#, r#"/ EVENT "é\n" "#);
        check(r#"3/admin,13["bar"]"#, r#"/admin ACK #13 "bar""#);
        check("3007[]", "/ ACK #7 ");
        check("3[]", "/ ACK ");
        check("29007199254740991[\"a\"]", "/ EVENT #9007199254740991 \"a\" ");
        check(r#"4{"message":"x"}"#, "/ CONNECT_ERROR");
    }

    #[test]
    fn malformed_packets_are_refused() {
        let check = |text: &str, expected: &str| assert_eq!(show(text), expected, "{text}");
        for text in ["", "7", "9", "x", "é"] {
            check(text, &format!("unknown packet type {text}"));
        }
        for text in [
            "0[]",
            "0\"x\"",
            "0null",
            "0{",
            "0{}x",
            "1[]",
            "1{}",
            "2",
            "2{}",
            "2[]",
            "2[{}]",
            "2[null]",
            "2[[\"a\"]]",
            "2\"a\"",
            "2[\"a\"",
            "2[\"a\",]",
            "2[\"a\"]]",
            "2abc[\"a\"]",
            "21.5[\"a\"]",
            "2-1[\"a\"]",
            "2[\"connect\"]",
            "2[\"disconnecting\"]",
            "2[\"newListener\"]",
            "3",
            "3{}",
            "3\"a\"",
            "3[",
            "3abc",
        ] {
            check(text, "invalid payload");
        }
        for text in ["5", "51", "5a-[\"a\"]", "5-[\"a\"]", "50-[\"a\"]", "51.5-[\"a\"]", "5-1-[\"a\"]", "5+1-[\"a\"]"] {
            check(text, "illegal attachments");
        }
        check("511-[\"a\"]", "too many attachments");
        check("599999999999999999999-[\"a\"]", "too many attachments");
        check("29007199254740992[\"a\"]", "acknowledgement id is out of range");
        check(&format!("2{}[\"a\"]", "9".repeat(1_000_000)), "acknowledgement id is out of range");
        check(&format!("2[{}", "[".repeat(200_000)), "invalid payload");
        check(&format!("2[\"a\",{}", "[".repeat(200_000)), "payload is nested too deep");
        check(&format!("0{}1{}", "{\"a\":".repeat(128), "}".repeat(128)), "payload is nested too deep");
        check(&format!("0/{},", "n".repeat(255)), "namespace of 256 bytes exceeds the limit of 255");
    }

    #[test]
    fn attachments_join_their_packet() {
        let mut decoder = decoder();
        let text = r#"52-["e",{"_placeholder":true,"num":1},{"a":[{"num":0,"_placeholder":true}]}]"#;
        assert!(matches!(decoder.handle_text(text), Ok(Decoded::Incomplete)));
        assert!(matches!(decoder.handle_binary(&[1]), Ok(Decoded::Incomplete)));
        let Ok(Decoded::Assembled(assembled)) = decoder.handle_binary(&[2, 3]) else {
            panic!("two attachments were announced");
        };
        let Body::Event { args, .. } = assembled.packet().body else {
            panic!("an event was sent");
        };
        let mut args = args.reader();
        let first: Value = args.next().unwrap().unwrap();
        assert_eq!(first, Value::from(Bytes::from_static(&[2, 3])));
        let second: Value = args.next().unwrap().unwrap();
        assert_eq!(second["a"][0], Value::from(Bytes::from_static(&[1])));
        assert!(matches!(decoder.handle_text("2[\"next\"]"), Ok(Decoded::Packet(_))));
    }

    #[test]
    fn what_was_announced_is_kept_until_the_attachments_are_there() {
        let check = |text: &str, expected: &str| {
            let mut decoder = decoder();
            decoder.handle_text(text).unwrap();
            let Ok(Decoded::Assembled(assembled)) = decoder.handle_binary(&[1]) else { panic!("{text}") };
            assert_eq!(show_packet(&assembled.packet()), expected);
        };
        let placeholder = r#"{"_placeholder":true,"num":0}"#;
        check(&format!(r#"51-/a,7["e",{placeholder}]"#), &format!(r#"/a EVENT #7 "e" {placeholder}"#));
        check(&format!(r#"51-["",{placeholder}]"#), &format!(r#"/ EVENT "" {placeholder}"#));
        check(&format!(r#"61-/a,7[ {placeholder} ]"#), &format!("/a ACK #7  {placeholder} "));
    }

    #[test]
    fn placeholders_that_lie_are_refused() {
        for text in [
            r#"51-["e"]"#,
            r#"51-["e",{"_placeholder":true,"num":1}]"#,
            r#"51-["e",{"_placeholder":true,"num":9}]"#,
            r#"51-["e",{"_placeholder":true,"num":-1}]"#,
            r#"51-["e",{"_placeholder":true,"num":0.5}]"#,
            r#"51-["e",{"_placeholder":true,"num":"0"}]"#,
            r#"51-["e",{"_placeholder":true}]"#,
            r#"51-["e",{"_placeholder":true,"num":0,"x":1}]"#,
            r#"51-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#,
            r#"52-["e",{"_placeholder":true,"num":0}]"#,
            r#"51-["e",{"_placeholder":true,"num":{"num":0}}]"#,
            r#"51-["e",{"_placeholder":[true],"num":0}]"#,
            r#"51-["e",{"_placeholder":true,"num":[0]}]"#,
            r#"51-["e",{"_placeholder":true,"x":{"num":0}}]"#,
            r#"51-["e",{"x":[],"_placeholder":true,"num":0}]"#,
            r#"51-["e",{"num":0,"x":{},"_placeholder":true}]"#,
        ] {
            assert_eq!(show(text), "illegal attachments", "{text}");
        }
    }

    #[test]
    fn placeholders_stand_beside_what_only_looks_like_them() {
        for text in [
            r#"51-["e",{"num":7},{"_placeholder":true,"num":0},{"_placeholder":1,"num":0}]"#,
            r#"51-["e",{"a":{"_placeholder":true,"num":0},"num":7}]"#,
            r#"51-["e",{"a":[{"_placeholder":true,"num":0},true],"_placeholder":false}]"#,
        ] {
            assert_eq!(show(text), "Incomplete", "{text}");
        }
    }

    #[test]
    fn placeholders_in_a_text_event_are_plain_data() {
        let text = r#"2["e",{"_placeholder":true,"num":9}]"#;
        assert_eq!(show(text), r#"/ EVENT "e" {"_placeholder":true,"num":9}"#);
    }

    #[test]
    fn messages_out_of_turn_are_refused() {
        let mut decoder = decoder();
        assert_eq!(decoder.handle_binary(&[1]).unwrap_err(), DecodeError::UnexpectedBinary);
        let text = r#"51-["e",{"_placeholder":true,"num":0}]"#;
        decoder.handle_text(text).unwrap();
        assert_eq!(decoder.handle_text("2[\"a\"]").unwrap_err(), DecodeError::UnexpectedText);
    }

    #[test]
    fn attachments_are_bounded_together() {
        let limits = DecoderLimits { max_attachment_bytes: 3, ..DecoderLimits::default() };
        let mut decoder = Decoder::new(Parser::Json, limits);
        let text = r#"52-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        decoder.handle_text(text).unwrap();
        decoder.handle_binary(&[1, 2]).unwrap();
        let error = decoder.handle_binary(&[3, 4]).unwrap_err();
        assert_eq!(error, DecodeError::AttachmentsTooLarge { len: 4, max: 3 });
    }
}
