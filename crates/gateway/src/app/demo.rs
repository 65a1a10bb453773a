//! A chat: who is there, rooms, messages with receipts, pictures.
//!
//! To everybody: `notification` when somebody comes or writes, `picture`, and `presence` whenever the people, their names
//! or the rooms change. From the page: `message`, `picture`, `rename`, `join`, `leave`, each acknowledged. A page that comes
//! back says in its CONNECT who it was and where, so it is there again before anything that it sends next.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fanfare::{Auth, BroadcastOperator, Data, HandlerError, Server, Socket, SocketId, State, Value};
use serde::{Deserialize, Serialize};

use super::presence::{Presence, User};

pub(crate) fn install(io: &Server) {
    super::presence::install(io);
    io.on_connect(connect);
}

async fn connect(io: Server, socket: Socket, Auth(hello): Auth<Value>, State(presence): State<Presence>) {
    let (upgraded, server, moved) = (presence.clone(), io.clone(), socket.clone());
    socket.conn().on_upgrade(move |_| {
        User::update(&moved, None);
        upgraded.changed(&server);
    });
    let hello = hello.read::<Hello>().unwrap_or_default();
    let name = hello.name.as_deref().and_then(clean_name);
    User::update(&socket, Some(name.unwrap_or_else(|| format!("guest {}", &socket.id().as_str()[..4]))));
    for room in &hello.rooms {
        enter(&socket, room);
    }
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
async fn message(io: Server, socket: Socket, Data(message): Data<Value>) -> Result<Data<Receipt>, HandlerError> {
    let to = Address { room: text_of(&message, "room"), key: text_of(&message, "key") };
    let audience = audience(&io, &socket, &to)?;
    let text = message.get("message").cloned().unwrap_or(message);
    let notification = Notification::new(&socket, text).said(to);
    audience.emit("notification", &notification);
    Ok(Data(notification.receipt()))
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
    let audience = audience(&io, &socket, &about.to)?;
    let notification = Notification::new(&socket, Value::from(about.name)).said(about.to);
    audience.emit("picture", (&notification, &about.mime, &data));
    Ok(Data(notification.receipt()))
}

async fn rename(
    io: Server,
    socket: Socket,
    State(presence): State<Presence>,
    Data(name): Data<String>,
) -> Result<(), HandlerError> {
    let name = clean_name(&name).ok_or_else(|| HandlerError::for_client("a name has at least one character"))?;
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
    if !enter(&socket, &room) {
        return Err(HandlerError::for_client(format!("a room has a name of up to {MAX_NAME} characters")));
    }
    presence.changed(&io);
    Ok(())
}

async fn leave(io: Server, socket: Socket, State(presence): State<Presence>, Data(room): Data<String>) {
    socket.leave(room);
    presence.changed(&io);
}

/// What a page says of itself when it connects.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Hello {
    name: Option<String>,
    rooms: Vec<String>,
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
    #[serde(flatten)]
    to: Address,
}

impl Notification {
    fn new(socket: &Socket, message: Value) -> Self {
        Self { id: socket.id(), message, kind: None, timestamp: None, to: Address::default() }
    }

    /// Somebody has said it.
    fn said(self, to: Address) -> Self {
        Self { kind: Some("user_message"), timestamp: Some(now()), to, ..self }
    }

    fn receipt(&self) -> Receipt {
        Receipt { timestamp: self.timestamp.unwrap_or_default() }
    }
}

/// Whom something that is said is for.
#[derive(Default, Serialize, Deserialize)]
struct Address {
    /// Everybody without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<String>,
    /// The sender's name for it. What is sent again after a lost connection has the same, so nobody shows it twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

/// What a picture is.
#[derive(Deserialize)]
struct About {
    name: String,
    mime: String,
    #[serde(flatten)]
    to: Address,
}

#[derive(Serialize)]
struct Receipt {
    timestamp: u64,
}

/// Those a message is for, unless the sender is not among them.
fn audience(io: &Server, socket: &Socket, to: &Address) -> Result<BroadcastOperator, HandlerError> {
    match &to.room {
        Some(room) if socket.rooms().iter().any(|joined| **joined == **room) => Ok(io.to(room)),
        Some(_) => Err(HandlerError::for_client("only those in a room can speak there")),
        None => Ok(io.compress(true)),
    }
}

fn enter(socket: &Socket, room: &str) -> bool {
    let room = room.trim();
    !room.is_empty() && room.chars().count() <= MAX_NAME && socket.join(room)
}

/// A name as it is shown; none if nothing would be.
fn clean_name(name: &str) -> Option<String> {
    let name: String = name.trim().chars().filter(|character| !character.is_control()).take(MAX_NAME).collect();
    (!name.is_empty()).then_some(name)
}

fn text_of(message: &Value, key: &str) -> Option<String> {
    message[key].as_str().map(str::to_owned)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Characters in the name of a person or a room.
const MAX_NAME: usize = 40;

const PICTURE_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
