//! One WebSocket client on a raw socket.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

use mio::net::TcpStream;

use crate::failure::{Failure, excerpt};
use crate::frame::{self, Message};

/// A client, from its handshake on.
#[derive(Debug)]
pub struct Client {
    number: usize,
    stream: TcpStream,
    stage: Stage,
    /// The beginning of a frame whose end has not come yet.
    unread: Vec<u8>,
    /// What the socket did not take yet.
    unsent: Vec<u8>,
    /// Engine.IO pings that were answered.
    pings: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The HTTP answer is due.
    Upgrading,
    /// The Engine.IO handshake is due.
    Opening,
    /// The Socket.IO CONNECT is due.
    Joining,
    Joined,
}

impl Client {
    /// Connects and asks for a WebSocket.
    pub(crate) fn connect(address: SocketAddr, number: usize) -> Result<Self, Failure> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(stream);
        let (stage, unread, unsent) = (Stage::Upgrading, Vec::new(), Vec::new());
        let mut client = Self { number, stream, stage, unread, unsent, pings: 0 };
        client.send(REQUEST)?;
        Ok(client)
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// Whether it is in the main namespace.
    pub(crate) fn is_joined(&self) -> bool {
        self.stage == Stage::Joined
    }

    /// Engine.IO pings that were answered.
    pub(crate) fn pings(&self) -> u64 {
        self.pings
    }

    /// Sends bytes as soon as the socket takes them.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let taken = if self.unsent.is_empty() { self.write(bytes)? } else { 0 };
        self.unsent.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    /// Sends what the socket did not take before.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        if !self.unsent.is_empty() {
            let unsent = std::mem::take(&mut self.unsent);
            self.send(&unsent)?;
        }
        Ok(())
    }

    /// Reads all there is and hands each message of the application to `each`, with a place for answers.
    pub(crate) fn receive(
        &mut self,
        buffer: &mut [u8],
        answers: &mut Vec<u8>,
        each: &mut Each<'_>,
    ) -> Result<(), Failure> {
        while self.receive_once(buffer, answers, each)? == buffer.len() {}
        Ok(())
    }

    /// The same with what fits into the buffer. Returns how many bytes that were.
    pub(crate) fn receive_once(
        &mut self,
        buffer: &mut [u8],
        answers: &mut Vec<u8>,
        each: &mut Each<'_>,
    ) -> Result<usize, Failure> {
        let len = match self.stream.read(buffer) {
            Ok(0) => return Err(Failure::Closed { client: self.number }),
            Ok(len) => len,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => return self.receive_once(buffer, answers, each),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                return Err(Failure::Closed { client: self.number });
            }
            Err(error) => return Err(error.into()),
        };
        self.take(&buffer[..len], answers, each)?;
        if !answers.is_empty() {
            self.send(answers)?;
            answers.clear();
        }
        Ok(len)
    }

    fn take(&mut self, bytes: &[u8], answers: &mut Vec<u8>, each: &mut Each<'_>) -> Result<(), Failure> {
        if self.unread.is_empty() {
            let taken = self.handle(bytes, answers, each)?;
            self.unread.extend_from_slice(&bytes[taken..]);
        } else {
            let mut unread = std::mem::take(&mut self.unread);
            unread.extend_from_slice(bytes);
            let taken = self.handle(&unread, answers, each)?;
            unread.drain(..taken);
            self.unread = unread;
        }
        Ok(())
    }

    /// Handles whole frames, and says how many bytes they had.
    fn handle(&mut self, bytes: &[u8], answers: &mut Vec<u8>, each: &mut Each<'_>) -> Result<usize, Failure> {
        let mut rest = bytes;
        if self.stage == Stage::Upgrading {
            rest = &rest[self.upgraded(rest)?..];
            if self.stage == Stage::Upgrading {
                return Ok(0);
            }
        }
        while let Some((message, len)) = frame::decode(rest).map_err(|malformed| self.broken(malformed.to_string()))? {
            rest = &rest[len..];
            self.message(message, answers, each)?;
        }
        Ok(bytes.len() - rest.len())
    }

    fn message(&mut self, message: Message<'_>, answers: &mut Vec<u8>, each: &mut Each<'_>) -> Result<(), Failure> {
        match (self.stage, message) {
            (_, Message::Close(_)) => return Err(Failure::Closed { client: self.number }),
            (_, Message::Ping(payload)) => frame::pong(payload, answers),
            // Some servers send the first one at once.
            (Stage::Joining | Stage::Joined, Message::Text(b"2")) => {
                self.pings += 1;
                frame::text(b"3", answers);
            }
            (Stage::Opening, Message::Text(text)) if text.starts_with(b"0{") => {
                frame::text(b"40", answers);
                self.stage = Stage::Joining;
            }
            (Stage::Joining, Message::Text(text)) if text.starts_with(b"40{") => self.stage = Stage::Joined,
            (Stage::Joined, message) => return each(message, answers),
            (stage, message) => {
                return Err(self.broken(format!("{stage:?}, but got {:?}", excerpt(message.bytes()))));
            }
        }
        Ok(())
    }

    /// Checks the answer to the handshake, if it is whole, and says how long it is.
    fn upgraded(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(0) };
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let accepted = head.lines().any(|line| {
            line.split_once(": ")
                .is_some_and(|(name, value)| name.eq_ignore_ascii_case("sec-websocket-accept") && value == ACCEPT)
        });
        if !head.starts_with("HTTP/1.1 101 ") || !accepted {
            return Err(self.broken(head));
        }
        self.stage = Stage::Opening;
        Ok(end + 4)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.stream.write(bytes) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(0),
            written => written,
        }
    }

    fn broken(&self, what: String) -> Failure {
        Failure::Protocol { client: self.number, what }
    }
}

/// Handles a message; frames that are written to the last argument are its answer.
pub(crate) type Each<'a> = dyn FnMut(Message<'_>, &mut Vec<u8>) -> Result<(), Failure> + 'a;

/// As a browser asks, more or less: the size of the request is part of what a connection costs.
const REQUEST: &[u8] = b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n\
    Host: localhost\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Connection: Upgrade\r\n\
    Upgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What follows from the key. Source: RFC 6455, section 1.3.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
