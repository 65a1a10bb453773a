//! Clusters of Fanfare nodes over real Redis servers.

mod broadcasts;
mod common;
mod faults;
mod requests;
mod stateless;
