//! Memory of a server without clients, and of each of 10,000 that do nothing.

use std::time::Duration;

use super::Run;
use crate::crowd::{Crowd, unexpected};
use crate::failure::Failure;
use crate::servers::Setting;

pub(super) fn run(run: &mut Run) -> Result<(), Failure> {
    let server = run.start(&Setting::default())?;
    std::thread::sleep(SETTLE / 4);
    let before = server.resident_bytes()?;
    run.value("memory-start", before as f64 / 1e6, 1);
    let mut crowd = Crowd::of(server.address(), CLIENTS)?;
    crowd.serve(SETTLE, &mut |client, message, _| Err(unexpected(client, message)))?;
    let each = server.resident_bytes()?.saturating_sub(before) as f64 / CLIENTS as f64;
    run.value("memory", each / 1e3, CLIENTS as u64);
    Ok(())
}

const CLIENTS: usize = 10_000;

/// How long a server gets to come to rest.
const SETTLE: Duration = Duration::from_secs(2);
