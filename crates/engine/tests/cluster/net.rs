//! A net between engines in one process.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fanfare_engine::{Fate, NodeId, Peers, Receive, Sending};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Carries messages between its ports. Each takes a random time, and none overtakes another to the same node.
#[derive(Clone, Default)]
pub(crate) struct Net(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    nodes: HashMap<NodeId, Node>,
    random: u64,
    /// Messages that were carried, by sender and receiver.
    carried: HashMap<(NodeId, NodeId), usize>,
}

struct Node {
    line: mpsc::UnboundedSender<(Instant, Vec<u8>)>,
    due: Instant,
    is_cut_off: bool,
    /// What becomes of messages to it that it does not get.
    unreachable: Option<Fate>,
    /// Messages that have met with it.
    unreached: usize,
    loses_next: bool,
}

/// Where one engine is plugged in.
pub(crate) struct Port {
    net: Net,
    me: Mutex<Option<NodeId>>,
}

impl Net {
    /// A port for an engine.
    pub(crate) fn port(&self) -> Arc<dyn Peers> {
        Arc::new(Port { net: self.clone(), me: Mutex::default() })
    }

    /// From now on nothing reaches the node, not even what is on its way, and nothing leaves it. Senders notice.
    pub(crate) fn cut_off(&self, node: NodeId) {
        self.0.lock().nodes.get_mut(&node).expect("it is there").is_cut_off = true;
    }

    /// From now on nothing that is sent reaches the node, but it may send. Senders are told what has become of it.
    pub(crate) fn make_unreachable(&self, node: NodeId, fate: Fate) {
        self.0.lock().nodes.get_mut(&node).expect("it is there").unreachable = Some(fate);
    }

    /// The end of that.
    pub(crate) fn make_reachable(&self, node: NodeId) {
        self.0.lock().nodes.get_mut(&node).expect("it is there").unreachable = None;
    }

    /// How many messages have not reached the node because of that.
    pub(crate) fn unreached(&self, node: NodeId) -> usize {
        self.0.lock().nodes[&node].unreached
    }

    /// Has the next message to a node lost, which nobody notices.
    pub(crate) fn lose_next(&self, to: NodeId) {
        self.0.lock().nodes.get_mut(&to).expect("it is there").loses_next = true;
    }

    /// Whether it has still to be lost.
    pub(crate) fn is_to_lose(&self, to: NodeId) -> bool {
        self.0.lock().nodes[&to].loses_next
    }

    /// How many messages were carried from one node to another so far.
    pub(crate) fn carried(&self, from: NodeId, to: NodeId) -> usize {
        self.0.lock().carried.get(&(from, to)).copied().unwrap_or(0)
    }

    /// How many messages were carried so far.
    pub(crate) fn carried_altogether(&self) -> usize {
        self.0.lock().carried.values().sum()
    }

    fn is_cut_off(&self, node: NodeId) -> bool {
        self.0.lock().nodes.get(&node).is_none_or(|node| node.is_cut_off)
    }

    fn carry(&self, from: NodeId, to: NodeId, message: Vec<u8>) -> Fate {
        let mut state = self.0.lock();
        if state.nodes.get(&from).is_none_or(|node| node.is_cut_off) {
            return Fate::NoNode;
        }
        let delay = state.random_delay();
        let Some(node) = state.nodes.get_mut(&to).filter(|node| !node.is_cut_off) else { return Fate::NoNode };
        if let Some(fate) = node.unreachable {
            node.unreached += 1;
            return fate;
        }
        if std::mem::take(&mut node.loses_next) {
            return Fate::Received;
        }
        node.due = node.due.max(Instant::now() + delay);
        let sent = node.line.send((node.due, message));
        *state.carried.entry((from, to)).or_default() += 1;
        sent.map_or(Fate::NoNode, |()| Fate::Received)
    }
}

impl State {
    /// Mostly none at all, and never more than 3 ms.
    fn random_delay(&mut self) -> Duration {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_micros((self.random >> 33).saturating_sub(1 << 30) % 3000)
    }
}

impl Peers for Port {
    fn send(&self, to: NodeId, message: Vec<u8>) -> Sending {
        let from = self.me.lock().expect("it listens before it sends");
        let carried = self.net.carry(from, to, message);
        Box::pin(std::future::ready(carried))
    }

    fn listen(&self, me: NodeId, receive: Receive) {
        *self.me.lock() = Some(me);
        let (line, mut messages) = mpsc::unbounded_channel();
        let node =
            Node { line, due: Instant::now(), is_cut_off: false, unreachable: None, unreached: 0, loses_next: false };
        self.net.0.lock().nodes.insert(me, node);
        let net = self.net.clone();
        tokio::spawn(async move {
            while let Some((due, message)) = messages.recv().await {
                tokio::time::sleep_until(due).await;
                if !net.is_cut_off(me) {
                    receive(&message);
                }
            }
        });
    }

    fn leave(&self, me: NodeId) {
        self.net.0.lock().nodes.remove(&me);
    }
}
