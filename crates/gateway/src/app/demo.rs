//! A chat: who is there, rooms, messages with receipts, pictures.
//!
//! To everybody: `notification` when somebody comes or writes, `picture`, and `presence` whenever the people, their names
//! or the rooms change. From the page: `message`, `picture`, `rename`, `join`, `leave`, each acknowledged.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fanfare::{BroadcastOperator, Data, HandlerError, Server, Socket, SocketId, State, Value};
use serde::{Deserialize, Serialize};

use super::presence::{Presence, User};

pub(crate) fn install(io: &Server) {
    super::presence::install(io);
    io.on_connect(connect);
}

async fn connect(io: Server, socket: Socket, State(presence): State<Presence>) {
    let (upgraded, server, moved) = (presence.clone(), io.clone(), socket.clone());
    socket.conn().on_upgrade(move |_| {
        User::update(&moved, None);
        upgraded.changed(&server);
    });
    User::update(&socket, Some(format!("guest {}", &socket.id().as_str()[..4])));
    let joined = Notification::new(&socket, Value::from("a new user has joined"));
    socket.broadcast().emit("notification", &joined);
    socket.on("message", message);
    socket.on("picture", picture);
    socket.on("rename", rename);
    socket.on("join", join);
    socket.on("leave", leave);
    socket.on_disconnect(async |io: Server, State(presence): State<Presence>| presence.changed(&io));
    presence.changed(&io);
}

/// A message for everybody, or with a `room` for those in it. The receipt says when it was sent.
async fn message(io: Server, socket: Socket, Data(message): Data<Value>) -> Data<Receipt> {
    let room = message["room"].as_str().map(str::to_owned);
    let text = message.get("message").cloned().unwrap_or(message);
    let notification = Notification::new(&socket, text).said(room.clone());
    let receipt = Receipt { timestamp: notification.timestamp.unwrap_or_default() };
    audience(&io, room.as_deref()).emit("notification", &notification);
    Data(receipt)
}

/// A picture, as binary data, for the same people.
async fn picture(
    io: Server,
    socket: Socket,
    Data(about): Data<About>,
    Data(data): Data<Bytes>,
) -> Result<Data<Receipt>, HandlerError> {
    if !PICTURE_TYPES.contains(&about.mime.as_str()) {
        return Err(HandlerError::for_client(format!("a picture is one of {}", PICTURE_TYPES.join(", "))));
    }
    let notification = Notification::new(&socket, Value::from(about.name)).said(about.room.clone());
    let receipt = Receipt { timestamp: notification.timestamp.unwrap_or_default() };
    audience(&io, about.room.as_deref()).emit("picture", (&notification, &about.mime, &data));
    Ok(Data(receipt))
}

async fn rename(
    io: Server,
    socket: Socket,
    State(presence): State<Presence>,
    Data(name): Data<String>,
) -> Result<(), HandlerError> {
    let name: String = name.trim().chars().filter(|character| !character.is_control()).take(MAX_NAME).collect();
    if name.is_empty() {
        return Err(HandlerError::for_client("a name has at least one character"));
    }
    User::update(&socket, Some(name));
    presence.changed(&io);
    Ok(())
}

async fn join(
    io: Server,
    socket: Socket,
    State(presence): State<Presence>,
    Data(room): Data<String>,
) -> Result<(), HandlerError> {
    let room = room.trim();
    if room.is_empty() || room.chars().count() > MAX_NAME || !socket.join(room) {
        return Err(HandlerError::for_client(format!("a room has a name of up to {MAX_NAME} characters")));
    }
    presence.changed(&io);
    Ok(())
}

async fn leave(io: Server, socket: Socket, State(presence): State<Presence>, Data(room): Data<String>) {
    socket.leave(room);
    presence.changed(&io);
}

/// Something that has happened.
#[derive(Serialize)]
struct Notification {
    id: SocketId,
    message: Value,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<String>,
}

impl Notification {
    fn new(socket: &Socket, message: Value) -> Self {
        Self { id: socket.id(), message, kind: None, timestamp: None, room: None }
    }

    /// Somebody has said it.
    fn said(self, room: Option<String>) -> Self {
        Self { kind: Some("user_message"), timestamp: Some(now()), room, ..self }
    }
}

/// What a picture is.
#[derive(Deserialize)]
struct About {
    name: String,
    mime: String,
    room: Option<String>,
}

#[derive(Serialize)]
struct Receipt {
    timestamp: u64,
}

fn audience(io: &Server, room: Option<&str>) -> BroadcastOperator {
    match room {
        Some(room) => io.to(room),
        None => io.compress(true),
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Characters in the name of a person or a room.
const MAX_NAME: usize = 40;

const PICTURE_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
