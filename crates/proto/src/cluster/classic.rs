//! The classic adapter: broadcasts as MessagePack on the namespace's channels, requests as JSON beside them.
//! Source: `@socket.io/redis-adapter` 8.3, `createAdapter`; `@socket.io/redis-emitter` 5.1.

use std::borrow::Cow;

use super::document::{Document, Object};
use super::message::{
    Event, Items, OneSocket, Opts, Request, Requester, Response, names, read_count, read_sockets, write_packet,
};
use super::node::Read;
use super::writer::{Form, Members, Writer};
use super::{Malformed, Publish, Subscription};
use crate::socket::EncodeError;

/// The channels of one namespace, and who speaks on them.
#[derive(Clone, Debug)]
pub struct Classic {
    namespace: Box<str>,
    sender: Sender,
    /// `P#N#`.
    broadcasts: Box<str>,
    /// `P-request#N#`.
    requests: Box<str>,
    /// `P-response#N#`.
    responses: Box<str>,
    answers_on_own_channel: bool,
}

#[derive(Clone, Debug)]
enum Sender {
    /// A node, of this uid.
    Node(Box<str>),
    /// A process that only sends.
    Emitter,
}

/// The uid of emitters. Nodes have others.
const EMITTER: &str = "emitter";

impl Classic {
    /// For a node. `prefix` is the reference's `key`.
    pub fn node(prefix: &str, namespace: &str, uid: &str) -> Self {
        Self::new(prefix, namespace, Sender::Node(uid.into()))
    }

    /// For an emitter.
    pub fn emitter(prefix: &str, namespace: &str) -> Self {
        Self::new(prefix, namespace, Sender::Emitter)
    }

    fn new(prefix: &str, namespace: &str, sender: Sender) -> Self {
        Self {
            namespace: namespace.into(),
            sender,
            broadcasts: format!("{prefix}#{namespace}#").into(),
            requests: format!("{prefix}-request#{namespace}#").into(),
            responses: format!("{prefix}-response#{namespace}#").into(),
            answers_on_own_channel: false,
        }
    }

    /// Answers go to the channel of the node that asks, instead of one that all nodes read: the reference's
    /// `publishOnSpecificResponseChannel`.
    #[must_use]
    pub fn answer_on_own_channel(mut self, specific: bool) -> Self {
        self.answers_on_own_channel = specific;
        self
    }

    /// What a node listens to.
    pub(super) fn subscriptions(&self) -> Vec<Subscription> {
        let own = format!("{}{}#", self.responses, self.uid());
        vec![
            Subscription::Pattern(format!("{}*", escape_glob(&self.broadcasts))),
            Subscription::Channel(self.requests.to_string()),
            Subscription::Channel(self.responses.to_string()),
            Subscription::Channel(own),
        ]
    }

    /// The channel whose subscribers are the nodes.
    pub(super) fn counted_channel(&self) -> &str {
        &self.requests
    }

    /// Writes a request.
    pub fn request(&self, request: &Request<'_>) -> Result<Publish, EncodeError> {
        match request {
            Request::Broadcast { event, opts, id: None, .. } => self.broadcast(event, opts),
            Request::Broadcast { event, opts, id: Some(id), .. } => {
                let items = Items::event(Form::MsgPack, event)?;
                Ok(self.ask(Form::MsgPack, Some(id), BROADCAST, |members| {
                    write_packet(members.member("packet"), &items, Some(&self.namespace));
                    opts.write(members.member("opts"), true);
                }))
            }
            Request::SocketsJoin { opts, rooms } => Ok(self.ask(Form::Json, None, REMOTE_JOIN, |members| {
                opts.write(members.member("opts"), false);
                members.member("rooms").strings(rooms.iter());
            })),
            Request::SocketsLeave { opts, rooms } => Ok(self.ask(Form::Json, None, REMOTE_LEAVE, |members| {
                opts.write(members.member("opts"), false);
                members.member("rooms").strings(rooms.iter());
            })),
            Request::DisconnectSockets { opts, close } => {
                Ok(self.ask(Form::Json, None, REMOTE_DISCONNECT, |members| {
                    opts.write(members.member("opts"), false);
                    members.member("close").bool(*close);
                }))
            }
            Request::FetchSockets { opts, id } => Ok(self.ask(Form::Json, Some(id), REMOTE_FETCH, |members| {
                opts.write(members.member("opts"), false);
            })),
            Request::ServerSideEmit { event, id } => {
                let items = Items::inline_json(Some(&event.name), &event.args)?;
                Ok(self.ask(Form::Json, id.as_deref(), SERVER_SIDE_EMIT, |members| {
                    members.member("data").items(items.count, &items.bytes);
                }))
            }
            Request::AllRooms { id } => Ok(self.ask(Form::Json, Some(id), ALL_ROOMS, |_| ())),
            Request::SocketIds { rooms, id } => Ok(self.ask(Form::Json, Some(id), SOCKETS, |members| {
                members.member("rooms").strings(rooms.iter());
            })),
            Request::OneSocket { socket, what, id } => Ok(self.ask_one(socket, what, id)),
        }
    }

