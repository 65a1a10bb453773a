//! A WebSocket client that costs little, so that many fit on the machine beside the node.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

/// A client. Its sender can be used beside it.
pub(crate) struct Client {
    stream: Arc<TcpStream>,
    unread: Vec<u8>,
}

/// The sending half of a client.
pub(crate) struct Sender(Arc<TcpStream>);

impl Client {
    /// Opens a WebSocket and joins the main namespace.
    pub(crate) async fn connect(address: SocketAddr, number: usize) -> Self {
        let mut client = Self::connect_bare(address, number).await;
        client.sender().write(HANDSHAKE.as_bytes());
        client.read_head().await;
        assert!(client.text().await.starts_with("0{"), "the session opens");
        client.sender().text("40");
        assert!(client.text().await.starts_with("40{"), "the namespace accepts");
        client
    }

    /// Opens a connection and no more.
    pub(crate) async fn connect_bare(address: SocketAddr, number: usize) -> Self {
        let socket = TcpSocket::new_v4().expect("enough descriptors: see `ulimit -n`");
        // One address has about 28,000 ports, and those of the last run may not be free yet.
        let host = u8::try_from(1 + number / CLIENTS_PER_ADDRESS).expect("not that many clients");
        socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into()).expect("a free port");
        let stream = socket.connect(address).await.expect("the server accepts");
        stream.set_nodelay(true).expect("it is a TCP socket");
        Self { stream: Arc::new(stream), unread: Vec::new() }
    }

    pub(crate) fn sender(&self) -> Sender {
        Sender(self.stream.clone())
    }

    /// Sends an event and waits until it is acknowledged.
    pub(crate) async fn echo(&mut self, id: usize) {
        self.sender().text(&format!(r#"42{id}["echo",{id},"{PADDING}"]"#));
        assert_eq!(self.text().await, format!(r#"43{id}[{id},"{PADDING}"]"#));
    }

    /// The next packet; pings are answered on the way.
    pub(crate) async fn text(&mut self) -> String {
        loop {
            if let Some(text) = self.take_frame() {
                if text != "2" {
                    return text;
                }
                self.sender().text("3");
            } else {
                self.read().await;
            }
        }
    }

    async fn read_head(&mut self) {
        let end = loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await;
        };
        let head: Vec<_> = self.unread.drain(..end).collect();
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    }

    /// Takes a frame of what has been read, if it is whole. All are short texts.
    fn take_frame(&mut self) -> Option<String> {
        let (header, rest) = self.unread.split_first_chunk()?;
        let [0x81, len @ 0..126] = *header else { panic!("not a short text: {header:?}") };
        let text = rest.get(..len.into())?.to_vec();
        self.unread.drain(..2 + text.len());
        Some(String::from_utf8(text).expect("text is UTF-8"))
    }

    async fn read(&mut self) {
        loop {
            self.stream.readable().await.expect("the socket is open");
            match self.stream.try_read_buf(&mut self.unread) {
                Ok(0) => panic!("the server has closed the connection"),
                Ok(_) => return,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Sender {
    /// Sends a packet, masked with zeros.
    pub(crate) fn text(&self, text: &str) {
        let len = u8::try_from(text.len()).ok().filter(|len| *len < 126).expect("the packet is short");
        self.write(&[&[0x81, 0x80 | len, 0, 0, 0, 0], text.as_bytes()].concat());
    }

    fn write(&self, bytes: &[u8]) {
        assert_eq!(self.0.try_write(bytes).expect("the socket takes it"), bytes.len());
    }
}

/// Runs everything at a time.
pub(crate) async fn all<T: Send + 'static>(
    work: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    work.collect::<JoinSet<_>>().join_all().await
}

const HANDSHAKE: &str = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n\
    Host: localhost\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
    Origin: http://localhost\r\n\
    Accept-Language: en-GB,en;q=0.9\r\n\
    Connection: Upgrade\r\n\
    Upgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Makes an event as long as chat messages are.
pub(crate) const PADDING: &str = "All mimsy were the borogoves, and the mome raths outgrabe.";

const CLIENTS_PER_ADDRESS: usize = 5000;
