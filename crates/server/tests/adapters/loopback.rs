//! An adapter that connects servers of one process, each by a queue of its own.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fanfare::adapter::{
    AckCollector, Adapter, AdapterError, AdapterFactory, Answer, Broadcast, Local, Packet, PersistedSession, Scope,
};
use fanfare::{EmitArgs, EmitError, RawArgs, RemoteSocketData, Room, Value};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;

/// Servers that share a clone of it form a cluster.
#[derive(Clone, Default)]
pub(crate) struct Loopback {
    /// By namespace, the nodes that have it.
    nodes: Arc<Mutex<HashMap<String, Vec<Peer>>>>,
    next_id: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Peer {
    id: usize,
    queue: UnboundedSender<Message>,
}

struct Node {
    id: usize,
    local: Local,
    cluster: Loopback,
}

/// What nodes tell each other.
enum Message {
    Broadcast(Event, Option<AckCollector>),
    Fetch(Scope, oneshot::Sender<Vec<RemoteSocketData>>),
    Join(Scope, Vec<Room>),
    Leave(Scope, Vec<Room>),
    Disconnect(Scope, bool),
    Rooms(oneshot::Sender<Vec<Room>>),
    ServerEvent(String, RawArgs, Option<oneshot::Sender<Value>>),
}

/// A broadcast that outlives its call.
#[derive(Clone)]
struct Event {
    name: String,
    args: RawArgs,
    scope: Scope,
    volatile: bool,
    compress: bool,
}

impl Event {
    fn of(broadcast: &Broadcast<'_>) -> Result<Self, EmitError> {
        Ok(Self {
            name: broadcast.name.to_owned(),
            args: RawArgs::of(broadcast.args)?,
            scope: broadcast.scope.clone(),
            volatile: broadcast.volatile,
            compress: broadcast.compress,
        })
    }

    fn as_broadcast(&self) -> Broadcast<'_> {
        let Self { name, args, scope, volatile, compress } = self;
        Broadcast { name, args, scope, volatile: *volatile, compress: *compress }
    }
}

impl AdapterFactory for Loopback {
    fn adapter(&self, local: Local) -> Arc<dyn Adapter> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (queue, messages) = mpsc::unbounded_channel();
        let mut nodes = self.nodes.lock().unwrap();
        nodes.entry(local.namespace().to_owned()).or_default().push(Peer { id, queue });
        tokio::spawn(receive(local.clone(), messages));
        Arc::new(Node { id, local, cluster: self.clone() })
    }
}

/// Does what other nodes ask for.
async fn receive(local: Local, mut messages: UnboundedReceiver<Message>) {
    while let Some(message) = messages.recv().await {
        match message {
            Message::Broadcast(event, Some(collector)) => {
                local.broadcast_with_ack(&event.as_broadcast(), &collector).expect("it was sent already");
            }
            Message::Broadcast(event, None) => {
                let packet = local.encode(&event.as_broadcast(), None).expect("it was sent already");
                local.broadcast(&event.as_broadcast(), &packet).tell();
            }
            Message::Fetch(scope, answer) => drop(answer.send(local.fetch_sockets(&scope.selection))),
            Message::Join(scope, rooms) => local.sockets_join(&scope.selection, &rooms),
            Message::Leave(scope, rooms) => local.sockets_leave(&scope.selection, &rooms),
            Message::Disconnect(scope, close) => local.disconnect_sockets(&scope.selection, close),
            Message::Rooms(answer) => drop(answer.send(rooms(&local))),
            Message::ServerEvent(name, args, answer) => {
                let reply: Option<fanfare::ServerReply> = match answer {
                    Some(answer) => Some(Box::new(move |value| drop(answer.send(value)))),
                    None => None,
                };
                local.handle_server_event(&name, &args.as_args(), reply);
            }
        }
    }
}

impl Node {
    fn peers(&self) -> Vec<Peer> {
        let nodes = self.cluster.nodes.lock().unwrap();
        let peers = nodes.get(self.local.namespace()).into_iter().flatten();
        peers.filter(|peer| peer.id != self.id).cloned().collect()
    }

    /// Tells all other nodes, unless it is for this one only.
    fn tell(&self, scope: &Scope, message: impl Fn() -> Message) {
        if !scope.local {
            self.peers().iter().for_each(|peer| drop(peer.queue.send(message())));
        }
    }

