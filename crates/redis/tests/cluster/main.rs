//! Clusters of Fanfare nodes over real Redis servers.

mod broadcasts;
mod chaos;
mod common;
mod conformance;
mod emitter;
mod faults;
mod poison;
mod redis_cluster;
mod requests;
mod security;
mod sentinel;
mod simulated;
mod stateless;
