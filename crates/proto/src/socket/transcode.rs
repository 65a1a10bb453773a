//! Between Rust values, JSON and MessagePack, as JavaScript's libraries would write them.

use std::borrow::Cow;
use std::io::Write as _;

use bytes::Bytes;
use rmp::encode as mp;
use serde::Serialize;
use serde_json::ser::Formatter;

use super::encoder::EncodeError;
use super::json::{self, Token, Tokens};
use super::msgpack::{Cursor, Head};
use super::packet::DecodeError;
use crate::dates::iso_string;

/// Appends a value as JSON; byte strings become placeholders, their content an attachment each.
pub(super) fn write_json<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    attachments: &mut Vec<Bytes>,
    value: &T,
) -> Result<(), EncodeError> {
    let formatter = JavaScript { attachments };
    let mut serializer = serde_json::Serializer::with_formatter(out, formatter);
    value.serialize(&mut serializer).map_err(|error| EncodeError(error.to_string()))
}

/// Appends a value as MessagePack, structs as maps.
pub(super) fn write_msgpack<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), EncodeError> {
    let mut serializer = rmp_serde::Serializer::new(out).with_struct_map();
    value.serialize(&mut serializer).map_err(|error| EncodeError(error.to_string()))
}

/// Writes numbers as JavaScript does, and bytes as placeholders.
struct JavaScript<'a> {
    attachments: &'a mut Vec<Bytes>,
}

impl Formatter for JavaScript<'_> {
    fn write_f32<W: std::io::Write + ?Sized>(&mut self, writer: &mut W, value: f32) -> std::io::Result<()> {
        write_number(writer, value, value.is_finite())
    }

    fn write_f64<W: std::io::Write + ?Sized>(&mut self, writer: &mut W, value: f64) -> std::io::Result<()> {
        write_number(writer, value, value.is_finite())
    }

    fn write_byte_array<W: std::io::Write + ?Sized>(&mut self, writer: &mut W, value: &[u8]) -> std::io::Result<()> {
        let mut placeholder = Vec::new();
        push_placeholder(&mut placeholder, self.attachments.len());
        self.attachments.push(Bytes::copy_from_slice(value));
        writer.write_all(&placeholder)
    }
}

fn write_number<W: std::io::Write + ?Sized>(
    writer: &mut W,
    number: impl std::fmt::LowerExp,
    is_finite: bool,
) -> std::io::Result<()> {
    let mut digits = Vec::with_capacity(24);
    json::push_number(&mut digits, number, is_finite);
    writer.write_all(&digits)
}

/// Turns one JSON value that has been checked into MessagePack; placeholders become the attachments.
pub(super) fn json_to_msgpack(text: &str, attachments: &[Bytes]) -> Vec<u8> {
    let mut lengths = container_lengths(text).into_iter();
    let mut length = || lengths.next().unwrap_or(0);
    let mut out = Vec::with_capacity(text.len());
    let mut tokens = Tokens::new(text);
    while let Ok(Some(token)) = tokens.next() {
        let written = match token {
            Token::Null => mp::write_nil(&mut out).map_err(drop),
            Token::Bool(value) => mp::write_bool(&mut out, value).map_err(drop),
            Token::Number(number) => push_json_number(&mut out, number),
            Token::Key(raw) | Token::String(raw) => mp::write_str(&mut out, &json::unescape(raw)).map_err(drop),
            Token::BeginArray => mp::write_array_len(&mut out, length()).map(drop).map_err(drop),
            Token::BeginObject => {
                let len = length();
                match placeholder(&tokens, attachments) {
                    Some((attachment, behind)) => {
                        tokens = behind;
                        mp::write_bin(&mut out, attachment).map_err(drop)
                    }
                    None => mp::write_map_len(&mut out, len).map(drop).map_err(drop),
                }
            }
            Token::EndArray | Token::EndObject => Ok(()),
        };
        written.expect("memory takes what is written to it");
    }
    out
}

