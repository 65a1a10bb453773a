//! Bytes that can still grow at the front.

use bytes::Bytes;

/// Room that every [`Buffer`] keeps in front for a transport: an Engine.IO packet type (1 byte) and a
/// WebSocket header without mask (up to 10).
pub const HEADROOM: usize = 16;

/// Encoded bytes with room in front of them, so that framing them does not copy them.
#[derive(Clone, Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

/// One message of a session, before it is framed.
#[derive(Clone, Debug)]
pub enum Frame {
    /// A text message, valid UTF-8.
    Text(Buffer),
    /// A binary message.
    Binary(Buffer),
    /// A binary message that others may hold too, so that it is framed without touching it.
    Attachment(Bytes),
}

impl Buffer {
    /// An empty buffer with room for `prefix` bytes besides [`HEADROOM`].
    pub fn with_room(prefix: usize) -> Self {
        let start = HEADROOM + prefix;
        let mut bytes = Vec::with_capacity(start + TYPICAL_LEN);
        bytes.resize(start, 0);
        Self { bytes, start }
    }

    /// The content.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Bytes of the content.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Whether there is no content.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts bytes in front of the content.
    pub fn prepend(&mut self, prefix: &[u8]) {
        match self.start.checked_sub(prefix.len()) {
            Some(start) => {
                self.bytes[start..self.start].copy_from_slice(prefix);
                self.start = start;
            }
            // Correct for any caller, though all of ours ask for the room they need.
            None => drop(self.bytes.splice(self.start..self.start, prefix.iter().copied())),
        }
    }

    /// The end of the content, to append to. Must not be shortened.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl From<&[u8]> for Buffer {
    fn from(content: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(HEADROOM + content.len());
        bytes.resize(HEADROOM, 0);
        bytes.extend_from_slice(content);
        Self { bytes, start: HEADROOM }
    }
}

impl Frame {
    /// The content.
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Text(buffer) | Self::Binary(buffer) => buffer.as_slice(),
            Self::Attachment(bytes) => bytes,
        }
    }
}

const TYPICAL_LEN: usize = 112;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_at_both_ends() {
        let mut buffer = Buffer::with_room(2);
        buffer.tail().extend_from_slice(b"cd");
        buffer.prepend(b"ab");
        assert_eq!(buffer.as_slice(), b"abcd");
        assert_eq!((buffer.start, buffer.len()), (HEADROOM, 4));
    }

    #[test]
    fn a_prefix_longer_than_the_room_still_fits() {
        let mut buffer = Buffer::from(&b"x"[..]);
        buffer.prepend(&[b'-'; HEADROOM + 1]);
        assert_eq!(buffer.len(), HEADROOM + 2);
        assert!(!buffer.is_empty());
    }
}
