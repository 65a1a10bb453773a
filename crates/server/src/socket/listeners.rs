//! The handlers of one socket.

use std::sync::Arc;

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::handler::{SharedDisconnectHandler, SharedEventHandler, SharedEventMiddleware};

/// Names one handler of a socket, to take it away again with [`Socket::off`](crate::Socket::off).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListenerId(u32);

/// The handlers of one socket. Small, since every socket has its own.
#[derive(Default)]
pub(super) struct Listeners {
    next_id: u32,
    events: Vec<EventListener>,
    /// What most sockets do without.
    rest: Option<Box<Rest>>,
}

struct EventListener {
    id: ListenerId,
    name: SmolStr,
    once: bool,
    handler: SharedEventHandler,
}

#[derive(Default)]
struct Rest {
    any: Vec<(ListenerId, SharedEventHandler)>,
    any_outgoing: Vec<(ListenerId, SharedEventHandler)>,
    middlewares: Vec<(ListenerId, SharedEventMiddleware)>,
    disconnecting: Vec<(ListenerId, SharedDisconnectHandler)>,
    disconnect: Vec<(ListenerId, SharedDisconnectHandler)>,
}

/// Handlers that are to be called.
pub(super) type Matching = SmallVec<[SharedEventHandler; 1]>;

impl Listeners {
    pub(super) fn on(&mut self, name: &str, once: bool, handler: SharedEventHandler) -> ListenerId {
        let id = self.next_id();
        self.events.push(EventListener { id, name: name.into(), once, handler });
        id
    }

    /// The handlers of an event; those that want to hear of it once are forgotten.
    pub(super) fn take_matching(&mut self, name: &str) -> Matching {
        let matching = self.events.iter().filter(|listener| listener.name == name);
        let handlers = matching.map(|listener| listener.handler.clone()).collect();
        if self.events.iter().any(|listener| listener.once && listener.name == name) {
            self.events.retain(|listener| !listener.once || listener.name != name);
        }
        handlers
    }

    /// The names of all events that have a handler, each once.
    pub(super) fn event_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for listener in &self.events {
            if !names.contains(&&*listener.name) {
                names.push(&listener.name);
            }
        }
        names
    }

    pub(super) fn on_any(&mut self, handler: SharedEventHandler, first: bool) -> ListenerId {
        let id = self.next_id();
        insert(&mut self.rest_mut().any, (id, handler), first);
        id
    }

    pub(super) fn on_any_outgoing(&mut self, handler: SharedEventHandler, first: bool) -> ListenerId {
        let id = self.next_id();
        insert(&mut self.rest_mut().any_outgoing, (id, handler), first);
        id
    }

    pub(super) fn add_middleware(&mut self, middleware: SharedEventMiddleware) -> ListenerId {
        let id = self.next_id();
        self.rest_mut().middlewares.push((id, middleware));
        id
    }

    pub(super) fn on_disconnecting(&mut self, handler: SharedDisconnectHandler) -> ListenerId {
        let id = self.next_id();
        self.rest_mut().disconnecting.push((id, handler));
        id
    }

    pub(super) fn on_disconnect(&mut self, handler: SharedDisconnectHandler) -> ListenerId {
        let id = self.next_id();
        self.rest_mut().disconnect.push((id, handler));
        id
    }

    pub(super) fn any(&self) -> Vec<SharedEventHandler> {
        self.of_rest(|rest| &rest.any)
    }

    pub(super) fn any_outgoing(&self) -> Vec<SharedEventHandler> {
        self.of_rest(|rest| &rest.any_outgoing)
    }

    pub(super) fn middlewares(&self) -> Vec<SharedEventMiddleware> {
        self.of_rest(|rest| &rest.middlewares)
    }

    pub(super) fn disconnecting(&self) -> Vec<SharedDisconnectHandler> {
        self.of_rest(|rest| &rest.disconnecting)
    }

    pub(super) fn disconnect(&self) -> Vec<SharedDisconnectHandler> {
        self.of_rest(|rest| &rest.disconnect)
    }

    /// Takes one handler away. It is returned to be dropped when no lock is held: what it holds may do anything then.
    #[must_use]
    pub(super) fn remove(&mut self, id: ListenerId) -> Self {
        let mut removed = Self::default();
        removed.events.extend(self.events.extract_if(.., |listener| listener.id == id));
        if let Some(rest) = &mut self.rest {
            let of_rest = removed.rest_mut();
            take(&mut rest.any, id, &mut of_rest.any);
            take(&mut rest.any_outgoing, id, &mut of_rest.any_outgoing);
            take(&mut rest.middlewares, id, &mut of_rest.middlewares);
            take(&mut rest.disconnecting, id, &mut of_rest.disconnecting);
            take(&mut rest.disconnect, id, &mut of_rest.disconnect);
        }
        removed
    }

    /// Takes all handlers of an event away, see [`remove`](Self::remove).
    #[must_use]
    pub(super) fn remove_all(&mut self, name: &str) -> Self {
        let events = self.events.extract_if(.., |listener| listener.name == name).collect();
        Self { events, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        let is_empty = |rest: &Rest| {
            let events = rest.any.is_empty() && rest.any_outgoing.is_empty() && rest.middlewares.is_empty();
            events && rest.disconnecting.is_empty() && rest.disconnect.is_empty()
        };
        self.events.is_empty() && self.rest.as_deref().is_none_or(is_empty)
    }

    fn next_id(&mut self) -> ListenerId {
        self.next_id += 1;
        ListenerId(self.next_id)
    }

    fn rest_mut(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    fn of_rest<T: ?Sized>(&self, list: impl FnOnce(&Rest) -> &Vec<(ListenerId, Arc<T>)>) -> Vec<Arc<T>> {
        let handlers = self.rest.as_deref().map(list);
        handlers.into_iter().flatten().map(|(_, handler)| handler.clone()).collect()
    }
}

fn insert<T>(list: &mut Vec<T>, item: T, first: bool) {
    let at = if first { 0 } else { list.len() };
    list.insert(at, item);
}

fn take<T>(list: &mut Vec<(ListenerId, T)>, id: ListenerId, removed: &mut Vec<(ListenerId, T)>) {
    removed.extend(list.extract_if(.., |(known, _)| *known == id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::event_handler;

    fn handler() -> SharedEventHandler {
        event_handler(async || {})
    }

    #[test]
    fn handlers_are_found_by_name_and_once_means_once() {
        let mut listeners = Listeners::default();
        listeners.on("a", false, handler());
        listeners.on("a", true, handler());
        listeners.on("b", false, handler());
        assert_eq!(listeners.take_matching("a").len(), 2);
        assert_eq!(listeners.take_matching("a").len(), 1);
        assert_eq!(listeners.take_matching("c").len(), 0);
        listeners.on("a", false, handler());
        assert_eq!(listeners.event_names(), ["a", "b"]);
    }

    #[test]
    fn handlers_can_be_taken_away() {
        let mut listeners = Listeners::default();
        let event = listeners.on("a", false, handler());
        let any = listeners.on_any(handler(), false);
        assert!(!listeners.remove(event).is_empty());
        assert!(!listeners.remove(any).is_empty());
        assert!(listeners.remove(event).is_empty());
        assert!(listeners.any().is_empty());
        listeners.on("a", false, handler());
        assert!(!listeners.remove_all("a").is_empty());
        assert!(listeners.is_empty());
    }
}
