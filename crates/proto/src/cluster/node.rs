//! One namespace on one node: what it says to the others, and the answers it waits for.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use super::message::{Request, Requester, Response, SocketDescription};
use super::{Classic, Malformed, Publish, Sharded, Subscription};
use crate::socket::{Args, EncodeError, RawArgs};

/// One namespace on one node.
///
/// It holds no connection and no clock. The caller listens to the [subscriptions](Wire::subscriptions) of its wire,
/// hands what it hears to [`handle_message`](Self::handle_message), and asks for [`poll_timeout`](Self::poll_timeout).
///
/// ```text
///            expect()              handle_message(), once for each node
///   nothing ──────────▶ waiting ──────────────────────────────────────▶ Incoming::Answered
///                          └────────────── handle_timeout() ──────────▶ Expired
/// ```
#[derive(Debug)]
pub struct Node {
    wire: Wire,
    waiting: HashMap<Box<str>, Waiting>,
    deadlines: BTreeSet<(Instant, Box<str>)>,
}

/// How messages look. All nodes of a cluster use the same.
#[derive(Clone, Debug)]
pub enum Wire {
    /// Classic pub/sub.
    Classic(Classic),
    /// Sharded pub/sub.
    Sharded(Sharded),
}

/// What a message has turned out to be, for the node that has got it.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// Another node, or an emitter, wants something done; and an answer, if it says where to.
    Request(Request<'a>, Option<Requester>),
    /// A node has sent a broadcast to so many sockets, whose acknowledgements will follow.
    ClientCount(Cow<'a, str>, u64),
    /// A socket has acknowledged a broadcast, with this argument.
    Ack(Cow<'a, str>, Args<'a>),
    /// The last answer to a request has come: here are all of them.
    Answered(Cow<'a, str>, Gathered),
    /// An answer to a request that still waits for others.
    Gathering,
    /// An answer that nobody waits for, or not any more.
    Unasked,
    /// The node's own words.
    Own,
    /// Something for a room that has no socket here.
    Nobody,
    /// Something for another namespace, or another program.
    Foreign,
}

/// What has been read, before anybody has looked whether it was asked for.
#[derive(Debug)]
pub(super) enum Read<'a> {
    Request(Request<'a>, Option<Requester>),
    Response(Cow<'a, str>, Response<'a>),
    Own,
    Nobody,
    Foreign,
}

/// What kind of answers a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Acknowledgements of a broadcast.
    Acks,
    /// Descriptions of sockets.
    Sockets,
    /// Answers to an event for the nodes themselves.
    Answers,
    /// Rooms.
    Rooms,
}

/// How many answers a request waits for, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Nodes that are to answer, without this one.
    pub nodes: usize,
    /// When to stop waiting.
    pub until: Instant,
}

/// The answers of all nodes together.
#[derive(Clone, Debug, PartialEq)]
pub enum Gathered {
    /// The sockets they have.
    Sockets(Vec<SocketDescription>),
    /// What they have answered to an event, an argument each.
    Answers(Vec<Answer>),
    /// The rooms they have.
    Rooms(BTreeSet<String>),
    /// Acknowledgements, which are handed on one by one.
    Acks,
}

/// One argument that another node has sent.
#[derive(Clone, Debug)]
pub struct Answer(pub RawArgs);

/// A request that not all nodes have answered in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Expired {
    /// The request.
    pub id: Box<str>,
    /// The answers there are.
    pub gathered: Gathered,
    /// How many nodes have answered.
    pub received: usize,
    /// How many should have.
    pub expected: usize,
}

#[derive(Debug)]
struct Waiting {
    asked: Asked,
    received: usize,
    gathered: Gathered,
}

impl Wire {
    /// What to listen to as long as the namespace exists.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        match self {
            Self::Classic(classic) => classic.subscriptions(),
            Self::Sharded(sharded) => sharded.subscriptions(),
        }
    }

    /// What to listen to as long as a room has a socket here; `private` for the room of a socket's own id.
    pub fn room_subscription(&self, room: &str, private: bool) -> Option<Subscription> {
        match self {
            Self::Classic(_) => None,
            Self::Sharded(sharded) => sharded.room_subscription(room, private),
        }
    }

    /// The channel whose subscribers are the nodes of the namespace.
    pub fn counted_channel(&self) -> &str {
        match self {
            Self::Classic(classic) => classic.counted_channel(),
            Self::Sharded(sharded) => sharded.counted_channel(),
        }
    }

    /// Writes a request.
    pub fn request(&self, request: &Request<'_>) -> Result<Publish, EncodeError> {
        match self {
            Self::Classic(classic) => classic.request(request),
            Self::Sharded(sharded) => sharded.request(request),
        }
    }

    /// Writes an answer.
    pub fn respond(&self, to: &Requester, response: &Response<'_>) -> Result<Publish, EncodeError> {
        match self {
            Self::Classic(classic) => classic.response(to, response),
            Self::Sharded(sharded) => sharded.response(to, response),
        }
    }
}

