//! What a node tells operators.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use fanfare_testkit::{Http, Polling, Redis};

use crate::node::{Node, command, within};

async fn start(options: &[&str]) -> (Node, SocketAddr) {
    let mut node = Node::start(&[options, &["--admin-listen", "127.0.0.1:0"]].concat()).await;
    let admin = node.admin().await;
    (node, admin)
}

async fn status(admin: SocketAddr, path: &str) -> (u16, String) {
    let response = Http::get(admin, path).await;
    (response.status, response.text().to_owned())
}

/// Waits until `/readyz` answers so; returns what it says.
async fn readiness(admin: SocketAddr, expected: u16) -> String {
    let becomes = async {
        loop {
            let (code, text) = status(admin, "/readyz").await;
            if code == expected {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    within(becomes).await
}

#[tokio::test]
async fn the_program_asks_a_node_how_it_is() {
    let (_node, admin) = start(&[]).await;
    let admin = admin.to_string();
    let check = async |options: &[&str], code: i32| {
        let ended = within(command(options).output()).await.expect("it can be started");
        assert_eq!(ended.status.code(), Some(code), "{options:?}: {}", String::from_utf8_lossy(&ended.stderr));
        assert_eq!(ended.stderr.is_empty(), code == 0, "{options:?}");
    };
    check(&["health", "--admin-listen", &admin], 0).await;
    check(&["health", "/readyz", "--admin-listen", &admin], 0).await;
    check(&["health", "/nowhere", "--admin-listen", &admin], 1).await;
    check(&["health", "--admin-listen", "none"], 1).await;
}

#[tokio::test]
async fn every_metric_has_a_name_by_the_conventions_a_help_and_a_type() {
    let (node, admin) = start(&["--log", "error"]).await;
    let mut client = node.client().await;
    assert_eq!(client.ask(1, r#"["join","room"]"#).await, r#"["ok"]"#);
    assert_eq!(client.ask(2, r#"["echo",1]"#).await, "[1]");
    let _polling = Polling::open(node.address, "/socket.io/").await;
    let response = Http::get(admin, "/metrics").await;
    let content_type = response.header("content-type").unwrap_or_default().to_owned();
    assert!(content_type.starts_with("text/plain; version=0.0.4"), "{content_type}");
    let families = parse(response.text());
    for (name, family) in &families {
        assert!(!family.help.is_empty() && !family.samples.is_empty(), "{name}: {family:?}");
        assert!(name.starts_with("fanfare_") || name.starts_with("process_"), "{name}");
        assert_eq!(name.ends_with("_total"), family.kind == "counter", "{name} is a {}", family.kind);
    }
    let value = |name: &str, labels: &str| {
        let family = families.get(name).unwrap_or_else(|| panic!("no {name}"));
        family.samples.iter().filter(|(sample, _)| sample.contains(labels)).map(|(_, value)| value).sum::<f64>()
    };
    assert_eq!(value("fanfare_build_info", &format!(r#"version="{}""#, env!("CARGO_PKG_VERSION"))), 1.0);
    assert_eq!(value("fanfare_sessions", r#"transport="websocket""#), 1.0);
    assert_eq!(value("fanfare_sessions", r#"transport="polling""#), 1.0);
    assert_eq!(value("fanfare_sockets", ""), 1.0);
    assert_eq!(value("fanfare_events_received_total", ""), 2.0);
    assert_eq!(value("fanfare_rooms", ""), 1.0);
    // The first of a thread is measured.
    for histogram in ["fanfare_handler_seconds", "fanfare_delivery_seconds"] {
        assert!(value(histogram, &format!("{histogram}_count")) >= 1.0, "{histogram}");
    }
    assert_eq!(value("fanfare_broadcast_sockets", "_count"), 0.0);
    assert!(value("process_resident_memory_bytes", "") > 1e6);
}

#[tokio::test]
async fn nothing_else_is_there_and_nothing_of_it_for_clients() {
    let (node, admin) = start(&[]).await;
    assert_eq!(status(admin, "/healthz").await, (200, "ok\n".to_owned()));
    assert_eq!(status(admin, "/readyz").await, (200, "ready\n".to_owned()));
    for path in ["/", "/metrics/", "/health", "/socket.io/?EIO=4&transport=polling", "/debug"] {
        assert_eq!(status(admin, path).await.0, 404, "{path}");
    }
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(status(node.address, path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn a_node_is_ready_while_redis_is() {
    let mut redis = Redis::start().await;
    let (node, admin) = start(&["--adapter", "redis", "--redis", &redis.url()]).await;
    assert_eq!(status(admin, "/readyz").await, (200, "ready\n".to_owned()));
    redis.kill();
    let reason = readiness(admin, 503).await;
    assert!(reason.starts_with("Redis cannot be reached: ") && reason.lines().count() == 1, "{reason:?}");
    assert_eq!(status(admin, "/healthz").await.0, 200, "it lives");
    node.expect_service().await;
    redis.restart().await;
    readiness(admin, 200).await;
}

/// Of metrics with one name.
#[derive(Debug, Default)]
struct Family {
    help: String,
    kind: String,
    /// Each with its labels, and its value.
    samples: Vec<(String, f64)>,
}

/// Reads the text format of Prometheus, in which everything of a family comes behind its help and type.
fn parse(text: &str) -> HashMap<String, Family> {
    let mut families: HashMap<String, Family> = HashMap::new();
    let mut seen = HashSet::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help");
            assert!(!families.contains_key(name), "{name} comes twice");
            current = name.to_owned();
            families.entry(current.clone()).or_default().help = help.to_owned();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(name, current);
            families.entry(current.clone()).or_default().kind = kind.to_owned();
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a sample");
            assert!(seen.insert(sample.to_owned()), "{sample} comes twice");
            let name = sample.split('{').next().expect("a name");
            let family = families.get_mut(&current).unwrap_or_else(|| panic!("{line} is of no family"));
            let suffixes: &[&str] = if family.kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
            assert!(suffixes.iter().any(|suffix| name == format!("{current}{suffix}")), "{line} in {current}");
            family.samples.push((sample.to_owned(), value.parse().expect("a number")));
        }
    }
    families
}
