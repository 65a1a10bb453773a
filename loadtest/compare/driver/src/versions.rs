//! Versions of everything that takes part.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::machine::said_by;
use crate::servers::root;

/// All of them, by name.
pub fn all() -> BTreeMap<&'static str, String> {
    let here = root().join("loadtest/compare");
    let package = |name: &str| installed(&here.join("node/node_modules").join(name));
    let crates = fs::read_to_string(here.join("Cargo.lock")).unwrap_or_default();
    let root = root();
    BTreeMap::from([
        ("Fanfare", said_by("git", &["-C", &root.to_string_lossy(), "describe", "--always", "--dirty"])),
        ("Rust", said_by("rustc", &["--version"])),
        ("Node.js", said_by("node", &["--version"])),
        ("Redis", said_by("redis-server", &["--version"])),
        ("socket.io", package("socket.io")),
        ("ws", package("engine.io/node_modules/ws")),
        ("bufferutil", package("bufferutil")),
        ("uWebSockets.js", package("@trufflesuite/uws-js-unofficial")),
        ("@socket.io/redis-adapter", package("@socket.io/redis-adapter")),
        ("socketioxide", locked(&crates, "socketioxide")),
        ("socketioxide-redis", locked(&crates, "socketioxide-redis")),
        ("tokio of floor and socketioxide", locked(&crates, "tokio")),
    ])
}

/// The version of a package of npm.
fn installed(package: &Path) -> String {
    let text = fs::read_to_string(package.join("package.json")).unwrap_or_default();
    let package: Value = serde_json::from_str(&text).unwrap_or_default();
    package["version"].as_str().unwrap_or("unknown").to_owned()
}

/// The version of a crate in a lock file.
fn locked(lock: &str, name: &str) -> String {
    let entry = format!("name = \"{name}\"\nversion = \"");
    let version = lock.split_once(&entry).and_then(|(_, rest)| rest.split_once('"'));
    version.map_or("unknown", |(version, _)| version).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_a_lock_file() {
        let lock = "[[package]]\nname = \"tokio-util\"\nversion = \"0.7\"\n\n[[package]]\nname = \"tokio\"\nversion = \"1.2\"\n";
        assert_eq!(locked(lock, "tokio"), "1.2");
        assert_eq!(locked(lock, "mio"), "unknown");
    }
}
