//! A node whose output nobody takes, and what clients can make it write.

use std::fs::File;
use std::io::Write as _;
use std::process::Stdio;

use fanfare_testkit::{Client, WebSocket};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::ChildStderr;

use crate::node::{Node, command, within};

/// Starts it with a standard output that is useless; its log says where it listens.
async fn start_with_stdout(stdout: Stdio) -> (Node, BufReader<ChildStderr>) {
    let mut child = command(&[]).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    loop {
        let mut line = String::new();
        assert!(within(log.read_line(&mut line)).await.unwrap() > 0, "it ends instead of listening");
        if let Some(address) = line.split(r#""address":""#).nth(1) {
            let address = address.split('"').next().and_then(|address| address.parse().ok()).expect("an address");
            return (Node::new(child, address), log);
        }
    }
}

async fn expect_good_end(mut node: Node) {
    node.expect_service().await;
    node.signal("TERM");
    assert_eq!(node.exit().await.code(), Some(0));
}

/// NODE-12
#[tokio::test]
async fn a_closed_standard_output_is_no_reason_to_end() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let (node, _log) = start_with_stdout(writer.into()).await;
    expect_good_end(node).await;
}

/// NODE-12
#[tokio::test]
async fn a_blocked_standard_output_is_no_reason_to_wait() {
    let (reader, writer) = std::io::pipe().unwrap();
    fill(&writer);
    let (node, _log) = start_with_stdout(writer.into()).await;
    expect_good_end(node).await;
    drop(reader);
}

/// NODE-12
#[tokio::test]
async fn a_full_disk_is_no_reason_to_end() {
    let (node, _log) = start_with_stdout(File::create("/dev/full").unwrap().into()).await;
    expect_good_end(node).await;
    let full = File::create("/dev/full").unwrap();
    let node = Node::spawn(command(&["--log", "trace"]).stdout(Stdio::piped()).stderr(full)).await;
    expect_good_end(node).await;
}

/// NODE-12
#[tokio::test]
async fn a_log_that_nobody_reads_is_no_reason_to_wait() {
    let (reader, writer) = std::io::pipe().unwrap();
    let node = Node::spawn(command(&["--log", "trace"]).stdout(Stdio::piped()).stderr(writer)).await;
    // More than the pipe takes.
    for _ in 0..100 {
        violate(&node, r#"2["connect"]"#).await;
    }
    expect_good_end(node).await;
    drop(reader);
}

/// NODE-12
#[tokio::test]
async fn a_log_that_is_closed_is_no_reason_to_end() {
    let (reader, writer) = std::io::pipe().unwrap();
    let node = Node::spawn(command(&["--log", "trace"]).stdout(Stdio::piped()).stderr(writer)).await;
    violate(&node, "x").await;
    drop(reader);
    for _ in 0..20 {
        violate(&node, "x").await;
    }
    expect_good_end(node).await;
}

/// AUTH-12
#[tokio::test]
async fn what_clients_say_is_escaped_in_the_log() {
    let hostile = [
        "\u{1b}]0;owned\u{7}",
        "\u{1b}[31m",
        "\n{\"level\":\"ERROR\",\"message\":\"forged\"}",
        "\r\nERROR forged",
        "\u{9b}2J",
        "\u{202e}",
        "\u{0}",
    ];
    let (node, log) = start_with_log("trace").await;
    for text in hostile {
        let json: String = text.chars().map(|character| format!("\\u{:04x}", character as u32)).collect();
        for packet in [
            text.to_owned(),
            format!("0/{text},"),
            format!(r#"2["{json}"]"#),
            format!(r#"21["flood","{json}",1]"#),
            format!(r#"21["room","{json}"]"#),
            format!(r#"21["join","{json}"]"#),
            format!(r#"2/{text},["echo"]"#),
            format!(r#"0/admin,{{"token":"{json}","{json}":1}}"#),
        ] {
            let mut client = node.client().await;
            client.send(&packet).await;
            client.websocket.send(text).await;
            client.closed().await;
        }
        let header = text.replace(['\r', '\n', '\0'], "");
        let target = "/socket.io/?EIO=4&transport=websocket";
        for name in ["origin", "user-agent", "x-forwarded-for", "cookie"] {
            let _ = WebSocket::try_connect(node.address, target, &[(name, &header)]).await;
        }
    }
    let log = end(node, log).await;
    assert!(log.lines().count() > 100, "it is a log");
    for line in log.lines() {
        assert!(line.starts_with(r#"{"timestamp":""#) && line.ends_with('}'), "{line:?}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(!line.starts_with(r#"{"level""#) && line.len() < 2000, "{line:?}");
    }
}

/// AUTH-12, limits: distinct log lines from client input
#[tokio::test]
async fn a_client_cannot_flood_the_log() {
    const EVENTS: usize = 20_000;
    let (node, log) = start_with_log("debug").await;
    let mut client = node.client().await;
    let huge = "x".repeat(100_000);
    client.emit(&format!(r#"["flood","{huge}"]"#)).await;
    for _ in 0..EVENTS / 1000 {
        let events = WebSocket::frame(0x81, br#"42["flood","not a number"]"#).repeat(1000);
        client.websocket.send_raw(&events).await;
        client.expect_nothing_before(1, r#"["echo"]"#).await;
    }
    let log = end(node, log).await;
    let refused = log.lines().filter(|line| line.contains(r#""event refused""#)).count();
    assert!((1..EVENTS / 4).contains(&refused), "{refused} of {EVENTS} lines");
    assert!(log.lines().all(|line| line.len() < 2000));
}

/// A node whose log is read all the time.
async fn start_with_log(filter: &str) -> (Node, tokio::task::JoinHandle<String>) {
    let mut child = command(&["--log", filter]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let log = tokio::spawn(async move {
        let mut log = String::new();
        stderr.read_to_string(&mut log).await.expect("it is UTF-8");
        log
    });
    (Node::listening(child).await, log)
}

/// Ends the node; returns its log.
async fn end(mut node: Node, log: tokio::task::JoinHandle<String>) -> String {
    node.expect_service().await;
    node.signal("TERM");
    assert_eq!(node.exit().await.code(), Some(0));
    within(log).await.unwrap()
}

/// A client does something wrong and is closed.
async fn violate(node: &Node, packet: &str) {
    let mut client: Client = node.client().await;
    client.send(packet).await;
    assert!(client.closed().await);
}

/// Writes to a pipe until it takes no more.
fn fill(mut pipe: &std::io::PipeWriter) {
    let capacity = 64 << 10;
    pipe.write_all(&vec![b'x'; capacity]).expect("an empty pipe takes so much");
}
