//! An HTTP/1.1 connection that stays open, and bodies of a length that is told.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;

use mio::net::TcpStream;

use crate::failure::{Failure, excerpt};

/// A connection. Requests are so short that a socket always takes them.
#[derive(Debug)]
pub(crate) struct Http {
    number: usize,
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Http {
    pub(crate) fn connect(address: SocketAddr, number: usize) -> Result<Self, Failure> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { number, stream: TcpStream::from_std(stream), unread: Vec::new() })
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(crate) fn get(&mut self, query: &str) -> Result<(), Failure> {
        self.send(&format!("GET /socket.io/?{query} HTTP/1.1\r\n{HEADERS}\r\n"))
    }

    pub(crate) fn post(&mut self, query: &str, body: &str) -> Result<(), Failure> {
        let headers = format!("{HEADERS}Content-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n", body.len());
        self.send(&format!("POST /socket.io/?{query} HTTP/1.1\r\n{headers}\r\n{body}"))
    }

    fn send(&mut self, request: &str) -> Result<(), Failure> {
        let written = self.stream.write(request.as_bytes())?;
        if written == request.len() { Ok(()) } else { Err(self.broken("the socket takes no whole request".into())) }
    }

    /// The body of the answer, if it is whole. Fails unless it is a 200.
    pub(crate) fn answer(&mut self, buffer: &mut [u8]) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(Failure::Closed { client: self.number }),
                Ok(len) => self.unread.extend_from_slice(&buffer[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let Some((body, len)) = parse(&self.unread).map_err(|head| self.broken(head))? else { return Ok(None) };
        let body = body.to_vec();
        self.unread.drain(..len);
        Ok(Some(body))
    }

    fn broken(&self, what: String) -> Failure {
        Failure::Protocol { client: self.number, what }
    }
}

/// The body of a whole answer and the length of all of it, or the head of an answer that cannot be read.
fn parse(bytes: &[u8]) -> Result<Option<(&[u8], usize)>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = &bytes[..end];
    let text = String::from_utf8_lossy(head);
    let length = text.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    let Some(length) = length.filter(|_| text.starts_with("HTTP/1.1 200 ")) else { return Err(excerpt(head)) };
    let start = end + 4;
    Ok(bytes.get(start..start + length).map(|body| (body, start + length)))
}

const HEADERS: &str = "Host: localhost\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Accept: */*\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_when_it_is_whole() {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP";
        assert_eq!(parse(answer), Ok(Some((&b"ok"[..], answer.len() - 4))));
        assert_eq!(parse(&answer[..answer.len() - 5]), Ok(None));
        assert_eq!(parse(&answer[..20]), Ok(None));
    }

    #[test]
    fn an_answer_that_is_no_success_or_has_no_length_is_refused() {
        assert!(parse(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }
}
