//! Who hears of what a client sends, of what is sent to it, and of its end.

use std::sync::atomic::Ordering;

use fanfare_proto::socket::RESERVED_EVENTS;

use super::{ListenerId, Listeners, Phase, Socket};
use crate::handler::{
    DisconnectHandler, EventHandler, EventMiddleware, disconnect_handler, event_handler, event_middleware,
};

impl Socket {
    /// Handles an event of the client. Several handlers of one event run in the order they were registered.
    ///
    /// `disconnect` and `disconnecting` are no events of the client: see [`on_disconnect`](Self::on_disconnect) and
    /// [`on_disconnecting`](Self::on_disconnecting).
    ///
    /// ```
    /// use fanfare::{Ack, Data, RawArgs, Server, Socket};
    ///
    /// Server::new().on_connect(async |socket: Socket| {
    ///     socket.on("add", async |Data(a): Data<i32>, Data(b): Data<i32>| a + b);
    ///     socket.on("later", async |ack: Ack| {
    ///         tokio::spawn(async move { ack.send("now") });
    ///     });
    ///     socket.on("echo", async |socket: Socket, args: RawArgs| socket.emit("echo", args));
    /// });
    /// ```
    pub fn on<P: 'static>(&self, event: &str, handler: impl EventHandler<P>) -> ListenerId {
        warn_of_reserved(event);
        self.listen(|listeners| listeners.on(event, false, event_handler(handler)))
    }

    /// Handles an event of the client when it comes first, and no more.
    pub fn once<P: 'static>(&self, event: &str, handler: impl EventHandler<P>) -> ListenerId {
        warn_of_reserved(event);
        self.listen(|listeners| listeners.on(event, true, event_handler(handler)))
    }

    /// Takes a handler away; says whether it was there.
    pub fn off(&self, listener: ListenerId) -> bool {
        let mut state = self.0.state.lock();
        let removed = state.listeners.remove(listener);
        self.0.listens_to_outgoing.store(!state.listeners.any_outgoing().is_empty(), Ordering::Release);
        drop(state);
        !removed.is_empty()
    }

    /// Takes all handlers of an event away.
    pub fn remove_all_listeners(&self, event: &str) {
        let removed = self.0.state.lock().listeners.remove_all(event);
        drop(removed);
    }

    /// The names of the events that have a handler.
    pub fn event_names(&self) -> Vec<String> {
        self.0.state.lock().listeners.event_names().into_iter().map(str::to_owned).collect()
    }

    /// Handles every event of the client, before its own handlers do. What it returns is no acknowledgement: one that
    /// wants to answer takes [`Ack`](crate::Ack).
    ///
    /// ```
    /// use fanfare::{EventName, Server, Socket};
    ///
    /// Server::new().on_connect(async |socket: Socket| {
    ///     let listener = socket.on_any(async |EventName(name): EventName| println!("{name}"));
    ///     socket.off(listener);
    /// });
    /// ```
    pub fn on_any<P: 'static>(&self, handler: impl EventHandler<P>) -> ListenerId {
        self.listen(|listeners| listeners.on_any(event_handler(handler), false))
    }

    /// As [`on_any`](Self::on_any), before those that are there.
    pub fn prepend_any<P: 'static>(&self, handler: impl EventHandler<P>) -> ListenerId {
        self.listen(|listeners| listeners.on_any(event_handler(handler), true))
    }

    /// Handles every event that is sent to the client, broadcasts that reach it included; acknowledgements are none.
    pub fn on_any_outgoing<P: 'static>(&self, handler: impl EventHandler<P>) -> ListenerId {
        self.0.listens_to_outgoing.store(true, Ordering::Release);
        self.listen(|listeners| listeners.on_any_outgoing(event_handler(handler), false))
    }

    /// As [`on_any_outgoing`](Self::on_any_outgoing), before those that are there.
    pub fn prepend_any_outgoing<P: 'static>(&self, handler: impl EventHandler<P>) -> ListenerId {
        self.0.listens_to_outgoing.store(true, Ordering::Release);
        self.listen(|listeners| listeners.on_any_outgoing(event_handler(handler), true))
    }

    /// Looks at every event of the client before its handlers do: `use` of the reference. An error drops the event and
    /// goes to the hook of the server.
    ///
    /// ```
    /// use fanfare::{EventName, HandlerError, Server, Socket};
    ///
    /// Server::new().on_connect(async |socket: Socket| {
    ///     socket.middleware(async |EventName(name): EventName| match name.as_str() {
    ///         "forbidden" => Err(HandlerError::for_client("not this one")),
    ///         _ => Ok(()),
    ///     });
    /// });
    /// ```
    pub fn middleware<P: 'static>(&self, middleware: impl EventMiddleware<P>) -> ListenerId {
        self.listen(|listeners| listeners.add_middleware(event_middleware(middleware)))
    }

    /// Handles the end of the socket while it is still in its rooms.
    ///
    /// ```
    /// use fanfare::{Server, Socket};
    ///
    /// Server::new().on_connect(async |socket: Socket| {
    ///     socket.on_disconnecting(async |socket: Socket| {
    ///         for room in &socket.rooms()[1..] {
    ///             socket.to(room).emit("left", &socket.id());
    ///         }
    ///     });
    /// });
    /// ```
    pub fn on_disconnecting<P: 'static>(&self, handler: impl DisconnectHandler<P>) -> ListenerId {
        self.listen(|listeners| listeners.on_disconnecting(disconnect_handler(handler)))
    }

    /// Handles the end of the socket.
    pub fn on_disconnect<P: 'static>(&self, handler: impl DisconnectHandler<P>) -> ListenerId {
        self.listen(|listeners| listeners.on_disconnect(disconnect_handler(handler)))
    }

    /// Adds a handler. One that comes when the socket is over is dropped: nothing would call it, and nothing would
    /// ever take it away, with all that it holds, this socket perhaps.
    fn listen(&self, add: impl FnOnce(&mut Listeners) -> ListenerId) -> ListenerId {
        let mut over = Listeners::default();
        let mut state = self.0.state.lock();
        let listeners = if state.phase == Phase::Disconnected { &mut over } else { &mut state.listeners };
        add(listeners)
    }
}

/// A handler of one of these would wait for ever: a client that sends such an event is closed.
fn warn_of_reserved(event: &str) {
    if RESERVED_EVENTS.contains(&event) {
        tracing::warn!(event, "no client can send this event; see Socket::on_disconnect");
    }
}
