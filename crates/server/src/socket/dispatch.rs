//! How an event finds its handlers.

use std::sync::atomic::Ordering;

use fanfare_proto::socket::{Args, RawArgs};

use super::{Phase, Socket};
use crate::ack::{Ack, UNWANTED};
use crate::adapter::Packet;
use crate::handler::{EventContext, Failures, HandlerError, SharedEventHandler, SharedEventMiddleware, start};

impl Socket {
    /// An event of the client has come: catch-all handlers first, then the middlewares, then its own handlers.
    pub(crate) fn handle_event(&self, name: &str, args: &Args<'_>, id: Option<u64>) {
        let (any, middlewares, matching) = {
            let mut state = self.0.state.lock();
            if state.phase != Phase::Connected {
                return;
            }
            let middlewares = state.listeners.middlewares();
            // Behind a middleware, handlers are looked up when it has let the event pass.
            let matching =
                if middlewares.is_empty() { state.listeners.take_matching(name) } else { Default::default() };
            (state.listeners.any(), middlewares, matching)
        };
        let ack = Ack::new(self, id);
        for handler in &any {
            self.run_handler(handler, EventContext::for_catch_all(self, name, *args, &ack));
        }
        if middlewares.is_empty() {
            for handler in &matching {
                self.run_handler(handler, EventContext::new(self, name, *args, &ack));
            }
        } else {
            let event = Event { name: name.to_owned(), args: args.to_raw(), ack: ack.clone() };
            let work = pass(self.clone(), event, middlewares);
            start(|| Ok(Box::pin(work)), Failures::new(self, name, &UNWANTED));
        }
    }

    /// Whether somebody wants to see what is sent to this client.
    pub(crate) fn listens_to_outgoing(&self) -> bool {
        self.0.listens_to_outgoing.load(Ordering::Acquire)
    }

    /// Shows an event that has been sent to those who want to see it.
    pub(crate) fn tell_outgoing(&self, packet: &Packet) {
        if !self.listens_to_outgoing() {
            return;
        }
        let handlers = self.0.state.lock().listeners.any_outgoing();
        packet.with_args(|args| {
            let mut reader = args.reader();
            let Some(Ok(name)) = reader.next::<String>() else { return };
            let args = reader.rest();
            for handler in &handlers {
                self.run_handler(handler, EventContext::new(self, &name, args, &UNWANTED));
            }
        });
    }

    fn run_handler(&self, handler: &SharedEventHandler, mut context: EventContext<'_>) {
        let failures = Failures::new(self, context.name(), context.remaining_ack());
        start(|| handler.call(&mut context), failures);
    }
}

/// An event that has to outlive the message it came in.
struct Event {
    name: String,
    args: RawArgs,
    ack: Ack,
}

/// Shows an event to the middlewares one after the other; once all have let it pass, its handlers run.
async fn pass(socket: Socket, event: Event, middlewares: Vec<SharedEventMiddleware>) -> Result<(), HandlerError> {
    for middleware in middlewares {
        let work = {
            let mut context = EventContext::new(&socket, &event.name, event.args.as_args(), &event.ack);
            middleware.call(&mut context)?
        };
        work.await?;
    }
    let matching = {
        let mut state = socket.0.state.lock();
        if state.phase != Phase::Connected {
            return Ok(());
        }
        state.listeners.take_matching(&event.name)
    };
    for handler in &matching {
        socket.run_handler(handler, EventContext::new(&socket, &event.name, event.args.as_args(), &event.ack));
    }
    Ok(())
}
