//! An echo served by hyper itself.
//!
//! Run it with `cargo run -p fanfare-engine --example hyper`, then
//! `curl 'http://127.0.0.1:3000/engine.io/?EIO=4&transport=polling'`: the answer is the open packet of a new session,
//! `0{"sid":"…","upgrades":["websocket"],…}`.

use fanfare_engine::{Connection, Engine, Received, Session};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder().build(|_: &Session| Echo)?;
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}{}", listener.local_addr()?, engine.path());
    loop {
        let (stream, _) = listener.accept().await?;
        let service = TowerToHyperService::new(engine.service());
        // Without upgrades there would be no WebSocket.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades());
    }
}

struct Echo;

impl Connection for Echo {
    fn message(&self, session: &Session, received: Received<'_>) {
        // A session that has closed meanwhile has no use for it.
        let _ = session.send(received.message);
    }
}
