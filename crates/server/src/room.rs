//! Names of rooms.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use fanfare_proto::ids::SocketId;
use smallvec::SmallVec;
use smol_str::SmolStr;

/// The name of a room. Names of up to 23 bytes, socket ids among them, cost no allocation.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Room(SmolStr);

impl Room {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Room {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Room {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Room {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Room {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&&str> for Room {
    fn from(name: &&str) -> Self {
        Self((*name).into())
    }
}

impl From<String> for Room {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<&String> for Room {
    fn from(name: &String) -> Self {
        Self(name.into())
    }
}

impl From<SocketId> for Room {
    fn from(id: SocketId) -> Self {
        Self(id.as_str().into())
    }
}

impl From<&Self> for Room {
    fn from(room: &Self) -> Self {
        room.clone()
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl serde::Serialize for Room {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Room {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SmolStr::deserialize(deserializer).map(Self)
    }
}

/// One room or several: a name, a socket id, or any list of those.
///
/// ```
/// use fanfare::{IntoRooms, Room};
///
/// assert_eq!("lobby".into_rooms()[0], Room::from("lobby"));
/// assert_eq!(["a", "b"].into_rooms().len(), 2);
/// assert_eq!(vec![String::from("a")].into_rooms().len(), 1);
/// ```
pub trait IntoRooms {
    /// The rooms.
    fn into_rooms(self) -> Rooms;
}

/// A short list of rooms.
pub type Rooms = SmallVec<[Room; 1]>;

macro_rules! one_room {
    ($($name:ty)+) => {$(
        impl IntoRooms for $name {
            fn into_rooms(self) -> Rooms {
                SmallVec::from_iter([Room::from(self)])
            }
        }
    )+};
}

one_room!(&str String &String Room &Room SocketId);

impl<T: Into<Room>, const N: usize> IntoRooms for [T; N] {
    fn into_rooms(self) -> Rooms {
        self.into_iter().map(Into::into).collect()
    }
}

impl<T: Into<Room>> IntoRooms for Vec<T> {
    fn into_rooms(self) -> Rooms {
        self.into_iter().map(Into::into).collect()
    }
}

impl<'a, T> IntoRooms for &'a [T]
where
    Room: From<&'a T>,
{
    fn into_rooms(self) -> Rooms {
        self.iter().map(Into::into).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_named_in_many_ways() {
        let check = |rooms: Rooms, names: &[&str]| assert!(rooms.iter().map(Room::as_str).eq(names.iter().copied()));
        check("a".into_rooms(), &["a"]);
        check(String::from("a").into_rooms(), &["a"]);
        check(["a", "b"].into_rooms(), &["a", "b"]);
        check(vec![Room::from("a")].into_rooms(), &["a"]);
        check((&["a", "b"][..]).into_rooms(), &["a", "b"]);
        check(SocketId::from_random([0; 15]).into_rooms(), &["AAAAAAAAAAAAAAAAAAAA"]);
    }
}
