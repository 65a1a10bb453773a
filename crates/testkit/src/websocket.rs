//! WebSocket frames over a bare socket.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::http::{Http, Response};
use crate::within;

/// One WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// What the server has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame, with its code.
    Close(Option<u16>),
}

impl WebSocket {
    /// The headers of a handshake.
    pub const HANDSHAKE: [(&str, &str); 4] = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    /// Opens a WebSocket.
    pub async fn connect(address: SocketAddr, target: &str) -> Self {
        Self::try_connect(address, target, &[]).await.expect("the server accepts the WebSocket")
    }

    /// Opens a WebSocket with more headers; the answer is the error where it is refused.
    pub async fn try_connect(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Result<Self, Response> {
        let mut connection = Http::connect(address).await;
        let mut all = Self::HANDSHAKE.to_vec();
        all.extend_from_slice(headers);
        connection.send_request("GET", target, &all, b"").await;
        let response = connection.response().await;
        if response.status != 101 {
            return Err(response);
        }
        Ok(connection.into())
    }

    /// Sends a text message.
    pub async fn send(&mut self, text: &str) {
        self.send_frame(0x81, text.as_bytes()).await;
    }

    /// Sends a binary message.
    pub async fn send_binary(&mut self, data: &[u8]) {
        self.send_frame(0x82, data).await;
    }

    /// Sends one masked frame with this first byte.
    pub async fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.send_raw(&Self::frame(first, payload)).await;
    }

    /// Sends bytes, whatever they are.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        within("send", self.stream.write_all(bytes)).await.expect("the server reads");
    }

    /// Sends bytes as far as the server takes them.
    pub async fn try_send_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        within("send", self.stream.write_all(bytes)).await
    }

    /// A masked frame with this first byte.
    pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let mut frame = vec![first];
        match payload.len() {
            len @ 0..126 => frame.push(0x80 | len as u8),
            len @ 126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend((len as u16).to_be_bytes());
            }
            len => {
                frame.push(0x80 | 127);
                frame.extend((len as u64).to_be_bytes());
            }
        }
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    /// The next frame; `None` once the connection is closed.
    pub async fn recv(&mut self) -> Option<Frame> {
        let header = self.take(2).await?;
        let len = match header[1] {
            len @ 0..126 => usize::from(len),
            126 => self.take(2).await?.iter().fold(0, |len, &byte| len << 8 | usize::from(byte)),
            127 => self.take(8).await?.iter().fold(0, |len, &byte| len << 8 | usize::from(byte)),
            _ => panic!("a server does not mask its frames"),
        };
        let payload = self.take(len).await?;
        assert_eq!(header[0] & 0xf0, 0x80, "a server neither fragments nor extends");
        Some(match header[0] & 0x0f {
            1 => Frame::Text(String::from_utf8(payload).expect("text is UTF-8")),
            2 => Frame::Binary(payload),
            8 => Frame::Close(payload.first_chunk().map(|code| u16::from_be_bytes(*code))),
            9 => Frame::Ping(payload),
            10 => Frame::Pong(payload),
            other => panic!("unknown opcode {other}"),
        })
    }

    /// The next text message, whatever comes first being an error.
    pub async fn text(&mut self) -> String {
        match self.recv().await {
            Some(Frame::Text(text)) => text,
            other => panic!("expected text, got {other:?}"),
        }
    }

    /// The next binary message.
    pub async fn binary(&mut self) -> Vec<u8> {
        match self.recv().await {
            Some(Frame::Binary(data)) => data,
            other => panic!("expected binary data, got {other:?}"),
        }
    }

    /// Reads until the server has closed the WebSocket; returns the code of its close frame, if there was a frame.
    pub async fn closed(&mut self) -> Option<Option<u16>> {
        let mut code = None;
        while let Some(frame) = self.recv().await {
            if let Frame::Close(closed) = frame {
                code = Some(closed);
            }
        }
        code
    }

    /// A WebSocket whose handshake somebody else has seen to.
    pub fn from_stream(stream: TcpStream) -> Self {
        Self { stream, unread: Vec::new() }
    }

    /// The socket, to write to it with a patience of one's own.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// The socket.
    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    async fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        while self.unread.len() < len {
            let read = within("read", self.stream.read_buf(&mut self.unread)).await.unwrap_or(0);
            if read == 0 {
                return None;
            }
        }
        Some(self.unread.drain(..len).collect())
    }
}

/// A connection on which a handshake has been answered with 101.
impl From<Http> for WebSocket {
    fn from(connection: Http) -> Self {
        let (stream, unread) = connection.into_parts();
        Self { stream, unread }
    }
}
