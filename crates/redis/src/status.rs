//! Whether Redis can be reached.

use std::sync::Arc;

use parking_lot::Mutex;
use prometheus::IntGauge;
use redis::RedisError;
use tokio::sync::watch;

/// Whether the adapter can talk to the other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It listens and can publish.
    Up,
    /// It cannot, for this reason; it goes on trying.
    Down(Arc<str>),
}

/// What an adapter has to be able to do.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ability {
    Listen,
    Publish,
}

/// The status, for everybody who looks.
#[derive(Debug)]
pub(crate) struct StatusCell {
    /// Why the adapter cannot listen, and why it cannot publish.
    obstacles: Mutex<[Option<Arc<str>>; 2]>,
    told: watch::Sender<Status>,
    up: IntGauge,
}

impl StatusCell {
    /// `up` shows it to Prometheus.
    pub(crate) fn new(up: IntGauge) -> Self {
        let reason: Arc<str> = "not connected yet".into();
        let told = watch::Sender::new(Status::Down(reason.clone()));
        Self { obstacles: Mutex::new([Some(reason.clone()), Some(reason)]), told, up }
    }

    pub(crate) fn get(&self) -> Status {
        self.told.borrow().clone()
    }

    pub(crate) fn is_up(&self) -> bool {
        *self.told.borrow() == Status::Up
    }

    pub(crate) fn can(&self, ability: Ability) {
        self.set(ability, None);
    }

    pub(crate) fn cannot(&self, ability: Ability, error: &RedisError) {
        self.set(ability, Some(reason(error).into()));
    }

    fn set(&self, ability: Ability, obstacle: Option<Arc<str>>) {
        let mut obstacles = self.obstacles.lock();
        obstacles[ability as usize] = obstacle;
        let status = obstacles.iter().flatten().next().cloned().map_or(Status::Up, Status::Down);
        self.up.set(i64::from(status == Status::Up));
        if self.told.send_if_modified(|told| std::mem::replace(told, status.clone()) != status) {
            match status {
                Status::Up => tracing::info!("connected to Redis"),
                Status::Down(reason) => {
                    tracing::warn!(%reason, "Redis is away; the clients of this node are served on")
                }
            }
        }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.told.subscribe()
    }
}

/// What to tell an operator, without the address and its password.
fn reason(error: &RedisError) -> String {
    match error.code() {
        Some("WRONGPASS" | "NOAUTH") => "Redis refuses the user or password".to_owned(),
        Some("NOPERM") => format!("the Redis user lacks a right: {}", error.detail().unwrap_or_default()),
        _ => error.to_string(),
    }
}
