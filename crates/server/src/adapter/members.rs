//! Which sockets of this node are in which rooms.

use fanfare_proto::ids::SocketId;
use hashbrown::{DefaultHashBuilder, HashMap};
use indexmap::IndexSet;
use slab::Slab;

use super::Selection;
use crate::room::Room;

/// The sockets of one namespace and their rooms, laid out to be walked quickly.
///
/// Every socket is in the room of its own id, which is not stored: it is the socket itself. `S` is the socket;
/// anything will do for a test.
#[derive(Debug)]
pub(super) struct Members<S> {
    sockets: Slab<Member<S>>,
    ids: HashMap<SocketId, usize>,
    rooms: HashMap<Room, IndexSet<usize, DefaultHashBuilder>>,
}

#[derive(Debug)]
struct Member<S> {
    socket: S,
    rooms: Vec<Room>,
}

/// What joining a room has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Joined {
    /// The socket was in it already.
    Already,
    /// It joined others there.
    Others,
    /// It is the first there.
    First,
    /// There is no such socket.
    Unknown,
}

/// What leaving a room has led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// The socket was not in it.
    NotIn,
    /// Others are still there.
    Others,
    /// It was the last; the room is gone.
    Last,
}

impl<S> Default for Members<S> {
    fn default() -> Self {
        Self { sockets: Slab::new(), ids: HashMap::new(), rooms: HashMap::new() }
    }
}

