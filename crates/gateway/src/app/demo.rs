//! A chat: who is there, rooms, messages with receipts, pictures.
//!
//! To everybody: `notification` when somebody comes or writes, `picture`, and `presence` whenever the people, their names
//! or the rooms change. From the page: `message`, `picture`, `rename`, `join`, `leave`, each acknowledged. A page that comes
//! back says in its CONNECT who it was and where, so it is there again before anything that it sends next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fanfare::{Auth, BroadcastOperator, Data, HandlerError, Server, Socket, SocketId, State, Value};
use serde::{Deserialize, Serialize};

pub(crate) fn install(io: &Server) {
    io.on_connect(connect);
}

/// Tells everybody who is there, soon after that has changed: many changes at once are told in one.
#[derive(Clone, Default)]
pub(crate) struct Presence {
    pending: Arc<AtomicBool>,
}

impl Presence {
    fn changed(&self, io: &Server) {
        if self.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        let (pending, io) = (self.pending.clone(), io.clone());
        tokio::spawn(async move {
            tokio::time::sleep(PRESENCE_DELAY).await;
            pending.store(false, Ordering::Release);
            io.emit("presence", &who_is_there(&io));
        });
    }
}

async fn connect(io: Server, socket: Socket, Auth(hello): Auth<Value>, State(presence): State<Presence>) {
    let hello = hello.read::<Hello>().unwrap_or_default();
    let name = hello.name.as_deref().and_then(clean_name);
    socket.set_data(User { name: name.unwrap_or_else(|| format!("guest {}", &socket.id().as_str()[..4])) });
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
    let (upgraded, server) = (presence.clone(), io.clone());
    socket.conn().on_upgrade(move |_| upgraded.changed(&server));
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
    socket.set_data(User { name });
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

/// What is kept of a person.
#[derive(Clone, Serialize, Deserialize)]
struct User {
    name: String,
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

/// Who is there, and where.
#[derive(Serialize)]
struct There {
    count: usize,
    users: Vec<Person>,
    rooms: Vec<RoomSize>,
}

#[derive(Serialize)]
struct Person {
    id: SocketId,
    name: String,
    transport: &'static str,
}

#[derive(Serialize)]
struct RoomSize {
    name: String,
    count: usize,
}

fn who_is_there(io: &Server) -> There {
    let sockets = io.sockets();
    let mut users: Vec<_> = sockets.iter().map(person).collect();
    users.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    users.truncate(MAX_LISTED);
    let mut rooms: Vec<_> =
        io.rooms().into_iter().map(|(room, count)| RoomSize { name: room.to_string(), count }).collect();
    rooms.sort_by(|one, other| (other.count, &one.name).cmp(&(one.count, &other.name)));
    rooms.truncate(MAX_LISTED);
    There { count: sockets.len(), users, rooms }
}

fn person(socket: &Socket) -> Person {
    Person { id: socket.id(), name: name_of(socket), transport: socket.conn().transport().as_str() }
}

fn name_of(socket: &Socket) -> String {
    socket.data::<User>().map(|user| user.name.clone()).unwrap_or_default()
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

const PRESENCE_DELAY: Duration = Duration::from_millis(50);

/// How many people and rooms are listed; the count is of all.
const MAX_LISTED: usize = 100;

/// Characters in the name of a person or a room.
const MAX_NAME: usize = 40;

const PICTURE_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];