    /// Writes an answer.
    pub fn response(&self, to: &Requester, response: &Response<'_>) -> Result<Publish, EncodeError> {
        let id = |members: &mut Members<'_>| members.member("requestId").string(&to.id);
        let payload = match response {
            Response::ClientCount(count) => Writer::message(Form::Json, |members| {
                members.member("type").number(BROADCAST_CLIENT_COUNT);
                id(members);
                members.member("clientCount").number(*count);
            }),
            Response::Ack(args) => {
                let arg = Items::first(Form::MsgPack, args)?;
                Writer::message(Form::MsgPack, |members| {
                    members.member("type").number(BROADCAST_ACK);
                    id(members);
                    arg.iter().for_each(|arg| members.member("packet").raw(&arg.bytes));
                })
            }
            Response::ServerSideEmit(args) => {
                let arg = Items::first_inline_json(args)?;
                Writer::message(Form::Json, |members| {
                    members.member("type").number(SERVER_SIDE_EMIT);
                    id(members);
                    arg.iter().for_each(|arg| members.member("data").raw(&arg.bytes));
                })
            }
            Response::Sockets(sockets) => {
                let sockets = Items::inline_json(None, &sockets)?;
                Writer::message(Form::Json, |members| {
                    id(members);
                    members.member("sockets").raw(&sockets.bytes);
                })
            }
            Response::Rooms(rooms) => Writer::message(Form::Json, |members| {
                id(members);
                members.member("rooms").strings(rooms.iter());
            }),
            Response::SocketIds(ids) => Writer::message(Form::Json, |members| {
                id(members);
                members.member("sockets").strings(ids.iter());
            }),
            Response::Done => Writer::message(Form::Json, id),
        };
        Ok(Publish { channel: self.answer_channel(to, response), payload })
    }

