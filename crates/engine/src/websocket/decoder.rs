//! From the bytes of a client to WebSocket messages. Source: RFC 6455, sections 5 to 7.
//!
//! The primitives (opcodes, close codes, unmasking) are those of fastwebsockets. Its reader is not used:
//! it takes unmasked frames, waits for whole frames before it judges their text, and allocates the length
//! that a header declares. This one judges a frame by its header, text as it comes, and stores what has come.

use fastwebsockets::{CloseCode, OpCode, unmask};

/// Reads frames out of chunks of any size and puts messages together.
#[derive(Debug)]
pub(crate) struct Decoder {
    max_message_bytes: usize,
    /// The beginning of a header whose rest has not come.
    header: Partial,
    /// The frame whose payload is being read.
    frame: Option<FrameHeader>,
    /// What the message in progress is, once its first frame has begun.
    message: Option<MessageKind>,
    /// The payload of the message so far, where it did not come in one piece.
    payload: Vec<u8>,
    /// Bytes of the payload that are known to be UTF-8.
    valid_bytes: usize,
    fragments: usize,
    control: Vec<u8>,
    /// The last event was made from `payload` or `control`, which can be given back.
    delivered: bool,
}

/// What a client has sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event<'a> {
    Text(&'a str),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong,
    /// The code to answer with, if there was one.
    Close(Option<u16>),
}

/// Why the connection has to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("WebSocket protocol violated")]
    Protocol,
    #[error("text is not UTF-8")]
    InvalidUtf8,
    #[error("Max payload size exceeded")]
    TooLarge,
}

impl FrameError {
    pub(crate) fn close_code(self) -> u16 {
        match self {
            Self::Protocol => 1002,
            Self::InvalidUtf8 => 1007,
            Self::TooLarge => 1009,
        }
    }

    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Protocol => "WebSocket protocol violated",
            Self::InvalidUtf8 => "invalid UTF-8",
            Self::TooLarge => "Max payload size exceeded",
        }
    }
}

/// Bytes that have been received and not yet decoded.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    bytes: &'a mut [u8],
    position: usize,
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Bytes that have been decoded.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Bytes that have not.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.position..]
    }

    fn take(&mut self, len: usize) -> &mut [u8] {
        let start = self.position;
        self.position += len;
        &mut self.bytes[start..self.position]
    }
}

#[derive(Clone, Copy, Debug)]
enum MessageKind {
    Text,
    Binary,
}

#[derive(Clone, Copy, Debug, Default)]
struct Partial {
    bytes: [u8; MAX_HEADER_LEN],
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct FrameHeader {
    fin: bool,
    opcode: OpCode,
    mask: [u8; 4],
    /// Bytes of the payload still to come.
    remaining: usize,
    /// Bytes of the payload that have come, for the position in the mask.
    received: usize,
}

impl Decoder {
    pub(crate) fn new(max_message_bytes: usize) -> Self {
        Self {
            max_message_bytes,
            header: Partial::default(),
            frame: None,
            message: None,
            payload: Vec::new(),
            valid_bytes: 0,
            fragments: 0,
            control: Vec::new(),
            delivered: false,
        }
    }

    /// Whether a message or frame has begun and not ended.
    pub(crate) fn is_mid_message(&self) -> bool {
        self.message.is_some() || self.frame.is_some() || self.header.len > 0
    }

