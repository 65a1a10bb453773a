//! Drives Socket.IO servers side by side and measures what each unit of work costs them.
//!
//! One thread, one [`Crowd`](crowd::Crowd) of WebSocket clients on raw sockets. Frames are written and read by hand, and
//! every message is compared with what was expected, byte by byte: one that is lost, doubled, altered or out of order is a
//! fault of the server, found by a [`Ledger`](ledger::Ledger). What is measured is the processor time of the server, which
//! other programs on the machine disturb little.
//!
//! - [`frame`], [`client`], [`crowd`], `http`: connections.
//! - [`ledger`], [`trail`]: what must arrive, and what has.
//! - [`process`], [`servers`], [`cores`], [`machine`]: the processes that are measured, and where they run.
//! - [`rows`], [`scenarios`]: what is measured, one file for each kind of work.
//! - [`scale`]: how cost grows with what there is of clients, rooms, bytes and nodes.
//! - [`rounds`], [`results`], [`report`], [`versions`]: the order of the runs, and what comes of them.
//! - [`program`]: what the programs have in common, which do all this.

pub mod client;
pub mod cores;
pub mod crowd;
pub mod failure;
pub mod frame;
mod http;
pub mod ledger;
pub mod machine;
pub mod process;
pub mod program;
pub mod report;
pub mod results;
pub mod rounds;
pub mod rows;
pub mod scale;
pub mod scenarios;
pub mod servers;
pub mod trail;
pub mod versions;