impl Node {
    /// A node that waits for nothing.
    pub fn new(wire: Wire) -> Self {
        Self { wire, waiting: HashMap::new(), deadlines: BTreeSet::new() }
    }

    /// How its messages look.
    pub fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Waits for the answers to a request that is about to be published.
    ///
    /// For acknowledgements, `nodes` does not count: how many there will be, the nodes say themselves.
    pub fn expect(&mut self, id: &str, what: Awaited, asked: Asked) {
        let gathered = match what {
            Awaited::Acks => Gathered::Acks,
            Awaited::Sockets => Gathered::Sockets(Vec::new()),
            Awaited::Answers => Gathered::Answers(Vec::new()),
            Awaited::Rooms => Gathered::Rooms(BTreeSet::new()),
        };
        self.waiting.insert(id.into(), Waiting { asked, received: 0, gathered });
        self.deadlines.insert((asked.until, id.into()));
    }

    /// Nobody waits for the answers to a request any more.
    pub fn forget(&mut self, id: &str) {
        if let Some((id, waiting)) = self.waiting.remove_entry(id) {
            self.deadlines.remove(&(waiting.asked.until, id));
        }
    }

    /// How many requests wait for answers.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// A message has come; `has_room` says whether a room has a socket here.
    pub fn handle_message<'a>(
        &mut self,
        channel: &str,
        payload: &'a [u8],
        has_room: impl FnOnce(&str) -> bool,
    ) -> Result<Incoming<'a>, Malformed> {
        let read = match &self.wire {
            Wire::Classic(classic) => classic.read(channel, payload, has_room)?,
            Wire::Sharded(sharded) => sharded.read(channel, payload, has_room)?,
        };
        Ok(match read {
            Read::Request(request, requester) => Incoming::Request(request, requester),
            Read::Response(id, response) => self.handle_response(id, response),
            Read::Own => Incoming::Own,
            Read::Nobody => Incoming::Nobody,
            Read::Foreign => Incoming::Foreign,
        })
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next, if anything waits.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// Moves to `now`; called until it returns `None`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Expired> {
        if now < self.poll_timeout()? {
            return None;
        }
        let (_, id) = self.deadlines.pop_first()?;
        let Waiting { asked, received, gathered } = self.waiting.remove(&id)?;
        Some(Expired { id, gathered, received, expected: asked.nodes })
    }

    fn handle_response<'a>(&mut self, id: Cow<'a, str>, response: Response<'a>) -> Incoming<'a> {
        let Some(waiting) = self.waiting.get_mut(&*id) else { return Incoming::Unasked };
        match (&mut waiting.gathered, response) {
            (Gathered::Acks, Response::ClientCount(count)) => return Incoming::ClientCount(id, count),
            (Gathered::Acks, Response::Ack(args)) => return Incoming::Ack(id, args),
            (Gathered::Sockets(sockets), Response::Sockets(more)) => sockets.extend(more),
            (Gathered::Rooms(rooms), Response::Rooms(more)) => rooms.extend(more.into_iter().map(Cow::into_owned)),
            (Gathered::Answers(answers), Response::ServerSideEmit(args)) => answers.push(Answer(args.to_raw())),
            _ => return Incoming::Unasked,
        }
        waiting.received += 1;
        if waiting.received < waiting.asked.nodes {
            return Incoming::Gathering;
        }
        let gathered = std::mem::replace(&mut waiting.gathered, Gathered::Acks);
        self.forget(&id);
        Incoming::Answered(id, gathered)
    }
}

impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        let value = |answer: &Self| answer.0.as_args().reader().next::<crate::socket::Value>().and_then(Result::ok);
        value(self) == value(other)
    }
}
