//! Connection state recovery: a client that loses its connection for a moment misses nothing.
//!
//! Run it with `cargo run -p fanfare --example recovery`, then a client, in a folder where `npm install socket.io-client`
//! has been run:
//!
//! ```text
//! $ node
//! > const socket = require("socket.io-client").io("http://localhost:3000")
//! > socket.on("connect", () => console.log(socket.id, "recovered:", socket.recovered))
//! > socket.on("tick", (number) => console.log(number))
//! > socket.io.engine.close()                  // breaks the connection
//! ```
//!
//! It prints a number a second. After the break it is connected again with the id it had, `recovered: true`, and the
//! numbers it has missed come first: there is no gap. The server prints the same from its side, and remembers the visits.

use std::time::Duration;

use fanfare::{DisconnectReason, Recovery, Server, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let recovery = Recovery { max_disconnection_duration: Duration::from_secs(60), ..Recovery::default() };
    let io = Server::builder().connection_state_recovery(recovery).build()?;
    io.on_connect(async |socket: Socket| {
        // Rooms, data and missed events have come back; handlers are registered anew.
        let visits = socket.data::<u32>().map_or(0, |visits| *visits) + 1;
        socket.set_data(visits);
        println!("{} is here, recovered: {}, visit {visits}", socket.id(), socket.recovered());
        socket.on_disconnect(async |socket: Socket, reason: DisconnectReason| {
            println!("{} is gone: {reason}", socket.id());
        });
    });
    tokio::spawn(tick(io.clone()));
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    io.listen(address).await?;
    Ok(())
}

async fn tick(io: Server) {
    for number in 1.. {
        tokio::time::sleep(Duration::from_secs(1)).await;
        io.emit("tick", &number);
    }
}
