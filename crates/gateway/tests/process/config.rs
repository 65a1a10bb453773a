//! Where options come from, and which of them wins.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use fanfare_testkit::{Http, free_port};

use crate::node::{Node, command, within};

/// A configuration file that goes with the test.
struct File(PathBuf);

impl File {
    fn new(text: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("fanfare-{}-{number}.toml", std::process::id()));
        std::fs::write(&path, text).expect("the temporary folder can be written to");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("it is text")
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What the program prints to each side, and its exit code.
async fn run(options: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let ended = within(command(options).envs(environment.iter().copied()).output()).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("it is text");
    (ended.status.code().unwrap(), text(ended.stdout), text(ended.stderr))
}

/// Checks the line of one option in the configuration in effect.
async fn check(options: &[&str], environment: &[(&str, &str)], line: &str) {
    let (code, stdout, stderr) = run(&[options, &["check-config"]].concat(), environment).await;
    assert_eq!((code, &*stderr), (0, ""));
    assert!(stdout.lines().any(|shown| shown == line), "{line} is not in\n{stdout}");
}

#[tokio::test]
async fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = File::new("ping_interval = \"1s\"\ncors_origin = [\"https://a.example\", \"https://b.example\"]\n");
    let config = ["--config", file.path()];
    let variable = [("FANFARE_PING_INTERVAL", "2s")];
    let flag = ["--config", file.path(), "--ping-interval", "3s"];
    check(&[], &[], r#"ping_interval = "25s"  # default"#).await;
    check(&config, &[], &format!(r#"ping_interval = "1s"  # {}"#, file.path())).await;
    check(&[], &[("FANFARE_CONFIG", file.path())], &format!(r#"ping_interval = "1s"  # {}"#, file.path())).await;
    check(&config, &variable, r#"ping_interval = "2s"  # FANFARE_PING_INTERVAL"#).await;
    check(&flag, &variable, r#"ping_interval = "3s"  # --ping-interval"#).await;
    let origins = r#"cors_origin = ["https://a.example", "https://b.example"]"#;
    check(&flag, &variable, &format!("{origins}  # {}", file.path())).await;
    let other = ["--config", file.path(), "--cors-origin", "https://c.example"];
    check(&other, &[], r#"cors_origin = ["https://c.example"]  # --cors-origin"#).await;
}

#[tokio::test]
async fn what_the_file_says_is_what_the_node_does() {
    let file = File::new("ping_interval = \"1234ms\"\npath = \"/chat\"\nnode_id = \"n042\"\nmax_payload = 4321\n");
    let node = Node::start(&["--config", file.path()]).await;
    let open = Http::get(node.address, "/chat/?EIO=4&transport=polling").await;
    let open = open.text();
    for told in [r#""sid":"n042"#, r#""pingInterval":1234"#, r#""maxPayload":4321"#] {
        assert!(open.contains(told), "{told} is not in {open}");
    }
}

/// NODE-13
#[tokio::test]
async fn a_mistake_in_the_file_is_named_with_the_file() {
    for (text, told) in [
        ("ping_intervall = \"1s\"", &["ping_intervall", "ping_interval,"][..]),
        ("ping_interval = 25", &["ping_interval: \"25\"", "25s or 300ms"]),
        ("ping_interval = \"0s\"", &["ping_interval: 0ns", "24 h"]),
        ("path = \"chat\"", &["path: chat/"]),
        ("max_payload = 0", &["max_payload: 0", "at least 1"]),
        ("app = \"chat\"", &["app: \"chat\"", "demo, testbed"]),
        ("listen = [\"a\", \"b\"]", &["listen: it is one value"]),
        ("adapter = \"redis\"\nredis = \"http://me:secret@x\"", &["redis: http://…@x", "rediss://"]),
        ("adapter = \"redis\"\nredis = []", &["redis: there is none"]),
        ("log = \"info\"\n\nlog = \"debug\"", &["line 3", "duplicate key"]),
        ("listen =", &["line 1"]),
    ] {
        let file = File::new(text);
        for command in [&["--config", file.path()][..], &["--config", file.path(), "check-config"]] {
            let mut process = crate::node::command(command);
            // Only the file says it.
            process.env_remove("FANFARE_LISTEN").env_remove("FANFARE_APP");
            let ended = within(process.output()).await.unwrap();
            let stderr = String::from_utf8(ended.stderr).unwrap();
            assert_eq!((ended.status.code(), ended.stdout), (Some(2), Vec::new()), "{text}: {stderr}");
            let complaints: Vec<&str> = stderr.lines().filter(|line| !line.starts_with('{')).collect();
            let [complaint] = complaints[..] else { panic!("not one line: {complaints:?}") };
            let start = format!("fanfare: {}: ", file.path());
            assert!(complaint.starts_with(&start) && told.iter().all(|told| complaint.contains(told)), "{complaint}");
            assert!(!stderr.contains("secret"), "{stderr}");
        }
    }
}

#[tokio::test]
async fn passwords_are_shown_nowhere() {
    let url = format!("redis://someone:hunter2@127.0.0.1:{}/", free_port());
    let file = File::new(&format!("adapter = \"redis\"\nredis = [\"{url}\"]\n"));
    let shown = format!(r#"redis = ["redis://…@{}"]"#, url.split('@').nth(1).unwrap());
    check(&["--config", file.path()], &[], &format!("{shown}  # {}", file.path())).await;
    check(&["--redis", &url], &[], &format!("{shown}  # --redis")).await;
    check(&[], &[("FANFARE_REDIS", &url)], &format!("{shown}  # FANFARE_REDIS")).await;
    for (options, environment) in [
        (&["--config", file.path(), "check-config"][..], &[][..]),
        (&["--redis", &url, "check-config"], &[]),
        (&["check-config"], &[("FANFARE_REDIS", &*url)]),
        (&["--help"], &[("FANFARE_REDIS", &*url)]),
        (&["--config", file.path(), "--require-redis", "--log", "trace"], &[]),
    ] {
        let (_, stdout, stderr) = run(options, environment).await;
        assert!(!stdout.contains("hunter2") && !stderr.contains("hunter2"), "{options:?}\n{stdout}\n{stderr}");
    }
}

#[tokio::test]
async fn a_node_that_requires_redis_does_not_start_without() {
    let url = format!("redis://127.0.0.1:{}/", free_port());
    let (code, _, stderr) = run(&["--adapter", "redis", "--redis", &url, "--require-redis"], &[]).await;
    let complaint = stderr.lines().find(|line| line.starts_with("fanfare: ")).unwrap_or_default();
    assert_eq!(code, 2);
    assert!(complaint.starts_with("fanfare: --require-redis: Redis cannot be reached: "), "{stderr}");
}