    /// Reads a message of any of the channels; `has_room` says whether a room has a socket here.
    pub(super) fn read<'a>(
        &self,
        channel: &str,
        payload: &'a [u8],
        has_room: impl FnOnce(&str) -> bool,
    ) -> Result<Read<'a>, Malformed> {
        if channel == &*self.requests {
            return self.read_request(&Document::parse(payload)?.object()?);
        }
        if channel.starts_with(&*self.responses) {
            return read_response(&Document::parse(payload)?.object()?);
        }
        let Some(room) = channel.strip_prefix(&*self.broadcasts) else { return Ok(Read::Foreign) };
        let mut room = room.chars();
        room.next_back();
        // Most nodes have nobody in most rooms; what is for those need not even be looked at.
        if !room.as_str().is_empty() && !has_room(room.as_str()) {
            return Ok(Read::Nobody);
        }
        self.read_broadcast(payload)
    }

    fn uid(&self) -> &str {
        match &self.sender {
            Sender::Node(uid) => uid,
            Sender::Emitter => EMITTER,
        }
    }

    fn is_own(&self, uid: Option<Document<'_>>) -> bool {
        uid.and_then(Document::as_str).is_some_and(|uid| uid == self.uid())
    }

    /// `[uid, packet, opts]`, on the channel of the room where there is exactly one.
    fn broadcast(&self, event: &Event<'_>, opts: &Opts<'_>) -> Result<Publish, EncodeError> {
        let items = Items::event(Form::MsgPack, event)?;
        let mut out = Writer::new(Form::MsgPack);
        out.begin_tuple(3);
        out.string(self.uid());
        write_packet(&mut out, &items, Some(&self.namespace));
        match self.sender {
            Sender::Node(_) => opts.write(&mut out, true),
            Sender::Emitter => opts.write_flags_first(&mut out),
        }
        let channel = match opts.only_room() {
            Some(room) => format!("{}{room}#", self.broadcasts),
            None => self.broadcasts.to_string(),
        };
        Ok(Publish { channel, payload: out.into_bytes() })
    }

    fn ask(&self, form: Form, id: Option<&str>, kind: u64, write: impl FnOnce(&mut Members<'_>)) -> Publish {
        let payload = Writer::message(form, |members| {
            // Emitters name themselves only where the answer would be wrong without.
            match &self.sender {
                Sender::Node(uid) => members.member("uid").string(uid),
                Sender::Emitter if kind == SERVER_SIDE_EMIT => members.member("uid").string(EMITTER),
                Sender::Emitter => {}
            }
            id.iter().for_each(|id| members.member("requestId").string(id));
            members.member("type").number(kind);
            write(members);
        });
        Publish { channel: self.requests.to_string(), payload }
    }

    fn ask_one(&self, socket: &str, what: &OneSocket<'_>, id: &str) -> Publish {
        let kind = match what {
            OneSocket::Join(_) => REMOTE_JOIN,
            OneSocket::Leave(_) => REMOTE_LEAVE,
            OneSocket::Disconnect(_) => REMOTE_DISCONNECT,
        };
        self.ask(Form::Json, Some(id), kind, |members| {
            members.member("sid").string(socket);
            match what {
                OneSocket::Join(room) | OneSocket::Leave(room) => members.member("room").string(room),
                OneSocket::Disconnect(close) => members.member("close").bool(*close),
            }
        })
    }

    fn answer_channel(&self, to: &Requester, response: &Response<'_>) -> String {
        match &to.uid {
            Some(uid) if self.answers_on_own_channel && !matches!(response, Response::ServerSideEmit(_)) => {
                format!("{}{uid}#", self.responses)
            }
            _ => self.responses.to_string(),
        }
    }

    fn read_broadcast<'a>(&self, payload: &'a [u8]) -> Result<Read<'a>, Malformed> {
        let items = Document::parse_msgpack(payload)?.items().ok_or(Malformed::WrongShape)?;
        let [uid, packet, opts] = items[..] else { return Err(Malformed::WrongShape) };
        if self.is_own(Some(uid)) {
            return Ok(Read::Own);
        }
        let packet = packet.object()?;
        let Some(event) = self.read_packet(&packet)? else { return Ok(Read::Foreign) };
        let opts = Opts::read(Some(opts).filter(|opts| !opts.is_null()))?;
        Ok(Read::Request(Request::Broadcast { event, opts, id: None, unwanted_ack: packet.has("id") }, None))
    }

    /// The event of a packet; `None` for one of another namespace.
    fn read_packet<'a>(&self, packet: &Object<'a>) -> Result<Option<Event<'a>>, Malformed> {
        // A namespace of `null` belongs to nobody, one that is left out is the main one.
        let namespace = match packet.has("nsp") {
            true => packet.get("nsp").and_then(Document::as_str).unwrap_or_default(),
            false => Cow::Borrowed("/"),
        };
        if *namespace != *self.namespace {
            return Ok(None);
        }
        Event::read(packet.get("data")).map(Some)
    }

    fn read_request<'a>(&self, request: &Object<'a>) -> Result<Read<'a>, Malformed> {
        if self.is_own(request.get("uid")) {
            return Ok(Read::Own);
        }
        let uid = request.get("uid").and_then(Document::as_str);
        let id = request.get("requestId").and_then(Document::as_name);
        let requester = id.as_deref().map(|id| Requester::new(uid, id));
        let needed = || id.clone().ok_or(Malformed::WrongShape);
        let request = match read_count(request.get("type"))? {
            BROADCAST => {
                let packet = request.get("packet").ok_or(Malformed::WrongShape)?.object()?;
                let Some(event) = self.read_packet(&packet)? else { return Ok(Read::Foreign) };
                Request::Broadcast { event, opts: Opts::read(request.get("opts"))?, unwanted_ack: id.is_none(), id }
            }
            SERVER_SIDE_EMIT => Request::ServerSideEmit { event: Event::read(request.get("data"))?, id },
            kind @ (REMOTE_JOIN | REMOTE_LEAVE | REMOTE_DISCONNECT) if request.has("opts") => {
                read_order(kind, request)?
            }
            kind @ (REMOTE_JOIN | REMOTE_LEAVE | REMOTE_DISCONNECT) => {
                let socket = request.get("sid").and_then(Document::as_str).ok_or(Malformed::WrongShape)?;
                Request::OneSocket { socket, what: read_order_for_one(kind, request)?, id: needed()? }
            }
            REMOTE_FETCH => Request::FetchSockets { opts: Opts::read(request.get("opts"))?, id: needed()? },
            ALL_ROOMS => Request::AllRooms { id: needed()? },
            SOCKETS => Request::SocketIds { rooms: names(request.get("rooms"))?, id: needed()? },
            _ => return Err(Malformed::UnknownType),
        };
        Ok(Read::Request(request, requester))
    }
}

