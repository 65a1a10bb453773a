//! The answers to a broadcast.

use std::sync::{Arc, Weak};

use fanfare_proto::socket::RawArgs;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Collects the answers of all sockets that a broadcast has reached. Cheap to clone.
///
/// It is complete when as many nodes as expected have said how many sockets they have sent the event to, and all
/// those have answered or are gone. The sockets do not keep it alive: when whoever wants the answers drops it, they
/// forget that they owe one.
#[derive(Clone, Debug)]
pub struct AckCollector(Arc<Inner>);

/// A collector as the sockets that owe an answer know it.
#[derive(Clone, Debug)]
pub(crate) struct WeakCollector(Weak<Inner>);

struct Inner {
    state: Mutex<State>,
    complete: Notify,
    listener: Option<AckListener>,
}

type AckListener = Box<dyn Fn(AckEvent<'_>) + Send + Sync>;

/// What happens to a broadcast that wants acknowledgements.
#[derive(Clone, Copy, Debug)]
pub enum AckEvent<'a> {
    /// It has been sent to so many sockets of this node.
    Clients(usize),
    /// One of them has answered.
    Response(&'a RawArgs),
}

#[derive(Debug, Default)]
struct State {
    /// How many nodes are to say how many sockets they have sent the event to.
    servers: usize,
    counted_servers: usize,
    clients: usize,
    lost: usize,
    answered: usize,
    responses: Vec<RawArgs>,
}

/// What has been answered.
#[derive(Clone, Debug)]
pub struct Acks {
    /// The answers so far.
    pub responses: Vec<RawArgs>,
    /// Sockets that have not answered, of those that are known.
    pub missing: usize,
    /// Whether every node has been heard of and every socket has answered.
    pub complete: bool,
}

impl AckCollector {
    /// Waits for this many nodes, this one included.
    pub fn new(servers: usize) -> Self {
        Self::with_listener(servers, None)
    }

    /// Hands everything on as it happens, for a broadcast of another node.
    pub fn forwarding(listener: impl Fn(AckEvent<'_>) + Send + Sync + 'static) -> Self {
        Self::with_listener(1, Some(Box::new(listener)))
    }

    fn with_listener(servers: usize, listener: Option<AckListener>) -> Self {
        let state = Mutex::new(State { servers, ..State::default() });
        Self(Arc::new(Inner { state, complete: Notify::new(), listener }))
    }

    /// It has turned out how many nodes there are.
    pub fn expect_servers(&self, servers: usize) {
        self.change(|state| state.servers = servers);
    }

    /// A node has sent the event to this many sockets.
    pub fn add_clients(&self, clients: usize) {
        if let Some(listener) = &self.0.listener {
            listener(AckEvent::Clients(clients));
        }
        self.change(|state| {
            state.counted_servers += 1;
            state.clients += clients;
        });
    }

    /// A socket has answered.
    pub fn add_response(&self, response: RawArgs) {
        if let Some(listener) = &self.0.listener {
            listener(AckEvent::Response(&response));
        }
        self.change(|state| {
            state.answered += 1;
            if self.0.listener.is_none() {
                state.responses.push(response);
            }
        });
    }

    /// A socket is gone and will not answer.
    pub(crate) fn add_lost(&self) {
        self.change(|state| state.lost += 1);
    }

    pub(crate) fn downgrade(&self) -> WeakCollector {
        WeakCollector(Arc::downgrade(&self.0))
    }

    /// Returns when nothing more is to come.
    pub async fn completed(&self) {
        loop {
            let mut changed = std::pin::pin!(self.0.complete.notified());
            changed.as_mut().enable();
            if self.0.state.lock().is_settled() {
                return;
            }
            changed.await;
        }
    }

    /// What has been answered so far.
    pub fn acks(&self) -> Acks {
        let state = self.0.state.lock();
        Acks {
            responses: state.responses.clone(),
            missing: state.clients.saturating_sub(state.responses.len()),
            complete: state.is_settled() && state.lost == 0,
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.state.lock();
        change(&mut state);
        let settled = state.is_settled();
        drop(state);
        if settled {
            self.0.complete.notify_waiters();
        }
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("state", &self.state).finish_non_exhaustive()
    }
}

impl WeakCollector {
    /// The collector, if anybody wants its answers.
    pub(crate) fn upgrade(&self) -> Option<AckCollector> {
        self.0.upgrade().map(AckCollector)
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl State {
    fn is_settled(&self) -> bool {
        self.counted_servers >= self.servers && self.answered + self.lost >= self.clients
    }
}

#[cfg(test)]
mod tests {
    use fanfare_proto::socket::Args;

    use super::*;

    #[tokio::test]
    async fn it_is_complete_when_all_nodes_and_sockets_have_answered() {
        let collector = AckCollector::new(2);
        collector.add_clients(1);
        collector.add_response(Args::NONE.to_raw());
        assert!(!collector.acks().complete);
        collector.add_clients(1);
        assert_eq!(collector.acks().missing, 1);
        collector.add_response(Args::NONE.to_raw());
        collector.completed().await;
        assert!(collector.acks().complete);
    }

    #[tokio::test]
    async fn sockets_that_are_gone_are_not_waited_for_but_missed() {
        let collector = AckCollector::new(1);
        collector.add_clients(1);
        collector.add_lost();
        collector.completed().await;
        let acks = collector.acks();
        assert_eq!((acks.complete, acks.missing), (false, 1));
    }
}
