//! Notices that a node is gone which clients of this node wait for, or the other way round, though nobody has anything to
//! say to it.

use std::collections::HashMap;
use std::sync::Weak;
use std::time::Duration;

use fanfare_proto::engine::peer::Message;
use fanfare_proto::ids::NodeId;

use super::{Exchange, Fate, Sending};
use crate::clock::now;

/// Asks every so often, in one message to each node, whether it still knows what is silent. A node that does not listen is
/// asked once more before it is given up: it may have lost its connection for a moment. One that cannot be asked may be
/// there.
pub(super) async fn run(exchange: Weak<Exchange>) {
    let mut missed = HashMap::<NodeId, u32>::new();
    loop {
        tokio::time::sleep(PAUSE).await;
        let Some(exchange) = exchange.upgrade() else { return };
        let silent = exchange.silent_since(now() - PAUSE);
        missed.retain(|node, _| silent.contains_key(node));
        let asked: Vec<_> = silent.into_iter().map(|(node, ids)| (node, ask(&exchange, node, &ids), ids)).collect();
        for (node, sendings, ids) in asked {
            let misses = missed.entry(node).or_default();
            match fate(sendings).await {
                Fate::Received => *misses = 0,
                Fate::Lost => {}
                Fate::NoNode => *misses += 1,
            }
            if *misses >= MAX_MISSES {
                tracing::debug!(%node, "a node is gone");
                exchange.are_over(node, &ids);
            }
        }
    }
}

fn ask(exchange: &Exchange, node: NodeId, ids: &[u64]) -> Vec<Sending> {
    let check = |ids: &[u64]| exchange.tell(node, NO_EXCHANGE, Message::Check(ids.to_vec()));
    ids.chunks(MAX_IDS).map(check).collect()
}

/// What became of the last.
async fn fate(sendings: Vec<Sending>) -> Fate {
    let mut fate = Fate::Lost;
    for sending in sendings {
        fate = sending.await;
    }
    fate
}

/// What is said of several exchanges belongs to none.
pub(super) const NO_EXCHANGE: u64 = 0;

/// How long a conversation may be silent before the other side is asked, and between two times of asking.
const PAUSE: Duration = Duration::from_secs(2);

/// How often in a row a node may not be there.
const MAX_MISSES: u32 = 2;

/// Exchanges in one message, of which each takes nine bytes at most.
const MAX_IDS: usize = 4096;
