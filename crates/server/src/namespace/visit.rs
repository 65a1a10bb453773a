//! Clients on their way into a namespace.

use std::sync::atomic::Ordering;

use super::Namespace;

/// A client is on its way into a namespace, which is not removed until that is over.
#[derive(Debug)]
pub(crate) struct Visit(Namespace);

impl Visit {
    /// Begins. The caller holds the lock of the server's namespaces, so that the namespace cannot be removed meanwhile.
    pub(crate) fn new(namespace: &Namespace) -> Self {
        namespace.0.visitors.fetch_add(1, Ordering::AcqRel);
        Self(namespace.clone())
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.0
    }

    /// Waits until those who hear of new namespaces have heard of this one, and registered their handlers.
    pub(crate) async fn opened(&self) {
        // No permit is ever given: it ends when the gate is closed for good, that is opened for everybody.
        let _ = self.0.0.gate.acquire().await;
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.0.visitors.fetch_sub(1, Ordering::AcqRel);
        self.0.socket_gone();
    }
}

/// Opens a namespace for those who wait for it when it is dropped.
pub(crate) struct Opening(pub(super) Namespace);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.0.gate.close();
    }
}
