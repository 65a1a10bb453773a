//! Several engines that are one: whichever of them gets a request, it is served as if its owner had got it. They talk
//! over a net in this process that takes its time, keeps the order, and can be cut.

mod abandoned;
mod cluster;
mod delay;
mod faults;
mod net;
mod order;
mod polling;
mod relay;
mod silence;
mod takeover;

#[path = "../features/server.rs"]
#[allow(dead_code, reason = "it is made for all tests of the crate")]
mod server;
