//! A Redis server that lives as long as a test.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::within;

/// A Redis server on a free port of the loopback, without persistence. Ends with its owner.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    args: Vec<String>,
    process: Child,
    /// A file that goes with it.
    file: Option<PathBuf>,
}

impl Redis {
    /// Starts a server and waits until it answers.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts a server with further arguments, such as `--requirepass secret`.
    pub async fn start_with(args: &[&str]) -> Self {
        Self::start_on(free_port(), args).await
    }

    /// Starts a server on a certain port.
    pub async fn start_on(port: u16, args: &[&str]) -> Self {
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let args = [plain(port), args].concat();
        let redis = Self { port, process: spawn(&args), args, file: None };
        redis.ready().await;
        redis
    }

    /// Starts a replica of another server, and waits until it has what the other has.
    pub async fn start_replica(of: &Self) -> Self {
        let replica = Self::start_with(&["--replicaof", "127.0.0.1", &of.port.to_string()]).await;
        let replicates = async {
            while !replica.query("INFO replication").await.concat().contains("master_link_status:up") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        within("replication", replicates).await;
        replica
    }

    /// Starts a server of a cluster, which knows no other yet.
    pub(crate) async fn start_member() -> Self {
        let port = free_port();
        let name = format!("fanfare-cluster-{port}.conf");
        let bus = free_port().to_string();
        let cluster = ["--cluster-enabled", "yes", "--cluster-config-file", &name, "--cluster-port", &bus];
        let timeout = ["--cluster-node-timeout", "1000"];
        let mut member = Self::start_on(port, &[&cluster[..], &timeout].concat()).await;
        member.file = Some(std::path::Path::new("/tmp").join(name));
        member
    }

    /// Starts a Sentinel that watches over a primary by the name of `main`, and waits until it knows the replica.
    pub async fn start_sentinel(primary: &Self) -> Self {
        let port = free_port();
        let file = std::env::temp_dir().join(format!("fanfare-sentinel-{port}.conf"));
        let watched = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main 400\nsentinel failover-timeout main 2000\n",
            primary.port
        );
        std::fs::write(&file, watched).expect("the directory for temporary files can be written to");
        let args = vec![file.display().to_string(), "--sentinel".to_owned()];
        let sentinel = Self { port, process: spawn(&args), args, file: Some(file) };
        sentinel.ready().await;
        // It looks more often than every ten seconds, and does so at once.
        let hurried = sentinel.command("SENTINEL DEBUG info-period 100 ping-period 100 publish-period 100").await;
        assert_eq!(hurried, "+OK");
        let knows = async {
            while !sentinel.query("SENTINEL REPLICAS main").await.iter().any(|word| word == "ok") {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        within("a replica", knows).await;
        sentinel
    }

    /// The address for a client.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it without a word, and with everything it knew.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts it again on the same port, empty.
    pub async fn restart(&mut self) {
        self.kill();
        self.process = spawn(&self.args);
        self.ready().await;
    }

    /// Stops it as if its machine hung: connections stay open and nothing answers.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// Sends a command of words; returns the first line of the answer.
    pub async fn command(&self, line: &str) -> String {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.send(&words).await
    }

    /// Sends a command of words; returns all there is in the answer, lists within lists as one.
    pub async fn query(&self, line: &str) -> Vec<String> {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let mut stream = self.ask(&words).await;
        let mut answer = Vec::new();
        loop {
            let mut values = Vec::new();
            if flatten(&answer, &mut values).is_some() {
                return values;
            }
            let read = within("answer", stream.read_buf(&mut answer)).await.expect("it answers");
            assert!(read > 0, "{line}: the answer ends early");
        }
    }

    /// The channels that somebody listens to, sharded ones too, and how many do.
    pub async fn channels(&self) -> BTreeMap<String, usize> {
        let mut channels = BTreeMap::new();
        for (list, count) in [("CHANNELS", "NUMSUB"), ("SHARDCHANNELS", "SHARDNUMSUB")] {
            let names = self.query(&format!("PUBSUB {list}")).await;
            let counts = self.query(&format!("PUBSUB {count} {}", names.join(" "))).await;
            let pairs = counts.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].parse().expect("a count")));
            channels.extend(pairs.filter(|(_, count)| *count > 0));
        }
        channels
    }

    /// Publishes any bytes.
    pub async fn publish(&self, channel: &str, payload: &[u8]) {
        self.send(&[b"PUBLISH", channel.as_bytes(), payload]).await;
    }

    /// Publishes any bytes on a sharded channel.
    pub async fn publish_sharded(&self, channel: &str, payload: &[u8]) {
        self.send(&[b"SPUBLISH", channel.as_bytes(), payload]).await;
    }

    async fn send(&self, words: &[&[u8]]) -> String {
        let mut stream = self.ask(words).await;
        let mut answer = vec![0; 4096];
        let len = within("answer", stream.read(&mut answer)).await.expect("it answers");
        String::from_utf8_lossy(&answer[..len]).lines().next().unwrap_or_default().to_owned()
    }

    async fn ask(&self, words: &[&[u8]]) -> TcpStream {
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            command.extend_from_slice(word);
            command.extend_from_slice(b"\r\n");
        }
        let mut stream = within("connect", TcpStream::connect(("127.0.0.1", self.port))).await.expect("it listens");
        stream.write_all(&command).await.expect("it reads");
        stream
    }

    async fn ready(&self) {
        let listens = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        within("start of redis-server", listens).await;
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().expect("kill is there");
        assert!(sent.success(), "kill {signal} {id}");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
        if let Some(file) = &self.file {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Appends the values of an answer; returns its length, unless it is not complete.
fn flatten(answer: &[u8], values: &mut Vec<String>) -> Option<usize> {
    let line = answer.iter().position(|&byte| byte == b'\n')?;
    let head = String::from_utf8_lossy(&answer[1..line]).trim_end().to_owned();
    let mut end = line + 1;
    match (answer[0], head.parse::<i64>()) {
        (b'*', Ok(len)) => {
            for _ in 0..len {
                end += flatten(&answer[end..], values)?;
            }
        }
        (b'$', Ok(len)) => {
            let len = usize::try_from(len).unwrap_or(0);
            values.push(String::from_utf8_lossy(answer.get(end..end + len)?).into_owned());
            end += len + 2;
        }
        _ => values.push(head),
    }
    (answer.len() >= end).then_some(end)
}

/// A port that nobody listens on, for now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback has a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A server that keeps nothing.
fn plain(port: u16) -> Vec<String> {
    let port = port.to_string();
    let args = ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp"];
    args.into_iter()
        .chain(["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"])
        .map(str::to_owned)
        .collect()
}

fn spawn(args: &[String]) -> Child {
    let mut command = Command::new("redis-server");
    command.args(args).stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    command.spawn().expect("redis-server is installed")
}
