//! Acknowledgements: answers to events, from the server, from one client, and from all of them.
//!
//! Run it with `cargo run -p fanfare --example acknowledgements`, then a client or more, in a folder where
//! `npm install socket.io-client` has been run:
//!
//! ```text
//! $ node
//! > const socket = require("socket.io-client").io("http://localhost:3000")
//! > socket.on("your name?", (answer) => answer("ann"))
//! > await socket.emitWithAck("add", 1, 2)
//! 3
//! > await socket.emitWithAck("slow", 1000)      // a second later
//! 'done'
//! > await socket.emitWithAck("divide", 1, 0)
//! { error: 'cannot divide by zero' }
//! > await socket.emitWithAck("introduce me")
//! 'this is ann'
//! > await socket.emitWithAck("who is there?")   // all clients that answer within a second
//! [ 'ann' ]
//! ```

use std::time::Duration;

use fanfare::{Ack, BroadcastAckError, Data, HandlerError, Server, Socket};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let io = Server::new();
    io.on_connect(async |socket: Socket| {
        // What a handler returns is the answer.
        socket.on("add", async |Data(a): Data<i64>, Data(b): Data<i64>| a + b);
        socket.on("divide", divide);
        socket.on("slow", slow);
        socket.on("introduce me", introduce);
        socket.on("who is there?", who_is_there);
    });
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    io.listen(address).await
}

/// An error meant for the client reaches it as `{ error: … }`.
async fn divide(Data(a): Data<f64>, Data(b): Data<f64>) -> Result<f64, HandlerError> {
    if b == 0.0 { Err(HandlerError::for_client("cannot divide by zero")) } else { Ok(a / b) }
}

/// A handler that asks for the acknowledgement can give it whenever it likes, or never.
async fn slow(Data(milliseconds): Data<u64>, ack: Ack) {
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        ack.send("done")
    });
}

/// The server asks the client that asks it.
async fn introduce(socket: Socket) -> Result<String, HandlerError> {
    let name: String = socket.timeout(Duration::from_secs(1)).emit_with_ack("your name?", ()).await?;
    Ok(format!("this is {name}"))
}

/// The server asks everybody; answers that come in time are not lost when others do not come.
async fn who_is_there(io: Server) -> Result<Vec<String>, HandlerError> {
    match io.timeout(Duration::from_secs(1)).emit_with_ack("your name?", ()).await {
        Ok(names) | Err(BroadcastAckError::Incomplete { responses: names, .. }) => Ok(names),
        Err(error) => Err(error.into()),
    }
}
