//! An Engine.IO session over HTTP long-polling.

use std::net::SocketAddr;

use crate::http::{Http, Response};

/// A session. Every request has a connection of its own.
#[derive(Clone, Debug)]
pub struct Polling {
    address: SocketAddr,
    path: String,
    sid: String,
}

impl Polling {
    /// Opens a session below a path, such as `/engine.io/`.
    pub async fn open(address: SocketAddr, path: &str) -> Self {
        let response = Http::get(address, &format!("{path}?EIO=4&transport=polling")).await;
        assert_eq!(response.status, 200, "{response:?}");
        let open = response.text();
        let (_, rest) = open.split_once(r#"{"sid":""#).expect("an open packet");
        let (sid, _) = rest.split_once('"').expect("a session id");
        Self { address, path: path.to_owned(), sid: sid.to_owned() }
    }

    /// The same session, by requests to another server.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    /// The session id.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The target of requests over a transport.
    pub fn target(&self, transport: &str) -> String {
        format!("{}?EIO=4&transport={transport}&sid={}", self.path, self.sid)
    }

    /// Polls once.
    pub async fn poll(&self) -> Response {
        Http::get(self.address, &self.target("polling")).await
    }

    /// Polls once; the packets of the answer, which is not an error.
    pub async fn packets(&self) -> Vec<String> {
        let response = self.poll().await;
        assert_eq!(response.status, 200, "{response:?}");
        response.text().split('\x1e').map(str::to_owned).collect()
    }

    /// Sends packets in one body.
    pub async fn send(&self, packets: &[&str]) -> Response {
        Http::post(self.address, &self.target("polling"), packets.join("\x1e").as_bytes()).await
    }

    /// A connection on which a poll waits for its answer.
    pub async fn start_poll(&self) -> Http {
        let mut connection = Http::connect(self.address).await;
        connection.send_request("GET", &self.target("polling"), &[], b"").await;
        connection
    }
}
