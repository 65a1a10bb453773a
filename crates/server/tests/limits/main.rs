//! What a server does with bad input and too much of it, over real sockets. Rows as in the table of limits: SIO, LIM,
//! AUTH, SEC, NODE.
//!
//! In every test a second client, the canary, has to notice nothing.

mod acks;
mod attachments;
mod auth;
mod bursts;
mod connect;
mod handlers;
mod messagepack;
mod mutations;
mod names;
mod node;
mod numbers;
mod packets;
mod polling;
mod recovery;
mod rooms;
mod sizes;