/// The lengths of all arrays and objects, in the order in which they begin; MessagePack wants them first.
fn container_lengths(text: &str) -> Vec<u32> {
    let mut lengths = Vec::new();
    let mut open: Vec<(usize, bool)> = Vec::new();
    let mut tokens = Tokens::new(text);
    while let Ok(Some(token)) = tokens.next() {
        if matches!(token, Token::EndArray | Token::EndObject) {
            open.pop();
            continue;
        }
        // An object counts its keys, an array its values.
        if let Some(&(index, object)) = open.last() {
            lengths[index] += u32::from(object == matches!(token, Token::Key(_)));
        }
        if matches!(token, Token::BeginArray | Token::BeginObject) {
            open.push((lengths.len(), token == Token::BeginObject));
            lengths.push(0);
        }
    }
    lengths
}

/// The attachment that an object stands for, given the tokens behind its `{`, and the tokens behind its `}`.
fn placeholder<'a, 't>(inside: &Tokens<'t>, attachments: &'a [Bytes]) -> Option<(&'a Bytes, Tokens<'t>)> {
    if attachments.is_empty() {
        return None;
    }
    let mut tokens = inside.clone();
    let mut next = || tokens.next().ok().flatten();
    let number = match [next()?, next()?, next()?, next()?] {
        [Token::Key("_placeholder"), Token::Bool(true), Token::Key("num"), Token::Number(number)] => number,
        [Token::Key("num"), Token::Number(number), Token::Key("_placeholder"), Token::Bool(true)] => number,
        _ => return None,
    };
    (next()? == Token::EndObject).then_some(())?;
    let attachment = attachments.get(number.parse::<usize>().ok()?)?;
    Some((attachment, tokens))
}

/// JavaScript has one kind of number: what is whole is written as an integer, whatever it looked like.
fn push_json_number(out: &mut Vec<u8>, number: &str) -> Result<(), ()> {
    if let Ok(number) = number.parse::<u64>() {
        return mp::write_uint(out, number).map(drop).map_err(drop);
    }
    if let Ok(number) = number.parse::<i64>() {
        return mp::write_sint(out, number).map(drop).map_err(drop);
    }
    let number: f64 = number.parse().map_err(drop)?;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return mp::write_sint(out, number as i64).map(drop).map_err(drop);
    }
    mp::write_f64(out, number).map_err(drop)
}

/// Up to here every integer is a number of its own: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Turns one MessagePack value without binary data into JSON; binary data becomes `null`.
pub(super) fn msgpack_to_json(bytes: &[u8]) -> Result<String, DecodeError> {
    let mut out = Vec::with_capacity(bytes.len() * 2);
    push_json(&mut out, &mut Cursor::new(bytes), &mut Binaries::Null)?;
    String::from_utf8(out).map_err(|_| DecodeError::InvalidPayload)
}

/// What becomes of binary data in JSON.
pub(crate) enum Binaries<'a> {
    /// `null`.
    Null,
    /// A placeholder, and the data an attachment.
    Attach(&'a mut Vec<Bytes>),
    /// An object with its bytes as numbers, as Node.js writes its `Buffer`s.
    Inline,
}

impl Binaries<'_> {
    fn push(&mut self, out: &mut Vec<u8>, data: &[u8]) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Attach(attachments) => {
                push_placeholder(out, attachments.len());
                attachments.push(Bytes::copy_from_slice(data));
            }
            Self::Inline => {
                let bytes: Vec<_> = data.iter().map(u8::to_string).collect();
                out.extend_from_slice(format!(r#"{{"type":"Buffer","data":[{}]}}"#, bytes.join(",")).as_bytes());
            }
        }
    }
}

