//! A polling client that speaks to the service of a server, without any network.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use fanfare_proto::ids::SocketId;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::task::JoinHandle;
use tower_service::Service as _;

use crate::server::Server;

/// A client of one namespace. Packets are JSON text, without the `4` of Engine.IO.
#[derive(Debug)]
pub(super) struct Client {
    server: Server,
    target: String,
    /// As it stands in packets, with its comma; empty for the main namespace.
    namespace: String,
    id: SocketId,
    received: VecDeque<String>,
    /// A GET that waits for what comes.
    waiting: Option<JoinHandle<String>>,
}

impl Client {
    pub(super) async fn connect(server: &Server, namespace: &str) -> Self {
        let path = format!("{}?EIO=4&transport=polling", server.engine().path());
        let open = request(server, Method::GET, &path, "").await;
        let sid = open.split('"').nth(3).expect("an open packet");
        let namespace = if namespace == "/" { String::new() } else { format!("{namespace},") };
        let target = format!("{path}&sid={sid}");
        let id = SocketId::from_random([0; 15]);
        let mut client =
            Self { server: server.clone(), target, namespace, id, received: VecDeque::new(), waiting: None };
        client.send(&format!("0{}", client.namespace)).await;
        let reply = client.packet().await;
        let id = reply.split('"').nth(3).and_then(|id| id.parse().ok());
        client.id = id.unwrap_or_else(|| panic!("the client is refused: {reply}"));
        client
    }

    /// The id of its socket.
    pub(super) fn id(&self) -> SocketId {
        self.id
    }

    /// Sends a packet.
    pub(super) async fn send(&self, packet: &str) {
        request(&self.server, Method::POST, &self.target, &format!("4{packet}")).await;
    }

    /// Answers an event with these arguments.
    pub(super) async fn answer(&self, id: &str, args: &str) {
        self.send(&format!("3{}{id}{args}", self.namespace)).await;
    }

    /// Has a GET wait for what comes, as real clients do nearly always.
    pub(super) fn wait(&mut self) {
        let (server, target) = (self.server.clone(), self.target.clone());
        self.waiting
            .get_or_insert_with(|| tokio::spawn(async move { request(&server, Method::GET, &target, "").await }));
    }

    /// The next packet, `1` for one that ends the connection. Binary packets are base64 behind a `b`.
    pub(super) async fn packet(&mut self) -> String {
        while self.received.is_empty() {
            self.wait();
            let body = self.waiting.take().expect("it waits").await.expect("the request succeeds");
            // What ends a session comes with a packet that says nothing.
            let packets = body.split('\x1e').filter(|packet| *packet != "6");
            self.received.extend(packets.map(|packet| packet.strip_prefix('4').unwrap_or(packet).to_owned()));
        }
        self.received.pop_front().expect("there is one")
    }

    /// The next event, as a JSON array.
    pub(super) async fn event(&mut self) -> String {
        let packet = self.packet().await;
        let event = packet.strip_prefix('2').and_then(|packet| packet.strip_prefix(&self.namespace));
        event.unwrap_or_else(|| panic!("not an event: {packet}")).to_owned()
    }

    /// The next event, which asks for an answer: the id for that, and the JSON array.
    pub(super) async fn question(&mut self) -> (String, String) {
        let event = self.event().await;
        let (id, array) = event.split_at(event.find('[').expect("an array"));
        assert!(!id.is_empty(), "no answer is asked for: {event}");
        (id.to_owned(), array.to_owned())
    }
}

async fn request(server: &Server, method: Method, target: &str, body: &str) -> String {
    let request = Request::builder().method(method).uri(target).header("host", "conformance");
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("the parts are sound");
    let answering = async {
        let Ok(response) = server.service().call(request).await;
        assert_eq!(response.status(), StatusCode::OK, "{target}");
        let Ok(body) = response.into_body().collect().await;
        body.to_bytes()
    };
    let body = tokio::time::timeout(PATIENCE, answering).await.expect("what is to happen happens");
    String::from_utf8(body.into()).expect("polling bodies are text")
}

/// How long anything may take that is to happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
