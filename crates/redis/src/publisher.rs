//! What is to be published, in order.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fanfare_proto::cluster::Publish;
use parking_lot::Mutex;
use redis::RedisError;
use tokio::sync::Notify;

use crate::connection::{Manager, timed_out};
use crate::metrics::Metrics;
use crate::status::StatusCell;

/// A bounded queue of messages, and the task that publishes them.
///
/// Messages leave in the order in which they were queued: the task publishes a batch at a time, over one connection of
/// the pool, and begins the next when Redis has taken the last. What has gathered meanwhile is the next batch. While
/// Redis is away nothing is queued: what nobody can hear is dropped at once, and counted.
pub(crate) struct Publisher {
    command: &'static str,
    pool: bb8::Pool<Manager>,
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
    messages: VecDeque<Publish>,
    bytes: usize,
}

impl Publisher {
    /// `command` is `PUBLISH` or `SPUBLISH`.
    pub(crate) fn new(
        command: &'static str,
        pool: bb8::Pool<Manager>,
        status: Arc<StatusCell>,
        metrics: Metrics,
        config: &crate::config::Config,
    ) -> Self {
        Self {
            command,
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
        match self.try_publish(message) {
            Ok(()) => {}
            Err(reason) => self.metrics.not_published.with_label_values(&[reason]).inc(),
        }
    }

    fn try_publish(&self, message: Publish) -> Result<(), &'static str> {
        if !self.status.is_up() {
            return Err("redis_down");
        }
        if message.payload.len() > self.max_message_bytes {
            tracing::warn!(bytes = message.payload.len(), "a message for other nodes is too large and was dropped");
            return Err("too_large");
        }
        let mut queue = self.queue.lock();
        if queue.bytes + message.payload.len() > self.max_queue_bytes {
            return Err("queue_full");
        }
        queue.bytes += message.payload.len();
        queue.messages.push_back(message);
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    /// Publishes until it is aborted.
    pub(crate) async fn run(self: Arc<Self>) {
        loop {
            let batch = self.take_batch();
            if batch.is_empty() {
                self.wake.notified().await;
                continue;
            }
            let started = Instant::now();
            match self.publish_batch(&batch).await {
                Ok(()) => {
                    self.metrics.published.inc_by(batch.len() as u64);
                    self.metrics.publish_seconds.observe(started.elapsed().as_secs_f64());
                }
                Err(error) => {
                    // Whether Redis has taken them nobody knows; to send them again could double them.
                    self.metrics.not_published.with_label_values(&["failed"]).inc_by(batch.len() as u64);
                    tracing::debug!(%error, messages = batch.len(), "messages for other nodes were lost");
                }
            }
        }
    }

    fn take_batch(&self) -> Vec<Publish> {
        let mut queue = self.queue.lock();
        let mut bytes = 0;
        let fitting = queue.messages.iter().take(MAX_BATCH).take_while(|message| {
            bytes += message.payload.len();
            bytes <= MAX_BATCH_BYTES
        });
        let count = fitting.count().max(usize::from(!queue.messages.is_empty()));
        let batch: Vec<_> = queue.messages.drain(..count).collect();
        queue.bytes -= batch.iter().map(|message| message.payload.len()).sum::<usize>();
        batch
    }

    async fn publish_batch(&self, batch: &[Publish]) -> Result<(), RedisError> {
        let mut connection = match self.pool.get().await {
            Ok(connection) => connection,
            Err(bb8::RunError::User(error)) => return Err(error),
            Err(bb8::RunError::TimedOut) => return Err(timed_out("getting a connection")),
        };
        let mut pipeline = redis::pipe();
        for message in batch {
            pipeline.cmd(self.command).arg(&message.channel).arg(&message.payload).ignore();
        }
        let sent = tokio::time::timeout(self.timeout, pipeline.exec_async(&mut connection.link)).await;
        let sent = sent.unwrap_or_else(|_| Err(timed_out("publishing")));
        connection.broken = sent.is_err();
        sent
    }
}

/// A batch of more gains nothing, and delays what comes behind it.
const MAX_BATCH: usize = 512;
const MAX_BATCH_BYTES: usize = 1 << 20;
