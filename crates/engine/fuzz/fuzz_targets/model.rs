//! RFC 6455 once more, as plainly as possible: all bytes at once, nothing kept, every rule where the text has it.

use std::str;

use fanfare_engine::fuzzing::{Decoded, Sent, decode};

/// Checks that the decoder and the model agree, however the bytes are cut.
pub(crate) fn check(bytes: &[u8], chunk: usize, max_message_bytes: usize) {
    let expected = Model { bytes, max: max_message_bytes, ..Model::default() }.run();
    assert_eq!(decode([bytes], max_message_bytes), expected, "in one piece");
    assert_eq!(decode(bytes.chunks(chunk.max(1)), max_message_bytes), expected, "in chunks of {chunk}");
}

#[derive(Default)]
struct Model<'a> {
    bytes: &'a [u8],
    max: usize,
    sent: Vec<Sent>,
    /// The message in progress: whether it is text, what has come of it, its continuation frames.
    message: Option<(bool, Vec<u8>, usize)>,
}

/// How reading a frame ends.
enum End {
    /// More has to come.
    Incomplete,
    /// With the code to close with.
    Violation(u16),
}

const PROTOCOL: End = End::Violation(1002);
const INVALID_TEXT: End = End::Violation(1007);
const TOO_LARGE: End = End::Violation(1009);

impl<'a> Model<'a> {
    fn run(mut self) -> Decoded {
        loop {
            let began_at_end = self.bytes.is_empty();
            match self.frame() {
                Ok(()) => {}
                Err(End::Violation(code)) => {
                    return Decoded { sent: self.sent, error: Some(code), is_mid_message: false };
                }
                Err(End::Incomplete) => {
                    let is_mid_message = !began_at_end || self.message.is_some();
                    return Decoded { sent: self.sent, error: None, is_mid_message };
                }
            }
        }
    }

    fn frame(&mut self) -> Result<(), End> {
        let first = self.take(1)?[0];
        let (fin, opcode) = (first & 0x80 != 0, first & 0x0f);
        let control = opcode >= 8;
        if first & 0x70 != 0 || !matches!(opcode, 0..=2 | 8..=10) || (control && !fin) {
            return Err(PROTOCOL);
        }
        let second = self.take(1)?[0];
        if second & 0x80 == 0 || (control && second & 0x7f > 125) {
            return Err(PROTOCOL);
        }
        let len = match second & 0x7f {
            126 => self.number(2)?,
            127 => self.number(8)?,
            short => short.into(),
        };
        self.check_length(control, len)?;
        let mask = self.take(4)?;
        match (opcode, &mut self.message) {
            (0, None) | (1 | 2, Some(_)) => return Err(PROTOCOL),
            (0, Some((_, _, continuations))) => *continuations += 1,
            (1 | 2, message) => *message = Some((opcode == 1, Vec::new(), 0)),
            _ => {}
        }
        let len = usize::try_from(len).expect("no more than allowed");
        let came = self.bytes.len().min(len);
        let payload: Vec<u8> = self.take(came)?.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
        if control {
            return if came < len { Err(End::Incomplete) } else { self.control(opcode, payload) };
        }
        self.data(&payload)?;
        if came < len {
            return Err(End::Incomplete);
        }
        if fin { self.finish() } else { Ok(()) }
    }

    fn check_length(&self, control: bool, len: u64) -> Result<(), End> {
        if len >> 63 == 1 {
            return Err(PROTOCOL);
        }
        let stored = self.message.as_ref().map_or(0, |(_, payload, continuations)| payload.len() + continuations * 64);
        if !control && u128::from(len) + stored as u128 > self.max as u128 {
            return Err(TOO_LARGE);
        }
        Ok(())
    }

    /// Text is judged as soon as it comes; only its last character may be incomplete.
    fn data(&mut self, payload: &[u8]) -> Result<(), End> {
        let (is_text, message, _) = self.message.as_mut().expect("it has begun");
        message.extend_from_slice(payload);
        match str::from_utf8(message) {
            Err(error) if *is_text && error.error_len().is_some() => Err(INVALID_TEXT),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> Result<(), End> {
        let (is_text, message, _) = self.message.take().expect("it has begun");
        self.sent.push(match is_text {
            true => Sent::Text(String::from_utf8(message).map_err(|_| INVALID_TEXT)?),
            false => Sent::Binary(message),
        });
        Ok(())
    }

    fn control(&mut self, opcode: u8, payload: Vec<u8>) -> Result<(), End> {
        self.sent.push(match opcode {
            9 => Sent::Ping(payload),
            10 => Sent::Pong,
            _ => Sent::Close(close_code(&payload)?),
        });
        Ok(())
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], End> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or(End::Incomplete)?;
        self.bytes = rest;
        Ok(taken)
    }

    fn number(&mut self, digits: usize) -> Result<u64, End> {
        Ok(self.take(digits)?.iter().fold(0, |number, &digit| number * 256 + u64::from(digit)))
    }
}

fn close_code(payload: &[u8]) -> Result<Option<u16>, End> {
    match payload {
        [] => Ok(None),
        [_] => Err(PROTOCOL),
        [high, low, reason @ ..] => match u16::from(*high) * 256 + u16::from(*low) {
            code @ (1000..=1003 | 1007..=1013 | 3000..=4999) => {
                str::from_utf8(reason).map_err(|_| INVALID_TEXT)?;
                Ok(Some(code))
            }
            _ => Err(PROTOCOL),
        },
    }
}
