//! What the fuzz targets see of this crate.

use crate::websocket::decoder::{Decoder, Event, Input};

/// What a client has sent over a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping, with its payload.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
    /// The close frame, with its code.
    Close(Option<u16>),
}

/// What bytes of a client have led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What was sent.
    pub sent: Vec<Sent>,
    /// The close code of the violation that ended it.
    pub error: Option<u16>,
    /// Whether a message or frame has begun and not ended.
    pub is_mid_message: bool,
}

/// Decodes bytes that come in chunks.
pub fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, max_message_bytes: usize) -> Decoded {
    let mut decoder = Decoder::new(max_message_bytes);
    let mut sent = Vec::new();
    for chunk in chunks {
        let mut chunk = chunk.to_vec();
        let mut input = Input::new(&mut chunk);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(event)) => sent.push(Sent::from(event)),
                Ok(None) => break,
                Err(error) => return Decoded { sent, error: Some(error.close_code()), is_mid_message: false },
            }
        }
        assert_eq!(input.position(), chunk.len(), "everything is decoded");
    }
    Decoded { sent, error: None, is_mid_message: decoder.is_mid_message() }
}

impl From<Event<'_>> for Sent {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.to_owned()),
            Event::Binary(data) => Self::Binary(data.to_vec()),
            Event::Ping(payload) => Self::Ping(payload.to_vec()),
            Event::Pong => Self::Pong,
            Event::Close(code) => Self::Close(code),
        }
    }
}
