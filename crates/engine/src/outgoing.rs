//! A message encoded once for any number of sessions.

use std::cell::Cell;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use fanfare_proto::buffer::{Buffer, Frame};
use fanfare_proto::engine::payload;
use fastwebsockets::{OpCode, Payload};
use prometheus::Histogram;
use smallvec::SmallVec;

use crate::budget::{Budget, Charge};

/// One message, or several that belong together, ready for every transport.
///
/// The complete WebSocket frame of each is built when it is made; its payload is also the text that polling
/// clients get. The base64 form of binary data is made when the first polling client needs it. Handing it to
/// a session costs a reference count: no copy and no serialisation, however many sessions there are.
#[derive(Clone, Debug)]
pub struct Outgoing(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    frames: SmallVec<[OutgoingFrame; 1]>,
    bytes: usize,
    compress: bool,
    /// Keeps the bytes counted in the budget of the node, once for all sessions.
    charge: Charge,
    /// Measures how long it is on its way, for a few.
    journey: Option<Box<Journey>>,
}

/// From when a message is made to when a client has been written to.
#[derive(Debug)]
struct Journey {
    begin: Instant,
    seconds: Histogram,
}

impl Journey {
    /// For one in so many messages of a thread, the first among them: that is what the clock costs little for.
    fn sample(seconds: &Histogram) -> Option<Box<Self>> {
        thread_local!(static MADE: Cell<u32> = const { Cell::new(0) });
        let made = MADE.replace(MADE.get().wrapping_add(1));
        made.is_multiple_of(ONE_IN).then(|| Box::new(Self { begin: Instant::now(), seconds: seconds.clone() }))
    }
}

/// One WebSocket frame of an [`Outgoing`].
#[derive(Debug)]
pub(crate) struct OutgoingFrame {
    /// Header and payload. Frames of a server are not masked, so the same bytes serve every client.
    bytes: Buffer,
    header_len: usize,
    binary: bool,
    /// The payload, where others may hold it too; otherwise it stands behind the header.
    shared: Bytes,
    /// The same message in base64, as a text frame; in a box, since few messages have one.
    base64: OnceLock<Box<TextFrame>>,
}

#[derive(Debug)]
struct TextFrame {
    bytes: Buffer,
    header_len: usize,
}

impl Outgoing {
    /// Encodes messages; `compress` allows a polling body with them in it to be compressed.
    pub(crate) fn messages(
        messages: impl IntoIterator<Item = Frame>,
        compress: bool,
        budget: &Budget,
        seconds: &Histogram,
    ) -> Self {
        let mut frames = SmallVec::new();
        for message in messages {
            frames.push(match message {
                Frame::Text(mut text) => {
                    text.prepend(b"4");
                    OutgoingFrame::text(text)
                }
                Frame::Binary(data) => OutgoingFrame::binary(data),
                Frame::Attachment(data) => OutgoingFrame::attachment(data),
            });
        }
        Self::new(frames, compress, budget, Journey::sample(seconds))
    }

    /// Takes a packet of the protocol as it is, type included.
    pub(crate) fn packet(packet: &str, budget: &Budget) -> Self {
        let frame = OutgoingFrame::text(Buffer::from(packet.as_bytes()));
        Self::new(SmallVec::from_iter([frame]), false, budget, None)
    }

    /// Takes whole WebSocket frames as they are, for a session that will not poll any more.
    pub(crate) fn encoded(frames: &[u8], budget: &Budget) -> Self {
        let frame = OutgoingFrame::new(Buffer::from(frames), 0, false);
        Self::new(SmallVec::from_iter([frame]), false, budget, None)
    }

    /// The answer to a WebSocket ping.
    pub(crate) fn pong(payload: &[u8], budget: &Budget) -> Self {
        let mut frame = Buffer::from(payload);
        let header_len = prepend_header(&mut frame, OpCode::Pong);
        let frame = OutgoingFrame::new(frame, header_len, false);
        Self::new(SmallVec::from_iter([frame]), false, budget, None)
    }

    fn new(
        frames: SmallVec<[OutgoingFrame; 1]>,
        compress: bool,
        budget: &Budget,
        journey: Option<Box<Journey>>,
    ) -> Self {
        let bytes = frames.iter().map(OutgoingFrame::len).sum();
        Self(Arc::new(Inner { frames, bytes, compress, charge: budget.charge(bytes), journey }))
    }

