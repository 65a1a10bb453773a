//! The conversations of this node with others: what has been asked, what is being answered, and the relays.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Once, Weak};
use std::time::Instant;

use fanfare_proto::engine::peer::{Envelope, Message};
use fanfare_proto::ids::{NodeId, Sid};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::channel::{Channel, Role};
use super::{Asking, Peers, Sending, answer, upgrade, watch};
use crate::Engine;
use crate::clock::now;
use crate::engine::Shared;

/// Sends and receives what the nodes of a cluster tell each other, and knows what belongs together.
pub(crate) struct Exchange {
    me: NodeId,
    peers: Arc<dyn Peers>,
    engine: Weak<Shared>,
    /// The number of the next conversation. It begins anywhere, so that a node that has been restarted under the same id
    /// does not take the answers of its former life for its own.
    next: AtomicU64,
    asked: Mutex<HashMap<u64, Asked>>,
    answering: Mutex<HashMap<(NodeId, u64), Answering>>,
    channels: Mutex<HashMap<(NodeId, u64), Arc<Channel>>>,
    /// Silence is looked into from the first conversation on.
    watching: Once,
}

/// A request that another node is to answer.
struct Asked {
    owner: NodeId,
    is_poll: bool,
    since: Instant,
    answer: oneshot::Sender<Message>,
}

/// A request of another node that is being answered.
struct Answering {
    sid: Sid,
    task: AbortHandle,
}

impl Exchange {
    pub(crate) fn new(me: NodeId, peers: Arc<dyn Peers>, engine: Weak<Shared>, first: u64) -> Arc<Self> {
        let (next, watching) = (AtomicU64::new(first), Once::new());
        let (asked, answering, channels) = Default::default();
        let exchange = Arc::new(Self { me, peers, engine, next, asked, answering, channels, watching });
        let receiving = Arc::downgrade(&exchange);
        let receive = move |message: &[u8]| {
            if let Some(exchange) = receiving.upgrade() {
                exchange.receive(message);
            }
        };
        exchange.peers.listen(me, Box::new(receive));
        exchange
    }

    /// Asks the owner of a session.
    pub(super) fn ask(self: &Arc<Self>, owner: NodeId, kind: &'static str, message: Message) -> Option<Asking> {
        let engine = self.engine.upgrade()?;
        let id = self.next_id();
        let (answer, answered) = oneshot::channel();
        self.asked.lock().insert(id, Asked { owner, is_poll: kind == "get", since: now(), answer });
        self.watch();
        let sending = self.tell(owner, id, message);
        let outcomes = engine.metrics.forwarded.clone();
        Some(Asking::new(self.clone(), owner, id, answered, sending, (kind, outcomes)))
    }

    /// The number of a new conversation.
    pub(super) fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The channel of a conversation, from now on.
    pub(super) fn channel(self: &Arc<Self>, peer: NodeId, id: u64, role: Role) -> Arc<Channel> {
        let channel = Arc::new(Channel::new(self.clone(), peer, id, role));
        self.channels.lock().insert((peer, id), channel.clone());
        self.watch();
        channel
    }

    fn watch(self: &Arc<Self>) {
        self.watching.call_once(|| drop(tokio::spawn(watch::run(Arc::downgrade(self)))));
    }

    /// Sends a message. It is on its way when this returns.
    pub(super) fn tell(&self, to: NodeId, exchange: u64, message: Message) -> Sending {
        self.peers.send(to, Envelope { from: self.me, exchange, message }.encode())
    }

    /// Nobody waits for the answer any more.
    pub(super) fn forget_asked(&self, id: u64) {
        self.asked.lock().remove(&id);
    }

    pub(super) fn forget_channel(&self, peer: NodeId, id: u64) {
        self.channels.lock().remove(&(peer, id));
    }

    /// Answers a request by a task, which may be cancelled until it [has an answer](Self::answered).
    pub(super) fn answering(&self, from: NodeId, id: u64, sid: Sid, spawn: impl FnOnce() -> AbortHandle) {
        // The task cannot be over before it is known.
        let mut answering = self.answering.lock();
        answering.insert((from, id), Answering { sid, task: spawn() });
    }

    /// A request has been answered.
    pub(super) fn answered(&self, from: NodeId, id: u64) {
        self.answering.lock().remove(&(from, id));
    }

    /// The conversations in which nothing has been heard since a time, by the node that they are held with.
    pub(super) fn silent_since(&self, time: Instant) -> HashMap<NodeId, Vec<u64>> {
        let mut silent = HashMap::<NodeId, Vec<u64>>::new();
        for (&id, asked) in self.asked.lock().iter().filter(|(_, asked)| asked.since <= time) {
            silent.entry(asked.owner).or_default().push(id);
        }
        for (&(peer, id), _) in self.channels.lock().iter().filter(|(_, channel)| channel.heard() <= time) {
            silent.entry(peer).or_default().push(id);
        }
        silent
    }

