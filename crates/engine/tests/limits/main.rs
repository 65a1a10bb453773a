//! What a node does with bad input and abuse, row by row: each test names the rows it checks.
//!
//! Every test has a node of its own, with a canary: a client that behaves, and must not notice anything. Rows about memory
//! and descriptors, which need a process of their own, are in `tests/resources`.

mod abuse;
mod bodies;
mod clock;
mod engine_io;
mod frames;
mod http;
mod node;
mod origins;
mod slow;
mod tls;
mod upgrades;
mod websocket;

pub(crate) use node::Node;
