//! The adapter of a single node.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fanfare_proto::socket::{EmitArgs, Value};
use parking_lot::Mutex;

use super::{AckCollector, AdapterError};
use super::{Adapter, AdapterFactory, Answer, Broadcast, Local, Packet, PersistedSession, Scope, Selection};
use crate::emit::EmitError;
use crate::remote::RemoteSocketData;
use crate::room::Room;

/// Keeps everything on this node: the default.
///
/// With connection state recovery on, it keeps the events of the last minutes and the sessions that were lost, within
/// bounds: the oldest events go first, and a session that has missed one of them is not restored.
#[derive(Debug, Default)]
pub struct MemoryAdapter;

impl AdapterFactory for MemoryAdapter {
    fn adapter(&self, local: Local) -> Arc<dyn Adapter> {
        let log = local.recovery().map(|keep| Mutex::new(Log::new(keep)));
        Arc::new(SingleNode { local, log })
    }
}

struct SingleNode {
    local: Local,
    log: Option<Mutex<Log>>,
}

impl Adapter for SingleNode {
    fn broadcast(&self, broadcast: &Broadcast<'_>) -> Result<(), EmitError> {
        let Some(log) = self.log.as_ref().filter(|_| broadcast.is_recoverable()) else {
            let packet = self.local.encode(broadcast, None)?;
            self.local.broadcast(broadcast, &packet).tell();
            return Ok(());
        };
        // Held until it is delivered, so that a session that is being restored gets it exactly once.
        let mut log = log.lock();
        let packet = self.local.encode(broadcast, Some(&log.next_offset()))?;
        log.push(&packet, &broadcast.scope.selection, now());
        let delivered = self.local.broadcast(broadcast, &packet);
        drop(log);
        delivered.tell();
        Ok(())
    }

    fn broadcast_with_ack(&self, broadcast: &Broadcast<'_>, collector: &AckCollector) -> Result<(), EmitError> {
        self.local.broadcast_with_ack(broadcast, collector)
    }

    fn fetch_sockets(&self, scope: &Scope) -> Answer<Vec<RemoteSocketData>> {
        ready(self.local.fetch_sockets(&scope.selection))
    }

    fn sockets_join(&self, scope: &Scope, rooms: &[Room]) {
        self.local.sockets_join(&scope.selection, rooms);
    }

    /// Clients that are lost for the moment leave too: whoever takes a right away means them all.
    fn sockets_leave(&self, scope: &Scope, rooms: &[Room]) {
        self.local.sockets_leave(&scope.selection, rooms);
        if let Some(log) = &self.log {
            log.lock().leave(&scope.selection, rooms);
        }
    }

    /// Clients that are lost for the moment do not come back.
    fn disconnect_sockets(&self, scope: &Scope, close: bool) {
        self.local.disconnect_sockets(&scope.selection, close);
        if let Some(log) = &self.log {
            log.lock().forget(&scope.selection);
        }
    }

    fn server_side_emit(&self, _: &str, _: &dyn EmitArgs) -> Result<(), EmitError> {
        // There is no other node. The reference warns; a program that runs on one node today is right all the same.
        Ok(())
    }

    fn server_side_emit_with_ack(&self, _: &str, _: &dyn EmitArgs) -> Answer<Vec<Value>> {
        ready(Vec::new())
    }

    fn all_rooms(&self) -> Answer<Vec<Room>> {
        ready(self.local.rooms().into_iter().map(|(room, _)| room).collect())
    }

    fn server_count(&self) -> Answer<usize> {
        ready(1)
    }

    fn persist_session(&self, session: PersistedSession) {
        if let Some(log) = &self.log {
            log.lock().persist(session, now());
        }
    }

    fn restore_session(&self, pid: &str, offset: &str) -> Answer<Option<PersistedSession>> {
        ready(self.log.as_ref().and_then(|log| log.lock().restore(pid, offset, now())))
    }

    fn replay(&self, session: &PersistedSession, offset: &str, attach: &mut dyn FnMut(&[Packet])) {
        let Some(log) = &self.log else { return attach(&[]) };
        let log = log.lock();
        attach(&log.since(offset, session));
    }

    fn close(&self) {}
}

fn ready<T: Send + 'static>(value: T) -> Answer<T> {
    Box::pin(std::future::ready(Ok::<_, AdapterError>(value)))
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// What happened lately.
#[derive(Debug)]
struct Log {
    keep: Duration,
    /// Signs offsets: a client knows those of events it was sent, and cannot ask for what happened before it came.
    key: RandomState,
    /// The offset of the first of `entries`; each further one has the next.
    first: u64,
    entries: VecDeque<Entry>,
    bytes: usize,
    sessions: HashMap<String, (PersistedSession, Instant)>,
    /// In the order in which they were lost.
    lost: VecDeque<(Instant, String)>,
}

