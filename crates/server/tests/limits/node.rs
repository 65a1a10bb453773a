//! A server in this process, a client that watches it, and what it counts.

use std::net::SocketAddr;
use std::time::Duration;

use fanfare::{
    Ack, Auth, ConnectError, Data, EmitError, ExtractError, Listener, RawArgs, Server, ServerBuilder, Socket,
};
use fanfare_testkit::{Client, PATIENCE};
use serde::Deserialize;

/// A server and its canary: a client that has done nothing wrong.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) io: Server,
    canary: Client,
    asked: u64,
}

impl Node {
    /// With the default options.
    pub(crate) async fn start() -> Self {
        Self::build(Server::builder()).await
    }

    /// With options of its own. Clients can `echo`, `join`, `leave` and `say`; `/admin` is for those with the token.
    pub(crate) async fn build(builder: ServerBuilder) -> Self {
        let io = builder.build().expect("the options are valid");
        install(&io);
        Self::serve(io).await
    }

    /// A server that is ready, and answers `echo` in its main namespace.
    pub(crate) async fn serve(io: Server) -> Self {
        let listener = Listener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let serving = io.clone();
        tokio::spawn(async move { serving.serve(listener).await });
        let canary = Client::connect(address).await;
        Self { address, io, canary, asked: 0 }
    }

    /// A new client in the main namespace.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Checks that the canary is answered, and has got nothing else before.
    pub(crate) async fn expect_undisturbed(&mut self) {
        self.asked += 1;
        let question = format!(r#"["echo",{}]"#, self.asked);
        assert_eq!(self.canary.ask(self.asked, &question).await, format!("[{}]", self.asked));
    }

    /// The canary itself.
    pub(crate) fn canary(&mut self) -> &mut Client {
        &mut self.canary
    }

    /// The value of a metric; of all its labels together, or of one.
    pub(crate) fn metric(&self, name: &str, label: Option<&str>) -> u64 {
        let families = self.io.registry().gather();
        let metrics = families.iter().filter(|family| family.name() == name).flat_map(|family| family.get_metric());
        let wanted = metrics
            .filter(|metric| label.is_none_or(|label| metric.get_label().iter().any(|pair| pair.value() == label)));
        wanted.map(|metric| (metric.get_counter().get_value() + metric.get_gauge().get_value()) as u64).sum()
    }

    /// How many connections were closed for a violation of this kind.
    pub(crate) fn violations(&self, kind: &str) -> u64 {
        self.metric("fanfare_protocol_violations_total", Some(kind))
    }

    /// How many clients were refused for this reason.
    pub(crate) fn refusals(&self, kind: &str) -> u64 {
        self.metric("fanfare_refused_connects_total", Some(kind))
    }

    /// Sends packets as a client that is connected, and checks that it is closed for it.
    pub(crate) async fn expect_closed(&self, kind: &str, packets: &[&str]) {
        let before = self.violations(kind);
        let mut client = self.client().await;
        for packet in packets {
            client.send(packet).await;
        }
        assert!(client.closed().await, "no close frame for {packets:.100?}");
        assert_eq!(self.violations(kind), before + 1, "{packets:.100?}");
    }

    /// Sends packets as a client that is connected, and checks that it is still heard afterwards.
    pub(crate) async fn expect_nothing(&self, packets: &[&str]) {
        let mut client = self.client().await;
        for packet in packets {
            client.send(packet).await;
        }
        client.expect_nothing_before(7, r#"["echo"]"#).await;
    }
}

/// Waits until something has become true.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "never: {what}");
}

fn install(io: &Server) {
    io.on_connect(handle);
    let admin = io.of("/admin");
    admin.middleware(async |Auth(auth): Auth<Token>| match auth.token.as_str() {
        "secret" => Ok(()),
        _ => Err(ConnectError::new("unauthorized")),
    });
    admin.on_connect(handle);
    io.of("/other").on_connect(handle);
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

pub(crate) async fn handle(socket: Socket) {
    socket.on("echo", echo);
    socket.on("join", join);
    socket.on("leave", leave);
    socket.on("say", say);
}

async fn echo(socket: Socket, args: RawArgs, ack: Ack) -> Result<(), EmitError> {
    if ack.is_requested() { ack.send(args) } else { socket.emit("echo", args).await }
}

async fn join(socket: Socket, room: Result<Data<String>, ExtractError>) -> &'static str {
    match room {
        Ok(Data(room)) if socket.join(&room) => "ok",
        _ => "error",
    }
}

async fn leave(socket: Socket, Data(room): Data<String>) {
    socket.leave(room);
}

async fn say(socket: Socket, Data(room): Data<String>, args: RawArgs) {
    socket.to(room).emit("said", args);
}