/// What the selected sockets are to do.
fn read_order<'a>(kind: u64, request: &Object<'a>) -> Result<Request<'a>, Malformed> {
    let opts = Opts::read(request.get("opts"))?;
    Ok(match kind {
        REMOTE_JOIN => Request::SocketsJoin { opts, rooms: names(request.get("rooms"))? },
        REMOTE_LEAVE => Request::SocketsLeave { opts, rooms: names(request.get("rooms"))? },
        _ => Request::DisconnectSockets { opts, close: read_close(request) },
    })
}

/// What a single socket is to do, as older adapters say it.
fn read_order_for_one<'a>(kind: u64, request: &Object<'a>) -> Result<OneSocket<'a>, Malformed> {
    let room = || request.get("room").and_then(Document::as_name).ok_or(Malformed::WrongShape);
    Ok(match kind {
        REMOTE_JOIN => OneSocket::Join(room()?),
        REMOTE_LEAVE => OneSocket::Leave(room()?),
        _ => OneSocket::Disconnect(read_close(request)),
    })
}

fn read_close(request: &Object<'_>) -> bool {
    request.get("close").and_then(Document::as_bool).unwrap_or(false)
}

fn read_response<'a>(response: &Object<'a>) -> Result<Read<'a>, Malformed> {
    let id = response.get("requestId").and_then(Document::as_name).ok_or(Malformed::WrongShape)?;
    let kind = response.get("type").map(|kind| read_count(Some(kind))).transpose()?;
    let answer = match kind {
        Some(BROADCAST_CLIENT_COUNT) => Response::ClientCount(read_count(response.get("clientCount"))?),
        Some(BROADCAST_ACK) => Response::Ack(response.arg("packet")),
        Some(SERVER_SIDE_EMIT) => Response::ServerSideEmit(response.arg("data")),
        _ => match (response.get("sockets"), response.get("rooms")) {
            (Some(sockets), _) => read_sockets_or_ids(sockets)?,
            (None, Some(rooms)) => Response::Rooms(names(Some(rooms))?),
            (None, None) => Response::Done,
        },
    };
    Ok(Read::Response(id, answer))
}

/// Descriptions, or in answers to older requests only ids.
fn read_sockets_or_ids(sockets: Document<'_>) -> Result<Response<'_>, Malformed> {
    let items = sockets.items().ok_or(Malformed::WrongShape)?;
    if !items.is_empty() && items.iter().all(|item| item.as_str().is_some()) {
        return Ok(Response::SocketIds(items.into_iter().filter_map(Document::as_str).collect()));
    }
    read_sockets(sockets).map(Response::Sockets)
}

/// Redis takes some characters of a pattern for more than themselves.
fn escape_glob(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

const SOCKETS: u64 = 0;
const ALL_ROOMS: u64 = 1;
const REMOTE_JOIN: u64 = 2;
const REMOTE_LEAVE: u64 = 3;
const REMOTE_DISCONNECT: u64 = 4;
const REMOTE_FETCH: u64 = 5;
const SERVER_SIDE_EMIT: u64 = 6;
const BROADCAST: u64 = 7;
const BROADCAST_CLIENT_COUNT: u64 = 8;
const BROADCAST_ACK: u64 = 9;
