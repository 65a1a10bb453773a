//! Between the words of the library and those of the cluster.

use std::borrow::Cow;

use fanfare::adapter::{Broadcast, Selection};
use fanfare::{RemoteSocketData, Room, Rooms, Value};
use fanfare_proto::cluster::{Flags, Opts, SocketDescription};
use fanfare_proto::socket::Args;

pub(super) fn opts<'a>(broadcast: &Broadcast<'a>) -> Opts<'a> {
    let flags =
        Flags { volatile: broadcast.volatile, compress: (!broadcast.compress).then_some(false), ..Flags::default() };
    Opts { flags, ..borrowed_opts(&broadcast.scope.selection) }
}

pub(super) fn borrowed_opts(selection: &Selection) -> Opts<'_> {
    Opts { rooms: borrowed(&selection.rooms), except: borrowed(&selection.except), flags: Flags::default() }
}

pub(super) fn borrowed(rooms: &[Room]) -> Vec<Cow<'_, str>> {
    rooms.iter().map(|room| Cow::Borrowed(room.as_str())).collect()
}

pub(super) fn selection(opts: &Opts<'_>) -> Selection {
    Selection { rooms: to_rooms(&opts.rooms), except: to_rooms(&opts.except) }
}

pub(super) fn to_rooms(names: &[Cow<'_, str>]) -> Rooms {
    names.iter().map(|name| Room::from(&**name)).collect()
}

/// The first argument; nothing is as good as `null`.
pub(super) fn first(args: &Args<'_>) -> Value {
    args.reader().next().and_then(Result::ok).unwrap_or_default()
}

pub(super) fn describe(socket: RemoteSocketData) -> SocketDescription {
    SocketDescription {
        id: socket.id,
        handshake: socket.handshake,
        rooms: socket.rooms.iter().map(|room| Value::from(room.as_str())).collect(),
        data: socket.data.unwrap_or_else(|| Value::Object(Vec::new())),
    }
}

pub(super) fn remote(socket: SocketDescription) -> RemoteSocketData {
    let room = |room: Value| match room {
        Value::String(name) => Some(Room::from(name)),
        // JavaScript callers can use numbers.
        other => other.as_f64().map(|number| Room::from(number.to_string())),
    };
    RemoteSocketData {
        id: socket.id,
        handshake: socket.handshake,
        rooms: socket.rooms.into_iter().filter_map(room).collect(),
        data: Some(socket.data),
    }
}
