//! The application that load and conformance tests run against: namespace `/` for everybody, `/admin` for those who know
//! the token.

use std::sync::LazyLock;

use fanfare::{Ack, Auth, ConnectError, Data, EmitError, ExtractError, Namespace, RawArgs, Server, Socket, Value};
use serde::Deserialize;

pub(crate) fn install(io: &Server) {
    install_in(&io.of("/"));
    let admin = io.of("/admin");
    admin.middleware(async |auth: Auth<Value>| check_token(&auth.0));
    install_in(&admin);
}

fn install_in(namespace: &Namespace) {
    namespace.on_connect(async |socket: Socket| {
        socket.on("echo", echo);
        socket.on("join", join);
        socket.on("leave", leave);
        socket.on("say", say);
        socket.on("bcast", async |namespace: Namespace, args: RawArgs| namespace.emit("bcast", args));
        socket.on("room", async |namespace: Namespace, Data(room): Data<String>, Data(payload): Data<Value>| {
            namespace.to(room).emit("room", &payload)
        });
        socket.on("flood", flood);
    });
}

fn check_token(auth: &Value) -> Result<(), ConnectError> {
    #[derive(Deserialize)]
    struct Token {
        token: String,
    }
    match auth.read::<Token>() {
        Ok(Token { token }) if token == "secret" => Ok(()),
        _ => Err(ConnectError::new("unauthorized")),
    }
}

/// Any arguments: acknowledged with the same, or sent back where nobody waits for that.
async fn echo(socket: Socket, args: RawArgs, ack: Ack) -> Result<(), EmitError> {
    if ack.is_requested() { ack.send(args) } else { socket.emit("echo", args).await }
}

/// A room, by its name and nothing else.
type RoomName = Result<Data<String>, ExtractError>;

/// Acknowledged when what all nodes send to the room arrives; at once while the others cannot be reached.
async fn join(socket: Socket, namespace: Namespace, room: RoomName) -> &'static str {
    match room {
        Ok(Data(room)) if socket.join(&room) => {
            let _ = namespace.rooms_ready().await;
            "ok"
        }
        _ => "error",
    }
}

async fn leave(socket: Socket, room: RoomName) -> &'static str {
    match room {
        Ok(Data(room)) => {
            socket.leave(room);
            "ok"
        }
        Err(_) => "error",
    }
}

/// A message to a room, for everybody there but the sender.
async fn say(socket: Socket, room: RoomName, Data(message): Data<Value>) -> &'static str {
    match room {
        Ok(Data(room)) => {
            socket.to(room).emit("said", &message);
            "ok"
        }
        Err(_) => "error",
    }
}

/// Many large events for the client that asks for them, as fast as it takes them.
async fn flood(socket: Socket, Data(count): Data<u32>, Data(size): Data<usize>) -> Result<(), EmitError> {
    let filler = &FILLER[..size.min(MAX_FLOOD_SIZE)];
    for _ in 0..count.min(MAX_FLOOD) {
        socket.emit("flood", filler).await?;
    }
    Ok(())
}

/// Shared, for a client may ask for many floods at once.
static FILLER: LazyLock<String> = LazyLock::new(|| "x".repeat(MAX_FLOOD_SIZE));

const MAX_FLOOD: u32 = 5000;
const MAX_FLOOD_SIZE: usize = 100_000;
