//! The server that the public Engine.IO v4 protocol suite expects: an echo with quick heartbeats.
//!
//! Run it with `cargo run -p fanfare-engine --example protocol_suite -- 3000`, then the suite of the Engine.IO protocol
//! repository against that port.

use std::time::Duration;

use fanfare_engine::{Connection, Cors, Engine, Listener, Received, Session};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(3000), |port| port.parse())?;
    let engine = Engine::builder()
        .ping_interval(Duration::from_millis(300))
        .ping_timeout(Duration::from_millis(200))
        .max_http_buffer_size(1_000_000)
        .cors(Cors::any())
        .build(|_: &Session| Echo)?;
    let listener = Listener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}{}", listener.local_addr()?, engine.path());
    listener.serve(engine.service()).await?;
    Ok(())
}

struct Echo;

impl Connection for Echo {
    fn message(&self, session: &Session, received: Received<'_>) {
        let _ = session.send(received.message);
    }
}