    /// Bytes of all frames.
    pub fn len(&self) -> usize {
        self.0.bytes
    }

    /// Whether there is no message in it.
    pub fn is_empty(&self) -> bool {
        self.0.frames.is_empty()
    }

    /// Whether its bytes count among those of all outboxes: they do until somebody says that they keep it anyway,
    /// within bounds of their own.
    pub fn set_counted(&self, counted: bool) {
        self.0.charge.set_counted(counted);
    }

    /// One client has been written to.
    pub(crate) fn delivered(&self) {
        self.0.journey.iter().for_each(|journey| journey.seconds.observe(journey.begin.elapsed().as_secs_f64()));
    }

    /// The content of each message: text without its packet type, binary data as it is.
    pub fn payloads(&self) -> impl Iterator<Item = Bytes> {
        self.0.frames.iter().map(|frame| match frame.binary {
            true if frame.shared.is_empty() => Bytes::copy_from_slice(frame.content()),
            true => frame.shared.clone(),
            false => Bytes::copy_from_slice(&frame.content()[1..]),
        })
    }

    pub(crate) fn frames(&self) -> &[OutgoingFrame] {
        &self.0.frames
    }

    pub(crate) fn compress(&self) -> bool {
        self.0.compress
    }
}

impl OutgoingFrame {
    fn new(bytes: Buffer, header_len: usize, binary: bool) -> Self {
        Self { bytes, header_len, binary, shared: Bytes::new(), base64: OnceLock::new() }
    }

    fn text(payload: Buffer) -> Self {
        let TextFrame { bytes, header_len } = TextFrame::new(payload);
        Self::new(bytes, header_len, false)
    }

    fn binary(mut payload: Buffer) -> Self {
        let header_len = prepend_header(&mut payload, OpCode::Binary);
        Self::new(payload, header_len, true)
    }

    fn attachment(payload: Bytes) -> Self {
        let (header, len) = header(&payload, OpCode::Binary);
        Self { shared: payload, ..Self::new(Buffer::from(&header[..len]), len, true) }
    }

    /// Bytes of the frame as it is.
    fn len(&self) -> usize {
        self.bytes.len() + self.shared.len()
    }

    /// The frame for a WebSocket, in one piece or in two; `base64` for a client that has asked for text only.
    pub(crate) fn websocket(&self, base64: bool) -> [&[u8]; 2] {
        if self.binary && base64 {
            [self.base64().bytes.as_slice(), &[]]
        } else {
            [self.bytes.as_slice(), &self.shared]
        }
    }

    /// The packet for a polling payload.
    pub(crate) fn polling(&self) -> &[u8] {
        if self.binary {
            let text = self.base64();
            &text.bytes.as_slice()[text.header_len..]
        } else {
            self.content()
        }
    }

    fn content(&self) -> &[u8] {
        if self.shared.is_empty() { &self.bytes.as_slice()[self.header_len..] } else { &self.shared }
    }

    fn base64(&self) -> &TextFrame {
        self.base64.get_or_init(|| {
            let text = payload::binary_text(self.content());
            Box::new(TextFrame::new(Buffer::from(text.as_bytes())))
        })
    }
}

impl TextFrame {
    fn new(mut payload: Buffer) -> Self {
        let header_len = prepend_header(&mut payload, OpCode::Text);
        Self { bytes: payload, header_len }
    }
}

/// Puts a WebSocket header in front of a payload; returns its length.
pub(crate) fn prepend_header(payload: &mut Buffer, opcode: OpCode) -> usize {
    let (header, len) = header(payload.as_slice(), opcode);
    payload.prepend(&header[..len]);
    len
}

/// The WebSocket header of a payload, and its length.
fn header(payload: &[u8], opcode: OpCode) -> ([u8; MAX_HEADER_LEN], usize) {
    let mut header = [0; MAX_HEADER_LEN];
    let len = fastwebsockets::Frame::new(true, opcode, None, Payload::Borrowed(payload)).fmt_head(&mut header);
    (header, len)
}

const MAX_HEADER_LEN: usize = 16;

/// How many messages there are for each that is measured.
const ONE_IN: u32 = 64;

