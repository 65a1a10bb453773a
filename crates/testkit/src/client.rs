//! A Socket.IO client over WebSocket.

use std::net::SocketAddr;

use crate::websocket::{Frame, WebSocket};

/// A client that is connected to one namespace. Packets are written and read as they stand on the wire, without the `4`
/// of Engine.IO.
#[derive(Debug)]
pub struct Client {
    /// The connection below.
    pub websocket: WebSocket,
    namespace: String,
    sid: String,
}

impl Client {
    /// Connects to the main namespace below `/socket.io/`.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::connect_to(address, "/", "").await
    }

    /// Connects to a namespace with a JSON payload, or none.
    pub async fn connect_to(address: SocketAddr, namespace: &str, auth: &str) -> Self {
        let mut client = Self::open(address).await;
        client.namespace = prefix(namespace);
        client.send(&format!("0{}{auth}", client.namespace)).await;
        let reply = client.packet().await;
        let start = format!("0{}{{\"sid\":\"", client.namespace);
        let sid = reply.strip_prefix(&start).unwrap_or_else(|| panic!("refused: {reply}"));
        client.sid = sid.split('"').next().unwrap_or_default().to_owned();
        client
    }

    /// Opens a connection that has not joined a namespace yet.
    pub async fn open(address: SocketAddr) -> Self {
        let mut websocket = WebSocket::connect(address, "/socket.io/?EIO=4&transport=websocket").await;
        let open = websocket.text().await;
        assert!(open.starts_with("0{"), "{open}");
        Self { websocket, namespace: String::new(), sid: String::new() }
    }

    /// The id of the socket.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// Sends a packet as it is.
    pub async fn send(&mut self, packet: &str) {
        self.websocket.send(&format!("4{packet}")).await;
    }

    /// Sends an event: the JSON array, name first.
    pub async fn emit(&mut self, array: &str) {
        self.send(&format!("2{}{array}", self.namespace)).await;
    }

    /// Sends an event and waits for its acknowledgement, as a JSON array. Nothing else may come before it.
    pub async fn ask(&mut self, id: u64, array: &str) -> String {
        self.send(&format!("2{}{id}{array}", self.namespace)).await;
        let packet = self.packet().await;
        let start = format!("3{}{id}", self.namespace);
        packet.strip_prefix(&start).unwrap_or_else(|| panic!("not the acknowledgement: {packet}")).to_owned()
    }

    /// The next packet; pings are answered on the way.
    pub async fn packet(&mut self) -> String {
        loop {
            let text = self.websocket.text().await;
            if text == "2" {
                self.websocket.send("3").await;
            } else {
                return text.strip_prefix('4').unwrap_or_else(|| panic!("not a message: {text}")).to_owned();
            }
        }
    }

    /// The next event, as a JSON array.
    pub async fn event(&mut self) -> String {
        let packet = self.packet().await;
        let start = format!("2{}", self.namespace);
        packet.strip_prefix(&start).unwrap_or_else(|| panic!("not an event: {packet}")).to_owned()
    }

    /// The next event, as a JSON array, or none if the server ends the connection first.
    pub async fn next_event(&mut self) -> Option<String> {
        let start = format!("42{}", self.namespace);
        while let Some(Frame::Text(text)) = self.websocket.recv().await {
            match (&*text, text.strip_prefix(&start)) {
                ("2", _) => self.websocket.send("3").await,
                (_, Some(event)) => return Some(event.to_owned()),
                _ => return None,
            }
        }
        None
    }

    /// Checks that nothing has been sent before the answer to this event: what the server does in order, it has done.
    pub async fn expect_nothing_before(&mut self, id: u64, array: &str) {
        self.ask(id, array).await;
    }

    /// Reads until the server has closed the connection; says whether it has sent a close frame.
    pub async fn closed(&mut self) -> bool {
        while let Some(frame) = self.websocket.recv().await {
            if let Frame::Close(_) = frame {
                return true;
            }
        }
        false
    }
}

fn prefix(namespace: &str) -> String {
    if namespace == "/" { String::new() } else { format!("{namespace},") }
}
