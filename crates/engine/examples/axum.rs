//! An echo beside the routes of an axum application.
//!
//! Run it with `cargo run -p fanfare-engine --example axum`. `curl http://127.0.0.1:3000/` says how many clients are
//! connected; `curl 'http://127.0.0.1:3000/engine.io/?EIO=4&transport=polling'` connects one more.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use fanfare_engine::{Connection, Engine, Received, Session};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::builder().build(|_: &Session| Echo)?;
    let application = Router::new()
        .route("/", get(async |State(engine): State<Engine>| format!("{} clients\n", engine.clients_count())))
        .with_state(engine.clone())
        .layer(engine.layer());
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, application).await?;
    Ok(())
}

struct Echo;

impl Connection for Echo {
    fn message(&self, session: &Session, received: Received<'_>) {
        // A session that has closed meanwhile has no use for it.
        let _ = session.send(received.message);
    }
}
