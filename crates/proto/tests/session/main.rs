//! `engine::Session` under virtual time: what the engine does with it, a client as the official one, and any other.
//!
//! "Rows" such as E106 are those of `features.md` and `limits.md`.

mod chaos;
mod client;
mod closing;
mod heartbeat;
mod network;
mod polling;
mod server;
mod upgrade;
mod well_behaved;

use std::time::{Duration, Instant};

use fanfare_proto::engine::SessionSettings;

const INTERVAL: Duration = Duration::from_secs(25);
const TIMEOUT: Duration = Duration::from_secs(20);
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

const SETTINGS: SessionSettings =
    SessionSettings { ping_interval: INTERVAL, ping_timeout: TIMEOUT, upgrade_timeout: UPGRADE_TIMEOUT };

/// The one time that is real: when a test begins.
#[expect(clippy::disallowed_methods, reason = "a test has to start at some instant")]
fn start() -> Instant {
    Instant::now()
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