    /// The other node is gone, or knows nothing of these conversations.
    pub(super) fn are_over(&self, peer: NodeId, ids: &[u64]) {
        for &id in ids {
            drop(self.take_asked(peer, id));
            self.find_channel(peer, id).into_iter().for_each(|channel| drop(channel.handle(Message::Close)));
        }
    }

    /// Whether nothing is being answered, here or for clients of this node.
    pub(crate) fn is_drained(&self) -> bool {
        self.answering.lock().is_empty() && self.asked.lock().is_empty()
    }

    /// This node is about to stop. The polls that wait here for other nodes are answered, so that their clients poll
    /// elsewhere; the WebSockets that are relayed from here are closed.
    pub(crate) fn retire(&self) {
        let polls: Vec<_> = {
            let asked = self.asked.lock();
            asked.iter().filter(|(_, asked)| asked.is_poll).map(|(&id, asked)| (id, asked.owner)).collect()
        };
        polls.into_iter().for_each(|(id, owner)| drop(self.tell(owner, id, Message::Release)));
        let channels: Vec<_> = self.channels.lock().values().cloned().collect();
        channels.iter().for_each(|channel| channel.retire());
    }

    /// This node is gone.
    pub(crate) fn leave(&self) {
        self.peers.leave(self.me);
    }

    fn receive(self: &Arc<Self>, message: &[u8]) {
        let Some(engine) = self.engine.upgrade() else { return };
        let Ok(Envelope { from, exchange: id, message }) = Envelope::decode(message) else {
            engine.metrics.malformed_peer_messages.inc();
            return tracing::debug!("a message of another node makes no sense");
        };
        match message {
            Message::Request(request) => answer::request(&Engine(engine), self, (from, id), request),
            Message::Open(open) => answer::open(&Engine(engine), self, (from, id), open),
            Message::Cancel => self.cancel(&engine, from, id),
            Message::Release => self.release(&engine, from, id),
            Message::Check(ids) => self.check(from, ids),
            Message::Unknown(ids) => self.are_over(from, &ids),
            Message::Response(_) | Message::Accepted(_) | Message::Occupied(_) => self.take_answer(from, id, message),
            message => self.hand_on(&engine, from, id, message),
        }
    }

    fn take_answer(&self, from: NodeId, id: u64, message: Message) {
        let is_accepted = matches!(message, Message::Accepted(_));
        let unwanted = self.take_asked(from, id).is_none_or(|asked| asked.answer.send(message).is_err());
        if unwanted && is_accepted {
            // Whoever has asked has given up, and nobody holds the socket that the owner waits for.
            drop(self.tell(from, id, Message::Close));
        }
    }

    /// What a node was asked, if it was.
    fn take_asked(&self, owner: NodeId, id: u64) -> Option<Asked> {
        let mut asked = self.asked.lock();
        let is_asked = asked.get(&id).is_some_and(|asked| asked.owner == owner);
        if is_asked { asked.remove(&id) } else { None }
    }

    fn find_channel(&self, peer: NodeId, id: u64) -> Option<Arc<Channel>> {
        self.channels.lock().get(&(peer, id)).cloned()
    }

    fn cancel(&self, engine: &Arc<Shared>, from: NodeId, id: u64) {
        let answering = self.answering.lock().remove(&(from, id));
        match answering {
            Some(answering) => answering.task.abort(),
            None => self.hand_on(engine, from, id, Message::Close),
        }
    }

    fn release(&self, engine: &Shared, from: NodeId, id: u64) {
        let sid = self.answering.lock().get(&(from, id)).map(|answering| answering.sid);
        if let Some(session) = sid.and_then(|sid| engine.session(sid)) {
            session.release_poll();
        }
    }

    fn check(&self, from: NodeId, mut ids: Vec<u64>) {
        {
            let (answering, channels) = (self.answering.lock(), self.channels.lock());
            ids.retain(|&id| !answering.contains_key(&(from, id)) && !channels.contains_key(&(from, id)));
        }
        if !ids.is_empty() {
            drop(self.tell(from, watch::NO_EXCHANGE, Message::Unknown(ids)));
        }
    }

    fn hand_on(&self, engine: &Arc<Shared>, from: NodeId, id: u64, message: Message) {
        let unwanted = match self.find_channel(from, id) {
            Some(channel) => channel.handle(message).err(),
            None => Some(message),
        };
        match unwanted {
            None | Some(Message::Close) => {}
            Some(Message::TakeOver(session)) => upgrade::take_over_without_socket(&Engine(engine.clone()), *session),
            // The other side cannot know that this node has been restarted, or has given up.
            Some(_) => drop(self.tell(from, id, Message::Close)),
        }
    }
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("me", &self.me).finish_non_exhaustive()
    }
}
