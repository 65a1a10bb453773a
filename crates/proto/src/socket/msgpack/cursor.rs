//! Walks over MessagePack without building values.

use std::borrow::Cow;

use rmp::Marker;

use crate::socket::json::MAX_DEPTH;
use crate::socket::packet::DecodeError;
use crate::socket::transcode;

/// A position in MessagePack bytes that nobody has vouched for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
}

/// The beginning of a value: all of it for a scalar, the length for anything longer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Head<'a> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    /// A negative one; any other is `Unsigned`, however it was written.
    Integer(i64),
    Float(f64),
    Str(&'a str),
    Binary(&'a [u8]),
    Array(u32),
    Map(u32),
    /// An extension: its type, its content, and whether it was written in one of the fixed sizes.
    Ext {
        kind: i8,
        data: &'a [u8],
        fixed: bool,
    },
}

/// One whole value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span<'a> {
    pub(crate) bytes: &'a [u8],
    has_extensions: bool,
}

/// The value at the start of `bytes`, checked down to its last member.
pub(crate) fn value(bytes: &[u8]) -> Result<Span<'_>, DecodeError> {
    let mut cursor = Cursor::new(bytes);
    let has_extensions = cursor.skip(0)?;
    Ok(Span { bytes: &bytes[..bytes.len() - cursor.bytes.len()], has_extensions })
}

/// How many values there are; those that have been checked before.
pub(crate) fn count(bytes: &[u8]) -> u32 {
    let mut cursor = Cursor::new(bytes);
    let mut count = 0;
    while !cursor.bytes.is_empty() && cursor.skip(0).is_ok() {
        count += 1;
    }
    count
}

impl<'a> Span<'a> {
    /// The value with every extension replaced by what it means: a date by its text, `undefined` by nil
    /// or nothing, an old typed array by its bytes.
    pub(crate) fn without_extensions(self) -> Cow<'a, [u8]> {
        if self.has_extensions {
            Cow::Owned(transcode::strip_extensions(self.bytes))
        } else {
            Cow::Borrowed(self.bytes)
        }
    }
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// Reads the beginning of the next value.
    pub(crate) fn head(&mut self) -> Result<Head<'a>, DecodeError> {
        let marker = Marker::from_u8(self.take_array::<1>()?[0]);
        Ok(match marker {
            Marker::Null => Head::Nil,
            Marker::True => Head::Bool(true),
            Marker::False => Head::Bool(false),
            Marker::FixPos(number) => Head::Unsigned(number.into()),
            Marker::FixNeg(number) => Head::Integer(number.into()),
            Marker::U8 => Head::Unsigned(self.take_array().map(u8::from_be_bytes)?.into()),
            Marker::U16 => Head::Unsigned(self.take_array().map(u16::from_be_bytes)?.into()),
            Marker::U32 => Head::Unsigned(self.take_array().map(u32::from_be_bytes)?.into()),
            Marker::U64 => Head::Unsigned(self.take_array().map(u64::from_be_bytes)?),
            Marker::I8 => integer(self.take_array().map(i8::from_be_bytes)?.into()),
            Marker::I16 => integer(self.take_array().map(i16::from_be_bytes)?.into()),
            Marker::I32 => integer(self.take_array().map(i32::from_be_bytes)?.into()),
            Marker::I64 => integer(self.take_array().map(i64::from_be_bytes)?),
            Marker::F32 => Head::Float(self.take_array().map(f32::from_be_bytes)?.into()),
            Marker::F64 => Head::Float(self.take_array().map(f64::from_be_bytes)?),
            Marker::FixStr(len) => Head::Str(utf8(self.take(len.into())?)?),
            Marker::Str8 => Head::Str(utf8(self.take_sized::<1>()?)?),
            Marker::Str16 => Head::Str(utf8(self.take_sized::<2>()?)?),
            Marker::Str32 => Head::Str(utf8(self.take_sized::<4>()?)?),
            Marker::Bin8 => Head::Binary(self.take_sized::<1>()?),
            Marker::Bin16 => Head::Binary(self.take_sized::<2>()?),
            Marker::Bin32 => Head::Binary(self.take_sized::<4>()?),
            Marker::FixArray(len) => Head::Array(len.into()),
            Marker::Array16 => Head::Array(self.length::<2>()?),
            Marker::Array32 => Head::Array(self.length::<4>()?),
            Marker::FixMap(len) => Head::Map(len.into()),
            Marker::Map16 => Head::Map(self.length::<2>()?),
            Marker::Map32 => Head::Map(self.length::<4>()?),
            Marker::FixExt1 => self.extension(1, true)?,
            Marker::FixExt2 => self.extension(2, true)?,
            Marker::FixExt4 => self.extension(4, true)?,
            Marker::FixExt8 => self.extension(8, true)?,
            Marker::FixExt16 => self.extension(16, true)?,
            Marker::Ext8 => self.sized_extension::<1>()?,
            Marker::Ext16 => self.sized_extension::<2>()?,
            Marker::Ext32 => self.sized_extension::<4>()?,
            Marker::Reserved => return Err(DecodeError::InvalidPayload),
        })
    }

    /// Passes over one whole value at a depth; says whether there is an extension in it.
    pub(crate) fn skip(&mut self, depth: u32) -> Result<bool, DecodeError> {
        let members = match self.head()? {
            Head::Array(len) => u64::from(len),
            Head::Map(len) => u64::from(len) * 2,
            head => return Ok(matches!(head, Head::Ext { .. })),
        };
        if depth == MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        let mut has_extensions = false;
        for _ in 0..members {
            has_extensions |= self.skip(depth + 1)?;
        }
        Ok(has_extensions)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or(DecodeError::InvalidPayload)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or(DecodeError::InvalidPayload)?;
        self.bytes = rest;
        Ok(*taken)
    }

    /// Reads a big-endian length of N bytes.
    fn length<const N: usize>(&mut self) -> Result<u32, DecodeError> {
        let digits = self.take_array::<N>()?;
        Ok(digits.iter().fold(0, |len, &digit| len << 8 | u32::from(digit)))
    }

    fn take_sized<const N: usize>(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.length::<N>()?;
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    fn sized_extension<const N: usize>(&mut self) -> Result<Head<'a>, DecodeError> {
        let len = self.length::<N>()?;
        self.extension(usize::try_from(len).unwrap_or(usize::MAX), false)
    }

    fn extension(&mut self, len: usize, fixed: bool) -> Result<Head<'a>, DecodeError> {
        let kind = i8::from_be_bytes(self.take_array()?);
        let data = self.take(len)?;
        Ok(Head::Ext { kind, data, fixed })
    }
}

