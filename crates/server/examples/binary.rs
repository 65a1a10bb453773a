//! Binary data: as arguments, deep inside of them, and in acknowledgements.
//!
//! Run it with `cargo run -p fanfare --example binary`, then a client, in a folder where `npm install socket.io-client` has
//! been run:
//!
//! ```text
//! $ node
//! > const socket = require("socket.io-client").io("http://localhost:3000")
//! > socket.on("stored", console.log)
//! > await socket.emitWithAck("upload", { name: "a.txt", parts: [Buffer.from("hello "), Buffer.from("world")] })
//! stored { name: 'a.txt', parts: [ <Buffer 68 65 6c 6c 6f 20 77 6f 72 6c 64> ] }
//! 11
//! > await socket.emitWithAck("reverse", Buffer.from([1, 2, 3]))
//! <Buffer 03 02 01>
//! ```

use bytes::Bytes;
use fanfare::{Data, Server, Socket};
use serde::{Deserialize, Serialize};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let io = Server::new();
    io.on_connect(async |socket: Socket| {
        socket.on("upload", upload);
        socket.on("reverse", async |Data(bytes): Data<Bytes>| bytes.iter().rev().copied().collect::<Bytes>());
    });
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    io.listen(address).await
}

/// `Bytes` are buffers to the client, wherever they are; a `Vec<u8>` would be an array of numbers.
#[derive(Serialize, Deserialize)]
struct File {
    name: String,
    parts: Vec<Bytes>,
}

/// Puts the parts of a file together and tells everybody; acknowledged with its size.
async fn upload(io: Server, Data(file): Data<File>) -> usize {
    let whole: Bytes = file.parts.concat().into();
    let size = whole.len();
    io.emit("stored", &File { name: file.name, parts: vec![whole] });
    size
}
