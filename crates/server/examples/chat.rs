//! The smallest chat: what one says, all hear.
//!
//! Run it with `cargo run -p fanfare --example chat`. Then open as many clients as you like, each in a terminal of its own,
//! in a folder where `npm install socket.io-client` has been run:
//!
//! ```text
//! $ node
//! > const socket = require("socket.io-client").io("http://localhost:3000")
//! > socket.on("message", console.log)
//! > socket.emit("message", "hello")
//! ```
//!
//! Every client prints `hello`, those who were there before also `somebody has come` and, in the end, `somebody has left`.

use fanfare::{Data, Server, Socket};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let io = Server::new();
    io.on_connect(async |socket: Socket| {
        socket.broadcast().emit("message", "somebody has come");
        socket.on("message", async |io: Server, Data(text): Data<String>| io.emit("message", &text));
        socket.on_disconnect(async |socket: Socket| socket.broadcast().emit("message", "somebody has left"));
    });
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    io.listen(address).await
}
