//! What adapters are asked for: one of the test's own takes the place of the default.

use std::sync::Arc;
use std::time::Duration;

use fanfare::adapter::{
    AckCollector, Adapter, AdapterFactory, Answer, Broadcast, Local, Packet, PersistedSession, Scope, Selection,
};
use fanfare::{EmitArgs, EmitError, Recovery, RemoteSocketData, Room, Value};

use crate::recoverable::{connect, lose, try_reconnect};
use crate::support::{Journal, Node, until};

/// Notes what it is asked for, and does it for the sockets of its node.
struct Noting {
    local: Local,
    journal: Journal,
}

struct NotingFactory(Journal);

impl AdapterFactory for NotingFactory {
    fn adapter(&self, local: Local) -> Arc<dyn Adapter> {
        self.0.note(format!("made for {}", local.namespace()));
        Arc::new(Noting { local, journal: self.0.clone() })
    }
}

impl Noting {
    fn note(&self, what: &str, scope: &Scope) {
        let Scope { selection: Selection { rooms, except }, local, timeout } = scope;
        let mut note = format!("{what} in {}", self.local.namespace());
        if !rooms.is_empty() {
            note += &format!(" to {rooms:?}");
        }
        if !except.is_empty() {
            note += &format!(" except {except:?}");
        }
        if *local {
            note += " local";
        }
        if let Some(timeout) = timeout {
            note += &format!(" for {timeout:?}");
        }
        self.journal.note(note);
    }
}

impl Adapter for Noting {
    fn broadcast(&self, broadcast: &Broadcast<'_>) -> Result<(), EmitError> {
        let flags = [(broadcast.volatile, "volatile "), (!broadcast.compress, "uncompressed ")];
        let flags: String = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
        self.note(&format!("{flags}{}", broadcast.name), broadcast.scope);
        let packet = self.local.encode(broadcast, None)?;
        self.local.broadcast(broadcast, &packet).tell();
        Ok(())
    }

    fn broadcast_with_ack(&self, broadcast: &Broadcast<'_>, collector: &AckCollector) -> Result<(), EmitError> {
        self.note(&format!("{} with ack", broadcast.name), broadcast.scope);
        self.local.broadcast_with_ack(broadcast, collector)
    }

    fn fetch_sockets(&self, scope: &Scope) -> Answer<Vec<RemoteSocketData>> {
        self.note("fetch", scope);
        let sockets = self.local.fetch_sockets(&scope.selection);
        Box::pin(async { Ok(sockets) })
    }

    fn sockets_join(&self, scope: &Scope, rooms: &[Room]) {
        self.note(&format!("join {rooms:?}"), scope);
        self.local.sockets_join(&scope.selection, rooms);
    }

    fn sockets_leave(&self, scope: &Scope, rooms: &[Room]) {
        self.note(&format!("leave {rooms:?}"), scope);
        self.local.sockets_leave(&scope.selection, rooms);
    }

    fn disconnect_sockets(&self, scope: &Scope, close: bool) {
        self.note(&format!("disconnect {close}"), scope);
        self.local.disconnect_sockets(&scope.selection, close);
    }

    fn server_side_emit(&self, name: &str, args: &dyn EmitArgs) -> Result<(), EmitError> {
        let _ = args;
        self.journal.note(format!("server side {name}"));
        Ok(())
    }

    fn server_side_emit_with_ack(&self, name: &str, _: &dyn EmitArgs) -> Answer<Vec<Value>> {
        self.journal.note(format!("server side {name} with ack"));
        Box::pin(async { Ok(vec![Value::from("answer")]) })
    }

    fn all_rooms(&self) -> Answer<Vec<Room>> {
        Box::pin(async { Ok(vec!["far away".into()]) })
    }

    fn server_count(&self) -> Answer<usize> {
        Box::pin(async { Ok(7) })
    }

    fn persist_session(&self, session: PersistedSession) {
        let data = session.data.map(|data| data.write());
        self.journal.note(format!("persist {} {:?} {data:?}", session.id, session.rooms));
    }

    fn restore_session(&self, pid: &str, offset: &str) -> Answer<Option<PersistedSession>> {
        self.journal.note(format!("restore {} {offset}", pid.len()));
        Box::pin(async { Ok(None) })
    }

    fn replay(&self, _: &PersistedSession, _: &str, attach: &mut dyn FnMut(&[Packet])) {
        attach(&[]);
    }

    fn close(&self) {
        self.journal.note(format!("close {}", self.local.namespace()));
    }
}

async fn node(options: impl FnOnce(fanfare::ServerBuilder) -> fanfare::ServerBuilder) -> (Node, Journal) {
    let journal = Journal::default();
    let node = Node::with(|builder| options(builder.adapter(NotingFactory(journal.clone())))).await;
    (node, journal)
}

