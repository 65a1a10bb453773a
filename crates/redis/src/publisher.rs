//! What is to be published, in order.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bb8::{PooledConnection, RunError};
use fanfare_proto::cluster::Publish;
use futures_util::future::join_all;
use parking_lot::Mutex;
use redis::RedisError;
use tokio::sync::{Notify, oneshot};

use crate::backoff::Backoff;
use crate::connection::{Link, timed_out};
use crate::metrics::Metrics;
use crate::pool::{Manager, Pool, Pooled};
use crate::status::{Ability, StatusCell};

/// A bounded queue of messages, and the task that publishes them.
///
/// Messages leave in the order in which they were queued: the task publishes a batch at a time, over one connection of
/// the pool, and begins the next when Redis has taken the last. What has gathered meanwhile is the next batch. While
/// Redis is away nothing is queued: what nobody can hear is dropped at once, and counted.
pub(crate) struct Publisher {
    command: &'static str,
    unheard: String,
    pool: Pool,
    queue: Mutex<Queue>,
    wake: Notify,
    status: Arc<StatusCell>,
    metrics: Metrics,
    max_queue_bytes: usize,
    max_message_bytes: usize,
    timeout: Duration,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Queued>,
    bytes: usize,
}

struct Queued {
    message: Publish,
    /// Who wants to know how many have received it.
    receivers: Option<oneshot::Sender<u64>>,
}

impl Publisher {
    /// `command` is `PUBLISH` or `SPUBLISH`.
    pub(crate) fn new(
        command: &'static str,
        pool: Pool,
        status: Arc<StatusCell>,
        metrics: Metrics,
        config: &crate::config::Config,
    ) -> Self {
        Self {
            command,
            unheard: format!("{}-node#", config.prefix),
            pool,
            queue: Mutex::default(),
            wake: Notify::new(),
            status,
            metrics,
            max_queue_bytes: config.max_queue_bytes,
            max_message_bytes: config.max_message_bytes,
            timeout: config.response_timeout,
        }
    }

    /// Queues a message, or drops it. Never waits.
    pub(crate) fn publish(&self, message: Publish) {
        self.queue(Queued { message, receivers: None });
    }

    /// The same, and tells how many have received the message, once that is known; not if it is lost.
    pub(crate) fn publish_counted(&self, message: Publish) -> oneshot::Receiver<u64> {
        let (receivers, counted) = oneshot::channel();
        self.queue(Queued { message, receivers: Some(receivers) });
        counted
    }

    fn queue(&self, queued: Queued) {
        if let Err(reason) = self.try_queue(queued) {
            self.metrics.not_published.with_label_values(&[reason]).inc();
        }
    }

