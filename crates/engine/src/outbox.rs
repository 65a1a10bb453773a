//! What waits to be sent to one session.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;

use fanfare_proto::engine::payload;
use smallvec::SmallVec;

use crate::budget::Budget;
use crate::outgoing::Outgoing;

/// A bounded queue of encoded messages. Pushing never waits.
///
/// It holds references to shared messages, so what it adds to the memory of the node is the entries behind those that
/// every session has room for: [`ENTRY_BYTES`] each.
#[derive(Debug)]
pub(crate) struct Outbox {
    /// Most of the time one message waits, or none. It stands here, close to everything else that sending looks at.
    first: Option<Outgoing>,
    rest: VecDeque<Outgoing>,
    /// Bytes charged to the session: those that wait, and the entries.
    bytes: usize,
    /// How far the first message has been written.
    frame: usize,
    offset: usize,
    budget: Arc<Budget>,
}

/// The outbox is full; the session has to go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overflow;

/// How far a write got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Everything is with the kernel.
    All,
    /// The socket takes no more now; says whether it took anything.
    Blocked { progress: bool },
}

impl Outbox {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { first: None, rest: VecDeque::new(), bytes: 0, frame: 0, offset: 0, budget }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Bytes charged to the session.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that will be charged once this message waits too.
    pub(crate) fn bytes_with(&self, message: &Outgoing) -> usize {
        self.bytes + charge(message)
    }

