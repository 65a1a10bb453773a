//! Clients that lose their connection and come back.

use fanfare::Recovery;
use fanfare_testkit::Client;
use serde_json::Value;

use crate::support::{Node, until};

/// A node with connection state recovery.
pub(crate) async fn node() -> Node {
    Node::with(|builder| builder.connection_state_recovery(Recovery::default())).await
}

/// What a client knows of a session that it has lost.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub(crate) sid: String,
    pub(crate) pid: String,
    pub(crate) offset: String,
}

impl Lost {
    /// From the answer to a CONNECT.
    pub(crate) fn new(reply: &str) -> Self {
        let payload = reply.strip_prefix('0').unwrap_or_else(|| panic!("refused: {reply}"));
        let payload: Value = serde_json::from_str(payload).unwrap();
        let field = |name: &str| payload[name].as_str().unwrap_or_else(|| panic!("no {name}: {reply}")).to_owned();
        Self { sid: field("sid"), pid: field("pid"), offset: String::new() }
    }

    /// The client has seen this event.
    pub(crate) fn seen(self, event: &str) -> Self {
        Self { offset: offset_of(event), ..self }
    }

    /// What the client sends along to get the session back.
    pub(crate) fn auth(&self) -> String {
        format!(r#"{{"pid":"{}","offset":"{}"}}"#, self.pid, self.offset)
    }
}

/// The last argument of an event.
pub(crate) fn offset_of(event: &str) -> String {
    let event: Vec<Value> = serde_json::from_str(event).unwrap();
    event.last().and_then(Value::as_str).unwrap_or_else(|| panic!("no offset: {event:?}")).to_owned()
}

/// Connects to the main namespace.
pub(crate) async fn connect(node: &Node, auth: &str) -> (Client, Lost) {
    let mut client = Client::open(node.address).await;
    client.send(&format!("0{auth}")).await;
    let session = Lost::new(&client.packet().await);
    (client, session)
}

/// Breaks the connection of a client and waits until the server has noticed, and kept the session.
pub(crate) async fn lose(node: &Node, client: Client) {
    let sessions = node.io.engine().clients_count();
    let sockets = node.io.sockets();
    drop(client);
    until("the connection is gone", || node.io.engine().clients_count() < sessions).await;
    until("its socket is too", || sockets.iter().all(|socket| socket.connected() == socket.conn().session().is_open()))
        .await;
}

/// Comes back; returns the packets that the client has missed, which come before the answer to its CONNECT.
pub(crate) async fn reconnect(node: &Node, session: &Lost, missed: usize) -> (Client, Vec<String>) {
    try_reconnect(node, session, missed).await.unwrap_or_else(|error| panic!("{error}"))
}

/// As [`reconnect`], where the session may not come back.
pub(crate) async fn try_reconnect(
    node: &Node,
    session: &Lost,
    missed: usize,
) -> Result<(Client, Vec<String>), &'static str> {
    let mut client = Client::open(node.address).await;
    client.send(&format!("0{}", session.auth())).await;
    let mut packets = Vec::new();
    for _ in 0..missed {
        packets.push(client.packet().await);
    }
    let reply = Lost::new(&client.packet().await);
    if (&reply.sid, &reply.pid) == (&session.sid, &session.pid) { Ok((client, packets)) } else { Err("a new session") }
}
