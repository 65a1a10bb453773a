//! What the server can do, feature by feature, as clients see it on the wire.

mod acks;
mod broadcast_acks;
mod broadcasts;
mod closing;
mod connecting;
mod disconnection;
mod dynamic;
mod event_middlewares;
mod events;
mod extractors;
mod failures;
mod handshake;
mod listeners;
mod management;
mod middlewares;
mod namespaces;
mod ordering;
mod recoverable;
mod recovery;
mod recovery_replay;
mod rooms;
mod support;
mod volatile;