    /// The next message in the input; `None` when more has to come.
    pub(crate) fn decode<'a>(&'a mut self, input: &'a mut Input<'_>) -> Result<Option<Event<'a>>, FrameError> {
        self.release_delivered();
        loop {
            let Some(mut frame) = self.frame.take().map_or_else(|| self.read_header(input), |frame| Ok(Some(frame)))?
            else {
                return Ok(None);
            };
            let available = input.rest().len().min(frame.remaining);
            if frame.is_whole_message(available) && self.message.is_none() {
                return whole_message(frame, input.take(available)).map(Some);
            }
            let chunk = input.take(available);
            frame.unmask(chunk);
            self.store(&frame, chunk)?;
            if frame.remaining > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if is_control(frame.opcode) {
                self.delivered = true;
                return control_event(frame.opcode, &self.control).map(Some);
            }
            if frame.fin {
                return self.finish_message().map(Some);
            }
        }
    }

    fn read_header(&mut self, input: &mut Input<'_>) -> Result<Option<FrameHeader>, FrameError> {
        if self.header.len == 0
            && let Some((frame, len)) = self.parse_header(input.rest())?
        {
            input.take(len);
            return self.begin_frame(frame).map(Some);
        }
        let missing = MAX_HEADER_LEN - self.header.len;
        let available = input.rest().len().min(missing);
        let mut header = self.header;
        header.bytes[header.len..header.len + available].copy_from_slice(&input.rest()[..available]);
        header.len += available;
        let Some((frame, len)) = self.parse_header(&header.bytes[..header.len])? else {
            input.take(available);
            self.header = header;
            return Ok(None);
        };
        input.take(len - self.header.len);
        self.header.len = 0;
        self.begin_frame(frame).map(Some)
    }

    /// Reads a header; `None` when it is not complete. Refuses what can be refused by its first bytes.
    fn parse_header(&self, bytes: &[u8]) -> Result<Option<(FrameHeader, usize)>, FrameError> {
        let Some((&first, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let opcode = OpCode::try_from(first & 0x0f).map_err(|_| FrameError::Protocol)?;
        let fin = first & 0x80 != 0;
        if first & 0x70 != 0 || (is_control(opcode) && !fin) {
            return Err(FrameError::Protocol);
        }
        let Some((&second, rest)) = rest.split_first() else {
            return Ok(None);
        };
        if second & 0x80 == 0 || (is_control(opcode) && second & 0x7f > 125) {
            return Err(FrameError::Protocol);
        }
        let digits = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some((length, rest)) = rest.split_at_checked(digits) else {
            return Ok(None);
        };
        let len = match digits {
            0 => u64::from(second & 0x7f),
            _ => length.iter().fold(0, |len, &digit| len << 8 | u64::from(digit)),
        };
        let remaining = self.check_length(opcode, len)?;
        let Some(mask) = rest.first_chunk() else {
            return Ok(None);
        };
        let header = FrameHeader { fin, opcode, mask: *mask, remaining, received: 0 };
        Ok(Some((header, 2 + digits + mask.len())))
    }

    fn check_length(&self, opcode: OpCode, len: u64) -> Result<usize, FrameError> {
        if len >> 63 == 1 {
            return Err(FrameError::Protocol);
        }
        let len = usize::try_from(len).map_err(|_| FrameError::TooLarge)?;
        let stored = if is_control(opcode) { 0 } else { self.payload.len() + self.fragments * FRAGMENT_BYTES };
        if len.saturating_add(stored) > self.max_message_bytes && !is_control(opcode) {
            return Err(FrameError::TooLarge);
        }
        Ok(len)
    }

    fn begin_frame(&mut self, frame: FrameHeader) -> Result<FrameHeader, FrameError> {
        match (frame.opcode, self.message) {
            (OpCode::Continuation, None) | (OpCode::Text | OpCode::Binary, Some(_)) => {
                return Err(FrameError::Protocol);
            }
            (OpCode::Continuation, Some(_)) => self.fragments += 1,
            _ => {}
        }
        Ok(frame)
    }

    fn store(&mut self, frame: &FrameHeader, chunk: &[u8]) -> Result<(), FrameError> {
        match frame.opcode {
            OpCode::Text => self.message = Some(MessageKind::Text),
            OpCode::Binary => self.message = Some(MessageKind::Binary),
            OpCode::Continuation => {}
            OpCode::Close | OpCode::Ping | OpCode::Pong => {
                self.control.extend_from_slice(chunk);
                return Ok(());
            }
        }
        self.payload.extend_from_slice(chunk);
        if let Some(MessageKind::Text) = self.message {
            self.check_utf8()?;
        }
        Ok(())
    }

    /// Checks what has come of a text; the last character may still be incomplete.
    fn check_utf8(&mut self) -> Result<(), FrameError> {
        match std::str::from_utf8(&self.payload[self.valid_bytes..]) {
            Ok(valid) => self.valid_bytes += valid.len(),
            Err(error) if error.error_len().is_none() => self.valid_bytes += error.valid_up_to(),
            Err(_) => return Err(FrameError::InvalidUtf8),
        }
        Ok(())
    }

    fn finish_message(&mut self) -> Result<Event<'_>, FrameError> {
        self.delivered = true;
        match self.message.take() {
            Some(MessageKind::Text) => text(&self.payload),
            _ => Ok(Event::Binary(&self.payload)),
        }
    }

    fn release_delivered(&mut self) {
        if !std::mem::take(&mut self.delivered) {
            return;
        }
        self.control = Vec::new();
        if self.message.is_none() {
            self.payload = Vec::new();
            self.valid_bytes = 0;
            self.fragments = 0;
        }
    }
}

