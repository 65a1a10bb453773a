//! What two nodes tell each other about one session, where a request of it came to the wrong one.
//!
//! A format of our own: MessagePack, every field by its name, so that nodes of different versions understand each other as
//! far as they can.
//!
//! ```text
//!   asker                            owner
//!     │── Request ──────────────────▶│   a GET or POST
//!     │◀───────────────── Response ──│
//!     │
//!     │── Open ─────────────────────▶│   a WebSocket that wants to take the session over
//!     │◀───────────────── Accepted ──│   or Occupied, or Response: it is refused
//!     │◀── Data, Read, End, Close ──▶│   its bytes, both ways
//!     │◀────────── Stay, TakeOver ───│   once it has upgraded
//!     │
//!     │◀── Check, Unknown ──────────▶│   of all exchanges in which nothing has been said for a while
//! ```

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ids::{NodeId, Sid};

/// A message, and the exchange it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Who says it.
    pub from: NodeId,
    /// The number that the asker has given to the exchange; random enough that no other exchange of the two nodes has it.
    pub exchange: u64,
    /// What is said.
    pub message: Message,
}

/// What one node tells another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Message {
    /// A polling request, to be answered with a [`Response`].
    Request(Request),
    /// The client has dropped the connection of its request.
    Cancel,
    /// The asker is about to stop: what waits for packets is to be answered without one.
    Release,
    /// The answer to a request, or to a WebSocket that is turned away.
    Response(Response),
    /// A WebSocket that names a session.
    Open(Open),
    /// It is accepted with these headers, and probed.
    Accepted(Headers),
    /// The session has another WebSocket: accepted with these headers, then closed.
    Occupied(Headers),
    /// The session stays where it is: its WebSocket is relayed until it closes.
    Stay,
    /// The session is the asker's from now on.
    TakeOver(Box<TakeOver>),
    /// Bytes of the WebSocket.
    Data {
        /// Where in the stream they begin. What does not follow on what came before shows that something was lost.
        offset: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// So many bytes of the stream have been taken: there is room for others.
    Read {
        /// Counted from the beginning of the stream.
        until: u64,
    },
    /// No more bytes follow.
    End,
    /// The connection is closed.
    Close,
    /// These exchanges have been silent for a while: does the other side still know them? Of no exchange itself.
    Check(Vec<u64>),
    /// The answer to [`Check`](Self::Check), if there is anything to say: these are over. Of no exchange itself.
    Unknown(Vec<u64>),
}

/// Names and values. Names are lower case.
pub type Headers = Vec<(String, Bytes)>;

/// A polling request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The session.
    pub sid: Sid,
    /// The method.
    pub method: String,
    /// The path and the query.
    pub target: String,
    /// The headers.
    pub headers: Headers,
    /// The other end of the connection, where that is known.
    pub peer: Option<SocketAddr>,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The body; `None` when the connection broke before all of it had come.
    pub body: Option<Bytes>,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

/// A WebSocket that names a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The session.
    pub sid: Sid,
    /// The client takes binary messages as base64 text only.
    pub base64: bool,
    /// What the handshake would be answered with.
    pub headers: Headers,
}

/// All there is of a session that moves to the node of its WebSocket. Its application has not been told of it yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakeOver {
    /// Its id, which it keeps.
    pub sid: Sid,
    /// The request that opened it.
    pub handshake: Handshake,
    /// What the client has sent so far.
    pub messages: Vec<Kept>,
    /// What waits for the client, as bytes of the WebSocket.
    pub waiting: Bytes,
    /// How many bytes of the WebSocket have been dealt with. What has been sent behind them is to be read again.
    pub consumed: u64,
}

/// The request that opened a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// The path and the query.
    pub target: String,
    /// The headers.
    pub headers: Headers,
    /// The address of the client, where that is known.
    pub address: Option<IpAddr>,
    /// Whether it came over TLS.
    pub secure: bool,
    /// When it came, in milliseconds since 1970.
    pub time_ms: u64,
}

/// A message of a client that nobody has been given yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kept {
    /// Text.
    Text(String),
    /// Binary data.
    Binary(Bytes),
}

/// Bytes that are no message of a node. They are counted and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("message of another node makes no sense")]
pub struct Malformed;

impl Envelope {
    /// The bytes for the other node.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ENVELOPE_BYTES + self.message.payload_len());
        let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
        self.serialize(&mut serializer).expect("memory takes what is written to it");
        bytes
    }

    /// Reads what another node has sent. It allocates no more than a small multiple of what has come.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
        deserializer.set_max_depth(MAX_DEPTH);
        Self::deserialize(&mut deserializer).map_err(|_| Malformed)
    }
}

