//! The rooms of a socket.

use super::{Phase, Socket};
use crate::room::{IntoRooms, Room};

impl Socket {
    /// The rooms of the socket, that of its own id first; none once it has disconnected.
    pub fn rooms(&self) -> Vec<Room> {
        let early = {
            let state = self.0.state.lock();
            (state.phase == Phase::Connecting).then(|| state.early_rooms.clone())
        };
        // The members are never asked under that lock: a broadcast takes the two the other way round.
        let rooms = match early {
            Some(rooms) => rooms,
            // Still there while the socket disconnects.
            None if self.connected() => self.0.namespace.local_sockets().rooms_of(self.id()),
            None => return Vec::new(),
        };
        std::iter::once(self.id().into()).chain(rooms).collect()
    }

    /// Joins one room or several. Says whether it is in all of them now: it is not when it is disconnected, or when a
    /// name or their number exceeds the limits of the server.
    ///
    /// ```
    /// # fn join(socket: &fanfare::Socket) {
    /// socket.join("lobby");
    /// socket.join(["news", "weather"]);
    /// if !socket.join(format!("game-{}", 7)) {
    ///     socket.emit("full", ());
    /// }
    /// # }
    /// ```
    pub fn join(&self, rooms: impl IntoRooms) -> bool {
        rooms.into_rooms().iter().fold(true, |joined, room| joined & self.join_one(room))
    }

    /// Leaves a room.
    pub fn leave(&self, room: impl AsRef<str>) {
        let mut state = self.0.state.lock();
        if state.phase == Phase::Connecting {
            state.early_rooms.retain(|known| **known != *room.as_ref());
        } else {
            drop(state);
            self.0.namespace.local_sockets().leave(self.id(), room.as_ref());
        }
    }

    fn join_one(&self, room: &Room) -> bool {
        let limits = self.0.namespace.limits();
        if room.len() > limits.max_room_name_bytes {
            return false;
        }
        let mut state = self.0.state.lock();
        match state.phase {
            Phase::Connecting if state.early_rooms.contains(room) => true,
            Phase::Connecting => {
                let has_place = state.early_rooms.len() < limits.max_rooms_per_socket;
                state.early_rooms.extend(has_place.then(|| room.clone()));
                has_place
            }
            Phase::Connected => {
                drop(state);
                self.0.namespace.local_sockets().join(self.id(), room, limits.max_rooms_per_socket)
            }
            Phase::Disconnected => false,
        }
    }
}
