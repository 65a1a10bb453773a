//! A way to a server that can fall silent.

use std::future::pending;
use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Passes connections on to a port of the loopback, until it is told to forget them. Ends with its owner.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    forgotten: watch::Sender<()>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Begins to listen.
    pub async fn start(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let forgotten = watch::Sender::new(());
        let watching = forgotten.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(pass_on(client, port, watching.subscribe()));
            }
        });
        Self { address, forgotten, _tasks: tasks }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing passes on the connections there are, as if a firewall had forgotten them: neither side hears of
    /// it. New connections are passed on.
    pub fn forget_connections(&self) {
        self.forgotten.send_replace(());
    }
}

async fn pass_on(mut client: TcpStream, port: u16, mut forgotten: watch::Receiver<()>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = forgotten.changed() => pending().await,
    }
}