fn push_placeholder(out: &mut Vec<u8>, index: usize) {
    write!(out, r#"{{"_placeholder":true,"num":{index}}}"#).expect("memory takes what is written to it");
}

/// Appends the next value as JSON, as JavaScript would; `undefined` is `null`.
pub(crate) fn push_json(
    out: &mut Vec<u8>,
    cursor: &mut Cursor<'_>,
    binaries: &mut Binaries<'_>,
) -> Result<(), DecodeError> {
    if !push_json_unless_undefined(out, cursor, binaries)? {
        out.extend_from_slice(b"null");
    }
    Ok(())
}

/// Says whether there was a value, that is, whether it was not `undefined`.
fn push_json_unless_undefined(
    out: &mut Vec<u8>,
    cursor: &mut Cursor<'_>,
    binaries: &mut Binaries<'_>,
) -> Result<bool, DecodeError> {
    match cursor.head()? {
        Head::Nil => out.extend_from_slice(b"null"),
        Head::Binary(data) => binaries.push(out, data),
        Head::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Head::Unsigned(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Head::Integer(number) => out.extend_from_slice(number.to_string().as_bytes()),
        Head::Float(number) => json::push_number(out, number, number.is_finite()),
        Head::Str(text) => json::push_string(out, text),
        Head::Array(len) => push_json_array(out, cursor, len, binaries)?,
        Head::Map(len) => push_json_object(out, cursor, len, binaries)?,
        Head::Ext { kind, data, fixed } => match Extension::of(kind, data, fixed) {
            Extension::Date(millis) => json::push_string(out, &iso_string(millis)),
            Extension::Undefined => return Ok(false),
            Extension::Binary => binaries.push(out, data),
            Extension::Unknown => {
                out.extend_from_slice(format!("[{kind},").as_bytes());
                binaries.push(out, data);
                out.push(b']');
            }
        },
    }
    Ok(true)
}

fn push_json_array(
    out: &mut Vec<u8>,
    cursor: &mut Cursor<'_>,
    len: u32,
    binaries: &mut Binaries<'_>,
) -> Result<(), DecodeError> {
    out.push(b'[');
    for index in 0..len {
        if index > 0 {
            out.push(b',');
        }
        push_json(out, cursor, binaries)?;
    }
    out.push(b']');
    Ok(())
}

fn push_json_object(
    out: &mut Vec<u8>,
    cursor: &mut Cursor<'_>,
    len: u32,
    binaries: &mut Binaries<'_>,
) -> Result<(), DecodeError> {
    out.push(b'{');
    let mut is_first = true;
    for _ in 0..len {
        let start = out.len();
        if !is_first {
            out.push(b',');
        }
        push_key(out, cursor.head()?)?;
        if push_json_unless_undefined(out, cursor, binaries)? {
            is_first = false;
        } else {
            out.truncate(start);
        }
    }
    out.push(b'}');
    Ok(())
}

fn push_key(out: &mut Vec<u8>, key: Head<'_>) -> Result<(), DecodeError> {
    let key = match key {
        Head::Str(text) => Cow::Borrowed(text),
        Head::Unsigned(number) => number.to_string().into(),
        Head::Integer(number) => number.to_string().into(),
        _ => return Err(DecodeError::InvalidPayload),
    };
    json::push_string(out, &key);
    out.push(b':');
    Ok(())
}

/// Replaces the extensions in a value that has been checked by what they mean.
pub(super) fn strip_extensions(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    match push_stripped(&mut out, &mut Cursor::new(bytes)) {
        Ok(true) => {}
        Ok(false) => push_len(mp::write_nil(&mut out)),
        Err(error) => debug_assert!(false, "the value has been checked: {error}"),
    }
    out
}

/// Appends one value; says whether there was one, that is, whether it was not `undefined`.
fn push_stripped(out: &mut Vec<u8>, cursor: &mut Cursor<'_>) -> Result<bool, DecodeError> {
    let before = cursor.rest();
    match cursor.head()? {
        Head::Array(len) => {
            push_len(mp::write_array_len(out, len));
            for _ in 0..len {
                if !push_stripped(out, cursor)? {
                    push_len(mp::write_nil(out));
                }
            }
        }
        Head::Map(len) => push_stripped_map(out, cursor, len)?,
        Head::Ext { kind, data, fixed } => match Extension::of(kind, data, fixed) {
            Extension::Undefined => return Ok(false),
            Extension::Date(millis) => push_len(mp::write_str(out, &iso_string(millis))),
            Extension::Binary => push_len(mp::write_bin(out, data)),
            Extension::Unknown => {
                push_len(mp::write_array_len(out, 2));
                push_len(mp::write_sint(out, kind.into()));
                push_len(mp::write_bin(out, data));
            }
        },
        _ => out.extend_from_slice(&before[..before.len() - cursor.rest().len()]),
    }
    Ok(true)
}

fn push_stripped_map(out: &mut Vec<u8>, cursor: &mut Cursor<'_>, len: u32) -> Result<(), DecodeError> {
    let mut members = Vec::new();
    let mut count = 0;
    for _ in 0..len {
        let start = members.len();
        // No key at all would make its value the next one.
        if !push_stripped(&mut members, cursor)? {
            push_len(mp::write_nil(&mut members));
        }
        if push_stripped(&mut members, cursor)? {
            count += 1;
        } else {
            members.truncate(start);
        }
    }
    push_len(mp::write_map_len(out, count));
    out.extend_from_slice(&members);
    Ok(())
}

fn push_len<T, E: std::fmt::Debug>(written: Result<T, E>) {
    written.expect("memory takes what is written to it");
}

/// What the extensions of JavaScript's MessagePack libraries mean.
enum Extension {
    Undefined,
    /// Milliseconds since 1970.
    Date(i64),
    /// A typed array of notepack 2.
    Binary,
    /// What nobody here knows, shown as its type and its bytes.
    Unknown,
}

impl Extension {
    fn of(kind: i8, data: &[u8], fixed: bool) -> Self {
        let number = |digits: &[u8]| digits.iter().fold(0_u64, |number, &digit| number << 8 | u64::from(digit));
        match (kind, data.len(), fixed) {
            (0, 1, true) => Self::Undefined,
            (0, 8, true) => Self::Date(number(data).cast_signed()),
            (-1, 4, _) => Self::Date(i64::try_from(number(data) * 1000).unwrap_or(i64::MAX)),
            (-1, 8, _) => {
                let (nanos, seconds) = (number(data) >> 34, number(data) & ((1 << 34) - 1));
                Self::Date(i64::try_from(seconds * 1000 + nanos / 1_000_000).unwrap_or(i64::MAX))
            }
            (-1, 12, _) => {
                let nanos = i64::try_from(number(&data[..4])).unwrap_or(0);
                let seconds = number(&data[4..]).cast_signed();
                Self::Date(seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000))
            }
            (0, ..) => Self::Binary,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_the_shortest_msgpack() {
        let check = |text: &str, expected: &[u8]| assert_eq!(json_to_msgpack(text, &[]), expected, "{text}");
        check("null", b"\xc0");
        check("[1,-1,1.0,1.5,1e3]", b"\x95\x01\xff\x01\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\xcd\x03\xe8");
        check(r#"{"a":{"b":[]},"c":"\u00e9"}"#, b"\x82\xa1a\x81\xa1b\x90\xa1c\xa2\xc3\xa9");
        check("18446744073709551615", b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
        check(r#"{"_placeholder":true,"num":0}"#, b"\x82\xac_placeholder\xc3\xa3num\x00");
    }

    #[test]
    fn placeholders_become_attachments_in_any_order_of_keys() {
        let attachments = [Bytes::from_static(b"x"), Bytes::from_static(b"yz")];
        let text = r#"[{"num":1,"_placeholder":true},{"_placeholder":true,"num":0},{"num":1}]"#;
        let expected = b"\x93\xc4\x02yz\xc4\x01x\x81\xa3num\x01";
        assert_eq!(json_to_msgpack(text, &attachments), expected);
    }

    #[test]
    fn extensions_are_replaced_by_their_meaning() {
        let check = |bytes: &[u8], expected: &[u8]| assert_eq!(strip_extensions(bytes), expected);
        check(b"\x92\xd4\x00\x00\x01", b"\x92\xc0\x01");
        check(b"\x82\xa1a\xd4\x00\x00\xa1b\x01", b"\x81\xa1b\x01");
        check(b"\x82\xd4\x00\x00\x01\xa1a\x02", b"\x82\xc0\x01\xa1a\x02");
        check(b"\xc7\x03\x00abc", b"\xc4\x03abc");
        check(b"\xd6\xff\x65\x53\xf1\x00", b"\xb82023-11-14T22:13:20.000Z");
        check(b"\xd7\x00\x00\x00\x01\x8b\xcf\xe5\x68\x7b", b"\xb82023-11-14T22:13:20.123Z");
    }

    #[test]
    fn msgpack_becomes_json() {
        let bytes =
            b"\x84\xa1a\x92\xc0\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\x02\xa1\"\xa1b\xff\xa1c\xd6\xff\x65\x53\xf1\x00";
        let expected = r#"{"a":[null,1.5],"2":"\"","b":-1,"c":"2023-11-14T22:13:20.000Z"}"#;
        assert_eq!(msgpack_to_json(bytes).unwrap(), expected);
    }
}
