//! The HTTP side of an engine: one tower service that answers every request of its path.

mod address;
mod body;
mod compression;
mod cookie;
mod cors;
mod polling;
mod query;
mod receive;
mod response;
mod route;
mod service;

pub use address::{PeerAddr, Secure};
pub use body::Body;
pub use cookie::{Cookie, SameSite};
pub use cors::{AllowedOrigin, Cors};
pub(crate) use receive::{Unreadable, collect, declares_too_much};
pub(crate) use response::{busy, closing, empty, noop};
pub(crate) use route::{answer_polling, refuse};
pub(crate) use service::{BodyError, RequestBody};
pub use service::{EngineLayer, EngineService, WithEngine};