#[derive(Debug)]
struct Entry {
    packet: Packet,
    selection: Selection,
    sent: Instant,
}

impl Entry {
    fn new(packet: &Packet, selection: &Selection, sent: Instant) -> Self {
        packet.outgoing().set_counted(false);
        Self { packet: packet.clone(), selection: selection.clone(), sent }
    }

    fn bytes(&self) -> usize {
        self.packet.len() + ENTRY_BYTES
    }
}

/// From here on it counts again wherever it still waits.
impl Drop for Entry {
    fn drop(&mut self) {
        self.packet.outgoing().set_counted(true);
    }
}

impl Log {
    fn new(keep: Duration) -> Self {
        let (entries, sessions, lost) = (VecDeque::new(), HashMap::new(), VecDeque::new());
        Self { keep, key: RandomState::new(), first: 1, entries, bytes: 0, sessions, lost }
    }

    /// The offset of the event that is pushed next.
    fn next_offset(&self) -> String {
        self.sign(self.first + self.entries.len() as u64)
    }

    fn sign(&self, number: u64) -> String {
        format!("{number:x}.{:x}", self.key.hash_one(number))
    }

    fn push(&mut self, packet: &Packet, selection: &Selection, now: Instant) {
        let entry = Entry::new(packet, selection, now);
        self.bytes += entry.bytes();
        self.entries.push_back(entry);
        while self.entries.front().is_some_and(|oldest| self.bytes > MAX_BYTES || now > oldest.sent + self.keep) {
            self.bytes -= self.entries.pop_front().map_or(0, |oldest| oldest.bytes());
            self.first += 1;
        }
    }

    fn persist(&mut self, session: PersistedSession, now: Instant) {
        self.forget_expired(now);
        if self.sessions.len() >= MAX_SESSIONS {
            return;
        }
        self.lost.push_back((now, session.pid.clone()));
        self.sessions.insert(session.pid.clone(), (session, now));
    }

    fn restore(&mut self, pid: &str, offset: &str, now: Instant) -> Option<PersistedSession> {
        self.forget_expired(now);
        let (session, _) = self.sessions.remove(pid)?;
        self.index_after(offset).map(|_| session)
    }

    /// The events behind an offset that were for this session.
    fn since(&self, offset: &str, session: &PersistedSession) -> Vec<Packet> {
        let missed = self.entries.iter().skip(self.index_after(offset).unwrap_or(usize::MAX));
        missed.filter(|entry| session.is_in(&entry.selection)).map(|entry| entry.packet.clone()).collect()
    }

    /// Where the events behind an offset begin; `None` when some of them are gone, or there never was such an offset.
    fn index_after(&self, offset: &str) -> Option<usize> {
        let (number, _) = offset.split_once('.')?;
        let number = u64::from_str_radix(number, 16).ok().filter(|&number| self.sign(number) == offset)?;
        let next = number.checked_add(1)?;
        let index = usize::try_from(next.checked_sub(self.first)?).ok()?;
        (index <= self.entries.len()).then_some(index)
    }

    /// Lost sessions leave rooms.
    fn leave(&mut self, selection: &Selection, rooms: &[Room]) {
        let sessions = self.sessions.values_mut().map(|(session, _)| session);
        for session in sessions.filter(|session| session.is_in(selection)) {
            session.rooms.retain(|room| !rooms.contains(room));
        }
    }

    /// Lost sessions are not wanted any more.
    fn forget(&mut self, selection: &Selection) {
        self.sessions.retain(|_, (session, _)| !session.is_in(selection));
    }

    fn forget_expired(&mut self, now: Instant) {
        while let Some((lost, _)) = self.lost.front().filter(|(lost, _)| now > *lost + self.keep) {
            let lost = *lost;
            if let Some((_, pid)) = self.lost.pop_front()
                // The same client may have been restored and lost again since.
                && self.sessions.get(&pid).is_some_and(|(_, since)| *since == lost)
            {
                self.sessions.remove(&pid);
            }
        }
    }
}

impl PersistedSession {
    /// Whether something sent to a selection was for this session.
    fn is_in(&self, selection: &Selection) -> bool {
        let is_in = |room: &Room| **room == *self.id.as_str() || self.rooms.contains(room);
        (selection.rooms.is_empty() || selection.rooms.iter().any(is_in)) && !selection.except.iter().any(is_in)
    }
}

/// Bytes of events that a namespace keeps.
const MAX_BYTES: usize = 64 << 20;

/// What an event takes besides its own bytes, about.
const ENTRY_BYTES: usize = 512;

/// Sessions that a namespace keeps.
const MAX_SESSIONS: usize = 100_000;
