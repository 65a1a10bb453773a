//! The server that the public Socket.IO v5 protocol suite expects.
//!
//! Run it with `cargo run -p fanfare --example protocol_suite -- 3000`, then the suite of the Socket.IO protocol repository
//! against that port.

use std::time::Duration;

use fanfare::{Ack, Cors, RawArgs, Server, Socket};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(3000), |port| port.parse())?;
    let io = Server::builder()
        .ping_interval(Duration::from_millis(300))
        .ping_timeout(Duration::from_millis(200))
        .max_http_buffer_size(1_000_000)
        .connect_timeout(Duration::from_secs(1))
        .cors(Cors::any())
        .build()?;
    io.on_connect(async |socket: Socket| {
        socket.emit("auth", &socket.handshake().auth());
        socket.on("message", async |socket: Socket, args: RawArgs| socket.emit("message-back", args));
        socket.on("message-with-ack", async |args: RawArgs, ack: Ack| ack.send(args));
    });
    io.of("/custom").on_connect(async |socket: Socket| socket.emit("auth", &socket.handshake().auth()));
    println!("listening on http://127.0.0.1:{port}{}", io.engine().path());
    io.listen(("127.0.0.1", port)).await?;
    Ok(())
}
