//! What the server can do, feature by feature, as clients see it on the wire.

mod connecting;
mod dynamic;
mod middlewares;
mod namespaces;
mod support;
