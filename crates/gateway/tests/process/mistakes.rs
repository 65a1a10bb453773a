//! Mistakes on the command line and in the environment.

use std::net::TcpListener;
use std::process::Stdio;

use crate::node::{command, within};

/// Starts it with options and environment; expects it to complain in one line that has all of `told` in it.
async fn check(options: &[&str], environment: &[(&str, &str)], told: &[&str]) {
    let mut command = command(options);
    command.envs(environment.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = within(command.output()).await.expect("the binary has been built");
    let stderr = String::from_utf8(ended.stderr).expect("it is text");
    assert_eq!(ended.status.code(), Some(2), "{options:?} {environment:?}: {stderr}");
    assert_eq!(ended.stdout, b"", "{options:?} {environment:?}");
    let complaints: Vec<&str> = stderr.lines().filter(|line| !line.starts_with('{')).collect();
    let [complaint] = complaints[..] else { panic!("not one line: {complaints:?}") };
    assert!(!complaint.contains("secret"), "{complaint}");
    assert!(complaint.starts_with("fanfare: ") && told.iter().all(|told| complaint.contains(told)), "{complaint}");
}

/// NODE-13
#[tokio::test]
async fn a_mistake_is_named_in_one_line() {
    for (options, told) in [
        (&["--lissten", "127.0.0.1:0"][..], &["--lissten", "--listen"][..]),
        (&["serve"], &["serve"]),
        (&["--ping-interval"], &["--ping-interval"]),
        (&["--ping-interval", "25"], &["--ping-interval", "25"]),
        (&["--ping-interval", "-1s"], &["-1"]),
        (&["--ping-interval", "0s"], &["--ping-interval", "24 h"]),
        (&["--ping-timeout", "2days"], &["--ping-timeout", "24 h"]),
        (&["--ping-timeout", "forever"], &["--ping-timeout", "forever"]),
        (&["--connect-timeout", "1000000years"], &["--connect-timeout", "24 h"]),
        (&["--upgrade-timeout", ""], &["--upgrade-timeout"]),
        (&["--write-timeout", "0ms"], &["--write-timeout"]),
        (&["--max-payload", "0"], &["--max-payload"]),
        (&["--max-payload", "1MB"], &["--max-payload", "1MB"]),
        (&["--max-payload", "99999999999999999999"], &["--max-payload"]),
        (&["--path", "socket.io"], &["--path", "socket.io"]),
        (&["--path", "/a?b"], &["--path", "/a?b"]),
        (&["--cors-origin", "example.com"], &["--cors-origin", "example.com"]),
        (&["--app", "chat"], &["--app", "chat", "demo", "testbed"]),
        (&["--workers", "0"], &["--workers", "0"]),
        (&["--workers", "100000"], &["--workers", "100000"]),
        (&["--log", "fanfare=loud"], &["--log"]),
        (&["--adapter", "kafka"], &["--adapter", "kafka", "redis-sharded"]),
        (&["--adapter", "redis", "--redis", "http://me:secret@x"], &["--redis", "http://…@x", "rediss://"]),
        (&["--adapter", "redis", "--redis", "redis://a", "--redis", "redis://b"], &["--adapter", "sharded"]),
        (&["--adapter", "redis", "--redis-ca", "/nowhere/ca.pem"], &["--redis-ca: /nowhere/ca.pem: No such file"]),
        (&["--adapter", "redis", "--redis-ca", "/etc/passwd"], &["--redis-ca", "PEM"]),
        (&["--adapter", "redis", "--redis-prefix", "a#b"], &["--redis-prefix", "a#b"]),
        (&["--node-id", "abc"], &["--node-id", "abc", "4 letters"]),
        (&["--drain-time", "10"], &["--drain-time", "10"]),
        (&["--trusted-proxy", "10.0.0.0/33"], &["--trusted-proxy", "10.0.0.0/33"]),
        (&["--max-connections", "0"], &["--max-connections", "0"]),
        (&["--require-redis=maybe"], &["--require-redis", "maybe"]),
        (&["--config", "/nowhere/fanfare.toml"], &["--config", "/nowhere/fanfare.toml"]),
        (&["redis://me:secret@x"], &["redis://…@x"]),
    ] {
        check(options, &[], told).await;
    }
}

/// NODE-13
#[tokio::test]
async fn an_address_that_cannot_be_listened_on_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check_listen(&address, &["--listen", &address, "in use"]).await;
    for address in ["127.0.0.1", "127.0.0.1:port", "127.0.0.1:65536", "256.0.0.1:1", "192.0.2.1:1", ""] {
        check_listen(address, &["--listen", address]).await;
    }
}

/// NODE-13
#[tokio::test]
async fn an_internal_address_that_cannot_be_listened_on_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    check(&["--admin-listen", &address], &[], &["--admin-listen", &address, "in use"]).await;
    for address in ["127.0.0.1", "192.0.2.1:1", "None", ""] {
        check(&["--admin-listen", address], &[], &["--admin-listen", address]).await;
    }
}

async fn check_listen(address: &str, told: &[&str]) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_fanfare"));
    command.env_clear().env("FANFARE_LISTEN", address).env("FANFARE_ADMIN_LISTEN", "none").kill_on_drop(true);
    let ended = within(command.output()).await.expect("the binary has been built");
    let stderr = String::from_utf8(ended.stderr).expect("it is text");
    let complaints: Vec<&str> = stderr.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!((ended.status.code(), complaints.len()), (Some(2), 1), "{address}: {stderr}");
    assert!(told.iter().all(|told| complaints[0].contains(told)), "{complaints:?}");
}

/// NODE-13
#[tokio::test]
async fn a_mistake_in_the_environment_is_named_too() {
    for (name, value, told) in [
        ("FANFARE_PING_INTERVAL", "soon", "--ping-interval"),
        ("FANFARE_APP", "chat", "--app"),
        ("FANFARE_MAX_PAYLOAD", "-1", "--max-payload"),
        ("FANFARE_WORKERS", "many", "--workers"),
        ("FANFARE_LOG", "fanfare=loud", "--log"),
        ("FANFARE_PATH", "no-slash", "--path"),
    ] {
        check(&[], &[(name, value)], &[told]).await;
    }
}

/// NODE-13
#[tokio::test]
async fn whoever_asks_for_help_gets_it() {
    for (option, told) in [("--help", "--listen <HOST:PORT>"), ("--version", env!("CARGO_PKG_VERSION"))] {
        let ended = within(command(&[option]).output()).await.unwrap();
        assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
        assert!(String::from_utf8(ended.stdout).unwrap().contains(told));
    }
}
