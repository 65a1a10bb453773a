//! Rooms: clients come and go, and what is said in a room stays there.
//!
//! Run it with `cargo run -p fanfare --example rooms`, then two clients, in a folder where `npm install socket.io-client`
//! has been run:
//!
//! ```text
//! $ node
//! > const socket = require("socket.io-client").io("http://localhost:3000")
//! > socket.onAny((...args) => console.log(...args))
//! > await socket.emitWithAck("join", "kitchen")
//! [ 'kitchen' ]
//! > await socket.emitWithAck("say", "kitchen", "who has the salt?")
//! 1
//! ```
//!
//! The other one in the kitchen prints `said kitchen who has the salt?`; the acknowledgement tells how many it has reached.
//! Whoever disconnects leaves word in all rooms: `left kitchen`.

use fanfare::{Data, Room, Server, Socket};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let io = Server::new();
    io.on_connect(async |socket: Socket| {
        socket.on("join", join);
        socket.on("leave", leave);
        socket.on("say", say);
        // In its rooms still: on_disconnect would come too late.
        socket.on_disconnecting(async |socket: Socket| {
            for room in own_rooms(&socket) {
                socket.to(&room).emit("left", &room);
            }
        });
    });
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    io.listen(address).await
}

/// Acknowledged with the rooms the client is in now.
async fn join(socket: Socket, Data(room): Data<String>) -> Vec<Room> {
    if socket.join(&room) {
        socket.to(&room).emit("joined", &room);
    }
    own_rooms(&socket)
}

async fn leave(socket: Socket, Data(room): Data<String>) -> Vec<Room> {
    socket.leave(&room);
    socket.to(&room).emit("left", &room);
    own_rooms(&socket)
}

/// Acknowledged with the number of those who have heard it.
async fn say(socket: Socket, Data(room): Data<String>, Data(text): Data<String>) -> usize {
    let others = socket.to(&room);
    others.emit("said", (&room, &text));
    others.fetch_sockets().await.map_or(0, |sockets| sockets.len())
}

/// All rooms but the one of its own id, which comes first.
fn own_rooms(socket: &Socket) -> Vec<Room> {
    socket.rooms().into_iter().skip(1).collect()
}
