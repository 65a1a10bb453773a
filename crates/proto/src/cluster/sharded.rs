//! The sharded adapter: one map for everything, as JSON or, with binary data in it, as MessagePack.
//! Source: `@socket.io/redis-adapter` 8.3, `createShardedAdapter`.

use super::document::{Document, Object};
use super::message::{Event, Items, Opts, Request, Requester, Response, names, read_count, read_sockets, write_packet};
use super::node::Read;
use super::writer::{Form, Members, Writer};
use super::{Malformed, Publish, Subscription};
use crate::ids::SocketId;
use crate::socket::{Args, EmitArgs, EncodeError};

/// The channels of one namespace on one node.
#[derive(Clone, Debug)]
pub struct Sharded {
    namespace: Box<str>,
    uid: Box<str>,
    mode: SubscriptionMode,
    /// `P#N#`.
    channel: Box<str>,
    /// `P#N#U#`.
    own_channel: Box<str>,
}

/// Which rooms have a channel of their own. All nodes have to use the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubscriptionMode {
    /// None.
    Static,
    /// Those that do not look like the id of a socket.
    #[default]
    Dynamic,
    /// All.
    DynamicPrivate,
}

impl Sharded {
    /// For a node. `prefix` is the reference's `channelPrefix`.
    pub fn node(prefix: &str, namespace: &str, uid: &str, mode: SubscriptionMode) -> Self {
        let channel = format!("{prefix}#{namespace}#");
        let own_channel = format!("{channel}{uid}#").into();
        Self { namespace: namespace.into(), uid: uid.into(), mode, channel: channel.into(), own_channel }
    }

    pub(super) fn subscriptions(&self) -> Vec<Subscription> {
        [&self.channel, &self.own_channel].map(|channel| Subscription::Sharded(channel.to_string())).to_vec()
    }

    pub(super) fn counted_channel(&self) -> &str {
        &self.channel
    }

    /// What a node listens to while a room has a socket on it; `private` for the room of a socket's own id.
    ///
    /// A public room whose name has the length of a socket id is listened to as in the reference; whoever publishes to it
    /// takes it for a socket, and the channel that everybody reads.
    pub(super) fn room_subscription(&self, room: &str, private: bool) -> Option<Subscription> {
        let wanted = match self.mode {
            SubscriptionMode::Static => false,
            SubscriptionMode::Dynamic => !private,
            SubscriptionMode::DynamicPrivate => true,
        };
        wanted.then(|| Subscription::Sharded(self.room_channel(room)))
    }

    /// Writes a request.
    pub fn request(&self, request: &Request<'_>) -> Result<Publish, EncodeError> {
        match request {
            Request::Broadcast { event, opts, id, .. } => self.broadcast(event, opts, id.as_deref()),
            Request::SocketsJoin { opts, rooms } => Ok(self.tell(SOCKETS_JOIN, |members| {
                opts.write(members.member("opts"), true);
                members.member("rooms").strings(rooms.iter());
            })),
            Request::SocketsLeave { opts, rooms } => Ok(self.tell(SOCKETS_LEAVE, |members| {
                opts.write(members.member("opts"), true);
                members.member("rooms").strings(rooms.iter());
            })),
            Request::DisconnectSockets { opts, close } => Ok(self.tell(DISCONNECT_SOCKETS, |members| {
                opts.write(members.member("opts"), true);
                members.member("close").bool(*close);
            })),
            Request::FetchSockets { opts, id } => Ok(self.tell(FETCH_SOCKETS, |members| {
                opts.write(members.member("opts"), true);
                members.member("requestId").string(id);
            })),
            Request::ServerSideEmit { event, id } => {
                let (form, items) = with_binary(Some(&event.name), &event.args)?;
                let payload = self.message(form, SERVER_SIDE_EMIT, |members| {
                    id.iter().for_each(|id| members.member("requestId").string(id));
                    members.member("packet").items(items.count, &items.bytes);
                });
                Ok(Publish { channel: self.channel.to_string(), payload })
            }
            Request::AllRooms { .. } | Request::SocketIds { .. } | Request::OneSocket { .. } => {
                Err(EncodeError::new("the sharded adapter has no such request"))
            }
        }
    }

