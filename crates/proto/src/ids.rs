//! Identifiers of nodes, Engine.IO sessions and Socket.IO sockets.
//!
//! All are ASCII of the URL-safe base64 alphabet, made from random bytes that the caller draws from the
//! operating system, and stored inline: copying one costs no allocation.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// One node of a cluster: the first 4 characters of every [`Sid`] it hands out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId([u8; Self::LEN]);

/// An Engine.IO session: 4 characters name the node that owns it, 20 are random (120 bits).
///
/// It is a bearer secret: whoever knows it can speak for the session. Its `Debug` form is cut short so
/// that no log holds a whole one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sid([u8; Self::LEN]);

/// A Socket.IO socket, that is one client in one namespace. Public, 20 characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId([u8; Self::LEN]);

/// A text that is not an identifier of the wanted kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an identifier has {expected} characters of A-Z, a-z, 0-9, `-` and `_`, got {len} bytes")]
pub struct InvalidId {
    expected: usize,
    len: usize,
}

impl NodeId {
    /// Characters of a node id.
    pub const LEN: usize = 4;

    /// Makes an id from 3 random bytes.
    pub fn from_random(random: [u8; 3]) -> Self {
        Self(encode(random))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }
}

impl Sid {
    /// Characters of a session id.
    pub const LEN: usize = NodeId::LEN + 20;

    /// Makes the id of a session that `node` owns, from 15 random bytes.
    pub fn from_random(node: NodeId, random: [u8; 15]) -> Self {
        let mut id = [0; Self::LEN];
        let (owner, secret) = id.split_at_mut(NodeId::LEN);
        owner.copy_from_slice(&node.0);
        secret.copy_from_slice(&encode::<15, 20>(random));
        Self(id)
    }

    /// The node that owns the session.
    pub fn node(&self) -> NodeId {
        let mut node = [0; NodeId::LEN];
        node.copy_from_slice(&self.0[..NodeId::LEN]);
        NodeId(node)
    }

    /// The id as text. A secret: it belongs in the `open` packet and the handshake cookie only.
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }
}

impl SocketId {
    /// Characters of a socket id.
    pub const LEN: usize = 20;

    /// Makes an id from 15 random bytes.
    pub fn from_random(random: [u8; 15]) -> Self {
        Self(encode(random))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        ascii(&self.0)
    }
}

impl FromStr for NodeId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        parse(text).map(Self)
    }
}

impl FromStr for Sid {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        parse(text).map(Self)
    }
}

impl FromStr for SocketId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        parse(text).map(Self)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", &self.as_str()[..8])
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl AsRef<str> for SocketId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

/// Ids travel as their text.
macro_rules! serialize_as_text {
    ($($id:ty),+) => {$(
        impl serde::Serialize for $id {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $id {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

serialize_as_text!(NodeId, Sid, SocketId);

fn encode<const N: usize, const LEN: usize>(random: [u8; N]) -> [u8; LEN] {
    let mut id = [0; LEN];
    URL_SAFE_NO_PAD.encode_slice(random, &mut id).expect("3 random bytes make 4 characters");
    id
}

fn parse<const LEN: usize>(text: &str) -> Result<[u8; LEN], InvalidId> {
    let bytes = text.as_bytes();
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match bytes.try_into() {
        Ok(id) if bytes.iter().all(allowed) => Ok(id),
        _ => Err(InvalidId { expected: LEN, len: bytes.len() }),
    }
}

fn ascii(id: &[u8]) -> &str {
    std::str::from_utf8(id).expect("only ASCII is ever stored")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_names_its_node() {
        let node: NodeId = "n-_1".parse().unwrap();
        let sid = Sid::from_random(node, [7; 15]);
        assert_eq!(sid.node(), node);
        assert_eq!(sid.as_str().parse(), Ok(sid));
    }

    #[test]
    fn debug_never_shows_a_whole_sid() {
        let sid = Sid::from_random(NodeId::from_random([1, 2, 3]), [9; 15]);
        let shown = format!("{sid:?}");
        assert!(!shown.contains(&sid.as_str()[8..]), "{shown}");
    }

    #[test]
    fn foreign_texts_are_refused() {
        for text in ["", "abc", "abcé", "ab/=", "abcde"] {
            assert!(text.parse::<NodeId>().is_err(), "{text}");
        }
        let error = "__proto__".parse::<Sid>().unwrap_err();
        assert_eq!(error.to_string(), "an identifier has 24 characters of A-Z, a-z, 0-9, `-` and `_`, got 9 bytes");
    }
}
