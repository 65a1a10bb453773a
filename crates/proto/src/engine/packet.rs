//! One Engine.IO packet. Source: Engine.IO v4, "Packet encoding".

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// A packet as it stands in a WebSocket text frame or between the separators of a polling payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0`: the handshake, with its JSON. Only a server sends it.
    Open(&'a str),
    /// `1`: the session ends.
    Close,
    /// `2`: a heartbeat, or with `probe` behind it the question whether a WebSocket works.
    Ping(&'a str),
    /// `3`: the answer to a ping, with the same text behind it.
    Pong(&'a str),
    /// `4`: a text message.
    Message(&'a str),
    /// A binary message: `b` and base64 in text, a bare binary frame on WebSocket.
    Binary(Cow<'a, [u8]>),
    /// `5`: the client has moved to the probed transport.
    Upgrade,
    /// `6`: nothing, sent to end a pending poll.
    Noop,
}

/// Why text from a client is not a packet. The session closes with `parse error`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// There is not even a packet type.
    #[error("packet is empty")]
    Empty,
    /// The first character is no packet type.
    #[error("unknown packet type {0:?}")]
    UnknownType(char),
    /// What follows the `b` of a binary packet is not base64.
    #[error("binary packet is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// One polling body holds more packets than allowed.
    #[error("payload of {count} packets exceeds the limit of {max}")]
    TooManyPackets {
        /// Packets in the payload.
        count: usize,
        /// Packets allowed.
        max: usize,
    },
}

impl<'a> Packet<'a> {
    /// Reads the text form. A binary packet is decoded from base64 into memory of its own.
    pub fn parse(text: &'a str) -> Result<Self, DecodeError> {
        let first = text.chars().next().ok_or(DecodeError::Empty)?;
        let data = &text[first.len_utf8()..];
        Ok(match first {
            '0' => Self::Open(data),
            '1' => Self::Close,
            '2' => Self::Ping(data),
            '3' => Self::Pong(data),
            '4' => Self::Message(data),
            '5' => Self::Upgrade,
            '6' => Self::Noop,
            'b' => Self::Binary(Cow::Owned(BASE64.decode(data)?)),
            other => return Err(DecodeError::UnknownType(other)),
        })
    }

    /// The text form.
    pub fn encode(&self) -> Cow<'static, str> {
        match self {
            Self::Open(data) => format!("0{data}").into(),
            Self::Close => "1".into(),
            Self::Ping("") => "2".into(),
            Self::Ping(data) => format!("2{data}").into(),
            Self::Pong(data) => format!("3{data}").into(),
            Self::Message(data) => format!("4{data}").into(),
            Self::Binary(data) => encode_binary(data).into(),
            Self::Upgrade => "5".into(),
            Self::Noop => "6".into(),
        }
    }
}

/// The text form of a binary message: `b` and padded standard base64.
pub(super) fn encode_binary(data: &[u8]) -> String {
    let mut text = String::with_capacity(1 + data.len().div_ceil(3) * 4);
    text.push('b');
    BASE64.encode_string(data, &mut text);
    text
}

/// Writes padding, as every implementation does, and reads with or without it, as JavaScript does.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, packet: Packet<'_>) {
        assert_eq!(Packet::parse(text), Ok(packet.clone()), "{text}");
        assert_eq!(packet.encode(), text);
    }

    #[test]
    fn every_type_has_its_text() {
        check("0{}", Packet::Open("{}"));
        check("1", Packet::Close);
        check("2", Packet::Ping(""));
        check("2probe", Packet::Ping("probe"));
        check("3", Packet::Pong(""));
        check("3probe", Packet::Pong("probe"));
        check("4", Packet::Message(""));
        check("4hello €", Packet::Message("hello €"));
        check("bAQIDBA==", Packet::Binary(Cow::Borrowed(&[1, 2, 3, 4])));
        check("5", Packet::Upgrade);
        check("6", Packet::Noop);
    }

    #[test]
    fn base64_needs_no_padding() {
        assert_eq!(Packet::parse("bAQIDBA"), Ok(Packet::Binary(vec![1, 2, 3, 4].into())));
    }

    #[test]
    fn anything_else_is_an_error() {
        assert_eq!(Packet::parse(""), Err(DecodeError::Empty));
        for text in ["7", "9", "x", "abc", "\0", "€"] {
            let first = text.chars().next().unwrap();
            assert_eq!(Packet::parse(text), Err(DecodeError::UnknownType(first)));
        }
        assert!(matches!(Packet::parse("b€"), Err(DecodeError::Base64(_))));
    }
}
