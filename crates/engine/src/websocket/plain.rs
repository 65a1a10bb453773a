//! A WebSocket without Engine.IO.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::task::{Poll, ready};

use fanfare_proto::buffer::Buffer;
use fastwebsockets::OpCode;
use http::{Request, Response};

use super::buffers::with_buffer;
use super::decoder::{Decoder, Event, Input};
use super::{Acceptance, Stream};
use crate::Message;
use crate::http::Body;
use crate::outgoing::prepend_header;

/// A plain WebSocket, for programs that need one besides their Engine.IO sessions.
///
/// It answers pings and closes by itself, in the order in which [`recv`](Self::recv) comes across them.
pub struct WebSocket {
    stream: Stream,
    decoder: Decoder,
    /// What has been read and not yet decoded, from `position` on.
    unread: Vec<u8>,
    position: usize,
}

/// A message that has been received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnedMessage {
    /// Text.
    Text(String),
    /// Binary data.
    Binary(Vec<u8>),
}

/// What to do with a frame.
enum Step {
    Message(OwnedMessage),
    Answer(OpCode, Vec<u8>),
    Nothing,
    ReadMore,
}

impl WebSocket {
    /// Accepts a handshake: returns the answer, and what becomes the WebSocket once the answer is out. The answer to
    /// a handshake that is wrong is the error.
    ///
    /// Messages may have `max_message_bytes`; a larger one closes the connection with 1009.
    pub fn accept<B>(
        request: Request<B>,
        max_message_bytes: usize,
    ) -> Result<(Response<Body>, impl Future<Output = io::Result<Self>> + Send + use<B>), Response<Body>> {
        let (mut parts, _) = request.into_parts();
        let (response, on_upgrade) = Acceptance::check(&mut parts)?.into_parts();
        let accepted = async move {
            let (stream, early) = Stream::from_upgraded(on_upgrade.await.map_err(io::Error::other)?);
            let decoder = Decoder::new(max_message_bytes);
            Ok(Self { stream, decoder, unread: early, position: 0 })
        };
        Ok((response, accepted))
    }

    /// Closes a connection on which nothing is to be said.
    pub(super) async fn turn_away(stream: Stream) {
        let mut websocket = Self { stream, decoder: Decoder::new(0), unread: Vec::new(), position: 0 };
        if websocket.send_frame(OpCode::Close, &[]).await.is_ok() {
            websocket.shut_down().await;
        }
    }

    /// The next message; `None` once the connection is closed, by whichever side and for whatever reason.
    pub async fn recv(&mut self) -> Option<OwnedMessage> {
        loop {
            match self.step() {
                Ok(Step::Message(message)) => return Some(message),
                Ok(Step::Answer(opcode, payload)) => {
                    self.send_frame(opcode, &payload).await.ok()?;
                    if opcode == OpCode::Close {
                        return self.shut_down().await;
                    }
                }
                Ok(Step::Nothing) => {}
                Ok(Step::ReadMore) => {
                    if self.read().await.ok()? == 0 {
                        return None;
                    }
                }
                Err(code) => {
                    self.send_frame(OpCode::Close, &code.to_be_bytes()).await.ok()?;
                    return self.shut_down().await;
                }
            }
        }
    }

    /// Sends a message; returns once it is with the kernel.
    pub async fn send(&mut self, message: Message<'_>) -> io::Result<()> {
        match message {
            Message::Text(text) => self.send_frame(OpCode::Text, text.as_bytes()).await,
            Message::Binary(data) => self.send_frame(OpCode::Binary, data).await,
        }
    }

    /// Decodes one frame of what has been read; the error is the code to close with.
    fn step(&mut self) -> Result<Step, u16> {
        let mut input = Input::new(&mut self.unread[self.position..]);
        let event = self.decoder.decode(&mut input).map_err(|error| error.close_code())?;
        let step = match event {
            Some(Event::Text(text)) => Step::Message(OwnedMessage::Text(text.to_owned())),
            Some(Event::Binary(data)) => Step::Message(OwnedMessage::Binary(data.to_vec())),
            Some(Event::Ping(payload)) => Step::Answer(OpCode::Pong, payload.to_vec()),
            Some(Event::Close(code)) => {
                Step::Answer(OpCode::Close, code.map_or(Vec::new(), |code| code.to_be_bytes().to_vec()))
            }
            Some(Event::Pong) => Step::Nothing,
            None => Step::ReadMore,
        };
        self.position += input.position();
        Ok(step)
    }

    async fn read(&mut self) -> io::Result<usize> {
        self.unread.clear();
        self.position = 0;
        poll_fn(|cx| {
            with_buffer(|buffer| {
                let len = ready!(self.stream.poll_read(cx, buffer))?;
                self.unread.extend_from_slice(&buffer[..len]);
                Poll::Ready(Ok(len))
            })
        })
        .await
    }

    async fn send_frame(&mut self, opcode: OpCode, payload: &[u8]) -> io::Result<()> {
        let mut frame = Buffer::from(payload);
        prepend_header(&mut frame, opcode);
        let mut rest = frame.as_slice();
        poll_fn(|cx| {
            while !rest.is_empty() {
                match self.stream.write(cx, &[IoSlice::new(rest)]) {
                    Ok(written) => rest = &rest[written..],
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    /// Ends the sending side and waits until the client does the same, so that it sees the close frame.
    async fn shut_down(&mut self) -> Option<OwnedMessage> {
        poll_fn(|cx| self.stream.poll_shutdown(cx)).await.ok()?;
        let ended = async { while self.read().await.is_ok_and(|len| len > 0) {} };
        let _ = tokio::time::timeout(super::LINGER, ended).await;
        None
    }
}

impl std::fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebSocket").finish_non_exhaustive()
    }
}
