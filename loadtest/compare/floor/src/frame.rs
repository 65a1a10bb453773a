//! WebSocket frames, as a server reads and writes them. Source: RFC 6455, section 5.2.

use std::ops::Range;

/// A frame whose payload has been unmasked in place.
pub(crate) struct Frame {
    pub(crate) head: u8,
    pub(crate) payload: Range<usize>,
}

/// Takes the frame that begins at `start`, if it is whole.
pub(crate) fn take(bytes: &mut [u8], start: usize) -> Option<Frame> {
    let &[head, len] = bytes.get(start..start + 2)?.as_array()?;
    let (len, mask_at) = match len & 0x7f {
        126 => (u16::from_be_bytes(*bytes.get(start + 2..start + 4)?.as_array()?).into(), start + 4),
        127 => (u64::from_be_bytes(*bytes.get(start + 2..start + 10)?.as_array()?) as usize, start + 10),
        len => (len.into(), start + 2),
    };
    let mask: [u8; 4] = *bytes.get(mask_at..mask_at + 4)?.as_array()?;
    let payload = mask_at + 4..mask_at + 4 + len;
    unmask(bytes.get_mut(payload.clone())?, mask);
    Some(Frame { head, payload })
}

/// Writes a frame that holds these pieces.
pub(crate) fn write(head: u8, pieces: &[&[u8]], out: &mut Vec<u8>) {
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    out.push(head);
    match len {
        0..126 => out.push(len as u8),
        126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
}

/// Eight bytes at a time.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u64::from_ne_bytes([mask, mask].concat().try_into().expect("two masks are eight bytes"));
    let (chunks, rest) = payload.as_chunks_mut();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    rest.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const BINARY: u8 = 0x82;
