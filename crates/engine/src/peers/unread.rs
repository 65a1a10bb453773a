//! What has been sent to another node and may have to be read here after all.

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes};

/// The end of a stream of bytes, from the first that the other side has not dealt with.
#[derive(Debug, Default)]
pub(super) struct Unread {
    /// Where in the stream it begins.
    start: u64,
    chunks: VecDeque<Bytes>,
}

impl Unread {
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.chunks.push_back(bytes);
    }

    /// The other side has dealt with everything up to here.
    pub(super) fn forget(&mut self, until: u64) {
        while self.start < until {
            let Some(first) = self.chunks.front_mut() else { return };
            let len = usize::try_from(until - self.start).map_or(first.len(), |len| len.min(first.len()));
            first.advance(len);
            self.start += len as u64;
            if first.is_empty() {
                self.chunks.pop_front();
            }
        }
    }

    /// Everything from a position on; `None` if that has been forgotten, or never was.
    pub(super) fn from(&self, position: u64) -> Option<Vec<u8>> {
        let skip = usize::try_from(position.checked_sub(self.start)?).ok()?;
        let bytes: Vec<u8> = self.chunks.iter().flatten().copied().collect();
        bytes.get(skip..).map(<[u8]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_forgotten_can_be_had_from_any_position() {
        let mut unread = Unread::default();
        for chunk in ["ab", "cde", "f"] {
            unread.push(Bytes::from_static(chunk.as_bytes()));
        }
        let check = |unread: &Unread, position, expected: Option<&str>| {
            assert_eq!(unread.from(position), expected.map(|text| text.as_bytes().to_vec()), "{position}");
        };
        check(&unread, 0, Some("abcdef"));
        check(&unread, 3, Some("def"));
        check(&unread, 6, Some(""));
        check(&unread, 7, None);
        unread.forget(3);
        check(&unread, 2, None);
        check(&unread, 3, Some("def"));
        unread.forget(2);
        check(&unread, 4, Some("ef"));
        unread.forget(6);
        check(&unread, 6, Some(""));
    }
}
