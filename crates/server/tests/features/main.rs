//! What the server can do, feature by feature, as clients see it on the wire.

mod acks;
mod broadcast_acks;
mod connecting;
mod dynamic;
mod event_middlewares;
mod events;
mod handshake;
mod listeners;
mod middlewares;
mod namespaces;
mod ordering;
mod support;
mod volatile;
