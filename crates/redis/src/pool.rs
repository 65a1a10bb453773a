//! The connections that publish and ask.

use std::sync::Arc;

use redis::{PushKind, RedisError};
use tokio::sync::watch;

use crate::connection::{Connector, Link};
use crate::status::Ability;

pub(crate) type Pool = bb8::Pool<Manager>;

/// Makes the connections of a pool.
pub(crate) struct Manager(pub(crate) Arc<Connector>);

/// A connection of a pool, and what is known of it.
pub(crate) struct Pooled {
    pub(crate) link: Link,
    pub(crate) broken: bool,
    lost: watch::Receiver<bool>,
    distrusted: watch::Receiver<()>,
}

impl Pooled {
    /// Whether it is of no use any more, as far as can be known without asking.
    pub(crate) fn is_stale(&self) -> bool {
        self.broken || *self.lost.borrow() || self.distrusted.has_changed().unwrap_or(true)
    }

    /// Returns when it is of no use any more.
    pub(crate) async fn stale(&mut self) {
        tokio::select! {
            _ = self.lost.wait_for(|lost| *lost) => {}
            _ = self.distrusted.changed() => {}
        }
        self.broken = true;
    }
}

impl bb8::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = RedisError;

    async fn connect(&self) -> Result<Pooled, RedisError> {
        let distrusted = self.0.watch_trust();
        let (losing, lost) = watch::channel(false);
        let pushed = move |info: redis::PushInfo| {
            if info.kind == PushKind::Disconnection {
                losing.send_replace(true);
            }
            Ok(())
        };
        let link = self.0.connect(Ability::Publish, Box::new(pushed)).await?;
        Ok(Pooled { link, broken: false, lost, distrusted })
    }

    /// To ask Redis each time would double the way of every message.
    async fn is_valid(&self, connection: &mut Pooled) -> Result<(), RedisError> {
        if connection.is_stale() { Err(std::io::Error::from(std::io::ErrorKind::NotConnected).into()) } else { Ok(()) }
    }

    fn has_broken(&self, connection: &mut Pooled) -> bool {
        connection.is_stale()
    }
}