    /// Writes an answer.
    pub fn response(&self, to: &Requester, response: &Response<'_>) -> Result<Publish, EncodeError> {
        let id = |members: &mut Members<'_>| members.member("requestId").string(&to.id);
        let payload = match response {
            Response::ClientCount(count) => self.message(Form::Json, BROADCAST_CLIENT_COUNT, |members| {
                id(members);
                members.member("clientCount").number(*count);
            }),
            Response::Ack(args) => self.answer(BROADCAST_ACK, to, args)?,
            Response::ServerSideEmit(args) => self.answer(SERVER_SIDE_EMIT_RESPONSE, to, args)?,
            Response::Sockets(sockets) => {
                let (form, sockets) = with_binary(None, &sockets)?;
                self.message(form, FETCH_SOCKETS_RESPONSE, |members| {
                    id(members);
                    members.member("sockets").raw(&sockets.bytes);
                })
            }
            Response::Rooms(_) | Response::SocketIds(_) | Response::Done => {
                return Err(EncodeError::new("the sharded adapter has no such answer"));
            }
        };
        let channel = format!("{}{}#", self.channel, to.uid.as_deref().unwrap_or_default());
        Ok(Publish { channel, payload })
    }

    /// Reads a message of any of the channels.
    pub(super) fn read<'a>(
        &self,
        channel: &str,
        payload: &'a [u8],
        has_room: impl FnOnce(&str) -> bool,
    ) -> Result<Read<'a>, Malformed> {
        let Some(room) = channel.strip_prefix(&*self.channel) else { return Ok(Read::Foreign) };
        let is_room = channel != &*self.own_channel && !room.is_empty();
        if is_room && !has_room(room.strip_suffix('#').unwrap_or(room)) {
            return Ok(Read::Nobody);
        }
        let message = Document::parse(payload)?.object()?;
        let uid = message.get("uid").and_then(Document::as_str);
        if uid.as_deref() == Some(&self.uid) {
            return Ok(Read::Own);
        }
        if message.get("nsp").and_then(Document::as_str).as_deref() != Some(&self.namespace) {
            return Ok(Read::Foreign);
        }
        let kind = read_count(message.get("type"))?;
        let data = message.get("data").ok_or(Malformed::WrongShape)?.object()?;
        let id = data.get("requestId").and_then(Document::as_name);
        if let Some(response) = read_response(kind, &data)? {
            return Ok(Read::Response(id.ok_or(Malformed::WrongShape)?, response));
        }
        let requester = id.as_deref().map(|id| Requester::new(uid, id));
        Ok(Read::Request(read_request(kind, &data)?, requester))
    }

    fn broadcast(&self, event: &Event<'_>, opts: &Opts<'_>, id: Option<&str>) -> Result<Publish, EncodeError> {
        let (form, items) = with_binary(Some(&event.name), &event.args)?;
        let payload = self.message(form, BROADCAST, |members| {
            write_packet(members.member("packet"), &items, None);
            id.iter().for_each(|id| members.member("requestId").string(id));
            opts.write(members.member("opts"), true);
        });
        let room = opts.only_room().filter(|room| id.is_none() && self.has_own_channel(room));
        let channel = room.map_or_else(|| self.channel.to_string(), |room| self.room_channel(room));
        Ok(Publish { channel, payload })
    }

    /// Whether what is for a room alone goes to a channel of its own.
    fn has_own_channel(&self, room: &str) -> bool {
        match self.mode {
            SubscriptionMode::Static => false,
            SubscriptionMode::Dynamic => room.encode_utf16().count() != SocketId::LEN,
            SubscriptionMode::DynamicPrivate => true,
        }
    }

    fn room_channel(&self, room: &str) -> String {
        format!("{}{room}#", self.channel)
    }

    fn tell(&self, kind: u64, write: impl FnOnce(&mut Members<'_>)) -> Publish {
        Publish { channel: self.channel.to_string(), payload: self.message(Form::Json, kind, write) }
    }

    fn answer(&self, kind: u64, to: &Requester, args: &Args<'_>) -> Result<Vec<u8>, EncodeError> {
        let first = args.first().unwrap_or(Args::NONE);
        let (form, arg) = with_binary(None, &first)?;
        Ok(self.message(form, kind, |members| {
            members.member("requestId").string(&to.id);
            if arg.count > 0 {
                members.member("packet").raw(&arg.bytes);
            }
        }))
    }

    fn message(&self, form: Form, kind: u64, write: impl FnOnce(&mut Members<'_>)) -> Vec<u8> {
        Writer::message(form, |members| {
            members.member("type").number(kind);
            members.member("data").object(write);
            members.member("uid").string(&self.uid);
            members.member("nsp").string(&self.namespace);
        })
    }
}

/// As JSON where that holds everything, else as MessagePack.
fn with_binary(name: Option<&str>, args: &dyn EmitArgs) -> Result<(Form, Items), EncodeError> {
    let json = Items::write(Form::Json, name, args)?;
    if json.has_binary {
        return Ok((Form::MsgPack, Items::write(Form::MsgPack, name, args)?));
    }
    Ok((Form::Json, json))
}

fn read_request<'a>(kind: u64, data: &Object<'a>) -> Result<Request<'a>, Malformed> {
    let opts = || Opts::read(data.get("opts"));
    let rooms = || names(data.get("rooms"));
    let id = data.get("requestId").and_then(Document::as_name);
    Ok(match kind {
        BROADCAST => {
            let packet = data.get("packet").ok_or(Malformed::WrongShape)?.object()?;
            // `null` is an id for the reference, which then asks the clients and answers to nobody.
            let unwanted_ack = id.is_none() && (data.has("requestId") || packet.has("id"));
            Request::Broadcast { event: Event::read(packet.get("data"))?, opts: opts()?, id, unwanted_ack }
        }
        SOCKETS_JOIN => Request::SocketsJoin { opts: opts()?, rooms: rooms()? },
        SOCKETS_LEAVE => Request::SocketsLeave { opts: opts()?, rooms: rooms()? },
        DISCONNECT_SOCKETS => {
            let close = data.get("close").and_then(Document::as_bool).unwrap_or(false);
            Request::DisconnectSockets { opts: opts()?, close }
        }
        FETCH_SOCKETS => Request::FetchSockets { opts: opts()?, id: id.ok_or(Malformed::WrongShape)? },
        SERVER_SIDE_EMIT => Request::ServerSideEmit { event: Event::read(data.get("packet"))?, id },
        _ => return Err(Malformed::UnknownType),
    })
}

/// `None` where the message is no answer.
fn read_response<'a>(kind: u64, data: &Object<'a>) -> Result<Option<Response<'a>>, Malformed> {
    Ok(Some(match kind {
        FETCH_SOCKETS_RESPONSE => Response::Sockets(read_sockets(data.get("sockets").ok_or(Malformed::WrongShape)?)?),
        SERVER_SIDE_EMIT_RESPONSE => Response::ServerSideEmit(data.arg("packet")),
        BROADCAST_CLIENT_COUNT => Response::ClientCount(read_count(data.get("clientCount"))?),
        BROADCAST_ACK => Response::Ack(data.arg("packet")),
        _ => return Ok(None),
    }))
}

const BROADCAST: u64 = 3;
const SOCKETS_JOIN: u64 = 4;
const SOCKETS_LEAVE: u64 = 5;
const DISCONNECT_SOCKETS: u64 = 6;
const FETCH_SOCKETS: u64 = 7;
const FETCH_SOCKETS_RESPONSE: u64 = 8;
const SERVER_SIDE_EMIT: u64 = 9;
const SERVER_SIDE_EMIT_RESPONSE: u64 = 10;
const BROADCAST_CLIENT_COUNT: u64 = 11;
const BROADCAST_ACK: u64 = 12;
