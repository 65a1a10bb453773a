//! How a client has connected.

use std::fmt;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use fanfare_proto::dates;
use fanfare_proto::socket::Value;
use serde::ser::{SerializeMap, SerializeStruct};
use serde::{Serialize, Serializer};

/// How a client has connected: `socket.handshake` of the reference. It serialises as the same object.
///
/// ```
/// use fanfare::{Handshake, Server, Socket};
///
/// Server::new().on_connect(async |socket: Socket, handshake: Handshake| {
///     println!("{:?} from {:?}", handshake.header("user-agent"), handshake.address());
///     println!("{:?} {:?}", handshake.query("lang"), handshake.auth()["token"].as_str());
///     socket.emit("handshake", &handshake);
/// });
/// ```
#[derive(Clone)]
pub struct Handshake {
    request: fanfare_engine::Handshake,
    auth: Box<str>,
}

impl Handshake {
    pub(crate) fn new(request: fanfare_engine::Handshake, auth: &str) -> Self {
        Self { request, auth: auth.into() }
    }

    /// The value of a header, the first if there are several, unless it is no text. Names are lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.header(name)
    }

    /// All headers, in the order they came; names are lower case.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.request.headers()
    }

    /// When the client connected.
    pub fn time(&self) -> SystemTime {
        self.request.time()
    }

    /// When the client connected, in milliseconds since 1970.
    pub fn issued(&self) -> u64 {
        let since = self.time().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// The address of the client, where the server that took the connection has told.
    pub fn address(&self) -> Option<IpAddr> {
        self.request.address()
    }

    /// Whether the client is, or says it is, a page of another origin.
    pub fn xdomain(&self) -> bool {
        self.request.is_cross_domain()
    }

    /// Whether the connection is encrypted.
    pub fn secure(&self) -> bool {
        self.request.is_secure()
    }

    /// The path and query of the request.
    pub fn url(&self) -> &str {
        self.request.url()
    }

    /// The decoded value of a query parameter, the first if there are several.
    pub fn query(&self, name: &str) -> Option<String> {
        self.request.query_value(name)
    }

    /// The authentication payload; [`Auth`](crate::Auth) gives it as a type.
    pub fn auth(&self) -> Value {
        serde_json::from_str(&self.auth).unwrap_or_default()
    }

    /// What layers in front of the server have added to the request, such as the user they authenticated.
    pub fn extensions(&self) -> &http::Extensions {
        self.request.extensions()
    }

    /// As other nodes see it.
    pub(crate) fn describe(&self) -> Value {
        Value::of(self).unwrap_or_default()
    }
}

impl Serialize for Handshake {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Handshake", 9)?;
        object.serialize_field("headers", &Headers(self))?;
        object.serialize_field("time", &dates::date_string(i64::try_from(self.issued()).unwrap_or(i64::MAX)))?;
        object.serialize_field("address", &self.address().map(|address| address.to_string()).unwrap_or_default())?;
        object.serialize_field("xdomain", &self.xdomain())?;
        object.serialize_field("secure", &self.secure())?;
        object.serialize_field("issued", &self.issued())?;
        object.serialize_field("url", self.url())?;
        object.serialize_field("query", &Query(self))?;
        object.serialize_field("auth", &self.auth())?;
        object.end()
    }
}

/// The headers as an object; the first of several with the same name.
struct Headers<'a>(&'a Handshake);

impl Serialize for Headers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let headers = self.0.headers().map(|(name, value)| (name.into(), String::from_utf8_lossy(value)));
        serialize_first(headers, serializer)
    }
}

/// The query as an object; the first of several values with the same name.
struct Query<'a>(&'a Handshake);

impl Serialize for Query<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_first(form_urlencoded::parse(self.0.request.query().as_bytes()), serializer)
    }
}

fn serialize_first<'a, S: Serializer>(
    pairs: impl Iterator<Item = (std::borrow::Cow<'a, str>, std::borrow::Cow<'a, str>)>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut seen = std::collections::HashSet::new();
    let mut first = Vec::new();
    for (name, value) in pairs {
        if seen.insert(name.clone()) {
            first.push((name, value));
        }
    }
    let mut object = serializer.serialize_map(Some(first.len()))?;
    for (name, value) in &first {
        object.serialize_entry(name, value)?;
    }
    object.end()
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.request.fmt(f)
    }
}
