//! What nodes tell each other, whatever it looks like on the wire.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Malformed;
use super::document::Document;
use super::writer::{Form, Members, Writer};
use crate::socket::msgpack::Cursor;
use crate::socket::transcode::{Binaries, push_json};
use crate::socket::{Args, ArgsWriter, EmitArgs, EncodeError, Parser, Value};

/// Something for all nodes of a namespace but the one that says it.
#[derive(Clone, Debug)]
pub enum Request<'a> {
    /// An event for the selected sockets; with an id, their acknowledgements are wanted.
    Broadcast {
        /// The event.
        event: Event<'a>,
        /// For whom.
        opts: Opts<'a>,
        /// Where answers belong to.
        id: Option<Cow<'a, str>>,
        /// The client is asked for an acknowledgement that nobody waits for.
        unwanted_ack: bool,
    },
    /// The selected sockets join rooms.
    SocketsJoin {
        /// Which sockets.
        opts: Opts<'a>,
        /// The rooms.
        rooms: Vec<Cow<'a, str>>,
    },
    /// The selected sockets leave rooms.
    SocketsLeave {
        /// Which sockets.
        opts: Opts<'a>,
        /// The rooms.
        rooms: Vec<Cow<'a, str>>,
    },
    /// The selected sockets are disconnected.
    DisconnectSockets {
        /// Which sockets.
        opts: Opts<'a>,
        /// Whether their connections are closed too.
        close: bool,
    },
    /// The selected sockets are to be described.
    FetchSockets {
        /// Which sockets.
        opts: Opts<'a>,
        /// Where answers belong to.
        id: Cow<'a, str>,
    },
    /// An event for the nodes themselves; with an id, one answer of each is wanted.
    ServerSideEmit {
        /// The event.
        event: Event<'a>,
        /// Where answers belong to.
        id: Option<Cow<'a, str>>,
    },
    /// All rooms are to be named, those of socket ids too.
    AllRooms {
        /// Where answers belong to.
        id: Cow<'a, str>,
    },
    /// The ids of the sockets in these rooms are to be named. Only older adapters ask so.
    SocketIds {
        /// The rooms; all sockets if there is none.
        rooms: Vec<Cow<'a, str>>,
        /// Where answers belong to.
        id: Cow<'a, str>,
    },
    /// One socket is to do something, and its node is to say so when it has. Only older adapters ask so.
    OneSocket {
        /// The socket.
        socket: Cow<'a, str>,
        /// What it is to do.
        what: OneSocket<'a>,
        /// Where the answer belongs to.
        id: Cow<'a, str>,
    },
}

/// What one socket is to do.
#[derive(Clone, Debug)]
pub enum OneSocket<'a> {
    /// Join a room.
    Join(Cow<'a, str>),
    /// Leave a room.
    Leave(Cow<'a, str>),
    /// Disconnect; with `true`, also the connection below.
    Disconnect(bool),
}

/// An answer to a request.
#[derive(Clone, Debug)]
pub enum Response<'a> {
    /// A broadcast that wants acknowledgements has gone to so many sockets.
    ClientCount(u64),
    /// One socket has acknowledged it, with this argument.
    Ack(Args<'a>),
    /// The selected sockets.
    Sockets(Vec<SocketDescription>),
    /// The answer to an event for the nodes themselves, one argument.
    ServerSideEmit(Args<'a>),
    /// All rooms.
    Rooms(Vec<Cow<'a, str>>),
    /// The ids of sockets.
    SocketIds(Vec<Cow<'a, str>>),
    /// One socket has done what it was to do.
    Done,
}

/// Who wants an answer, and to what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The node, if it has named itself.
    pub(super) uid: Option<Box<str>>,
    /// The request.
    pub(super) id: Box<str>,
}

/// Which sockets something is for, and how they get it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opts<'a> {
    /// Sockets in any of these rooms; none means all sockets.
    pub rooms: Vec<Cow<'a, str>>,
    /// But not those in any of these.
    pub except: Vec<Cow<'a, str>>,
    /// How.
    pub flags: Flags,
}

/// How an event is delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Clients that cannot take it at once do not get it.
    pub volatile: bool,
    /// Whether it may be compressed, where that was said.
    pub compress: Option<bool>,
    /// How long acknowledgements are waited for, where that was said.
    pub timeout: Option<Duration>,
    /// Exactly one acknowledgement is expected.
    pub expect_single_response: bool,
}

/// An event and its arguments.
#[derive(Clone)]
pub struct Event<'a> {
    /// Its name.
    pub name: Cow<'a, str>,
    /// Its arguments.
    pub args: EventArgs<'a>,
}

