//! WebSocket frames, as a client writes and reads them. Source: RFC 6455, section 5.2.

/// What one frame from a server holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// A whole text message.
    Text(&'a [u8]),
    /// A whole binary message.
    Binary(&'a [u8]),
    /// A ping of the WebSocket layer, with what its pong has to repeat.
    Ping(&'a [u8]),
    /// The server closes.
    Close(&'a [u8]),
}

impl<'a> Message<'a> {
    /// Its bytes.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) | Self::Ping(bytes) | Self::Close(bytes) => bytes,
        }
    }
}

/// Why bytes are not a frame that a server may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A fragment, a reserved bit or an unknown opcode.
    #[error("first byte of a frame is {0:#04x}")]
    Head(u8),
    /// Frames of servers are not masked.
    #[error("masked frame from a server")]
    Masked,
}

/// Takes the first frame and says how many bytes it has, unless it is not whole yet.
pub fn decode(bytes: &[u8]) -> Result<Option<(Message<'_>, usize)>, Malformed> {
    let Some((&[head, len], rest)) = bytes.split_first_chunk() else { return Ok(None) };
    if len & MASKED != 0 {
        return Err(Malformed::Masked);
    }
    let Some((len, rest)) = length(len, rest) else { return Ok(None) };
    let Some(payload) = rest.get(..len) else { return Ok(None) };
    let message = match head {
        TEXT => Message::Text(payload),
        BINARY => Message::Binary(payload),
        CLOSE => Message::Close(payload),
        PING => Message::Ping(payload),
        head => return Err(Malformed::Head(head)),
    };
    Ok(Some((message, bytes.len() - rest.len() + len)))
}

/// Writes a text message.
pub fn text(payload: &[u8], out: &mut Vec<u8>) {
    encode(TEXT, payload, out);
}

/// Writes a binary message.
pub fn binary(payload: &[u8], out: &mut Vec<u8>) {
    encode(BINARY, payload, out);
}

/// Writes the answer to a ping.
pub fn pong(payload: &[u8], out: &mut Vec<u8>) {
    encode(PONG, payload, out);
}

fn encode(head: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(head);
    match payload.len() {
        len @ 0..126 => out.push(MASKED | len as u8),
        len @ 126..=0xffff => {
            out.push(MASKED | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(MASKED | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

fn length(len: u8, rest: &[u8]) -> Option<(usize, &[u8])> {
    match len {
        126 => rest.split_first_chunk().map(|(len, rest)| (u16::from_be_bytes(*len).into(), rest)),
        127 => rest.split_first_chunk().map(|(len, rest)| (u64::from_be_bytes(*len) as usize, rest)),
        len => Some((len.into(), rest)),
    }
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;
const MASKED: u8 = 0x80;

/// Not secret, since nobody is between, but not zero: the servers have to unmask.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_written_as_there() {
        let mut out = Vec::new();
        text(b"Hello", &mut out);
        assert_eq!(out, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn lengths_are_written_in_their_shortest_form() {
        for (len, head) in [
            (125, vec![0x82, 0x80 | 125]),
            (126, vec![0x82, 0x80 | 126, 0, 126]),
            (65_535, vec![0x82, 0x80 | 126, 0xff, 0xff]),
            (65_536, vec![0x82, 0x80 | 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            binary(&vec![0; len], &mut out);
            assert!(out.starts_with(&head), "{len}");
            assert_eq!(out.len(), head.len() + 4 + len);
        }
    }

    #[test]
    fn a_frame_is_taken_when_it_is_whole_and_no_sooner() {
        for len in [0, 5, 125, 126, 300, 65_535, 65_536] {
            let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let mut frame = from_server(0x82, &payload);
            frame.extend(b"rest");
            let whole = frame.len() - 4;
            for cut in [0, 1, whole / 2, whole - 1] {
                assert_eq!(decode(&frame[..cut]), Ok(None), "{cut} of {whole} bytes");
            }
            assert_eq!(decode(&frame), Ok(Some((Message::Binary(&payload), whole))));
        }
    }

    #[test]
    fn what_a_server_must_not_send_is_malformed() {
        assert_eq!(decode(&[0x01, 0]), Err(Malformed::Head(0x01)), "a fragment");
        assert_eq!(decode(&[0xc1, 0]), Err(Malformed::Head(0xc1)), "a reserved bit");
        assert_eq!(decode(&[0x81, 0x80]), Err(Malformed::Masked));
    }

    /// A frame without a mask.
    fn from_server(head: u8, payload: &[u8]) -> Vec<u8> {
        let mut masked = Vec::new();
        encode(head, payload, &mut masked);
        let mask = masked.len() - payload.len() - 4;
        masked[1] &= !MASKED;
        [&masked[..mask], payload].concat()
    }
}
