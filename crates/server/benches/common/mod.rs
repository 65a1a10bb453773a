//! Clients without a network: they poll a server in the same process.

use bytes::Bytes;
use fanfare::{Listener, Server};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use tokio::runtime::Runtime;
use tower_service::Service as _;

/// A client that has joined the main namespace.
pub(crate) struct Client {
    io: Server,
    target: String,
}

impl Client {
    pub(crate) async fn connect(io: &Server) -> Self {
        let mut client = Self { io: io.clone(), target: "/socket.io/?EIO=4&transport=polling".to_owned() };
        let open = client.poll().await;
        let sid = open.split('"').nth(3).expect("the handshake begins with the id");
        client.target.push_str(&format!("&sid={sid}"));
        client.send("40").await;
        assert!(client.poll().await.starts_with("40{"), "the namespace accepts");
        client
    }

    /// Sends a packet.
    pub(crate) async fn send(&self, packet: &str) {
        let answer = self.request(Request::post(&self.target), packet.to_owned()).await;
        assert_eq!(answer, "ok");
    }

    /// Takes what waits, or waits for something.
    pub(crate) async fn poll(&self) -> String {
        self.request(Request::get(&self.target), String::new()).await
    }

    async fn request(&self, request: http::request::Builder, body: String) -> String {
        let request = request.body(Full::<Bytes>::from(body)).expect("the request is valid");
        let Ok(response) = self.io.service().call(request).await;
        let Ok(body) = response.into_body().collect().await;
        String::from_utf8(body.to_bytes().to_vec()).expect("payloads are text")
    }
}

/// A client of a server over a WebSocket, on the loopback interface. Both run on the thread.
#[allow(dead_code, reason = "not every benchmark has a network")]
pub(crate) async fn connect_websocket(io: Server) -> fanfare_testkit::Client {
    let listener = Listener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { io.serve(listener).await });
    fanfare_testkit::Client::connect(address).await
}

/// A server whose clients need not answer pings.
pub(crate) fn server() -> Server {
    let hour = std::time::Duration::from_secs(3600);
    Server::builder().serve_client(false).ping_interval(hour).build().expect("the options are valid")
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
