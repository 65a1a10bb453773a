//! One message between nodes, as JSON or MessagePack, read without building values.

use std::borrow::Cow;

use super::Malformed;
use crate::socket::Args;
use crate::socket::json::{Token, Tokens, unescape};
use crate::socket::msgpack::{self, Cursor, Head};

/// A value that has been checked down to its last member. Which form it has, its first byte tells.
#[derive(Clone, Copy, Debug)]
pub(super) enum Document<'a> {
    Json(&'a str),
    MsgPack(&'a [u8]),
}

/// The members of an object, taken apart once.
#[derive(Debug)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, Document<'a>)>);

impl<'a> Object<'a> {
    /// A member that has a value: `null` and JavaScript's `undefined` are none.
    pub(super) fn get(&self, name: &str) -> Option<Document<'a>> {
        self.find(name).filter(|value| !value.is_null())
    }

    /// Whether there is such a member, of whatever value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// A member as the argument of an answer; none where JavaScript had `undefined`.
    pub(super) fn arg(&self, name: &str) -> Args<'a> {
        self.find(name).map_or(Args::NONE, Document::as_arg)
    }

    fn find(&self, name: &str) -> Option<Document<'a>> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

impl<'a> Document<'a> {
    /// Checks a whole payload: exactly one value, a JSON object or anything in MessagePack.
    pub(super) fn parse(payload: &'a [u8]) -> Result<Self, Malformed> {
        if payload.first() == Some(&b'{') {
            let text = std::str::from_utf8(payload).map_err(|_| Malformed::Undecodable)?;
            Tokens::new(text).finish().map_err(|_| Malformed::Undecodable)?;
            return Ok(Self::Json(text));
        }
        Self::parse_msgpack(payload)
    }

    /// Checks a payload that can be MessagePack only.
    pub(super) fn parse_msgpack(payload: &'a [u8]) -> Result<Self, Malformed> {
        match msgpack::value(payload) {
            Ok(span) if span.bytes.len() == payload.len() => Ok(Self::MsgPack(payload)),
            _ => Err(Malformed::Undecodable),
        }
    }

    /// The members of an object.
    pub(super) fn object(self) -> Result<Object<'a>, Malformed> {
        let members = match self {
            Self::Json(text) => json_members(text),
            Self::MsgPack(bytes) => msgpack_members(bytes),
        };
        members.map(Object).ok_or(Malformed::WrongShape)
    }

    /// The items of an array; an empty object is as good as an empty array.
    pub(super) fn items(self) -> Option<Vec<Self>> {
        match self {
            Self::Json(text) => json_items(text),
            Self::MsgPack(bytes) => msgpack_items(bytes),
        }
    }

    pub(super) fn is_null(self) -> bool {
        match self {
            Self::Json(text) => text == "null",
            Self::MsgPack(bytes) => matches!(bytes, [0xc0] | [0xd4, 0, 0]),
        }
    }

    /// A string. What is no valid UTF-8 is replaced.
    pub(super) fn as_str(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Json(text) => match Tokens::new(text).next() {
                Ok(Some(Token::String(raw))) => Some(unescape(raw)),
                _ => None,
            },
            Self::MsgPack(bytes) => match Cursor::new(bytes).head() {
                Ok(Head::Str(text)) => Some(Cow::Borrowed(text)),
                _ => None,
            },
        }
    }

    /// A name: a string, or a number as JavaScript callers can pass it.
    pub(super) fn as_name(self) -> Option<Cow<'a, str>> {
        self.as_str().or_else(|| self.as_integer().map(|number| Cow::Owned(number.to_string())))
    }

    pub(super) fn as_integer(self) -> Option<i64> {
        match self {
            Self::Json(text) => text.parse().ok(),
            Self::MsgPack(bytes) => match Cursor::new(bytes).head() {
                Ok(Head::Unsigned(number)) => i64::try_from(number).ok(),
                Ok(Head::Integer(number)) => Some(number),
                Ok(Head::Float(number)) if number.fract() == 0.0 => Some(number as i64),
                _ => None,
            },
        }
    }

    pub(super) fn as_bool(self) -> Option<bool> {
        match self {
            Self::Json("true") | Self::MsgPack([0xc3]) => Some(true),
            Self::Json("false") | Self::MsgPack([0xc2]) => Some(false),
            _ => None,
        }
    }

    /// The value as the only argument of an event or acknowledgement.
    pub(super) fn as_arg(self) -> Args<'a> {
        match self {
            Self::Json(text) => Args::Json { text, attachments: &[] },
            Self::MsgPack(bytes) => Args::MsgPack(bytes),
        }
    }

    /// The name of an event and its arguments, of an array that begins with the name.
    pub(super) fn as_event(self) -> Option<(Cow<'a, str>, Args<'a>)> {
        match self {
            Self::Json(text) => {
                let inside = json_inside(text, '[', ']')?;
                let mut tokens = Tokens::of_items(inside);
                let name = Self::Json(&inside[tokens.skip_value()?]).as_name()?;
                let rest = inside[tokens.position()..].trim_start();
                let rest = rest.strip_prefix(',').unwrap_or(rest);
                Some((name, Args::Json { text: rest, attachments: &[] }))
            }
            Self::MsgPack(bytes) => {
                let mut cursor = Cursor::new(bytes);
                let Ok(Head::Array(1..)) = cursor.head() else { return None };
                let name = msgpack::value(cursor.rest()).ok()?.bytes;
                let rest = &cursor.rest()[name.len()..];
                Some((Self::MsgPack(name).as_name()?, Args::MsgPack(rest)))
            }
        }
    }
}

