//! What all namespaces of a node share: the connections, and what runs on them.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use fanfare::adapter::AdapterError;
use fanfare_proto::cluster::{Classic, Publish, Sharded, Subscription, Wire, classic_uid, hex_id};
use fanfare_proto::ids::NodeId;
use redis::Value;
use tokio::sync::{oneshot, watch};
use tokio::task::AbortHandle;

use crate::ConfigError;
use crate::config::{Config, Kind};
use crate::connection::Connector;
use crate::metrics::Metrics;
use crate::pool::{Manager, Pool};
use crate::publisher::Publisher;
use crate::status::{Status, StatusCell};
use crate::subscriber::{Listener, Subscriber};

/// The connections of a node to Redis.
pub(crate) struct Hub {
    config: Config,
    pool: Pool,
    publisher: Arc<Publisher>,
    subscriber: Arc<Subscriber>,
    status: Arc<StatusCell>,
    /// Has seen the status before anything could change it.
    starting: watch::Receiver<Status>,
    metrics: Metrics,
    runtime: tokio::runtime::Handle,
    tasks: Vec<AbortHandle>,
}

impl Hub {
    /// Begins to connect, in the current runtime.
    pub(crate) fn start(config: Config) -> Result<Self, ConfigError> {
        let connector = Arc::new(Connector::new(&config)?);
        let metrics = Metrics::new(&config.registry);
        let status = Arc::new(StatusCell::new(metrics.up.clone()));
        let starting = status.watch();
        let pool = Pool::builder()
            .max_size(config.pool_size)
            .connection_timeout(config.connect_timeout)
            .retry_connection(false)
            .build_unchecked(Manager(connector.clone()));
        let command = if matches!(config.kind, Kind::Classic) { "PUBLISH" } else { "SPUBLISH" };
        let publisher = Arc::new(Publisher::new(command, pool.clone(), status.clone(), metrics.clone(), &config));
        let subscriber = Arc::new(Subscriber::new(connector, status.clone(), metrics.clone(), &config));
        let runtime = tokio::runtime::Handle::current();
        let tasks = vec![
            runtime.spawn(publisher.clone().run()).abort_handle(),
            runtime.spawn(subscriber.clone().run()).abort_handle(),
        ];
        Ok(Self { config, pool, publisher, subscriber, status, starting, metrics, runtime, tasks })
    }

    /// Returns when Redis has been reached, or has turned out to be away.
    pub(crate) async fn settled(&self) {
        let _ = self.starting.clone().changed().await;
    }

    /// How a namespace writes its messages.
    pub(crate) fn wire(&self, namespace: &str) -> Wire {
        let prefix = &self.config.prefix;
        match self.config.kind {
            Kind::Classic => {
                let classic = Classic::node(prefix, namespace, &classic_uid(random()));
                Wire::Classic(classic.answer_on_own_channel(self.config.answer_on_own_channel))
            }
            Kind::Sharded(mode) => Wire::Sharded(Sharded::node(prefix, namespace, &hex_id(random()), mode)),
        }
    }

    pub(crate) fn publish(&self, message: Publish) {
        self.publisher.publish(message);
    }

    /// Publishes something for one node; tells how many have received it, unless it is lost.
    pub(crate) fn publish_to_node(&self, node: NodeId, payload: Vec<u8>) -> oneshot::Receiver<u64> {
        self.publisher.publish_counted(Publish { channel: self.node_channel(node), payload })
    }

    /// What a node listens to.
    pub(crate) fn node_subscription(&self, node: NodeId) -> Subscription {
        let channel = self.node_channel(node);
        match self.config.kind {
            Kind::Classic => Subscription::Channel(channel),
            Kind::Sharded(_) => Subscription::Sharded(channel),
        }
    }

    /// No channel of a namespace is called so, under no prefix: the name of a namespace begins with a slash.
    fn node_channel(&self, node: NodeId) -> String {
        format!("{}-node#{node}#", self.config.prefix)
    }

    pub(crate) fn subscribe(&self, subscription: Subscription, listener: Arc<dyn Listener>) {
        self.subscriber.subscribe(subscription, listener);
    }

    pub(crate) fn unsubscribe(&self, subscription: &Subscription, listener: &Arc<dyn Listener>) {
        self.subscriber.unsubscribe(subscription, listener);
    }

    /// Hears it no more; Redis is told some time later, if it is not wanted again until then.
    pub(crate) fn unsubscribe_in_a_while(&self, subscription: &Subscription, listener: &Arc<dyn Listener>) {
        self.subscriber.unsubscribe_in_a_while(subscription, listener);
    }

    /// How many nodes listen to a channel, this one included: whoever asks is ready to be asked.
    pub(crate) async fn count_nodes(&self, channel: &str) -> Result<usize, AdapterError> {
        self.listening().await?;
        let count = self.answered(self.ask_for_count(channel)).await?.map_err(AdapterError::Unreachable)?;
        self.metrics.nodes.set(i64::try_from(count).unwrap_or(i64::MAX));
        Ok(count)
    }

    /// Returns when Redis knows everything that is listened to here.
    pub(crate) async fn listening(&self) -> Result<(), AdapterError> {
        if let Status::Down(reason) = self.status.get() {
            return Err(AdapterError::Unreachable(reason.to_string()));
        }
        self.answered(self.subscriber.settled()).await
    }

    async fn answered<T>(&self, asking: impl Future<Output = T>) -> Result<T, AdapterError> {
        let answered = tokio::time::timeout(self.config.response_timeout, asking).await;
        answered.map_err(|_| AdapterError::Unreachable("Redis does not answer".to_owned()))
    }

    async fn ask_for_count(&self, channel: &str) -> Result<usize, String> {
        let mut connection = self.pool.get().await.map_err(|error| error.to_string())?;
        let command = if matches!(self.config.kind, Kind::Classic) { "NUMSUB" } else { "SHARDNUMSUB" };
        let mut numsub = redis::cmd("PUBSUB");
        numsub.arg(command).arg(channel);
        let answered: redis::RedisResult<Value> = numsub.query_async(&mut connection.link).await;
        connection.broken = answered.is_err();
        answered.map(|answer| sum_of_counts(&answer)).map_err(|error| error.to_string())
    }

    pub(crate) fn requests_timeout(&self) -> Duration {
        self.config.requests_timeout
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn status(&self) -> &StatusCell {
        &self.status
    }

    pub(crate) fn is_up(&self) -> bool {
        self.status.is_up()
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(task);
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// The count behind the channel's name; a cluster answers with one such pair of each of its nodes.
fn sum_of_counts(answer: &Value) -> usize {
    match answer {
        Value::Int(count) => usize::try_from(*count).unwrap_or(0),
        Value::Array(items) => items.iter().map(sum_of_counts).sum(),
        Value::Map(pairs) => pairs.iter().map(|(_, count)| sum_of_counts(count)).sum(),
        _ => 0,
    }
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has a random source");
    bytes
}
