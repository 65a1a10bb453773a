//! The connection that listens.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use fanfare_proto::cluster::Subscription;
use futures_util::future::try_join_all;
use parking_lot::{Mutex, RwLock};
use redis::aio::SendError;
use redis::{PushInfo, PushKind, RedisError, Value};
use tokio::sync::{Notify, mpsc, watch};

use crate::backoff::Backoff;
use crate::connection::{Connector, Identity, Link, timed_out};
use crate::metrics::Metrics;
use crate::status::{Ability, StatusCell};
use crate::wanted::Wanted;

/// Hears what is published on the channels that somebody here wants to hear.
///
/// What is wanted is a set; the task that holds the connection sees to it that Redis knows the same set, whatever
/// happens to the connection. Messages are handed on one after the other, in the order in which they come.
pub(crate) struct Subscriber {
    connector: Arc<Connector>,
    status: Arc<StatusCell>,
    metrics: Metrics,
    ping_interval: Duration,
    response_timeout: Duration,
    max_message_bytes: usize,
    wanted: Mutex<Wanted>,
    changed: Notify,
    /// The version of what is wanted that Redis knows.
    told: watch::Sender<u64>,
    listeners: RwLock<HashMap<Subscription, Vec<Arc<dyn Listener>>>>,
}

/// Takes messages. Called one at a time.
pub(crate) trait Listener: Send + Sync {
    fn message(&self, channel: &str, payload: &[u8]);
}

/// Some of what Redis has to be told.
#[derive(Default)]
struct Changes {
    removed: Vec<Subscription>,
    added: Vec<Subscription>,
}

/// A message, with the subscription that brought it.
struct Message {
    subscription: Subscription,
    channel: String,
    payload: Vec<u8>,
}

enum Pushed {
    Message(Message),
    /// Redis sends no more of this. In a cluster, it does so when a channel has moved to another server.
    Unsubscribed(Subscription),
    Lost,
}

impl Subscriber {
    pub(crate) fn new(
        connector: Arc<Connector>,
        status: Arc<StatusCell>,
        metrics: Metrics,
        config: &crate::config::Config,
    ) -> Self {
        Self {
            connector,
            status,
            metrics,
            ping_interval: config.ping_interval,
            response_timeout: config.response_timeout,
            max_message_bytes: config.max_message_bytes,
            wanted: Mutex::default(),
            changed: Notify::new(),
            told: watch::Sender::new(0),
            listeners: RwLock::default(),
        }
    }

    /// Hears a channel from now on, or from when Redis is there again.
    pub(crate) fn subscribe(&self, subscription: Subscription, listener: Arc<dyn Listener>) {
        self.listeners.write().entry(subscription.clone()).or_default().push(listener);
        self.wanted.lock().add(subscription);
        self.changed.notify_one();
    }

    /// Hears it no more.
    pub(crate) fn unsubscribe(&self, subscription: &Subscription, listener: &Arc<dyn Listener>) {
        self.forget(subscription, listener);
        self.wanted.lock().remove(subscription);
        self.changed.notify_one();
    }

    /// Hears it no more; Redis is told some time later, if it is not wanted again until then.
    pub(crate) fn unsubscribe_in_a_while(&self, subscription: &Subscription, listener: &Arc<dyn Listener>) {
        self.forget(subscription, listener);
        self.wanted.lock().remove_in_a_while(subscription);
    }

    fn forget(&self, subscription: &Subscription, listener: &Arc<dyn Listener>) {
        let mut listeners = self.listeners.write();
        if let Some(known) = listeners.get_mut(subscription) {
            known.retain(|known| !Arc::ptr_eq(known, listener));
            if known.is_empty() {
                listeners.remove(subscription);
            }
        }
    }

    /// Returns when Redis knows all that has been wanted until now.
    pub(crate) async fn settled(&self) {
        let version = self.wanted.lock().version();
        let _ = self.told.subscribe().wait_for(|told| *told >= version).await;
    }