#[tokio::test]
async fn each_namespace_has_one_that_ends_with_it() {
    let (node, journal) = node(|builder| builder.cleanup_empty_child_namespaces(true)).await;
    node.io.of("/chat");
    node.io.of("/chat");
    node.io.of_pattern(fanfare::Regex::new("^/room-.$").unwrap());
    let client = node.client_of("/room-1").await;
    journal.expect(["made for /", "made for /chat", "made for /room-1"]).await;
    drop(client);
    journal.expect(["close /room-1"]).await;
    node.io.close().await;
    node.io.close().await;
    let mut closed = [journal.next().await, journal.next().await];
    closed.sort();
    assert_eq!(closed, ["close /", "close /chat"]);
    journal.expect_nothing().await;
}

#[tokio::test]
async fn whatever_is_for_many_goes_through_it() {
    let (node, journal) = node(|builder| builder).await;
    journal.expect(["made for /"]).await;
    let io = &node.io;
    let minute = Duration::from_secs(60);

    io.emit("e", ());
    io.to(["a", "b"]).to("a").except("c").emit("e", ());
    io.local().volatile().compress(false).emit("e", ());
    drop(io.to("a").timeout(minute).emit_with_ack::<()>("q", ()));
    journal
        .expect([
            "e in /",
            r#"e in / to ["a", "b"] except ["c"]"#,
            "volatile uncompressed e in / local",
            r#"q with ack in / to ["a"] for 60s"#,
        ])
        .await;
    io.to("a").fetch_sockets().await.unwrap();
    io.sockets_join(["x", "y"]);
    io.except("b").sockets_leave("x");
    io.to("a").disconnect_sockets(true);
    io.local().disconnect_sockets(false);
    journal
        .expect([
            r#"fetch in / to ["a"]"#,
            r#"join ["x", "y"] in /"#,
            r#"leave ["x"] in / except ["b"]"#,
            r#"disconnect true in / to ["a"]"#,
            "disconnect false in / local",
        ])
        .await;
    io.server_side_emit("hello", (1, "two"));
    assert_eq!(io.server_side_emit_with_ack("hello", ()).await, Ok(vec![Value::from("answer")]));
    assert_eq!(io.server_count().await, Ok(7));
    assert_eq!(io.all_rooms().await, Ok(vec!["far away".into()]));
    journal.expect(["server side hello", "server side hello with ack"]).await;
}

#[tokio::test]
async fn what_is_for_one_does_not() {
    let (node, journal) = node(|builder| builder).await;
    journal.expect(["made for /"]).await;
    let mut client = node.client().await;
    let socket = node.io.sockets().remove(0);
    socket.emit("e", ());
    drop(socket.emit_with_ack::<()>("q", ()));
    socket.join("a");
    socket.leave("a");
    assert_eq!(client.event().await, r#"["e"]"#);
    socket.disconnect(false);
    journal.expect_nothing().await;
    assert!(node.io.to("a").emit("connect", ()).result().is_err());
    // A socket speaks to others through it.
    socket.to("a").emit("e", ());
    journal.expect([r#"connect in / to ["a"]"#]).await;
    assert_eq!(journal.next().await, format!(r#"e in / to ["a"] except ["{}"]"#, socket.id()));
}

#[tokio::test]
async fn sessions_are_kept_by_it_where_recovery_is_on() {
    let (node, journal) = node(|builder| builder.connection_state_recovery(Recovery::default())).await;
    journal.expect(["made for /"]).await;
    let (client, mut session) = connect(&node, "{}").await;
    let socket = node.io.sockets().remove(0);
    socket.join("a");
    socket.set_data("data".to_owned());
    lose(&node, client).await;
    assert_eq!(journal.next().await, format!(r#"persist {} ["a"] Some(String("data"))"#, session.sid));
    // An event for one is one for its own room, so that it can be kept.
    assert!(socket.emit("e", ()).result().is_ok());
    assert_eq!(journal.next().await, format!(r#"e in / to ["{}"]"#, session.sid));
    session.offset = "offset".to_owned();
    assert!(try_reconnect(&node, &session, 0).await.is_err());
    journal.expect(["restore 20 offset"]).await;
}

#[tokio::test]
async fn sessions_are_not_kept_where_recovery_is_off() {
    let (node, journal) = node(|builder| builder).await;
    journal.expect(["made for /"]).await;
    drop(node.client().await);
    until("it is gone", || node.io.engine().clients_count() == 0).await;
    let mut client = fanfare_testkit::Client::open(node.address).await;
    client.send(r#"0{"pid":"x","offset":"y"}"#).await;
    client.packet().await;
    journal.expect_nothing().await;
}
