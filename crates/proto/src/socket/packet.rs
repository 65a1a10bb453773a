//! One Socket.IO packet in text form. Source: Socket.IO v5, "Packet encoding".

use std::borrow::Cow;

use bytes::Bytes;

use super::args::Args;
use super::json::{self, JsonError, Token, Tokens};
use super::value::Value;
use super::{placeholders, transcode};

/// What a client sent to a namespace.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    /// The namespace, with its leading slash.
    pub namespace: Cow<'a, str>,
    /// What it is.
    pub body: Body<'a>,
}

/// The kinds of packets, and what they carry.
#[derive(Clone, Debug)]
pub enum Body<'a> {
    /// The client joins the namespace, with its authentication payload as the text of a JSON object.
    Connect {
        /// The payload, which serde_json can read; `None` when there is none.
        auth: Option<Cow<'a, str>>,
    },
    /// The client leaves the namespace.
    Disconnect,
    /// An event.
    Event {
        /// Its name; a number is given as the text that JavaScript makes of it, `1` for `1.0`.
        name: Cow<'a, str>,
        /// What comes behind the name.
        args: Args<'a>,
        /// Set when the client wants an acknowledgement.
        id: Option<u64>,
    },
    /// The answer to an event of the server.
    Ack {
        /// The id of the event; without one the packet has no effect.
        id: Option<u64>,
        /// The answer.
        args: Args<'a>,
    },
    /// Only a server sends this one.
    ConnectError,
}

/// Why a message of a client is not a packet. The connection closes; texts as the reference parser's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The first character is no packet type.
    #[error("unknown packet type {0}")]
    UnknownType(String),
    /// The number of attachments is missing, no number or zero; or attachments and placeholders do not match.
    #[error("illegal attachments")]
    IllegalAttachments,
    /// More attachments than allowed.
    #[error("too many attachments")]
    TooManyAttachments,
    /// The attachments of one packet are larger than a packet may be.
    #[error("attachments of {len} bytes exceed the limit of {max}")]
    AttachmentsTooLarge {
        /// Bytes received so far.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The namespace is longer than allowed.
    #[error("namespace of {len} bytes exceeds the limit of {max}")]
    NamespaceTooLong {
        /// Bytes of the name.
        len: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// The payload is no JSON (or MessagePack), or not what this kind of packet carries.
    #[error("invalid payload")]
    InvalidPayload,
    /// The payload nests deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    #[error("payload is nested too deep")]
    TooDeep,
    /// The acknowledgement id is above 2^53 - 1, which JavaScript cannot count to.
    #[error("acknowledgement id is out of range")]
    AckId,
    /// Text came while attachments were due.
    #[error("got plaintext data when reconstructing a packet")]
    UnexpectedText,
    /// Binary data came while no attachment was due.
    #[error("got binary data when not reconstructing a packet")]
    UnexpectedBinary,
}

/// Event names that a client cannot send and a server cannot emit. Source: Socket.IO, "Reserved events".
pub const RESERVED_EVENTS: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// Longest namespace in bytes, query included. Source: `limits.md`.
const MAX_NAMESPACE_BYTES: usize = 255;

/// The largest integer that every JavaScript peer counts to.
const MAX_ACK_ID: u64 = (1 << 53) - 1;

impl<'a> Packet<'a> {
    /// Reads a packet whose attachments, if it announces any, are given with it.
    ///
    /// The whole payload is checked: what is returned is sound JSON with one placeholder for each attachment.
    pub(super) fn parse(head: &Head<'a>, attachments: &'a [Bytes]) -> Result<Self, DecodeError> {
        let body = match head.kind {
            Kind::Connect => Body::Connect { auth: connect_payload(head.payload)? },
            Kind::Disconnect if head.payload.is_empty() => Body::Disconnect,
            Kind::Disconnect => return Err(DecodeError::InvalidPayload),
            Kind::Event => {
                let (name, text) = event_payload(head.payload, head.attachments)?;
                let args = Args::Json { text, attachments };
                Body::Event { name, args, id: head.id }
            }
            Kind::Ack => {
                let text = ack_payload(head.payload, head.attachments)?;
                let args = Args::Json { text, attachments };
                Body::Ack { id: head.id, args }
            }
            Kind::ConnectError => Body::ConnectError,
        };
        Ok(Self { namespace: Cow::Borrowed(head.namespace), body })
    }
}

/// The part of a packet before its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head<'a> {
    pub(super) kind: Kind,
    /// How many binary messages follow.
    pub(super) attachments: usize,
    pub(super) namespace: &'a str,
    pub(super) id: Option<u64>,
    pub(super) payload: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
}

impl<'a> Head<'a> {
    /// Reads `<type>[<attachments>-][<namespace>,][<id>]` and leaves the payload.
    pub(super) fn parse(text: &'a str) -> Result<Self, DecodeError> {
        let (kind, binary) = kind(text)?;
        let (attachments, rest) = if binary { attachments(&text[1..])? } else { (0, &text[1..]) };
        let (namespace, rest) = namespace(rest)?;
        let (id, payload) = ack_id(rest)?;
        Ok(Self { kind, attachments, namespace, id, payload })
    }
}