    fn try_queue(&self, queued: Queued) -> Result<(), &'static str> {
        let len = queued.len();
        if !self.status.is_up() {
            return Err("redis_down");
        }
        if len > self.max_message_bytes {
            tracing::warn!(bytes = len, "a message for other nodes is too large and was dropped");
            return Err("too_large");
        }
        let mut queue = self.queue.lock();
        if queue.bytes + len > self.max_queue_bytes {
            return Err("queue_full");
        }
        queue.bytes += len;
        queue.messages.push_back(queued);
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// Publishes until it is aborted, over one connection after the other.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let mut connection = self.connect().await;
            self.publish_over(&mut connection).await;
        }
    }

    /// Tries until there is a connection. What is queued waits for the first attempt.
    async fn connect(&self) -> PooledConnection<'_, Manager> {
        let mut backoff = Backoff::default();
        loop {
            match self.try_connect().await {
                Ok(connection) => {
                    self.status.can(Ability::Publish);
                    return connection;
                }
                Err(error) => self.is_away(&error),
            }
            tokio::time::sleep(backoff.next()).await;
        }
    }

    async fn try_connect(&self) -> Result<PooledConnection<'_, Manager>, RedisError> {
        // The pool alone would not tell why it has no connection. If it has no room for another, it has one.
        let _ = self.pool.add(self.pool.dedicated_connection().await?);
        let mut connection = self.pool.get().await.map_err(|error| match error {
            RunError::User(error) => error,
            RunError::TimedOut => timed_out("getting a connection"),
        })?;
        // Nobody listens to that; who may not publish is told so here.
        redis::cmd(self.command).arg(&self.unheard).arg("").exec_async(&mut connection.link).await?;
        Ok(connection)
    }

    /// Lets everybody know, and drops what waits.
    fn is_away(&self, error: &RedisError) {
        self.status.cannot(Ability::Publish, error);
        let waiting = std::mem::take(&mut *self.queue.lock());
        self.metrics.not_published.with_label_values(&["redis_down"]).inc_by(waiting.messages.len() as u64);
    }

    /// Publishes what is queued as long as the connection is of use.
    async fn publish_over(&self, connection: &mut Pooled) {
        while !connection.is_stale() {
            let batch = self.take_batch();
            if batch.is_empty() {
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = connection.stale() => {}
                }
                continue;
            }
            let started = Instant::now();
            let sent = publish(self.command, self.timeout, &connection.link, &batch).await;
            self.metrics.publish_seconds.observe(started.elapsed().as_secs_f64());
            for (queued, sent) in batch.into_iter().zip(sent) {
                match sent {
                    Ok(receivers) => {
                        self.metrics.published.inc();
                        queued.tell(receivers);
                    }
                    Err(error) => self.has_failed(&error, connection),
                }
            }
        }
    }

    /// A message is lost. Whether Redis has taken it nobody knows; to send it again could double it.
    fn has_failed(&self, error: &RedisError, connection: &mut Pooled) {
        self.metrics.not_published.with_label_values(&["failed"]).inc();
        tracing::debug!(%error, "a message for other nodes was lost");
        let refused = error.code().is_some();
        if !refused && !connection.broken {
            connection.broken = true;
            if error.is_timeout() {
                // The next attempt may take as long; until then nothing is to wait.
                self.is_away(error);
            }
        }
    }

    fn take_batch(&self) -> Vec<Queued> {
        let mut queue = self.queue.lock();
        let mut bytes = 0;
        let fitting = queue.messages.iter().take(MAX_BATCH).take_while(|queued| {
            bytes += queued.len();
            bytes <= MAX_BATCH_BYTES
        });
        let count = fitting.count().max(usize::from(!queue.messages.is_empty()));
        let batch: Vec<_> = queue.messages.drain(..count).collect();
        queue.bytes -= batch.iter().map(Queued::len).sum::<usize>();
        batch
    }
}

/// Returns how many have received each message, or why nobody has.
async fn publish(command: &str, timeout: Duration, link: &Link, batch: &[Queued]) -> Vec<Result<u64, RedisError>> {
    let groups = if link.is_cluster() { by_channel(batch) } else { vec![(0..batch.len()).collect()] };
    let publishing = groups.iter().map(async |group| {
        let mut pipeline = redis::pipe();
        pipeline.ignore_errors();
        for &index in group {
            let message = &batch[index].message;
            pipeline.cmd(command).arg(&message.channel).arg(&message.payload);
        }
        let mut link = link.clone();
        let sent = tokio::time::timeout(timeout, pipeline.query_async::<Vec<_>>(&mut link)).await;
        sent.unwrap_or_else(|_| Err(timed_out("publishing")))
    });
    let mut sent: Vec<_> = batch.iter().map(|_| Ok(0)).collect();
    for (group, outcome) in groups.iter().zip(join_all(publishing).await) {
        match outcome {
            Ok(outcomes) => group.iter().zip(outcomes).for_each(|(&index, outcome)| sent[index] = outcome),
            Err(error) => group.iter().for_each(|&index| sent[index] = Err(error.clone())),
        }
    }
    sent
}

/// In a cluster, channels are on different servers: each keeps its own order.
fn by_channel(batch: &[Queued]) -> Vec<Vec<usize>> {
    let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, queued) in batch.iter().enumerate() {
        groups.entry(&queued.message.channel).or_default().push(index);
    }
    groups.into_values().collect()
}

impl Queued {
    fn len(&self) -> usize {
        self.message.payload.len()
    }

    fn tell(self, receivers: u64) {
        if let Some(waiting) = self.receivers {
            // Whoever has stopped waiting does not want to know.
            let _ = waiting.send(receivers);
        }
    }
}

/// A batch of more gains nothing, and delays what comes behind it.
const MAX_BATCH: usize = 512;
const MAX_BATCH_BYTES: usize = 1 << 20;
