//! Whether Redis can be reached.

use std::sync::Arc;

use tokio::sync::watch;

/// Whether the adapter can talk to the other nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// It listens and can publish.
    Up,
    /// It cannot, for this reason; it goes on trying.
    Down(Arc<str>),
}

/// The status, for everybody who looks.
#[derive(Debug)]
pub(crate) struct StatusCell(watch::Sender<Status>);

impl StatusCell {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Status::Down("not connected yet".into())))
    }

    pub(crate) fn get(&self) -> Status {
        self.0.borrow().clone()
    }

    pub(crate) fn is_up(&self) -> bool {
        *self.0.borrow() == Status::Up
    }

    /// Sets it; says whether it was another one before.
    pub(crate) fn set(&self, status: Status) -> bool {
        self.0.send_if_modified(|known| std::mem::replace(known, status.clone()) != status)
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Status> {
        self.0.subscribe()
    }
}
