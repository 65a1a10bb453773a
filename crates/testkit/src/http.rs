//! HTTP/1.1 over a bare socket.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::within;

/// One connection.
#[derive(Debug)]
pub struct Http {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The value of a header, the first if there are several.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Http {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = within("connect", TcpStream::connect(address)).await.expect("the server accepts");
        stream.set_nodelay(true).expect("it is a TCP socket");
        Self { stream, unread: Vec::new() }
    }

    /// One GET on a connection of its own.
    pub async fn get(address: SocketAddr, target: &str) -> Response {
        Self::request(address, "GET", target, &[], b"").await
    }

    /// One POST on a connection of its own.
    pub async fn post(address: SocketAddr, target: &str, body: &[u8]) -> Response {
        Self::request(address, "POST", target, &[("content-type", "text/plain;charset=UTF-8")], body).await
    }

    /// One request on a connection of its own.
    pub async fn request(
        address: SocketAddr,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let mut connection = Self::connect(address).await;
        connection.send_request(method, target, headers, body).await;
        connection.response().await
    }

    /// Sends a request with `host` and, where there is a body, `content-length`.
    pub async fn send_request(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.send(&[head.as_bytes(), body].concat()).await;
    }

    /// Sends bytes, whatever they are.
    pub async fn send(&mut self, bytes: &[u8]) {
        within("send", self.stream.write_all(bytes)).await.expect("the server reads");
    }

    /// Sends bytes as far as the server takes them; says whether it took all.
    pub async fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        within("send", self.stream.write_all(bytes)).await
    }

    /// Reads one answer.
    pub async fn response(&mut self) -> Response {
        self.try_response().await.expect("the server answers before it closes")
    }

    /// Reads one answer; `None` if the connection is closed instead.
    pub async fn try_response(&mut self) -> Option<Response> {
        let end = loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                break end + 4;
            }
            if self.read().await == 0 {
                return None;
            }
        };
        let head: Vec<u8> = self.unread.drain(..end).collect();
        let head = String::from_utf8(head).expect("the head is text");
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        let mut response = Response { status: status.expect("a status line"), headers, body: Vec::new() };
        response.body = self.read_body(&response).await;
        Some(response)
    }

    /// Whether the server closes the connection, after whatever it still sends.
    pub async fn is_closed(&mut self) -> bool {
        while self.read().await > 0 {}
        true
    }

    /// Reads until the server closes the connection.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        while self.read().await > 0 {}
        std::mem::take(&mut self.unread)
    }

    /// The socket, with what has been read and not been used.
    pub fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.unread)
    }

    async fn read_body(&mut self, response: &Response) -> Vec<u8> {
        let has_no_body = matches!(response.status, 100..=199 | 204 | 304);
        let len = response.header("content-length").map(|len| len.parse().expect("a number"));
        match len {
            Some(len) => {
                while self.unread.len() < len && self.read().await > 0 {}
                self.unread.drain(..len).collect()
            }
            None if has_no_body => Vec::new(),
            None if response.header("transfer-encoding").is_some() => self.read_chunks().await,
            None => self.read_to_end().await,
        }
    }

    async fn read_chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                match find(&self.unread, b"\r\n") {
                    Some(end) => break end,
                    None => assert!(self.read().await > 0, "chunks end with an empty one"),
                }
            };
            let line: Vec<u8> = self.unread.drain(..end + 2).collect();
            let len = usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).expect("a length");
            while self.unread.len() < len + 2 {
                assert!(self.read().await > 0, "the chunk is whole");
            }
            body.extend(self.unread.drain(..len));
            self.unread.drain(..2);
            if len == 0 {
                return body;
            }
        }
    }

    /// Reads once; a reset is an end too.
    async fn read(&mut self) -> usize {
        within("read", self.stream.read_buf(&mut self.unread)).await.unwrap_or(0)
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}