    /// Asks all other nodes.
    fn ask<T: Send + 'static>(&self, question: impl Fn(oneshot::Sender<T>) -> Message) -> Answer<Vec<T>> {
        let asked = self.peers().into_iter().map(|peer| {
            let (sender, receiver) = oneshot::channel();
            let _ = peer.queue.send(question(sender));
            receiver
        });
        let asked: Vec<_> = asked.collect();
        Box::pin(async move {
            let mut answers = Vec::new();
            for answer in asked {
                answers.push(answer.await.map_err(|_| AdapterError::Unreachable("it is gone".to_owned()))?);
            }
            Ok(answers)
        })
    }
}

fn rooms(local: &Local) -> Vec<Room> {
    local.rooms().into_iter().map(|(room, _)| room).collect()
}

impl Adapter for Node {
    fn broadcast(&self, broadcast: &Broadcast<'_>) -> Result<(), EmitError> {
        let packet = self.local.encode(broadcast, None)?;
        let event = Event::of(broadcast)?;
        self.tell(broadcast.scope, || Message::Broadcast(event.clone(), None));
        self.local.broadcast(broadcast, &packet).tell();
        Ok(())
    }

    fn broadcast_with_ack(&self, broadcast: &Broadcast<'_>, collector: &AckCollector) -> Result<(), EmitError> {
        let event = Event::of(broadcast)?;
        if !broadcast.scope.local {
            collector.expect_servers(1 + self.peers().len());
        }
        self.local.broadcast_with_ack(broadcast, collector)?;
        self.tell(broadcast.scope, || Message::Broadcast(event.clone(), Some(collector.clone())));
        Ok(())
    }

    fn fetch_sockets(&self, scope: &Scope) -> Answer<Vec<RemoteSocketData>> {
        let mut sockets = self.local.fetch_sockets(&scope.selection);
        if scope.local {
            return Box::pin(async { Ok(sockets) });
        }
        let others = self.ask(|answer| Message::Fetch(scope.clone(), answer));
        Box::pin(async move {
            sockets.extend(others.await?.into_iter().flatten());
            Ok(sockets)
        })
    }

    fn sockets_join(&self, scope: &Scope, rooms: &[Room]) {
        self.local.sockets_join(&scope.selection, rooms);
        self.tell(scope, || Message::Join(scope.clone(), rooms.to_vec()));
    }

    fn sockets_leave(&self, scope: &Scope, rooms: &[Room]) {
        self.local.sockets_leave(&scope.selection, rooms);
        self.tell(scope, || Message::Leave(scope.clone(), rooms.to_vec()));
    }

    fn disconnect_sockets(&self, scope: &Scope, close: bool) {
        self.local.disconnect_sockets(&scope.selection, close);
        self.tell(scope, || Message::Disconnect(scope.clone(), close));
    }

    fn server_side_emit(&self, name: &str, args: &dyn EmitArgs) -> Result<(), EmitError> {
        let args = RawArgs::of(args)?;
        self.tell(&Scope::default(), || Message::ServerEvent(name.to_owned(), args.clone(), None));
        Ok(())
    }

    fn server_side_emit_with_ack(&self, name: &str, args: &dyn EmitArgs) -> Answer<Vec<Value>> {
        match RawArgs::of(args) {
            Ok(args) => self.ask(|answer| Message::ServerEvent(name.to_owned(), args.clone(), Some(answer))),
            Err(error) => Box::pin(async { Err(EmitError::from(error).into()) }),
        }
    }

    fn all_rooms(&self) -> Answer<Vec<Room>> {
        let rooms = rooms(&self.local);
        let others = self.ask(Message::Rooms);
        Box::pin(async move {
            let all: BTreeSet<_> = rooms.into_iter().chain(others.await?.into_iter().flatten()).collect();
            Ok(all.into_iter().collect())
        })
    }

    fn server_count(&self) -> Answer<usize> {
        let count = 1 + self.peers().len();
        Box::pin(async move { Ok(count) })
    }

    fn persist_session(&self, _: PersistedSession) {}

    fn restore_session(&self, _: &str, _: &str) -> Answer<Option<PersistedSession>> {
        Box::pin(async { Ok(None) })
    }

    fn replay(&self, _: &PersistedSession, _: &str, attach: &mut dyn FnMut(&[Packet])) {
        attach(&[]);
    }

    fn close(&self) {
        let mut nodes = self.cluster.nodes.lock().unwrap();
        nodes.values_mut().for_each(|peers| peers.retain(|peer| peer.id != self.id));
    }
}
