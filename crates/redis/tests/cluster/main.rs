//! Clusters of Fanfare nodes over real Redis servers.

mod broadcasts;
mod common;
mod emitter;
mod faults;
mod requests;
mod simulated;
mod stateless;
