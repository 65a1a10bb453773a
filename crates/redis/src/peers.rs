//! What the nodes tell each other about single connections.

use std::collections::HashMap;
use std::sync::Arc;

use fanfare::adapter::{Fate, NodeId, Peers, Receive, Sending};
use parking_lot::Mutex;

use crate::hub::Hub;
use crate::subscriber::Listener;

/// Carries messages from node to node: each listens to a channel of its own.
pub(crate) struct RedisPeers {
    hub: Arc<Hub>,
    listening: Mutex<HashMap<NodeId, Arc<dyn Listener>>>,
}

impl RedisPeers {
    pub(crate) fn new(hub: &Arc<Hub>) -> Self {
        Self { hub: hub.clone(), listening: Mutex::default() }
    }
}

impl Peers for RedisPeers {
    fn send(&self, to: NodeId, message: Vec<u8>) -> Sending {
        let counted = self.hub.publish_to_node(to, message);
        Box::pin(async move {
            let Ok(receivers) = counted.await else { return Fate::Lost };
            if receivers > 1 {
                // For a moment this is so when a node has lost its connection and made another.
                tracing::warn!(node = %to, receivers, "several listen as this node; no two nodes may have the same id");
            }
            if receivers > 0 { Fate::Received } else { Fate::NoNode }
        })
    }

    fn listen(&self, me: NodeId, receive: Receive) {
        let listener: Arc<dyn Listener> = Arc::new(Receiver(receive));
        self.listening.lock().insert(me, listener.clone());
        self.hub.subscribe(self.hub.node_subscription(me), listener);
    }

    fn leave(&self, me: NodeId) {
        if let Some(listener) = self.listening.lock().remove(&me) {
            self.hub.unsubscribe(&self.hub.node_subscription(me), &listener);
        }
    }
}

struct Receiver(Receive);

impl Listener for Receiver {
    fn message(&self, _: &str, payload: &[u8]) {
        (self.0)(payload);
    }
}
