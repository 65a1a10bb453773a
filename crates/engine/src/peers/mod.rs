//! Other nodes, to which a request may have come that belongs here, and the other way round.

mod answer;
mod asking;
mod broken;
mod channel;
mod convert;
mod exchange;
mod forward;
mod moved;
mod pump;
mod relay;
mod unread;
mod upgrade;
mod watch;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use fanfare_proto::ids::NodeId;

use crate::config::Config;
use asking::Asking;
pub(crate) use channel::Channel;
pub(crate) use exchange::Exchange;
pub(crate) use forward::forward;
pub(crate) use moved::Moved;
pub(crate) use upgrade::{Arrival, upgrade};

/// Carries messages between the nodes of a cluster, so that no load balancer has to keep the requests of a session
/// together.
///
/// An engine that has peers serves any request of any session: a session id names the node that owns it, which answers
/// through the node that has got the request. A node is known by the id in its session ids, so no two may have the same.
///
/// Messages may be lost, as long as none is doubled or overtaken by another of the same sender.
pub trait Peers: Send + Sync + 'static {
    /// Sends a message to a node.
    ///
    /// It is on its way when this returns: what one caller sends to a node keeps the order of the calls, whatever becomes
    /// of the futures. They tell what became of it, and that as soon as possible.
    fn send(&self, to: NodeId, message: Vec<u8>) -> Sending;

    /// Calls a function with every message that is for the node `me`, one at a time, in the runtime of the engine. Called
    /// once by each engine.
    fn listen(&self, me: NodeId, receive: Receive);

    /// The node is gone: from now on, messages for it are told to be lost.
    fn leave(&self, me: NodeId);
}

/// A message on its way.
pub type Sending = Pin<Box<dyn Future<Output = Fate> + Send>>;

/// What became of a message to another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The node has it.
    Received,
    /// There is no such node, or it does not listen.
    NoNode,
    /// What carries it could not, or has not said. The node may well be there.
    Lost,
}

/// Takes messages of other nodes. It does not wait.
pub type Receive = Box<dyn Fn(&[u8]) + Send + Sync>;

/// How long the owner of a session may take to answer. A poll is answered before the heartbeat is over.
fn patience(config: &Config) -> Duration {
    config.session.ping_interval + config.session.ping_timeout + GRACE
}

/// How long messages may be on their way.
const GRACE: Duration = Duration::from_secs(2);
