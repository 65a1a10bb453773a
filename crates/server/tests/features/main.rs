//! What the server can do, feature by feature, as clients see it on the wire.

mod connecting;
mod dynamic;
mod event_middlewares;
mod events;
mod listeners;
mod middlewares;
mod namespaces;
mod support;
