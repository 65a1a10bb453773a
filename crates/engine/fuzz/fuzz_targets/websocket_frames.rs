//! Frames of a WebSocket client that are mostly sound, so that long sequences come about. Row WS-31.
#![no_main]

mod model;

use libfuzzer_sys::arbitrary::{self, Arbitrary};

#[derive(Arbitrary, Debug)]
struct Input {
    chunk: u8,
    /// Small, so that messages are often about to pass it.
    max_message_bytes: u8,
    frames: Vec<Frame>,
}

#[derive(Arbitrary, Debug)]
enum Frame {
    Text {
        fin: bool,
        mask: [u8; 4],
        text: String,
    },
    Binary {
        fin: bool,
        mask: [u8; 4],
        data: Vec<u8>,
    },
    /// May cut a character of the text before it in two.
    Continuation {
        fin: bool,
        mask: [u8; 4],
        data: Vec<u8>,
    },
    Ping {
        mask: [u8; 4],
        data: Vec<u8>,
    },
    Pong {
        data: Vec<u8>,
    },
    Close {
        code: u16,
        reason: String,
    },
    /// A length written in more digits than it needs.
    Wide {
        first: u8,
        data: Vec<u8>,
    },
    Raw(Vec<u8>),
}

libfuzzer_sys::fuzz_target!(|input: Input| {
    let mut bytes = Vec::new();
    input.frames.iter().for_each(|frame| frame.write(&mut bytes));
    model::check(&bytes, input.chunk.into(), input.max_message_bytes.into());
});

impl Frame {
    fn write(&self, out: &mut Vec<u8>) {
        let first = |opcode: u8, fin: bool| opcode | u8::from(fin) << 7;
        match self {
            Self::Text { fin, mask, text } => push(out, first(1, *fin), *mask, text.as_bytes()),
            Self::Binary { fin, mask, data } => push(out, first(2, *fin), *mask, data),
            Self::Continuation { fin, mask, data } => push(out, first(0, *fin), *mask, data),
            Self::Ping { mask, data } => push(out, 0x89, *mask, data),
            Self::Pong { data } => push(out, 0x8a, [0; 4], data),
            Self::Close { code, reason } => push(out, 0x88, [0; 4], &[&code.to_be_bytes(), reason.as_bytes()].concat()),
            Self::Wide { first, data } => {
                out.extend([*first, 0xff]);
                out.extend((data.len() as u64).to_be_bytes());
                push_masked(out, [7; 4], data);
            }
            Self::Raw(bytes) => out.extend(bytes),
        }
    }
}

fn push(out: &mut Vec<u8>, first: u8, mask: [u8; 4], payload: &[u8]) {
    out.push(first);
    match payload.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
    }
    push_masked(out, mask, payload);
}

fn push_masked(out: &mut Vec<u8>, mask: [u8; 4], payload: &[u8]) {
    out.extend(mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, key)| byte ^ key));
}