impl<S> Members<S> {
    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    pub(super) fn room_count(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn get(&self, id: SocketId) -> Option<&S> {
        self.ids.get(&id).map(|&slot| &self.sockets[slot].socket)
    }

    /// Adds a socket, unless one with its id is there.
    pub(super) fn insert(&mut self, id: SocketId, socket: S) -> bool {
        if self.ids.contains_key(&id) {
            return false;
        }
        let slot = self.sockets.insert(Member { socket, rooms: Vec::new() });
        self.ids.insert(id, slot);
        true
    }

    /// Removes a socket from everywhere; returns the rooms it was in, and which of them are gone now.
    pub(super) fn remove(&mut self, id: SocketId) -> Option<Vec<(Room, Left)>> {
        let slot = self.ids.remove(&id)?;
        let member = self.sockets.remove(slot);
        let left = member.rooms.into_iter().map(|room| {
            let left = self.remove_from(slot, &room);
            (room, left)
        });
        Some(left.collect())
    }

    pub(super) fn join(&mut self, id: SocketId, room: &Room) -> Joined {
        let Some(&slot) = self.ids.get(&id) else { return Joined::Unknown };
        if **room == *id.as_str() {
            return Joined::Already;
        }
        let members = self.rooms.entry_ref(room).or_default();
        if !members.insert(slot) {
            return Joined::Already;
        }
        self.sockets[slot].rooms.push(room.clone());
        if members.len() == 1 { Joined::First } else { Joined::Others }
    }

    pub(super) fn leave(&mut self, id: SocketId, room: &str) -> Left {
        if !self.is_in(id, room) {
            return Left::NotIn;
        }
        let Some(&slot) = self.ids.get(&id) else { return Left::NotIn };
        let rooms = &mut self.sockets[slot].rooms;
        let Some(position) = rooms.iter().position(|known| **known == *room) else { return Left::NotIn };
        rooms.remove(position);
        self.remove_from(slot, room)
    }

    /// Whether a socket is in a room. Takes no longer when it is in many, unlike a look at all of them.
    pub(super) fn is_in(&self, id: SocketId, room: &str) -> bool {
        let Some(slot) = self.ids.get(&id) else { return false };
        *room == *id.as_str() || self.rooms.get(room).is_some_and(|members| members.contains(slot))
    }

    /// The rooms of a socket in the order it joined them, without the one of its own id.
    pub(super) fn rooms_of(&self, id: SocketId) -> &[Room] {
        self.ids.get(&id).map_or(&[], |&slot| &self.sockets[slot].rooms)
    }

    /// All rooms and how many sockets are in each, without those of single sockets.
    pub(super) fn rooms(&self) -> impl Iterator<Item = (&Room, usize)> {
        self.rooms.iter().map(|(room, members)| (room, members.len()))
    }

    /// Whether a room has a socket here.
    pub(super) fn has_room(&self, room: &str) -> bool {
        self.rooms.contains_key(room) || self.slot_of(room).is_some()
    }

    /// Visits every selected socket once.
    pub(super) fn for_each<'a>(&'a self, selection: &Selection, mut visit: impl FnMut(&'a S)) {
        let except = self.excluded(&selection.except);
        let mut visit = |slot: usize| {
            if !except.contains(slot) {
                visit(&self.sockets[slot].socket);
            }
        };
        match &selection.rooms[..] {
            [] => self.sockets.iter().for_each(|(slot, _)| visit(slot)),
            [room] => self.in_room(room).for_each(visit),
            rooms => {
                let mut seen = Slots::default();
                rooms.iter().flat_map(|room| self.in_room(room)).filter(|&slot| seen.insert(slot)).for_each(visit);
            }
        }
    }

    fn in_room(&self, room: &str) -> impl Iterator<Item = usize> {
        self.slot_of(room).into_iter().chain(self.rooms.get(room).into_iter().flatten().copied())
    }

    /// The socket whose own room this is.
    fn slot_of(&self, room: &str) -> Option<usize> {
        self.ids.get(&room.parse::<SocketId>().ok()?).copied()
    }

    fn excluded(&self, except: &[Room]) -> Except {
        match except {
            [] => Except::Nobody,
            // The sender of a broadcast, nearly always.
            [room] if !self.rooms.contains_key(&**room) => self.slot_of(room).map_or(Except::Nobody, Except::One),
            rooms => {
                let mut slots = Slots::default();
                for slot in rooms.iter().flat_map(|room| self.in_room(room)) {
                    slots.insert(slot);
                }
                Except::Many(slots)
            }
        }
    }

    fn remove_from(&mut self, slot: usize, room: &str) -> Left {
        let Some(members) = self.rooms.get_mut(room) else { return Left::NotIn };
        members.swap_remove(&slot);
        if !members.is_empty() {
            return Left::Others;
        }
        self.rooms.remove(room);
        Left::Last
    }
}

enum Except {
    Nobody,
    One(usize),
    Many(Slots),
}

impl Except {
    fn contains(&self, slot: usize) -> bool {
        match self {
            Self::Nobody => false,
            Self::One(excluded) => *excluded == slot,
            Self::Many(slots) => slots.contains(slot),
        }
    }
}

/// A set of slots, one bit each.
#[derive(Default)]
struct Slots(Vec<u64>);

impl Slots {
    fn contains(&self, slot: usize) -> bool {
        self.0.get(slot / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
    }

    /// Says whether the slot is new.
    fn insert(&mut self, slot: usize) -> bool {
        let new = !self.contains(slot);
        if self.0.len() <= slot / 64 {
            self.0.resize(slot / 64 + 1, 0);
        }
        self.0[slot / 64] |= 1 << (slot % 64);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::IntoRooms;

    fn id(number: u8) -> SocketId {
        SocketId::from_random([number; 15])
    }

    /// Sockets 0 to 3; 0 and 1 are in "a", 1 and 2 in "b".
    fn members() -> Members<u8> {
        let mut members = Members::default();
        (0..4).for_each(|number| assert!(members.insert(id(number), number)));
        for (number, room) in [(0, "a"), (1, "a"), (1, "b"), (2, "b")] {
            members.join(id(number), &room.into());
        }
        members
    }

    fn check(rooms: impl IntoRooms, except: impl IntoRooms, expected: &[u8]) {
        let selection = Selection { rooms: rooms.into_rooms(), except: except.into_rooms() };
        let mut selected = Vec::new();
        members().for_each(&selection, |&number| selected.push(number));
        selected.sort_unstable();
        assert_eq!(selected, expected);
    }

    const NONE: [&str; 0] = [];

    #[test]
    fn rooms_unite_and_exceptions_win() {
        check(NONE, NONE, &[0, 1, 2, 3]);
        check("a", NONE, &[0, 1]);
        check(["a", "b"], NONE, &[0, 1, 2]);
        check(["a", "a"], NONE, &[0, 1]);
        check("unknown", NONE, &[]);
        check(NONE, "a", &[2, 3]);
        check(["a", "b"], "b", &[0]);
        check("a", ["b", "unknown"], &[0]);
    }

    #[test]
    fn every_socket_is_in_the_room_of_its_id() {
        check(id(3), NONE, &[3]);
        check([Room::from(id(1)), "a".into()], NONE, &[0, 1]);
        check(NONE, id(0), &[1, 2, 3]);
        check("b", [id(1), id(3)], &[2]);
        let members = members();
        assert!(members.is_in(id(3), id(3).as_str()) && !members.is_in(id(3), id(2).as_str()));
        assert!(members.is_in(id(0), "a") && !members.is_in(id(0), "b") && !members.is_in(id(9), "a"));
    }

    #[test]
    fn rooms_come_and_go_with_their_members() {
        let mut members = members();
        assert_eq!(members.join(id(3), &"c".into()), Joined::First);
        assert_eq!(members.join(id(3), &"c".into()), Joined::Already);
        assert_eq!(members.join(id(2), &"c".into()), Joined::Others);
        assert_eq!(members.join(id(9), &"c".into()), Joined::Unknown);
        assert_eq!(members.leave(id(3), "c"), Left::Others);
        assert_eq!(members.leave(id(3), "c"), Left::NotIn);
        assert_eq!(members.leave(id(2), "c"), Left::Last);
        assert!(!members.has_room("c"));
    }

    #[test]
    fn a_removed_socket_is_nowhere() {
        let mut members = members();
        let mut left = members.remove(id(1)).unwrap();
        left.sort_by(|(one, _), (other, _)| one.cmp(other));
        assert_eq!(left, [("a".into(), Left::Others), ("b".into(), Left::Others)]);
        assert_eq!(members.remove(id(0)).unwrap(), [("a".into(), Left::Last)]);
        assert!(!members.has_room("a") && members.has_room("b"));
        assert_eq!((members.len(), members.room_count(), members.get(id(1))), (2, 1, None));
    }
}
