//! The connection that listens.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use fanfare_proto::cluster::Subscription;
use parking_lot::{Mutex, RwLock};
use redis::aio::SendError;
use redis::{PushInfo, PushKind, RedisError, Value};
use tokio::sync::{Notify, mpsc};

use crate::backoff::Backoff;
use crate::connection::{Connector, Link, timed_out};
use crate::metrics::Metrics;
use crate::status::{Ability, StatusCell};

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
    wanted: Mutex<HashMap<Subscription, usize>>,
    changed: Notify,
    listeners: RwLock<HashMap<Subscription, Vec<Arc<dyn Listener>>>>,
}

/// Takes messages. Called one at a time.
pub(crate) trait Listener: Send + Sync {
    fn message(&self, channel: &str, payload: &[u8]);
}

/// A message, with the subscription that brought it.
struct Message {
    subscription: Subscription,
    channel: String,
    payload: Vec<u8>,
}

enum Pushed {
    Message(Message),
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
            listeners: RwLock::default(),
        }
    }

    /// Hears a channel from now on, or from when Redis is there again.
    pub(crate) fn subscribe(&self, subscription: Subscription, listener: Arc<dyn Listener>) {
        self.listeners.write().entry(subscription.clone()).or_default().push(listener);
        *self.wanted.lock().entry(subscription).or_default() += 1;
        self.changed.notify_one();
    }

    /// Hears it no more.
    pub(crate) fn unsubscribe(&self, subscription: &Subscription, listener: &Arc<dyn Listener>) {
        let mut listeners = self.listeners.write();
        if let Some(known) = listeners.get_mut(subscription) {
            known.retain(|known| !Arc::ptr_eq(known, listener));
            if known.is_empty() {
                listeners.remove(subscription);
            }
        }
        drop(listeners);
        let mut wanted = self.wanted.lock();
        if let Some(count) = wanted.get_mut(subscription) {
            *count -= 1;
            if *count == 0 {
                wanted.remove(subscription);
            }
        }
        drop(wanted);
        self.changed.notify_one();
    }

    /// Listens until it is aborted, over one connection after the other.
    pub(crate) async fn run(self: Arc<Self>) {
        let mut backoff = Backoff::default();
        loop {
            let (pushed, mut messages) = channel();
            let error = match self.connector.connect(Some(pushed)).await {
                Ok(link) => self.listen(link, &mut messages, &mut backoff).await,
                Err(error) => error,
            };
            self.connector.distrust();
            self.status.cannot(Ability::Listen, &error);
            tokio::time::sleep(backoff.next()).await;
        }
    }

    /// Listens over one connection until it is lost; returns why.
    async fn listen(&self, mut link: Link, messages: &mut mpsc::Receiver<Pushed>, backoff: &mut Backoff) -> RedisError {
        let mut active = BTreeSet::new();
        if let Err(error) = self.reconcile(&mut link, &mut active).await {
            return error;
        }
        *backoff = Backoff::default();
        self.metrics.connects.inc();
        self.status.can(Ability::Listen);
        let mut ping = tokio::time::interval(self.ping_interval);
        ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                pushed = messages.recv() => match pushed {
                    Some(Pushed::Message(message)) => {
                        self.hand_on(&message);
                        Ok(())
                    }
                    Some(Pushed::Lost) | None => Err(lost("the connection to Redis is lost")),
                },
                () = self.changed.notified() => self.reconcile(&mut link, &mut active).await,
                _ = ping.tick() => self.ping(&mut link).await,
            };
            if let Err(error) = done {
                return error;
            }
        }
    }

    /// Tells Redis what has changed of what is wanted.
    async fn reconcile(&self, link: &mut Link, active: &mut BTreeSet<Subscription>) -> Result<(), RedisError> {
        loop {
            let wanted: BTreeSet<_> = self.wanted.lock().keys().cloned().collect();
            let added: Vec<_> = wanted.difference(active).cloned().collect();
            let removed: Vec<_> = active.difference(&wanted).cloned().collect();
            if added.is_empty() && removed.is_empty() {
                return Ok(());
            }
            for subscription in &removed {
                self.tell(link, subscription, false).await?;
            }
            for subscription in &added {
                self.tell(link, subscription, true).await?;
            }
            *active = wanted;
        }
    }

    async fn tell(&self, link: &mut Link, subscription: &Subscription, wanted: bool) -> Result<(), RedisError> {
        let (command, channel) = match (subscription, wanted) {
            (Subscription::Channel(channel), true) => ("SUBSCRIBE", channel),
            (Subscription::Channel(channel), false) => ("UNSUBSCRIBE", channel),
            (Subscription::Pattern(pattern), true) => ("PSUBSCRIBE", pattern),
            (Subscription::Pattern(pattern), false) => ("PUNSUBSCRIBE", pattern),
            (Subscription::Sharded(channel), true) => ("SSUBSCRIBE", channel),
            (Subscription::Sharded(channel), false) => ("SUNSUBSCRIBE", channel),
        };
        let told = redis::cmd(command).arg(channel).exec_async(link).await;
        // Whom Redis does not know any more needs no goodbye.
        if wanted { told } else { Ok(()) }
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

fn lost(message: &str) -> RedisError {
    std::io::Error::new(std::io::ErrorKind::ConnectionReset, message.to_owned()).into()
}

/// Messages that may wait for the reader.
const MAX_UNREAD: usize = 65_536;