fn integer<'a>(number: i64) -> Head<'a> {
    u64::try_from(number).map_or(Head::Integer(number), Head::Unsigned)
}

fn utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::InvalidPayload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_they_end() {
        for bytes in [
            &b"\xc0"[..],
            b"\x7f",
            b"\xe0",
            b"\xcd\x01\x00",
            b"\xa3abc",
            b"\xc4\x02ab",
            b"\x92\x01\x90",
            b"\x81\xa1a\x93\x01\x02\x03",
            b"\xd4\x00\x00",
            b"\xc7\x01\x05x",
        ] {
            let mut longer = bytes.to_vec();
            longer.push(0xc0);
            assert_eq!(value(&longer).unwrap().bytes, bytes, "{bytes:02x?}");
            assert!(value(&bytes[..bytes.len() - 1]).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn a_number_is_the_same_however_it_was_written() {
        for bytes in [&b"\x07"[..], b"\xcc\x07", b"\xd0\x07", b"\xd2\0\0\0\x07", b"\xd3\0\0\0\0\0\0\0\x07"] {
            assert_eq!(Cursor::new(bytes).head(), Ok(Head::Unsigned(7)), "{bytes:02x?}");
        }
        assert_eq!(Cursor::new(b"\xd0\xff").head(), Ok(Head::Integer(-1)));
    }

    #[test]
    fn text_is_utf8() {
        assert_eq!(Cursor::new(b"\xa2\xc3\xa9").head(), Ok(Head::Str("\u{e9}")));
        for bytes in [&b"\xa1\xff"[..], b"\x92\x01\xa2\xc3x", b"\x81\xa1\xff\x01", b"\xd9\x03\xed\xa0\x80"] {
            assert_eq!(value(bytes).unwrap_err(), DecodeError::InvalidPayload, "{bytes:02x?}");
        }
    }

    #[test]
    fn declared_lengths_are_not_believed() {
        for bytes in [
            &b"\xdd\xff\xff\xff\xff"[..],
            b"\xdf\xff\xff\xff\xff\xa1a",
            b"\xdb\xff\xff\xff\xffabc",
            b"\xc6\x00\x10\x00\x00",
            b"\xc9\xff\xff\xff\xff\x00",
            b"\xc1",
            b"",
        ] {
            assert_eq!(value(bytes).unwrap_err(), DecodeError::InvalidPayload, "{bytes:02x?}");
        }
        assert_eq!(value(&[0x91; 200_000]).unwrap_err(), DecodeError::TooDeep);
    }
}