    /// Adds a message. A single one may be of any size; what waits behind another is bounded.
    pub(crate) fn push(&mut self, message: Outgoing, limit: usize) -> Result<(), Overflow> {
        let bytes = self.bytes_with(&message);
        if self.first.is_none() {
            self.first = Some(message);
        } else if bytes > limit {
            return Err(Overflow);
        } else {
            self.rest.push_back(message);
            self.entry_added();
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Puts a message before all others, none of which may be half written.
    pub(crate) fn push_front(&mut self, message: Outgoing) {
        debug_assert_eq!((self.frame, self.offset), (0, 0), "a frame must be finished before another begins");
        self.bytes += charge(&message);
        if let Some(next) = self.first.replace(message) {
            self.rest.push_front(next);
            self.entry_added();
        }
    }

    /// Writes as much as the writer takes, joining what has gathered into as few calls as possible.
    pub(crate) fn write_to(
        &mut self,
        base64: bool,
        mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<Written> {
        let mut progress = false;
        while !self.is_empty() {
            match self.write_once(base64, &mut write) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    progress = true;
                    self.advance(base64, written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Written::Blocked { progress }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Written::All)
    }

    /// Takes messages for one polling body: at least one, and no more than fit in `max_bytes`.
    /// Says whether any of them may be compressed.
    pub(crate) fn take_payload(&mut self, body: &mut Vec<u8>, max_bytes: usize) -> bool {
        let mut compress = false;
        while let Some(message) = &self.first {
            let len: usize = message.frames().iter().map(|frame| frame.polling().len() + 1).sum();
            if !body.is_empty() && body.len() + len > max_bytes {
                break;
            }
            message.frames().iter().for_each(|frame| payload::push_text(body, frame.polling()));
            compress |= message.compress();
            self.pop();
        }
        self.release();
        compress
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        (self.frame, self.offset) = (0, 0);
        self.discard();
    }

    /// Drops everything but a frame that is half written, which must be finished before another begins.
    pub(crate) fn discard(&mut self) {
        if (self.frame, self.offset) == (0, 0) {
            self.first = None;
        }
        self.budget.remove(self.counted_entries() * ENTRY_BYTES);
        self.rest = VecDeque::new();
        self.bytes = self.first.as_ref().map_or(0, charge);
    }

    fn write_once(
        &self,
        base64: bool,
        write: &mut impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if let Some(piece) = self.only_piece(base64) {
            return write(&[IoSlice::new(piece)]);
        }
        if self.len() <= MAX_JOINED_BYTES {
            let mut joined = SmallVec::<[u8; MAX_JOINED_BYTES]>::new();
            self.pieces(base64).for_each(|piece| joined.extend_from_slice(piece));
            return write(&[IoSlice::new(&joined)]);
        }
        let slices: SmallVec<[_; MAX_SLICES]> = self.pieces(base64).take(MAX_SLICES).map(IoSlice::new).collect();
        write(&slices)
    }

    /// Bytes of all that waits, as it was made.
    fn len(&self) -> usize {
        let entries = self.rest.len() + usize::from(self.first.is_some());
        self.bytes - entries * ENTRY_BYTES
    }

    /// All that waits, where it is one frame in one piece. Most of the time it is, which needs no table of slices.
    fn only_piece(&self, base64: bool) -> Option<&[u8]> {
        let [frame] = self.first.as_ref().filter(|_| self.rest.is_empty())?.frames() else { return None };
        match frame.websocket(base64) {
            [piece, []] => piece.get(self.offset..),
            _ => None,
        }
    }

    /// All that waits, without what has been written of it.
    fn pieces(&self, base64: bool) -> impl Iterator<Item = &[u8]> {
        let frames = self.first.iter().chain(&self.rest).flat_map(|message| message.frames());
        let mut written = self.offset;
        frames.skip(self.frame).flat_map(move |frame| frame.websocket(base64)).filter_map(move |piece| {
            let (_, rest) = piece.split_at(written.min(piece.len()));
            written -= piece.len() - rest.len();
            (!rest.is_empty()).then_some(rest)
        })
    }

    fn advance(&mut self, base64: bool, mut written: usize) {
        while let Some(message) = &self.first {
            let Some(frame) = message.frames().get(self.frame) else {
                self.frame = 0;
                self.pop();
                continue;
            };
            let [head, rest] = frame.websocket(base64);
            let left = head.len() + rest.len() - self.offset;
            if written < left {
                self.offset += written;
                return;
            }
            written -= left;
            self.offset = 0;
            self.frame += 1;
        }
        self.frame = 0;
        self.release();
    }

    /// The first message is with the kernel, or in a body.
    fn pop(&mut self) {
        if self.counted_entries() > 0 {
            self.budget.remove(ENTRY_BYTES);
        }
        let next = self.rest.pop_front();
        if let Some(message) = std::mem::replace(&mut self.first, next) {
            self.bytes -= charge(&message);
            message.delivered();
        }
    }

    /// One more message waits behind the first.
    fn entry_added(&self) {
        if self.counted_entries() > 0 {
            self.budget.add(ENTRY_BYTES);
        }
    }

    /// Entries that count among those of the node.
    fn counted_entries(&self) -> usize {
        self.rest.len().saturating_sub(IDLE_CAPACITY)
    }

    /// Gives memory back when nothing waits: an idle session keeps a small queue at most.
    fn release(&mut self) {
        if self.is_empty() && self.rest.capacity() > IDLE_CAPACITY {
            self.rest = VecDeque::new();
        }
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.budget.remove(self.counted_entries() * ENTRY_BYTES);
    }
}

/// What a message takes of the limit of its session.
fn charge(message: &Outgoing) -> usize {
    message.len() + ENTRY_BYTES
}

/// What every message is charged besides its own bytes. Source: `limits.md`.
const ENTRY_BYTES: usize = 64;

/// Slices in one vectored write. Linux takes 1024; more than this many small messages gain nothing.
const MAX_SLICES: usize = 64;

/// What is no longer than this together is copied for one write: the kernel takes longer to look at many slices.
const MAX_JOINED_BYTES: usize = 8192;

/// Room for as many messages is kept where nothing waits, and counted with the session.
const IDLE_CAPACITY: usize = 16;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use fanfare_proto::buffer::{Buffer, Frame};

    use super::*;

    struct Fixture {
        outbox: Outbox,
        budget: Arc<Budget>,
    }

    fn fixture() -> Fixture {
        let budget = Budget::unlimited();
        Fixture { outbox: Outbox::new(budget.clone()), budget }
    }

    impl Fixture {
        fn push(&mut self, texts: &[&str]) -> Result<(), Overflow> {
            self.push_frames(texts.iter().map(|text| Frame::Text(Buffer::from(text.as_bytes()))))
        }

        fn push_frames(&mut self, frames: impl IntoIterator<Item = Frame>) -> Result<(), Overflow> {
            self.outbox.push(Outgoing::messages(frames, false, &self.budget, &crate::outgoing::unregistered()), 300)
        }
    }

    #[test]
    fn any_cut_of_the_writes_gives_the_same_bytes() {
        let expected = b"\x81\x02\x34a\x81\x02\x34b\x81\x02\x34c\x81\x02\x34d\x82\x03\x01\x02\x03";
        for chunk in 1..=expected.len() {
            let mut fixture = fixture();
            fixture.push(&["a"]).unwrap();
            fixture.push(&["b", "c"]).unwrap();
            fixture.push(&["d"]).unwrap();
            fixture.push_frames([Frame::Attachment(Bytes::from_static(&[1, 2, 3]))]).unwrap();
            let mut out = Vec::new();
            let written = fixture.outbox.write_to(false, |slices| {
                let all: Vec<u8> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
                let taken = all.len().min(chunk);
                out.extend_from_slice(&all[..taken]);
                Ok(taken)
            });
            assert_eq!(written.unwrap(), Written::All);
            assert_eq!(out, expected, "{chunk} bytes at a time");
            assert_eq!((fixture.outbox.bytes(), fixture.budget.used()), (0, 0));
        }
    }

    #[test]
    fn a_blocked_socket_keeps_the_rest() {
        let mut fixture = fixture();
        fixture.push(&["abc"]).unwrap();
        let mut calls = 0;
        let written = fixture.outbox.write_to(false, |_| {
            calls += 1;
            if calls == 1 { Ok(2) } else { Err(io::ErrorKind::WouldBlock.into()) }
        });
        assert_eq!(written.unwrap(), Written::Blocked { progress: true });
        fixture.push(&["gone"]).unwrap();
        fixture.outbox.discard();
        let mut out = Vec::new();
        let written = fixture.outbox.write_to(false, |slices| {
            out.extend_from_slice(&slices[0]);
            Ok(slices[0].len())
        });
        assert_eq!((written.unwrap(), &out[..]), (Written::All, &b"4abc"[..]));
    }

    #[test]
    fn what_waits_is_bounded_and_one_message_is_not() {
        let mut fixture = fixture();
        assert_eq!(fixture.push(&[&"x".repeat(1000)]), Ok(()));
        assert_eq!(fixture.push(&["y"]), Err(Overflow));
        fixture.outbox.take_payload(&mut Vec::new(), 10);
        assert_eq!(fixture.push(&["y"]), Ok(()));
    }

    #[test]
    fn a_payload_holds_what_fits_and_at_least_one_message() {
        let mut fixture = fixture();
        for text in ["first", "2nd", "3rd"] {
            fixture.push(&[text]).unwrap();
        }
        let mut body = |max| {
            let mut body = Vec::new();
            fixture.outbox.take_payload(&mut body, max);
            String::from_utf8(body).unwrap()
        };
        assert_eq!(body(3), "4first");
        assert_eq!(body(100), "42nd\x1e43rd");
    }

    #[test]
    fn dropping_it_gives_its_entries_back() {
        let mut fixture = fixture();
        let message = Outgoing::packet("6", &fixture.budget);
        (0..IDLE_CAPACITY + 3).for_each(|_| fixture.outbox.push(message.clone(), usize::MAX).unwrap());
        assert_eq!(fixture.budget.used(), message.len() + 2 * ENTRY_BYTES);
        fixture.outbox.push_front(message.clone());
        assert_eq!(fixture.budget.used(), message.len() + 3 * ENTRY_BYTES);
        fixture.outbox.take_payload(&mut Vec::new(), 1);
        assert_eq!(fixture.budget.used(), message.len() + 2 * ENTRY_BYTES);
        drop((fixture.outbox, message));
        assert_eq!(fixture.budget.used(), 0);
    }
}
