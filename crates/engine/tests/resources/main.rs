//! What abuse costs a node: memory and descriptors, as the rows of the tables name their bounds.
//!
//! Both are a process's own, so the node is a process of its own: this program, started with `serve`. It measures what
//! Linux says of that process in `/proc`, and does nothing elsewhere.

mod descriptors;
mod memory;
mod process;
mod server;

use std::io::Write as _;

pub(crate) use process::Process;

fn main() {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some("serve") {
        return server::run(arguments);
    }
    if !std::path::Path::new("/proc/self/status").exists() {
        return println!("there is no /proc here: nothing is measured");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // One after the other, so that this process needs few descriptors itself. A row that fails ends the program.
        memory::attacks_take_no_more_than_their_bounds().await;
        descriptors::clients_that_have_left_hold_none().await;
        descriptors::without_any_left_open_connections_live_on().await;
        descriptors::connections_over_the_limit_hold_few().await;
    });
}

/// Says how a row went, as test harnesses do.
pub(crate) fn report(row: &str, result: &str) {
    println!("test {row} ... ok ({result})");
    let _ = std::io::stdout().flush();
}
