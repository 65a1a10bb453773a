//! A server inside an application of axum: a page, an HTTP route that sends to all clients, and the clients themselves, on
//! one port.
//!
//! Run it with `cargo run -p fanfare --example axum` in a folder where `npm install socket.io-client` has been run (the
//! server then serves the client's script too), open <http://localhost:3000>, and announce something:
//!
//! ```text
//! $ curl -d "lunch is ready" http://localhost:3000/announce
//! told 1 clients
//! ```
//!
//! The page shows it at once. Without the npm package, any client that listens for `announcement` does.

use axum::Router;
use axum::extract::State;
use axum::response::Html;
use axum::routing::{get, post};
use fanfare::Server;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let io = Server::new();
    let app = Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/announce", post(announce))
        .with_state(io.clone())
        // Takes what is below `/socket.io/` and leaves the rest to the routes.
        .layer(io.layer());
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, app).await
}

/// A handler of axum that has the server as its state.
async fn announce(State(io): State<Server>, text: String) -> String {
    io.emit("announcement", &text);
    format!("told {} clients\n", io.sockets_count())
}

const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>Announcements</title>
<ul></ul>
<script src="/socket.io/socket.io.js"></script>
<script>
  io().on("announcement", (text) => {
    document.querySelector("ul").appendChild(document.createElement("li")).textContent = text;
  });
</script>
"#;
