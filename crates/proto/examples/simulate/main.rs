//! Tells what a cluster of a size, under a load, gives each node and Redis to do.
//!
//! ```text
//! cargo run --release -p fanfare-proto --example simulate -- --nodes 200 --clients 1000000 --rooms 200000
//! ```
//!
//! Every node is the protocol core that real nodes run: it writes the messages they would write, and reads those they would
//! read. Redis is a table of subscriptions that counts what it would be sent and would send on, framing included. One second of
//! the load is gone through; every figure is per second.

mod load;
mod model;
mod redis;
mod report;

use clap::Parser as _;

fn main() {
    let load = load::Load::parse();
    if let Err(wrong) = load.check() {
        eprintln!("{wrong}");
        std::process::exit(2);
    }
    let mut cluster = model::Cluster::new(&load, never());
    cluster.fill(&load);
    cluster.run(&load);
    print!("{}", report::Report::new(&load, &cluster));
}

/// A time that does not come while this runs.
#[allow(clippy::disallowed_methods, reason = "a program, unlike the core, has a clock")]
fn never() -> std::time::Instant {
    std::time::Instant::now() + std::time::Duration::from_secs(1 << 30)
}