fn json_inside(text: &str, open: char, close: char) -> Option<&str> {
    text.trim().strip_prefix(open)?.strip_suffix(close)
}

fn json_members(text: &str) -> Option<Vec<(Cow<'_, str>, Document<'_>)>> {
    json_inside(text, '{', '}')?;
    let mut tokens = Tokens::new(text);
    tokens.next().ok()?;
    let mut members = Vec::new();
    while let Ok(Some(Token::Key(raw))) = tokens.next() {
        let value = tokens.skip_value()?;
        members.push((unescape(raw), Document::Json(&text[value])));
    }
    Some(members)
}

fn json_items(text: &str) -> Option<Vec<Document<'_>>> {
    if json_inside(text, '{', '}').is_some_and(|inside| inside.trim().is_empty()) {
        return Some(Vec::new());
    }
    let inside = json_inside(text, '[', ']')?;
    let mut tokens = Tokens::of_items(inside);
    Some(std::iter::from_fn(|| tokens.skip_value()).map(|item| Document::Json(&inside[item])).collect())
}

fn msgpack_members(bytes: &[u8]) -> Option<Vec<(Cow<'_, str>, Document<'_>)>> {
    let mut cursor = Cursor::new(bytes);
    let Ok(Head::Map(len)) = cursor.head() else { return None };
    let mut members = Vec::new();
    for _ in 0..len {
        let key = take(&mut cursor)?.as_name().unwrap_or_default();
        members.push((key, take(&mut cursor)?));
    }
    Some(members)
}

fn msgpack_items(bytes: &[u8]) -> Option<Vec<Document<'_>>> {
    let mut cursor = Cursor::new(bytes);
    match cursor.head() {
        Ok(Head::Array(len)) => (0..len).map(|_| take(&mut cursor)).collect(),
        Ok(Head::Map(0)) => Some(Vec::new()),
        _ => None,
    }
}

fn take<'a>(cursor: &mut Cursor<'a>) -> Option<Document<'a>> {
    let bytes = cursor.rest();
    cursor.skip(0).ok()?;
    Some(Document::MsgPack(&bytes[..bytes.len() - cursor.rest().len()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same document in both forms.
    fn check(json: &str, look: impl Fn(Document<'_>)) {
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        look(Document::parse(json.as_bytes()).unwrap());
        look(Document::parse(&rmp_serde::to_vec(&value).unwrap()).unwrap());
    }

    #[test]
    fn members_are_found_by_name() {
        check(r#"{"a" : 1, "b": "x\n", "c": null, "d": true, "e": -2}"#, |document| {
            let document = document.object().unwrap();
            assert_eq!(document.get("a").unwrap().as_integer(), Some(1));
            assert_eq!(document.get("b").unwrap().as_str().unwrap(), "x\n");
            assert!(document.get("c").is_none() && document.has("c"));
            assert_eq!(document.get("d").unwrap().as_bool(), Some(true));
            assert_eq!(document.get("e").unwrap().as_integer(), Some(-2));
            assert!(document.get("f").is_none() && !document.has("f"));
        });
    }

    #[test]
    fn events_are_taken_apart() {
        check(r#"{"data": [ "hello" , 1, {"x": [2]} ], "none": [], "wrong": [null]}"#, |document| {
            let document = document.object().unwrap();
            let (name, args) = document.get("data").unwrap().as_event().unwrap();
            assert_eq!(name, "hello");
            let mut args = args.reader();
            assert_eq!(args.next::<u8>(), Some(Ok(1)));
            assert_eq!(args.next::<serde_json::Value>(), Some(Ok(serde_json::json!({"x": [2]}))));
            assert!(args.next::<u8>().is_none());
            assert!(document.get("none").unwrap().as_event().is_none());
            assert!(document.get("wrong").unwrap().as_event().is_none());
        });
    }

    #[test]
    fn rooms_may_be_numbers_and_lists_objects() {
        check(r#"{"rooms": ["a", 42], "flags": {}}"#, |document| {
            let document = document.object().unwrap();
            let rooms = document.get("rooms").unwrap().items().unwrap();
            let rooms: Vec<_> = rooms.into_iter().map(|room| room.as_name().unwrap()).collect();
            assert_eq!(rooms, ["a", "42"]);
            assert_eq!(document.get("flags").unwrap().items().unwrap().len(), 0);
        });
    }

    #[test]
    fn what_is_not_exactly_one_value_is_refused() {
        for payload in [&b""[..], b"{", b"{}x", b"{\"a\":\xff}", b"\x91", b"\xc0\xc0", b"\xc1", b"[1]"] {
            assert!(Document::parse(payload).is_err(), "{payload:?}");
        }
    }
}