impl Message {
    /// Bytes of what may be large, so that it is copied once.
    fn payload_len(&self) -> usize {
        match self {
            Self::Request(request) => request.body.as_ref().map_or(0, Bytes::len),
            Self::Response(response) => response.body.len(),
            Self::TakeOver(session) => session.waiting.len(),
            Self::Data { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }
}

const ENVELOPE_BYTES: usize = 256;

/// What a message holds is nested half as deep.
const MAX_DEPTH: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers() -> Headers {
        vec![("x-a".to_owned(), Bytes::from_static(b"\xff\0")), (String::new(), Bytes::new())]
    }

    fn sid() -> Sid {
        Sid::from_random(NodeId::from_random([1, 2, 3]), [7; 15])
    }

    fn all() -> Vec<Message> {
        let handshake = Handshake {
            target: "/?EIO=4&x=ü".to_owned(),
            headers: headers(),
            address: Some("2001:db8::1".parse().unwrap()),
            secure: true,
            time_ms: u64::MAX,
        };
        let messages = vec![Kept::Text("hi".to_owned()), Kept::Binary(Bytes::from_static(&[0, 255]))];
        let waiting = Bytes::from_static(b"\x81\x012");
        let take_over = TakeOver { sid: sid(), handshake, messages, waiting, consumed: 1 << 40 };
        let request = |body| Request {
            sid: sid(),
            method: "POST".to_owned(),
            target: "/engine.io/?x".to_owned(),
            headers: headers(),
            peer: Some("127.0.0.1:80".parse().unwrap()),
            secure: false,
            body,
        };
        vec![
            Message::Request(request(Some(Bytes::from_static(b"4hi")))),
            Message::Request(Request { peer: None, ..request(None) }),
            Message::Cancel,
            Message::Release,
            Message::Response(Response { status: 200, headers: headers(), body: Bytes::from(vec![7; 70_000]) }),
            Message::Open(Open { sid: sid(), base64: true, headers: Vec::new() }),
            Message::Accepted(headers()),
            Message::Occupied(Vec::new()),
            Message::Stay,
            Message::TakeOver(Box::new(take_over)),
            Message::Data { offset: u64::MAX, bytes: Bytes::from_static(&[0x80; 3]) },
            Message::Read { until: 0 },
            Message::End,
            Message::Close,
            Message::Check(vec![0, 1 << 40, u64::MAX]),
            Message::Unknown(vec![7]),
        ]
    }

    fn envelopes() -> impl Iterator<Item = Envelope> {
        let from = NodeId::from_random([9; 3]);
        all().into_iter().map(move |message| Envelope { from, exchange: u64::MAX - 1, message })
    }

    #[test]
    fn decoding_undoes_encoding() {
        for envelope in envelopes() {
            assert_eq!(Envelope::decode(&envelope.encode()), Ok(envelope));
        }
    }

    #[test]
    fn what_bytes_need_around_them_is_little() {
        let bytes = Bytes::from(vec![b'x'; 1000]);
        let message = Message::Data { offset: 1 << 20, bytes };
        let envelope = Envelope { from: NodeId::from_random([9; 3]), exchange: u64::MAX, message };
        assert!(envelope.encode().len() < 1080, "{}", envelope.encode().len());
    }

    #[test]
    fn no_cut_or_change_of_a_message_does_harm() {
        for bytes in envelopes().map(|envelope| envelope.encode()) {
            for end in 0..bytes.len().min(2000) {
                assert_eq!(Envelope::decode(&bytes[..end]), Err(Malformed));
                for change in [0x01, 0x55, 0xff] {
                    let mut changed = bytes.clone();
                    changed[end] ^= change;
                    let _ = Envelope::decode(&changed);
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic_or_allocate_what_they_claim() {
        // A generator of its own: the same bytes in every run.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        for round in 0..20_000 {
            let bytes: Vec<u8> = (0..=round % 16).flat_map(|_| next()).collect();
            assert_eq!(Envelope::decode(&bytes), Err(Malformed));
        }
        // Arrays, maps, text and binary data of 4 GiB, deep nesting.
        for claim in [0xdd, 0xdf, 0xdb, 0xc6] {
            assert_eq!(Envelope::decode(&[claim, 0xff, 0xff, 0xff, 0xff]), Err(Malformed));
        }
        let mut nested = b"\x81\xa1x".to_vec();
        nested.extend([0x91; 100_000]);
        assert_eq!(Envelope::decode(&nested), Err(Malformed));
    }

    #[test]
    fn what_a_newer_version_adds_is_ignored() {
        let envelope = Envelope { from: NodeId::from_random([9; 3]), exchange: 1, message: Message::End };
        let mut bytes = envelope.encode();
        bytes[0] += 1;
        bytes.extend(b"\xa5later\x93\x01\x02\xc0");
        assert_eq!(Envelope::decode(&bytes), Ok(envelope));
    }
}
