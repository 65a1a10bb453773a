//! What the nodes of a cluster tell each other, in the wire formats of the Node.js ecosystem.
//!
//! A [`Node`] is one namespace on one node. It writes what others are to hear, reads what they say, and keeps the requests
//! whose answers are still to come; what carries its bytes, and the sockets they are about, are the caller's.
//!
//! ```
//! use std::time::Instant;
//! use fanfare_proto::cluster::{Classic, Event, Incoming, Node, Opts, Request, Wire};
//!
//! let now = Instant::now();
//! let node = |uid| Node::new(Wire::Classic(Classic::node("socket.io", "/", uid)));
//! let (a, mut b) = (node("aaaaaa"), node("bbbbbb"));
//!
//! let event = Event::emit("hello", &"world");
//! let request = Request::Broadcast { event, opts: Opts::default(), id: None, unwanted_ack: false };
//! let publish = a.wire().request(&request).unwrap();
//! assert_eq!(publish.channel, "socket.io#/#");
//!
//! let Ok(Incoming::Request(Request::Broadcast { event, .. }, _)) = b.handle_message(&publish.channel, &publish.payload, |_| true)
//! else { panic!("a broadcast was sent") };
//! assert_eq!(event.name, "hello");
//! ```

mod classic;
mod document;
mod message;
mod node;
mod sharded;
mod writer;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub use classic::Classic;
pub use message::{Event, EventArgs, Flags, OneSocket, Opts, Request, Requester, Response, SocketDescription};
pub use node::{Answer, Asked, Awaited, Expired, Gathered, Incoming, Node, Wire};
pub use sharded::{Sharded, SubscriptionMode};

/// Something to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Where.
    pub channel: String,
    /// What.
    pub payload: Vec<u8>,
}

/// Something to listen to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subscription {
    /// `SUBSCRIBE`.
    Channel(String),
    /// `PSUBSCRIBE`.
    Pattern(String),
    /// `SSUBSCRIBE`.
    Sharded(String),
}

/// Why a message makes no sense. It is counted and dropped: a cluster lives on with a mad member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// It is neither JSON nor MessagePack, or not exactly one value.
    #[error("message is not one value of JSON or MessagePack")]
    Undecodable,
    /// Something is missing or of the wrong type.
    #[error("message has not the shape of its type")]
    WrongShape,
    /// Nobody here knows its type.
    #[error("message is of an unknown type")]
    UnknownType,
}

impl Malformed {
    /// A name for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::WrongShape => "wrong_shape",
            Self::UnknownType => "unknown_type",
        }
    }
}

/// Makes the uid of a node of the classic adapter.
pub fn classic_uid(random: [u8; 6]) -> String {
    let mut uid = URL_SAFE_NO_PAD.encode(random);
    uid.truncate(6);
    uid
}

/// Makes the uid of a node of the sharded adapter, or the id of a request.
pub fn hex_id(random: [u8; 8]) -> String {
    format!("{:016x}", u64::from_be_bytes(random))
}
