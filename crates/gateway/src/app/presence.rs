//! Who is there, on all nodes of the cluster: told to everybody soon after it has changed.
//!
//! A node whose people have changed tells the other nodes so; then every node looks for itself, and tells its own people.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fanfare::{RemoteSocket, Server, Socket, State};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Looks who is there when something has changed: many changes at once are told in one.
#[derive(Clone, Default)]
pub(super) struct Presence(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// It will be looked soon.
    pending: AtomicBool,
    /// The other nodes do not know yet that something has changed here.
    untold: AtomicBool,
    last: Mutex<Last>,
}

/// The last look.
#[derive(Default)]
struct Last {
    told: String,
    took: Duration,
}

/// What is kept of a person.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct User {
    name: String,
    transport: String,
}

impl User {
    /// Notes the transport of a person, and a new name.
    pub(super) fn update(socket: &Socket, name: Option<String>) {
        let name = name.or_else(|| socket.data::<Self>().map(|user| user.name.clone())).unwrap_or_default();
        socket.set_data(Self { name, transport: socket.conn().transport().as_str().to_owned() });
    }
}

pub(super) fn install(io: &Server) {
    io.on(CHANGED, async |io: Server, State(presence): State<Presence>| presence.look_soon(&io));
    let io = io.clone();
    tokio::spawn(async move {
        // A node that has died says nothing.
        let Some(presence) = io.state::<Presence>() else { return };
        loop {
            tokio::time::sleep(REFRESH_INTERVAL).await;
            presence.look_soon(&io);
        }
    });
}

impl Presence {
    /// Something has changed on this node.
    pub(super) fn changed(&self, io: &Server) {
        self.0.untold.store(true, Ordering::Release);
        self.look_soon(io);
    }

    fn look_soon(&self, io: &Server) {
        if self.0.pending.swap(true, Ordering::AcqRel) {
            return;
        }
        let (presence, io) = (self.clone(), io.clone());
        tokio::spawn(async move { presence.look(&io).await });
    }

    fn look_again(&self, io: &Server) {
        let (presence, io) = (self.clone(), io.clone());
        tokio::spawn(async move {
            tokio::time::sleep(RETRY_INTERVAL).await;
            presence.changed(&io);
        });
    }

    async fn look(&self, io: &Server) {
        // One look at a time, which takes a tenth of the time at most.
        let mut last = self.0.last.lock().await;
        tokio::time::sleep(DELAY.max(last.took * 9)).await;
        self.0.pending.store(false, Ordering::Release);
        match io.server_count().await {
            // The others can ask this node now, as they will when they hear that.
            Ok(_) if self.0.untold.swap(false, Ordering::AcqRel) => drop(io.server_side_emit(CHANGED, ())),
            Ok(_) => {}
            // They have not heard of anything meanwhile, nor has this node.
            Err(_) => self.look_again(io),
        }
        let begin = Instant::now();
        let there = There::of(&everybody(io).await);
        last.took = begin.elapsed().min(MAX_TOOK);
        let written = serde_json::to_string(&there).unwrap_or_default();
        if written != last.told {
            io.local().emit("presence", &there);
            last.told = written;
        }
    }
}

/// The people of all nodes; of this node, if the others cannot be asked.
async fn everybody(io: &Server) -> Vec<RemoteSocket> {
    match io.fetch_sockets().await {
        Ok(sockets) => sockets,
        Err(error) => {
            tracing::debug!(%error, "only the people of this node are known");
            io.local().fetch_sockets().await.unwrap_or_default()
        }
    }
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
    id: String,
    name: String,
    transport: String,
}

#[derive(Serialize)]
struct RoomSize {
    name: String,
    count: usize,
}

impl There {
    fn of(sockets: &[RemoteSocket]) -> Self {
        let mut users: Vec<_> = sockets.iter().map(Person::of).collect();
        users.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        users.truncate(MAX_LISTED);
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for socket in sockets {
            let rooms = socket.rooms().iter().filter(|room| ***room != *socket.id());
            rooms.for_each(|room| *counts.entry(room).or_default() += 1);
        }
        let mut rooms: Vec<_> =
            counts.into_iter().map(|(name, count)| RoomSize { name: name.to_owned(), count }).collect();
        rooms.sort_by(|one, other| (other.count, &one.name).cmp(&(one.count, &other.name)));
        rooms.truncate(MAX_LISTED);
        Self { count: sockets.len(), users, rooms }
    }
}

impl Person {
    fn of(socket: &RemoteSocket) -> Self {
        let user = socket.data::<User>();
        let user = user.as_deref().cloned().unwrap_or_default();
        Self { id: socket.id().to_owned(), name: user.name, transport: user.transport }
    }
}

/// What nodes tell each other.
const CHANGED: &str = "presence changed";

const DELAY: Duration = Duration::from_millis(50);

/// How long a look is thought to take at most: one that a node does not answer takes seconds.
const MAX_TOOK: Duration = Duration::from_millis(200);

/// How long the other nodes are out of reach before it is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

const REFRESH_INTERVAL: Duration = Duration::from_secs(10);

/// How many people and rooms are listed; the count is of all.
const MAX_LISTED: usize = 100;
