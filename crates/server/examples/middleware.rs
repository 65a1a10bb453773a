//! Middlewares: who may connect, and which of their events pass.
//!
//! Run it with `cargo run -p fanfare --example middleware`, then a client, in a folder where `npm install socket.io-client`
//! has been run:
//!
//! ```text
//! $ node
//! > const { io } = require("socket.io-client")
//! > const stranger = io("http://localhost:3000", { auth: { token: "?" } })
//! > stranger.on("connect_error", (error) => console.log(error.message, error.data))
//! unauthorized { hint: 'ann or bob' }
//! > const socket = io("http://localhost:3000", { forceNew: true, auth: { token: "bob" } })
//! > await socket.emitWithAck("who am I?")
//! 'bob'
//! > await socket.emitWithAck("admin:restart")
//! { error: 'for admins only' }
//! ```
//!
//! With the token `ann` the last answer is `restarted by ann`.

use fanfare::{Ack, Auth, ConnectError, EventName, HandlerError, Server, Socket};
use serde::{Deserialize, Serialize};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let io = Server::new();
    io.middleware(authenticate);
    io.on_connect(async |socket: Socket| {
        socket.middleware(admins_only);
        socket.on("who am I?", async |socket: Socket| name_of(&socket));
        socket.on("admin:restart", async |socket: Socket| format!("restarted by {}", name_of(&socket)));
    });
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    io.listen(address).await
}

/// What the client sends as `auth`. One that sends anything else is refused before the middleware runs.
#[derive(Deserialize)]
struct Credentials {
    token: String,
}

/// What is kept of the client.
#[derive(Serialize, Deserialize)]
struct User {
    name: String,
    is_admin: bool,
}

#[derive(Serialize)]
struct Hint {
    hint: &'static str,
}

async fn authenticate(socket: Socket, Auth(credentials): Auth<Credentials>) -> Result<(), ConnectError> {
    // A real one would ask a database, which it may await.
    match credentials.token.as_str() {
        name @ ("ann" | "bob") => {
            socket.set_data(User { name: name.to_owned(), is_admin: name == "ann" });
            Ok(())
        }
        _ => Err(ConnectError::new("unauthorized").with_data(&Hint { hint: "ann or bob" })),
    }
}

/// An error drops the event; the middleware answers for it, since its handlers will not.
async fn admins_only(socket: Socket, EventName(name): EventName, ack: Ack) -> Result<(), HandlerError> {
    #[derive(Serialize)]
    struct Refused {
        error: &'static str,
    }
    let is_admin = socket.data::<User>().is_some_and(|user| user.is_admin);
    if name.starts_with("admin:") && !is_admin {
        ack.send(&Refused { error: "for admins only" })?;
        return Err(HandlerError::for_client("for admins only"));
    }
    Ok(())
}

fn name_of(socket: &Socket) -> String {
    socket.data::<User>().map(|user| user.name.clone()).unwrap_or_default()
}
