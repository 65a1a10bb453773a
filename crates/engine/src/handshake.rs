//! The request that opened a session, kept small: most sessions are idle, and all of them have one.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fanfare_proto::engine::peer;
use http::Extensions;
use http::request::Parts;

/// The request that opened a session. It stays the same when the transport changes. Cheap to clone.
#[derive(Clone)]
pub struct Handshake(Arc<Inner>);

struct Inner {
    /// The request target and the headers, one behind the other: see [`Packed`].
    text: Packed,
    address: Option<IpAddr>,
    secure: bool,
    time: SystemTime,
    extensions: Extensions,
}

impl Handshake {
    pub(crate) fn new(request: &mut Parts, address: Option<IpAddr>, secure: bool) -> Self {
        let target = request.uri.path_and_query().map_or("/", |target| target.as_str());
        let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let text = Packed::new(target, headers);
        // Most requests bring none; what is left then is an empty table.
        let extensions = Some(std::mem::take(&mut request.extensions)).filter(|extensions| !extensions.is_empty());
        let extensions = extensions.unwrap_or_default();
        Self(Arc::new(Inner { text, address, secure, time: SystemTime::now(), extensions }))
    }

    /// The request that has opened a session on another node. What layers have added to it has stayed there; in its
    /// place is what those of this node have added to the request of the WebSocket.
    pub(crate) fn moved(request: peer::Handshake, extensions: Extensions) -> Self {
        let peer::Handshake { target, headers, address, secure, time_ms } = request;
        let text = Packed::new(&target, headers.iter().map(|(name, value)| (name.as_str(), &value[..])));
        let time = UNIX_EPOCH.checked_add(Duration::from_millis(time_ms)).unwrap_or(UNIX_EPOCH);
        Self(Arc::new(Inner { text, address, secure, time, extensions }))
    }

    /// What another node has to know of it.
    pub(crate) fn to_peer(&self) -> peer::Handshake {
        let since = self.time().duration_since(UNIX_EPOCH).unwrap_or_default();
        let headers = self.headers().map(|(name, value)| (name.to_owned(), Bytes::copy_from_slice(value)));
        peer::Handshake {
            target: self.url().to_owned(),
            headers: headers.collect(),
            address: self.address(),
            secure: self.is_secure(),
            time_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// The path and the query, as they were sent.
    pub fn url(&self) -> &str {
        self.0.text.target()
    }

    /// The query, as it was sent; empty when there was none.
    pub fn query(&self) -> &str {
        self.url().split_once('?').map_or("", |(_, query)| query)
    }

    /// The decoded value of a query parameter, the first if there are several.
    pub fn query_value(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.query().as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The value of a header, the first if there are several, unless it is no text. Names are lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(key, _)| *key == name).and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// All headers in the order they came; names are lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.text.headers()
    }

    /// The address of the client: its peer address, or what a trusted proxy says. `None` where the server that
    /// took the connection did not tell, see [`PeerAddr`](crate::PeerAddr).
    pub fn address(&self) -> Option<IpAddr> {
        self.0.address
    }

    /// Whether it came over TLS.
    pub fn is_secure(&self) -> bool {
        self.0.secure
    }

    /// Whether it came from a page of another origin, or at least said so.
    pub fn is_cross_domain(&self) -> bool {
        self.headers().any(|(name, _)| name == "origin")
    }

    /// When it came.
    pub fn time(&self) -> SystemTime {
        self.0.time
    }

    /// What layers in front of the engine have added to the request, such as the user they authenticated. Of a session
    /// that has moved here from another node, to the request of its WebSocket.
    pub fn extensions(&self) -> &Extensions {
        &self.0.extensions
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("url", &self.url()).field("address", &self.address()).finish_non_exhaustive()
    }
}

/// A request target and headers in one allocation: each name and value behind its length in two bytes.
struct Packed(Box<[u8]>);

impl Packed {
    fn new<'a>(target: &str, headers: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut bytes = Vec::with_capacity(512);
        push(&mut bytes, target.as_bytes());
        for (name, value) in headers {
            push(&mut bytes, name.as_bytes());
            push(&mut bytes, value);
        }
        Self(bytes.into())
    }

    fn target(&self) -> &str {
        self.parts().next().and_then(|target| std::str::from_utf8(target).ok()).unwrap_or("/")
    }

    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut parts = self.parts().skip(1);
        std::iter::from_fn(move || {
            let name = std::str::from_utf8(parts.next()?).ok()?;
            Some((name, parts.next()?))
        })
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (len, behind) = rest.split_first_chunk()?;
            let (part, behind) = behind.split_at_checked(u16::from_be_bytes(*len).into())?;
            rest = behind;
            Some(part)
        })
    }
}

/// Appends a part; request heads are limited to far less than 64 KiB.
fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    let len = u16::try_from(part.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(&part[..len.into()]);
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn target_and_headers_are_kept() {
        let request = Request::get("http://host/socket.io/?EIO=4&%26a=%26%3D%3Fa&x=1&x=2")
            .header("User-Agent", "test")
            .header("x-twice", "a")
            .header("x-twice", "b");
        let mut parts = request.body(()).unwrap().into_parts().0;
        let handshake = Handshake::new(&mut parts, None, false);
        assert_eq!(handshake.url(), "/socket.io/?EIO=4&%26a=%26%3D%3Fa&x=1&x=2");
        assert_eq!(handshake.query_value("&a").as_deref(), Some("&=?a"));
        assert_eq!(handshake.query_value("x").as_deref(), Some("1"));
        assert_eq!(handshake.header("user-agent"), Some("test"));
        let twice: Vec<_> = handshake.headers().filter(|(name, _)| *name == "x-twice").collect();
        assert_eq!(twice, [("x-twice", &b"a"[..]), ("x-twice", &b"b"[..])]);
        assert!(!handshake.is_cross_domain());
    }

    #[test]
    fn another_node_sees_the_same() {
        let request = Request::get("/socket.io/?EIO=4&x=%20").header("Origin", "https://a.org").header("x-twice", "a");
        let mut parts = request.header("x-twice", "b").body(()).unwrap().into_parts().0;
        let handshake = Handshake::new(&mut parts, Some([10, 0, 0, 1].into()), true);
        let moved = Handshake::moved(handshake.to_peer(), Extensions::new());
        assert_eq!(moved.to_peer(), handshake.to_peer());
        assert_eq!((moved.url(), moved.header("origin")), (handshake.url(), Some("https://a.org")));
        assert!(moved.is_secure() && moved.address() == handshake.address());
    }
}