impl FrameHeader {
    /// Whether the frame is a message by itself, and all of it is there.
    fn is_whole_message(&self, available: usize) -> bool {
        self.fin && self.opcode != OpCode::Continuation && self.received == 0 && self.remaining == available
    }

    /// Unmasks the next bytes of the payload.
    fn unmask(&mut self, chunk: &mut [u8]) {
        let mut mask = self.mask;
        mask.rotate_left(self.received % 4);
        unmask(chunk, mask);
        self.received += chunk.len();
        self.remaining -= chunk.len();
    }
}

fn whole_message(mut frame: FrameHeader, payload: &mut [u8]) -> Result<Event<'_>, FrameError> {
    frame.unmask(payload);
    match frame.opcode {
        OpCode::Text => text(payload),
        OpCode::Binary | OpCode::Continuation => Ok(Event::Binary(payload)),
        control => control_event(control, payload),
    }
}

fn text(payload: &[u8]) -> Result<Event<'_>, FrameError> {
    std::str::from_utf8(payload).map(Event::Text).map_err(|_| FrameError::InvalidUtf8)
}

fn control_event(opcode: OpCode, payload: &[u8]) -> Result<Event<'_>, FrameError> {
    match opcode {
        OpCode::Ping => Ok(Event::Ping(payload)),
        OpCode::Close => close_code(payload).map(Event::Close),
        _ => Ok(Event::Pong),
    }
}

/// Source: RFC 6455, section 7.4.
fn close_code(payload: &[u8]) -> Result<Option<u16>, FrameError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(FrameError::Protocol) };
    };
    let code = u16::from_be_bytes(*code);
    if !CloseCode::from(code).is_allowed() {
        return Err(FrameError::Protocol);
    }
    std::str::from_utf8(reason).map_err(|_| FrameError::InvalidUtf8)?;
    Ok(Some(code))
}

fn is_control(opcode: OpCode) -> bool {
    matches!(opcode, OpCode::Close | OpCode::Ping | OpCode::Pong)
}

/// What every fragment is charged besides its bytes. Source: `limits.md`.
const FRAGMENT_BYTES: usize = 64;