fn kind(text: &str) -> Result<(Kind, bool), DecodeError> {
    Ok(match text.as_bytes().first() {
        Some(b'0') => (Kind::Connect, false),
        Some(b'1') => (Kind::Disconnect, false),
        Some(b'2') => (Kind::Event, false),
        Some(b'3') => (Kind::Ack, false),
        Some(b'4') => (Kind::ConnectError, false),
        Some(b'5') => (Kind::Event, true),
        Some(b'6') => (Kind::Ack, true),
        _ => return Err(DecodeError::UnknownType(text.chars().take(1).collect())),
    })
}

fn attachments(rest: &str) -> Result<(usize, &str), DecodeError> {
    let (count, rest) = rest.split_once('-').ok_or(DecodeError::IllegalAttachments)?;
    if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecodeError::IllegalAttachments);
    }
    match count.parse() {
        Ok(0) => Err(DecodeError::IllegalAttachments),
        Ok(count) => Ok((count, rest)),
        Err(_) => Err(DecodeError::TooManyAttachments),
    }
}

fn namespace(rest: &str) -> Result<(&str, &str), DecodeError> {
    if !rest.starts_with('/') {
        return Ok(("/", rest));
    }
    let (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
    check_namespace(namespace)?;
    Ok((namespace, rest))
}

pub(super) fn check_namespace(namespace: &str) -> Result<(), DecodeError> {
    if namespace.len() > MAX_NAMESPACE_BYTES {
        return Err(DecodeError::NamespaceTooLong { len: namespace.len(), max: MAX_NAMESPACE_BYTES });
    }
    Ok(())
}

fn ack_id(rest: &str) -> Result<(Option<u64>, &str), DecodeError> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Ok((None, rest));
    }
    let (id, payload) = rest.split_at(digits);
    match id.parse() {
        Ok(id) => Ok((Some(check_ack_id(id)?), payload)),
        Err(_) => Err(DecodeError::AckId),
    }
}

pub(super) fn check_ack_id(id: u64) -> Result<u64, DecodeError> {
    if id > MAX_ACK_ID {
        return Err(DecodeError::AckId);
    }
    Ok(id)
}

/// A `CONNECT` carries nothing or an object.
fn connect_payload(payload: &str) -> Result<Option<Cow<'_, str>>, DecodeError> {
    if payload.is_empty() {
        return Ok(None);
    }
    let tokens = Tokens::new(payload);
    if tokens.clone().next()? != Some(Token::BeginObject) {
        return Err(DecodeError::InvalidPayload);
    }
    tokens.finish()?;
    readable(payload).map(Some)
}

/// The same JSON so that serde_json reads it: what only JavaScript can, half of a surrogate pair for one, is replaced.
fn readable(json: &str) -> Result<Cow<'_, str>, DecodeError> {
    let check = |json: &str| serde_json::from_str::<Value>(json).map(drop);
    if check(json).is_ok() {
        return Ok(Cow::Borrowed(json));
    }
    let rewritten = transcode::msgpack_to_json(&transcode::json_to_msgpack(json, &[]))?;
    // One level is what serde_json allows less.
    check(&rewritten).map_err(|_| DecodeError::TooDeep)?;
    Ok(Cow::Owned(rewritten))
}

/// An event carries an array that begins with its name; returns the name and the text of the rest.
fn event_payload(payload: &str, attachments: usize) -> Result<(Cow<'_, str>, &str), DecodeError> {
    let mut tokens = begin_array(payload)?;
    let name = match tokens.next()? {
        Some(Token::String(raw)) => json::unescape(raw),
        Some(Token::Number(number)) => json::number_text(number.parse().unwrap_or(f64::NAN)).into(),
        _ => return Err(DecodeError::InvalidPayload),
    };
    check_event_name(&name)?;
    let items = finish(payload, tokens, attachments)?.trim_start();
    Ok((name, items.strip_prefix(',').unwrap_or(items)))
}

pub(super) fn check_event_name(name: &str) -> Result<(), DecodeError> {
    if RESERVED_EVENTS.contains(&name) {
        return Err(DecodeError::InvalidPayload);
    }
    Ok(())
}

/// An acknowledgement carries an array.
fn ack_payload(payload: &str, attachments: usize) -> Result<&str, DecodeError> {
    finish(payload, begin_array(payload)?, attachments)
}

fn begin_array(payload: &str) -> Result<Tokens<'_>, DecodeError> {
    let mut tokens = Tokens::new(payload);
    match tokens.next()? {
        Some(Token::BeginArray) => Ok(tokens),
        _ => Err(DecodeError::InvalidPayload),
    }
}

/// Checks what is left of a payload, which is one array; returns what stands before its closing bracket. Without
/// attachments, objects that look like placeholders are plain data.
fn finish<'a>(payload: &'a str, tokens: Tokens<'a>, attachments: usize) -> Result<&'a str, DecodeError> {
    if attachments == 0 {
        return Ok(tokens.finish_array()?);
    }
    let rest = &payload[tokens.position()..];
    placeholders::check(tokens, attachments)?;
    let end = rest.rfind(']').expect("the tokens have shown the end of the array");
    Ok(&rest[..end])
}

impl From<JsonError> for DecodeError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Syntax(_) => Self::InvalidPayload,
            JsonError::TooDeep => Self::TooDeep,
        }
    }
}
