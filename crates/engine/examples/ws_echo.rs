//! A plain WebSocket echo on the WebSocket code of the engine, for the Autobahn test suite.
//!
//! Run it with `cargo run --release -p fanfare-engine --example ws_echo -- 9001`, then let any fuzzing client loose on
//! `ws://127.0.0.1:9001/`. Messages may have 64 MiB.

use std::convert::Infallible;

use fanfare_engine::{Body, Listener, Message, OwnedMessage, WebSocket};
use http::{Request, Response};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(9001), |port| port.parse())?;
    let listener = Listener::bind(("127.0.0.1", port)).await?;
    println!("listening on ws://{}", listener.local_addr()?);
    listener.serve(tower::service_fn(answer)).await?;
    Ok(())
}

async fn answer(request: Request<hyper::body::Incoming>) -> Result<Response<Body>, Infallible> {
    Ok(match WebSocket::accept(request, MAX_MESSAGE_BYTES) {
        Ok((response, accepted)) => {
            tokio::spawn(async move {
                if let Ok(websocket) = accepted.await {
                    echo(websocket).await;
                }
            });
            response
        }
        Err(response) => response,
    })
}

async fn echo(mut websocket: WebSocket) {
    while let Some(message) = websocket.recv().await {
        let message = match &message {
            OwnedMessage::Text(text) => Message::Text(text),
            OwnedMessage::Binary(data) => Message::Binary(data),
        };
        if websocket.send(message).await.is_err() {
            return;
        }
    }
}

const MAX_MESSAGE_BYTES: usize = 64 << 20;