/// Two bytes, a length of eight and a mask of four.
const MAX_HEADER_LEN: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1000;

    /// A masked frame.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x12, 0x34, 0x56, 0x78];
        let mut bytes = vec![first];
        match payload.len() {
            len @ 0..126 => bytes.push(0x80 | len as u8),
            len @ 126..65_536 => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(len as u16).to_be_bytes());
            }
            len => {
                bytes.push(0x80 | 127);
                bytes.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    /// Decodes in chunks of a size; shows the events, and the error that ended them.
    fn decode(bytes: &[u8], chunk: usize) -> Vec<String> {
        let mut decoder = Decoder::new(MAX);
        let mut shown = Vec::new();
        for chunk in bytes.chunks(chunk) {
            let mut chunk = chunk.to_vec();
            let mut input = Input::new(&mut chunk);
            loop {
                match decoder.decode(&mut input) {
                    Ok(Some(event)) => shown.push(format!("{event:?}")),
                    Ok(None) => break,
                    Err(error) => {
                        shown.push(error.close_code().to_string());
                        return shown;
                    }
                }
            }
        }
        shown
    }

    /// Checks that any cut of the stream gives the same events.
    fn check(frames: &[Vec<u8>], expected: &[&str]) {
        let bytes = frames.concat();
        for chunk in [1, 2, 3, 7, 64, bytes.len()] {
            assert_eq!(decode(&bytes, chunk), expected, "in chunks of {chunk}");
        }
    }

    #[test]
    fn messages_come_whole_however_they_are_cut() {
        check(&[frame(0x81, b"hello"), frame(0x82, &[1, 2])], &["Text(\"hello\")", "Binary([1, 2])"]);
        check(&[frame(0x81, b""), frame(0x82, b"")], &["Text(\"\")", "Binary([])"]);
        let long = "é".repeat(100);
        check(&[frame(0x81, long.as_bytes())], &[&format!("Text({long:?})")]);
    }

    #[test]
    fn fragments_join_and_control_frames_pass_between_them() {
        let frames = [
            frame(0x01, "a\u{e9}".as_bytes()[..2].as_ref()),
            frame(0x89, b"ping"),
            frame(0x00, &"\u{e9}".as_bytes()[1..]),
            frame(0x8a, b"pong"),
            frame(0x80, b"b"),
            frame(0x02, &[]),
            frame(0x80, &[7]),
        ];
        check(&frames, &["Ping([112, 105, 110, 103])", "Pong", "Text(\"a\u{e9}b\")", "Binary([7])"]);
    }

    #[test]
    fn closing_is_checked() {
        check(&[frame(0x88, b"")], &["Close(None)"]);
        check(&[frame(0x88, b"\x03\xe8bye")], &["Close(Some(1000))"]);
        check(&[frame(0x88, b"\x03")], &["1002"]);
        for code in [0_u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] {
            check(&[frame(0x88, &code.to_be_bytes())], &["1002"]);
        }
        check(&[frame(0x88, b"\x03\xe8\xff")], &["1007"]);
    }

    #[test]
    fn violations_are_refused() {
        check(&[vec![0x81, 0x01, b'x']], &["1002"]);
        for first in [0x91, 0xa1, 0xc1, 0x83, 0x87, 0x8b, 0x8f, 0x09, 0x08, 0x80, 0x00] {
            check(&[frame(first, b"x")], &["1002"]);
        }
        check(&[frame(0x89, &[0; 126])], &["1002"]);
        check(&[frame(0x01, b"a"), frame(0x81, b"b")], &["1002"]);
        check(&[frame(0x02, b"a"), frame(0x02, b"b")], &["1002"]);
    }

    #[test]
    fn text_is_refused_at_its_first_bad_byte() {
        let bad = frame(0x01, b"ok\xff and more");
        assert_eq!(decode(&bad[..9], 1), ["1007"]);
        check(&[frame(0x01, b"\xe2\x82"), frame(0x80, b"x")], &["1007"]);
        check(&[frame(0x01, b"\xe2\x82"), frame(0x80, b"")], &["1007"]);
        check(&[frame(0x81, b"\xed\xa0\x80")], &["1007"]);
    }

    #[test]
    fn size_is_judged_by_the_header() {
        let header = |len: u64| [&[0x82, 0xff][..], &len.to_be_bytes()].concat();
        assert_eq!(decode(&header(1001), 100), ["1009"]);
        assert_eq!(decode(&header(1 << 62), 100), ["1009"]);
        assert_eq!(decode(&header(1 << 63), 100), ["1002"]);
        check(&[frame(0x82, &[0; MAX])], &[&format!("Binary({:?})", [0; MAX])]);
        assert_eq!(decode(&[frame(0x02, &[0; 900]), frame(0x80, &[0; 101])].concat(), 50), ["1009"]);
    }

    #[test]
    fn fragments_are_charged() {
        let mut frames = frame(0x02, b"x");
        (0..20).for_each(|_| frames.extend(frame(0x00, b"x")));
        assert_eq!(decode(&frames, 100), ["1009"]);
    }

    #[test]
    fn nothing_is_kept_between_messages() {
        let mut decoder = Decoder::new(MAX);
        let mut bytes = [frame(0x01, b"ab"), frame(0x80, b"c")].concat();
        let mut input = Input::new(&mut bytes);
        assert_eq!(decoder.decode(&mut input), Ok(Some(Event::Text("abc"))));
        assert_eq!(decoder.decode(&mut input), Ok(None));
        assert!(!decoder.is_mid_message());
        assert_eq!(decoder.payload.capacity() + decoder.control.capacity(), 0);
    }
}