/// Arguments, whichever way they go.
#[derive(Clone, Copy)]
pub enum EventArgs<'a> {
    /// To be written.
    Emit(&'a dyn EmitArgs),
    /// As they were received; they can be written again.
    Received(Args<'a>),
}

/// A socket, as nodes describe it to each other. All but the id may be of any shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SocketDescription {
    /// Its id.
    pub id: String,
    /// How its client has connected.
    #[serde(default)]
    pub handshake: Value,
    /// Its rooms.
    #[serde(default)]
    pub rooms: Vec<Value>,
    /// What the application has stored with it.
    #[serde(default)]
    pub data: Value,
}

impl Opts<'_> {
    pub(super) fn write(&self, out: &mut Writer, with_flags: bool) {
        out.object(|members| {
            members.member("rooms").strings(self.rooms.iter());
            members.member("except").strings(self.except.iter());
            if with_flags {
                self.flags.write(members.member("flags"));
            }
        });
    }

    /// As emitters write them.
    pub(super) fn write_flags_first(&self, out: &mut Writer) {
        out.object(|members| {
            members.member("rooms").strings(self.rooms.iter());
            self.flags.write(members.member("flags"));
            members.member("except").strings(self.except.iter());
        });
    }
}

impl<'a> Opts<'a> {
    /// Absent rooms select all sockets, as for the reference; rooms that are no list select nobody.
    pub(super) fn read(document: Option<Document<'a>>) -> Result<Self, Malformed> {
        let opts = document.ok_or(Malformed::WrongShape)?.object()?;
        Ok(Self {
            rooms: names(opts.get("rooms"))?,
            except: names(opts.get("except"))?,
            flags: opts.get("flags").map(Flags::read).unwrap_or_default(),
        })
    }

    /// The room, where there is exactly one.
    pub(super) fn only_room(&self) -> Option<&str> {
        match &self.rooms[..] {
            [room] => Some(room),
            _ => None,
        }
    }
}

