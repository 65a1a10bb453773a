//! What the tests share: nodes on one Redis, with scripted clients on them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fanfare::{Data, Listener, Namespace, Server, ServerBuilder, Socket, Value};
use fanfare_redis::{Kind, RedisAdapter, RedisAdapterBuilder, Status, SubscriptionMode};
use fanfare_testkit::{Client, PATIENCE, Redis};

/// The adapters that have to do the same.
pub(crate) const KINDS: [Kind; 4] = [
    Kind::Classic,
    Kind::Sharded(SubscriptionMode::Static),
    Kind::Sharded(SubscriptionMode::Dynamic),
    Kind::Sharded(SubscriptionMode::DynamicPrivate),
];

/// One node: `join` joins a room, `echo` and `question` are answered with the argument.
pub(crate) struct Node {
    pub(crate) io: Server,
    pub(crate) adapter: RedisAdapter,
    pub(crate) address: SocketAddr,
    pub(crate) registry: prometheus::Registry,
    pub(crate) prefix: String,
}

impl Node {
    pub(crate) async fn with(builder: RedisAdapterBuilder) -> Self {
        Self::prefixed("socket.io", builder).await
    }

    pub(crate) async fn prefixed(prefix: &str, builder: RedisAdapterBuilder) -> Self {
        Self::custom(prefix, builder, Server::builder()).await
    }

    /// A node with options of its server.
    pub(crate) async fn custom(prefix: &str, builder: RedisAdapterBuilder, server: ServerBuilder) -> Self {
        let registry = prometheus::Registry::new();
        let builder = builder.prefix(prefix).requests_timeout(Duration::from_millis(700)).registry(registry.clone());
        let adapter = builder.connect().await.expect("the options are valid");
        let io = server.serve_client(false).adapter(adapter.clone()).build().expect("the options are valid");
        io.on_connect(async |socket: Socket| {
            socket.on("join", async |socket: Socket, namespace: Namespace, Data(room): Data<String>| {
                socket.join(room) && namespace.rooms_ready().await.is_ok()
            });
            socket.on("leave", async |socket: Socket, Data(room): Data<String>| socket.leave(room));
            socket.on("sync", async || ());
            socket.on("echo", async |Data(value): Data<Value>| Data(value));
        });
        io.on("question", async |Data(value): Data<Value>| Data(value));
        let listener = Listener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let server = io.clone();
        tokio::spawn(async move { server.serve(listener).await });
        Self { io, adapter, address, registry, prefix: prefix.to_owned() }
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// A client in a room that the whole cluster knows of.
    pub(crate) async fn client_in(&self, room: &str) -> Client {
        let mut client = self.client().await;
        assert_eq!(client.ask(1, &format!(r#"["join","{room}"]"#)).await, "[true]");
        client
    }

    /// The value of a counter or gauge, all its labels together.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().filter(|family| family.name() == name);
        family
            .flat_map(|family| family.get_metric())
            .map(|metric| metric.get_counter().get_value() + metric.get_gauge().get_value())
            .sum()
    }

    pub(crate) async fn wait_for(&self, wanted: impl Fn(&Status) -> bool) {
        let mut status = self.adapter.watch_status();
        let waiting = status.wait_for(|status| wanted(status));
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| panic!("still {:?}", self.adapter.status()))
            .expect("the adapter lives");
    }

    pub(crate) async fn is_up(&self) {
        self.wait_for(|status| *status == Status::Up).await;
        settle().await;
    }
}

/// Nodes on one Redis, a cluster apart from all others on it.
pub(crate) async fn nodes<const N: usize>(redis: &Redis, kind: Kind) -> [Node; N] {
    nodes_with(redis, kind, Server::builder).await
}

/// The same, with options of their servers.
pub(crate) async fn nodes_with<const N: usize>(
    redis: &Redis,
    kind: Kind,
    server: impl Fn() -> ServerBuilder,
) -> [Node; N] {
    static CLUSTERS: AtomicUsize = AtomicUsize::new(0);
    let prefix = format!("cluster{}", CLUSTERS.fetch_add(1, Ordering::Relaxed));
    let mut nodes = Vec::new();
    for _ in 0..N {
        nodes.push(Node::custom(&prefix, RedisAdapter::builder(redis.url()).kind(kind), server()).await);
    }
    settle().await;
    nodes.try_into().unwrap_or_else(|_| unreachable!("as many as were asked for"))
}

/// Everything works: an event of each node reaches the client of the other.
pub(crate) async fn works([a, b]: &[Node; 2]) {
    let (mut near, mut far) = (a.client().await, b.client().await);
    let (near, far) = (&mut near, &mut far);
    a.io.emit("from a", ());
    assert_eq!(far.event().await, r#"["from a"]"#);
    b.io.emit("from b", ());
    assert_eq!(near.event().await, r#"["from a"]"#);
    assert_eq!(near.event().await, r#"["from b"]"#);
}

/// Lets subscriptions that have just been asked for reach Redis, which tells nobody when they have.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(60)).await;
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let started = tokio::time::Instant::now();
    while !holds().await {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
