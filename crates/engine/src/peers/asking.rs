//! A question to the owner of a session.

use std::sync::Arc;
use std::time::Duration;

use fanfare_proto::engine::peer::Message;
use fanfare_proto::ids::NodeId;
use prometheus::IntCounterVec;
use tokio::sync::oneshot;

use super::{Exchange, Fate, Sending};

/// A question that waits for its answer. Whoever drops it takes it back, which tells the owner that the client is gone.
pub(super) struct Asking {
    exchange: Arc<Exchange>,
    owner: NodeId,
    id: u64,
    answered: oneshot::Receiver<Message>,
    sending: Sending,
    kind: &'static str,
    outcomes: IntCounterVec,
    outcome: Outcome,
}

/// What becomes of a question, for the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Answered,
    /// There is no such node.
    Gone,
    Timeout,
    Cancelled,
}

impl Asking {
    pub(super) fn new(
        exchange: Arc<Exchange>,
        owner: NodeId,
        id: u64,
        answered: oneshot::Receiver<Message>,
        sending: Sending,
        (kind, outcomes): (&'static str, IntCounterVec),
    ) -> Self {
        Self { exchange, owner, id, answered, sending, kind, outcomes, outcome: Outcome::Cancelled }
    }

    /// The number of the conversation.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Waits for the answer; `None` as soon as it is known that there will be none.
    pub(super) async fn answer(mut self, patience: Duration) -> Option<Message> {
        let mut timeout = std::pin::pin!(tokio::time::sleep(patience));
        let mut is_sent = false;
        loop {
            tokio::select! {
                biased;
                answer = &mut self.answered => {
                    self.outcome = if answer.is_ok() { Outcome::Answered } else { Outcome::Gone };
                    return answer.ok();
                }
                fate = &mut self.sending, if !is_sent => {
                    is_sent = true;
                    if fate != Fate::Received {
                        self.outcome = Outcome::Gone;
                        return None;
                    }
                }
                () = &mut timeout => {
                    self.outcome = Outcome::Timeout;
                    return None;
                }
            }
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.exchange.forget_asked(self.id);
        if matches!(self.outcome, Outcome::Cancelled | Outcome::Timeout) {
            drop(self.exchange.tell(self.owner, self.id, Message::Cancel));
        }
        self.outcomes.with_label_values(&[self.kind, self.outcome.as_str()]).inc();
    }
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Gone => "gone",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
        }
    }
}