/// A list of names; none where there is no list.
pub(super) fn names(document: Option<Document<'_>>) -> Result<Vec<Cow<'_, str>>, Malformed> {
    let Some(document) = document else { return Ok(Vec::new()) };
    let names = document.items().and_then(|items| items.into_iter().map(Document::as_name).collect());
    names.ok_or(Malformed::WrongShape)
}

impl Flags {
    fn write(self, out: &mut Writer) {
        out.object(|members| {
            if let Some(compress) = self.compress {
                members.member("compress").bool(compress);
            }
            if self.volatile {
                members.member("volatile").bool(true);
            }
            if self.expect_single_response {
                members.member("expectSingleResponse").bool(true);
            }
            if let Some(timeout) = self.timeout {
                members.member("timeout").number(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
            }
        });
    }

    /// Anything but an object has no flags: some encoders write an empty array.
    fn read(document: Document<'_>) -> Self {
        let Ok(flags) = document.object() else { return Self::default() };
        let flag = |name| flags.get(name).and_then(Document::as_bool);
        let timeout = flags.get("timeout").and_then(Document::as_integer);
        Self {
            volatile: flag("volatile").unwrap_or(false),
            compress: flag("compress"),
            timeout: timeout.and_then(|millis| u64::try_from(millis).ok()).map(Duration::from_millis),
            expect_single_response: flag("expectSingleResponse").unwrap_or(false),
        }
    }
}

impl<'a> Event<'a> {
    /// An event to be sent.
    pub fn emit(name: &'a str, args: &'a dyn EmitArgs) -> Self {
        Self { name: Cow::Borrowed(name), args: EventArgs::Emit(args) }
    }

    pub(super) fn read(document: Option<Document<'a>>) -> Result<Self, Malformed> {
        let (name, args) = document.and_then(Document::as_event).ok_or(Malformed::WrongShape)?;
        Ok(Self { name, args: EventArgs::Received(args) })
    }
}

impl EmitArgs for EventArgs<'_> {
    fn write(&self, out: &mut ArgsWriter<'_>) -> Result<(), EncodeError> {
        match self {
            Self::Emit(args) => args.write(out),
            Self::Received(args) => args.write(out),
        }
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Arguments that have been written, one behind the other.
#[derive(Debug)]
pub(super) struct Items {
    pub(super) count: u32,
    pub(super) bytes: Vec<u8>,
    /// Binary data is among them, which JSON cannot hold.
    pub(super) has_binary: bool,
}

impl Items {
    /// Writes an event name, if there is one, and arguments.
    pub(super) fn write(form: Form, name: Option<&str>, args: &dyn EmitArgs) -> Result<Self, EncodeError> {
        let parser = match form {
            Form::Json => Parser::Json,
            Form::MsgPack => Parser::MsgPack,
        };
        let (mut bytes, mut attachments) = (Vec::new(), Vec::new());
        let mut out = ArgsWriter::new(parser, &mut bytes, &mut attachments);
        name.map_or(Ok(()), |name| out.push(name))?;
        args.write(&mut out)?;
        Ok(Self { count: out.items(), bytes, has_binary: !attachments.is_empty() })
    }

    pub(super) fn event(form: Form, event: &Event<'_>) -> Result<Self, EncodeError> {
        Self::write(form, Some(&event.name), &event.args)
    }

    /// Writes the first of some arguments, if there is one: answers carry no more.
    pub(super) fn first(form: Form, args: &Args<'_>) -> Result<Option<Self>, EncodeError> {
        args.first().map(|first| Self::write(form, None, &first)).transpose()
    }

    /// As [`first`](Self::first) and [`inline_json`](Self::inline_json).
    pub(super) fn first_inline_json(args: &Args<'_>) -> Result<Option<Self>, EncodeError> {
        args.first().map(|first| Self::inline_json(None, &first)).transpose()
    }

    /// As JSON, binary data too, the way Node.js writes its `Buffer`s.
    pub(super) fn inline_json(name: Option<&str>, args: &dyn EmitArgs) -> Result<Self, EncodeError> {
        let json = Self::write(Form::Json, name, args)?;
        if !json.has_binary {
            return Ok(json);
        }
        let packed = Self::write(Form::MsgPack, name, args)?;
        let mut cursor = Cursor::new(&packed.bytes);
        let mut bytes = Vec::new();
        for index in 0..packed.count {
            if index > 0 {
                bytes.push(b',');
            }
            push_json(&mut bytes, &mut cursor, &mut Binaries::Inline).expect("it has just been written");
        }
        Ok(Self { count: packed.count, bytes, has_binary: false })
    }
}

impl Requester {
    pub(super) fn new(uid: Option<Cow<'_, str>>, id: &str) -> Self {
        Self { uid: uid.map(|uid| uid.into()), id: id.into() }
    }
}

/// Reads descriptions of sockets.
pub(super) fn read_sockets(document: Document<'_>) -> Result<Vec<SocketDescription>, Malformed> {
    match document.as_arg().reader().next() {
        Some(Ok(sockets)) => Ok(sockets),
        _ => Err(Malformed::WrongShape),
    }
}

/// A number that counts something.
pub(super) fn read_count(document: Option<Document<'_>>) -> Result<u64, Malformed> {
    let count = document.and_then(Document::as_integer).and_then(|count| u64::try_from(count).ok());
    count.ok_or(Malformed::WrongShape)
}

/// Writes the packet of a broadcast. `namespace` is left out where the message around it has it.
pub(super) fn write_packet(out: &mut Writer, items: &Items, namespace: Option<&str>) {
    out.object(|members: &mut Members<'_>| {
        members.member("type").number(EVENT);
        members.member("data").items(items.count, &items.bytes);
        if let Some(namespace) = namespace {
            members.member("nsp").string(namespace);
        }
    });
}

/// The packet type of an event. Packets are of no other type.
const EVENT: u64 = 2;
