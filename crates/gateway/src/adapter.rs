//! What connects the node with others, as the user has chosen it.

use fanfare_redis::{Kind, RedisAdapter, RedisAdapterBuilder, Status, SubscriptionMode};
use tokio::sync::watch;

use crate::config::{AdapterKind, Config};

/// The adapter over Redis, unless the node is to be alone. The error names the option that is wrong.
pub(crate) fn builder(config: &Config) -> Result<Option<RedisAdapterBuilder>, String> {
    let options = &config.options;
    let kind = match options.adapter {
        AdapterKind::Memory => return Ok(None),
        AdapterKind::Redis => Kind::Classic,
        AdapterKind::RedisSharded => Kind::Sharded(SubscriptionMode::default()),
    };
    let builder = match (&options.redis_sentinel, &options.redis[..]) {
        (_, []) => return Err(format!("{}: there is none", config.name_of("redis"))),
        (Some(primary), urls) => RedisAdapter::sentinel(urls, primary),
        (None, [url]) => RedisAdapter::builder(url),
        (None, urls) => RedisAdapter::cluster(urls),
    };
    let mut builder = builder.kind(kind).prefix(&options.redis_prefix);
    if let Some(file) = &options.redis_ca {
        let unreadable = |error| format!("{}: {}: {error}", config.name_of("ca_certificates"), file.display());
        builder = builder.ca_certificates(std::fs::read(file).map_err(unreadable)?);
    }
    builder.check().map_err(|error| wrong(config, &error))?;
    Ok(Some(builder))
}

/// Connects; a node may start while Redis is away, unless the user does not want that.
pub(crate) async fn connect(config: &Config, registry: &prometheus::Registry) -> Result<Option<RedisAdapter>, String> {
    let Some(builder) = builder(config)? else { return Ok(None) };
    let adapter = builder.registry(registry.clone()).connect().await.map_err(|error| wrong(config, &error))?;
    let status = adapter.watch_status();
    if let (Status::Down(reason), true) = (adapter.status(), config.options.require_redis) {
        return Err(format!("--require-redis: Redis cannot be reached: {reason}"));
    }
    tokio::spawn(log_changes(status));
    Ok(Some(adapter))
}

fn wrong(config: &Config, error: &fanfare_redis::ConfigError) -> String {
    format!("{}: {} is not allowed; {}", config.name_of(error.option), error.value, error.allowed)
}

async fn log_changes(mut status: watch::Receiver<Status>) {
    loop {
        match &*status.borrow_and_update() {
            Status::Up => tracing::info!("connected to Redis"),
            Status::Down(reason) => tracing::warn!(%reason, "Redis cannot be reached; other nodes hear nothing"),
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}