    /// Listens until it is aborted, over one connection after the other.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut backoff = Backoff::default();
        let mut predecessor: Option<Identity> = None;
        loop {
            let (pushed, mut messages) = channel();
            let error = match self.connector.connect(Ability::Listen, pushed).await {
                Ok(mut link) => {
                    if let Some(predecessor) = predecessor.take() {
                        link.end(&predecessor).await;
                    }
                    predecessor = link.identity().await;
                    self.listen(link, &mut messages, &mut backoff).await
                }
                Err(error) => error,
            };
            self.told.send_replace(0);
            self.connector.distrust();
            self.status.cannot(Ability::Listen, &error);
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// Listens over one connection until it is lost; returns why.
    async fn listen(&self, mut link: Link, messages: &mut mpsc::Receiver<Pushed>, backoff: &mut Backoff) -> RedisError {
        let mut active = HashSet::new();
        self.wanted.lock().start_over();
        loop {
            match self.reconcile(&link, &mut active).await {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => return error,
            }
        }
        *backoff = Backoff::default();
        self.metrics.connects.inc();
        self.status.can(Ability::Listen);
        let mut ping = tokio::time::interval(self.ping_interval);
        ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut linger = tokio::time::interval(LINGER);
        loop {
            let done = tokio::select! {
                pushed = messages.recv() => match pushed {
                    Some(Pushed::Message(message)) => {
                        self.hand_on(&message);
                        Ok(())
                    }
                    Some(Pushed::Unsubscribed(subscription)) => {
                        self.has_moved(&subscription, &mut active);
                        Ok(())
                    }
                    Some(Pushed::Lost) | None => Err(lost("the connection to Redis is lost")),
                },
                () = self.changed.notified() => self.reconcile(&link, &mut active).await.map(|done| {
                    if !done {
                        // What has come meanwhile is handed on first.
                        self.changed.notify_one();
                    }
                }),
                _ = ping.tick() => self.ping(&mut link).await,
                _ = linger.tick() => {
                    if self.wanted.lock().turn() {
                        self.changed.notify_one();
                    }
                    Ok(())
                }
            };
            if let Err(error) = done {
                return error;
            }
        }
    }

    /// A channel is somewhere else, unless it was us who did not want it any more: then it is not active.
    fn has_moved(&self, subscription: &Subscription, active: &mut HashSet<Subscription>) {
        if active.remove(subscription) {
            self.wanted.lock().doubt(subscription.clone());
            self.changed.notify_one();
            // Those who publish would find it where it was.
            self.connector.distrust();
        }
    }

    /// Tells Redis a part of what has changed of what is wanted; says whether that was all.
    async fn reconcile(&self, link: &Link, active: &mut HashSet<Subscription>) -> Result<bool, RedisError> {
        let Some(Changes { removed, added }) = self.changes(active) else { return Ok(true) };
        try_join_all(removed.iter().map(|subscription| self.tell(link.clone(), subscription, false))).await?;
        try_join_all(added.iter().map(|subscription| self.tell(link.clone(), subscription, true))).await?;
        removed.iter().for_each(|subscription| drop(active.take(subscription)));
        active.extend(added);
        Ok(false)
    }

    /// Some of what Redis has to be told; `None` when it knows everything.
    fn changes(&self, active: &HashSet<Subscription>) -> Option<Changes> {
        let mut wanted = self.wanted.lock();
        let changed = wanted.take_changed(MAX_CHANGES);
        if changed.is_empty() {
            self.told.send_replace(wanted.version());
            return None;
        }
        let mut changes = Changes::default();
        for subscription in changed {
            match (active.contains(&subscription), wanted.contains(&subscription)) {
                (true, false) => changes.removed.push(subscription),
                (false, true) => changes.added.push(subscription),
                _ => {}
            }
        }
        Some(changes)
    }

    async fn tell(&self, mut link: Link, subscription: &Subscription, wanted: bool) -> Result<(), RedisError> {
        let (command, channel) = match (subscription, wanted) {
            (Subscription::Channel(channel), true) => ("SUBSCRIBE", channel),
            (Subscription::Channel(channel), false) => ("UNSUBSCRIBE", channel),
            (Subscription::Pattern(pattern), true) => ("PSUBSCRIBE", pattern),
            (Subscription::Pattern(pattern), false) => ("PUNSUBSCRIBE", pattern),
            (Subscription::Sharded(channel), true) => ("SSUBSCRIBE", channel),
            (Subscription::Sharded(channel), false) => ("SUNSUBSCRIBE", channel),
        };
        let mut told = redis::cmd(command);
        told.arg(channel);
        // A cluster may look for the right server meanwhile.
        let answered = tokio::time::timeout(self.response_timeout * 2, told.query_async(&mut link)).await;
        match answered.unwrap_or_else(|_| Err(timed_out("subscribing"))) {
            // Whom Redis does not know any more needs no goodbye.
            _ if !wanted => Ok(()),
            Ok(answer) if confirms(&answer, channel) => Ok(()),
            Ok(_) => Err(lost("Redis answers something else than what it was asked")),
            Err(error) => Err(error),
        }
    }

    /// Notices a connection whose other end is gone without a word, or has become a replica.
    async fn ping(&self, link: &mut Link) -> Result<(), RedisError> {
        let answered = tokio::time::timeout(self.response_timeout, link.check()).await;
        answered.unwrap_or_else(|_| Err(timed_out("a ping")))
    }

    fn hand_on(&self, message: &Message) {
        self.metrics.received.inc();
        if message.payload.len() > self.max_message_bytes {
            self.metrics.malformed.with_label_values(&["too_large"]).inc();
            return;
        }
        let listeners = self.listeners.read().get(&message.subscription).cloned().unwrap_or_default();
        listeners.iter().for_each(|listener| listener.message(&message.channel, &message.payload));
    }
}

/// What Redis sends goes into one end and comes out at the other. A reader that falls too far behind loses the
/// connection, as Redis itself would have it: it is better to know of a gap than to grow without bound.
fn channel() -> (crate::connection::Pushed, mpsc::Receiver<Pushed>) {
    let (sender, receiver) = mpsc::channel(MAX_UNREAD);
    let sender = Mutex::new(Some(sender));
    let pushed = move |info: PushInfo| {
        let Some(pushed) = read(info) else { return Ok(()) };
        let mut sender = sender.lock();
        match sender.as_ref().map(|sender| sender.try_send(pushed)) {
            Some(Ok(())) => Ok(()),
            _ => {
                *sender = None;
                Err(SendError)
            }
        }
    };
    (Box::new(pushed), receiver)
}

fn read(info: PushInfo) -> Option<Pushed> {
    let mut data = info.data.into_iter().map(|value| match value {
        Value::BulkString(bytes) => bytes,
        Value::SimpleString(text) => text.into_bytes(),
        _ => Vec::new(),
    });
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let mut next = || data.next().unwrap_or_default();
    let message = match info.kind {
        PushKind::Disconnection => return Some(Pushed::Lost),
        PushKind::SUnsubscribe => return Some(Pushed::Unsubscribed(Subscription::Sharded(text(next())))),
        PushKind::Message => {
            let channel = text(next());
            Message { subscription: Subscription::Channel(channel.clone()), channel, payload: next() }
        }
        PushKind::SMessage => {
            let channel = text(next());
            Message { subscription: Subscription::Sharded(channel.clone()), channel, payload: next() }
        }
        PushKind::PMessage => {
            let pattern = text(next());
            Message { subscription: Subscription::Pattern(pattern), channel: text(next()), payload: next() }
        }
        _ => return None,
    };
    Some(Pushed::Message(message))
}

/// Whether an answer is that to subscribing to this. What Redis says of its own accord, when a channel moves, may have been
/// taken for the answer of the command that was waiting for one.
fn confirms(answer: &Value, channel: &str) -> bool {
    let Value::Push { kind: PushKind::Subscribe | PushKind::PSubscribe | PushKind::SSubscribe, data } = answer else {
        return false;
    };
    matches!(data.first(), Some(Value::BulkString(name)) if name == channel.as_bytes())
}

fn lost(message: &str) -> RedisError {
    std::io::Error::new(std::io::ErrorKind::ConnectionReset, message.to_owned()).into()
}

/// Changes that are told at once; between them, messages are handed on.
const MAX_CHANGES: usize = 1024;

/// For how long to two times as long Redis is not told that a room is empty.
const LINGER: Duration = Duration::from_secs(1);

/// Messages that may wait for the reader.
const MAX_UNREAD: usize = 65_536;
