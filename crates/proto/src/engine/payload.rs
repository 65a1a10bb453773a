//! Several packets in one polling body. Source: Engine.IO v4, "HTTP long-polling", "Packet encoding".

use super::packet::encode_binary;
use super::{DecodeError, Packet};

/// Joins the packets of a payload.
pub const SEPARATOR: u8 = b'\x1e';

/// Reads a payload packet by packet; stops at the first error.
///
/// A payload of more than `max_packets` is refused before its first packet is read.
pub fn decode(
    payload: &str,
    max_packets: usize,
) -> Result<impl Iterator<Item = Result<Packet<'_>, DecodeError>>, DecodeError> {
    let count = 1 + payload.bytes().filter(|&byte| byte == SEPARATOR).count();
    if count > max_packets {
        return Err(DecodeError::TooManyPackets { count, max: max_packets });
    }
    let mut failed = false;
    Ok(payload
        .split(char::from(SEPARATOR))
        .map(Packet::parse)
        .take_while(move |packet| !std::mem::replace(&mut failed, packet.is_err())))
}

/// Appends a packet that is already text.
pub fn push_text(payload: &mut Vec<u8>, packet: &[u8]) {
    separate(payload);
    payload.extend_from_slice(packet);
}

/// The text form of a binary message: `b` and padded standard base64.
pub fn binary_text(data: &[u8]) -> String {
    encode_binary(data)
}

fn separate(payload: &mut Vec<u8>) {
    if !payload.is_empty() {
        payload.push(SEPARATOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets(payload: &str) -> Vec<Result<Packet<'_>, DecodeError>> {
        decode(payload, 3).unwrap().collect()
    }

    #[test]
    fn examples_from_the_specification_decode() {
        let binary = Packet::Binary(vec![1, 2, 3, 4].into());
        assert_eq!(
            packets("4hello\x1e2\x1e4world"),
            [Ok(Packet::Message("hello")), Ok(Packet::Ping("")), Ok(Packet::Message("world"))]
        );
        assert_eq!(packets("4hello\x1ebAQIDBA=="), [Ok(Packet::Message("hello")), Ok(binary)]);
    }

    #[test]
    fn packets_before_an_error_are_delivered_and_none_after() {
        assert_eq!(packets("4a\x1e\x1e4b"), [Ok(Packet::Message("a")), Err(DecodeError::Empty)]);
        assert_eq!(packets(""), [Err(DecodeError::Empty)]);
    }

    #[test]
    fn too_many_packets_are_refused_as_a_whole() {
        let error = decode("4\x1e4\x1e4\x1e4", 3).err();
        assert_eq!(error, Some(DecodeError::TooManyPackets { count: 4, max: 3 }));
    }

    #[test]
    fn packets_are_joined_by_separators() {
        let mut payload = Vec::new();
        push_text(&mut payload, b"4hello");
        push_text(&mut payload, binary_text(&[1, 2, 3, 4]).as_bytes());
        assert_eq!(payload, b"4hello\x1ebAQIDBA==");
    }
}
