//! A client that has done nothing wrong.

use std::net::SocketAddr;

use crate::{Frame, WebSocket};

/// A client of an Engine.IO server that echoes: whatever others do to it, this one is served.
#[derive(Debug)]
pub struct Canary {
    websocket: WebSocket,
    songs: u32,
}

impl Canary {
    /// Opens a session by a WebSocket.
    pub async fn connect(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Self {
        let mut websocket = WebSocket::try_connect(address, target, headers).await.expect("the canary is let in");
        websocket.text().await;
        Self { websocket, songs: 0 }
    }

    /// Checks that it gets what it has asked for, and nothing else.
    pub async fn sings(&mut self) {
        self.songs += 1;
        let song = format!("4tweet {}", self.songs);
        self.websocket.send(&song).await;
        loop {
            match self.websocket.recv().await {
                Some(Frame::Text(ping)) if ping == "2" => self.websocket.send("3").await,
                other => return assert_eq!(other, Some(Frame::Text(song))),
            }
        }
    }
}