/// A histogram for tests that do not look at it.
#[cfg(test)]
pub(crate) fn unregistered() -> Histogram {
    Histogram::with_opts(prometheus::HistogramOpts::new("seconds", "Time.")).expect("the name is valid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_of_so_many_is_timed_for_each_client_it_reaches() {
        let (seconds, budget) = (unregistered(), Budget::unlimited());
        let message = || Outgoing::messages([Frame::Text(Buffer::from(&b"hi"[..]))], false, &budget, &seconds);
        let reaches = |clients: u32| {
            let message = message();
            (0..clients).for_each(|_| message.delivered());
            seconds.get_sample_count()
        };
        assert_eq!(reaches(2), 2, "the first of this thread is timed");
        (1..ONE_IN).for_each(|_| assert_eq!(reaches(1), 2));
        assert_eq!(reaches(1), 3);
        drop(message());
        assert_eq!(seconds.get_sample_count(), 3, "what reaches nobody takes no time");
    }

    fn message(frame: Frame) -> (Outgoing, Arc<Budget>) {
        let budget = Budget::unlimited();
        (Outgoing::messages([frame], true, &budget, &unregistered()), budget)
    }

    #[test]
    fn text_serves_both_transports_from_the_same_bytes() {
        let (outgoing, _) = message(Frame::Text(Buffer::from(&b"hi"[..])));
        let frame = &outgoing.frames()[0];
        assert_eq!(frame.websocket(false), [&b"\x81\x034hi"[..], b""]);
        assert_eq!(frame.polling(), b"4hi");
        assert_eq!(frame.websocket(false)[0][2..].as_ptr(), frame.polling().as_ptr());
        assert_eq!(outgoing.payloads().next().unwrap(), "hi");
    }

    #[test]
    fn binary_data_is_bare_or_base64() {
        let data = Bytes::from_static(&[1, 2, 3, 4]);
        for frame in [Frame::Binary(Buffer::from(&data[..])), Frame::Attachment(data.clone())] {
            let (outgoing, _) = message(frame);
            let frame = &outgoing.frames()[0];
            assert_eq!(frame.websocket(false).concat(), b"\x82\x04\x01\x02\x03\x04");
            assert_eq!(frame.websocket(true).concat(), b"\x81\x09bAQIDBA==");
            assert_eq!(frame.polling(), b"bAQIDBA==");
            assert_eq!(outgoing.payloads().collect::<Vec<_>>(), [&data]);
            assert_eq!(outgoing.len(), 6);
        }
    }

    #[test]
    fn attachments_are_not_copied() {
        let data = Bytes::from(vec![7; 1000]);
        let (outgoing, _) = message(Frame::Attachment(data.clone()));
        assert_eq!(outgoing.frames()[0].websocket(false)[1].as_ptr(), data.as_ptr());
        assert_eq!(outgoing.payloads().next().unwrap().as_ptr(), data.as_ptr());
        let (empty, _) = message(Frame::Attachment(Bytes::new()));
        assert_eq!(empty.frames()[0].websocket(false).concat(), b"\x82\x00");
        assert_eq!(empty.payloads().next().unwrap(), "");
    }

    #[test]
    fn long_payloads_get_long_headers() {
        let (outgoing, _) = message(Frame::Text(Buffer::from(&[b'x'; 70_000][..])));
        let [frame, _] = outgoing.frames()[0].websocket(false);
        assert_eq!(frame[..10], [0x81, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x71]);
    }

    #[test]
    fn bytes_count_once_however_many_hold_them() {
        let (outgoing, budget) = message(Frame::Text(Buffer::from(&[b'x'; 100][..])));
        let held: Vec<_> = (0..10).map(|_| outgoing.clone()).collect();
        assert_eq!(budget.used(), outgoing.len());
        drop((outgoing, held));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn bytes_that_are_kept_anyway_do_not_count() {
        let (outgoing, budget) = message(Frame::Text(Buffer::from(&[b'x'; 100][..])));
        for (counted, used) in [(false, 0), (false, 0), (true, outgoing.len())] {
            outgoing.set_counted(counted);
            assert_eq!(budget.used(), used);
        }
        outgoing.set_counted(false);
        drop(outgoing);
        assert_eq!(budget.used(), 0);
    }
}
