//! The open sessions of an engine.

use std::collections::HashMap;

use fanfare_proto::ids::Sid;
use parking_lot::RwLock;

use crate::session::Session;

/// Sessions by their ids. Every polling request looks one up, on whichever thread: they are spread over several tables, each
/// behind a lock of its own, none of which takes long to grow.
#[derive(Debug)]
pub(crate) struct Sessions([RwLock<HashMap<Sid, Session>>; SHARDS]);

impl Default for Sessions {
    fn default() -> Self {
        Self(std::array::from_fn(|_| RwLock::default()))
    }
}

impl Sessions {
    pub(crate) fn get(&self, sid: Sid) -> Option<Session> {
        self.shard(sid).read().get(&sid).cloned()
    }

    pub(crate) fn insert(&self, session: Session) {
        let sid = session.sid();
        self.shard(sid).write().insert(sid, session);
    }

    pub(crate) fn remove(&self, sid: Sid) {
        // Dropped when the lock is not held any more.
        let _removed = self.shard(sid).write().remove(&sid);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.read().len()).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|shard| shard.read().is_empty())
    }

    pub(crate) fn all(&self) -> Vec<Session> {
        let mut all = Vec::with_capacity(self.len());
        self.0.iter().for_each(|shard| all.extend(shard.read().values().cloned()));
        all
    }

    /// The end of an id is random.
    fn shard(&self, sid: Sid) -> &RwLock<HashMap<Sid, Session>> {
        let last = sid.as_str().bytes().last().unwrap_or_default();
        &self.0[usize::from(last) % SHARDS]
    }
}

const SHARDS: usize = 16;
