//! What handlers return.

use std::fmt;

use bytes::Bytes;
use fanfare_proto::socket::{EmitArgs, RawArgs, Value};
use serde::Serialize;

use super::Data;
use super::extract::ExtractError;
use crate::ack::Ack;
use crate::emit::{EmitError, Emitted};

/// What a handler can return: the acknowledgement, if the client waits for one and the handler has not taken
/// [`Ack`] to give it itself.
///
/// Nothing is an acknowledgement without arguments, a tuple one of several. Anything serialisable goes as
/// [`Data`]. An error goes to the hook of the server, and the client gets `{"error": "…"}`.
///
/// ```
/// use fanfare::{Data, HandlerError, Server, Socket};
///
/// Server::new().on_connect(async |socket: Socket| {
///     socket.on("nothing", async || ());                                  // []
///     socket.on("one", async || "text");                                  // ["text"]
///     socket.on("several", async || (1, "two"));                          // [1, "two"]
///     socket.on("any", async || Data(std::collections::BTreeMap::from([("a", 1)]))); // [{"a": 1}]
///     socket.on("checked", async |Data(age): Data<u8>| match age {
///         0..18 => Err(HandlerError::for_client("too young")),            // [{"error": "too young"}]
///         _ => Ok("welcome"),                                             // ["welcome"]
///     });
/// });
/// ```
pub trait IntoReply {
    #[doc(hidden)]
    fn reply(self, ack: &Ack) -> Result<(), HandlerError>;
}

/// Why a handler has failed. Any error becomes one, by `?` for instance.
///
/// The server's hook sees it; the client, if it waits for an acknowledgement, only that there was an error, unless it was
/// made [for the client](Self::for_client).
///
/// ```
/// use fanfare::{Data, HandlerError};
///
/// async fn save(Data(text): Data<String>) -> Result<usize, HandlerError> {
///     if text.is_empty() {
///         return Err(HandlerError::for_client("nothing to save"));
///     }
///     std::fs::write("/var/lib/chat/last", &text)?; // the client hears of an internal error, the hook of this one
///     Ok(text.len())
/// }
/// # fanfare::Server::new().on_connect(async |socket: fanfare::Socket| {
/// #     socket.on("save", save);
/// # });
/// ```
#[derive(Debug)]
pub struct HandlerError {
    source: Box<dyn std::error::Error + Send + Sync>,
    is_for_client: bool,
}

impl HandlerError {
    /// An error whose message the client may see.
    pub fn for_client(message: impl Into<String>) -> Self {
        Self { source: message.into().into(), is_for_client: true }
    }

    /// Whether it tells of a mistake of the client.
    pub(crate) fn is_for_client(&self) -> bool {
        self.is_for_client
    }

    /// What the client is told.
    pub(crate) fn client_message(&self) -> String {
        if self.is_for_client { self.source.to_string() } else { "internal error".to_owned() }
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self { source: error.into(), is_for_client: false }
    }
}

/// Why a client may not connect: the `connect_error` it gets.
///
/// ```
/// use fanfare::ConnectError;
///
/// let error = ConnectError::new("unauthorized").with_data(&["log in", "and try again"]);
/// assert_eq!(error.message(), "unauthorized");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectError {
    message: String,
    /// The text of a JSON value.
    data: Option<String>,
}

impl ConnectError {
    /// With a message, `err.message` at the client.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// Adds details, `err.data` at the client. What cannot be written as JSON is left out.
    #[must_use]
    pub fn with_data(mut self, data: &impl Serialize) -> Self {
        self.data = serde_json::to_string(data).ok();
        self
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details, as JSON.
    pub(crate) fn data(&self) -> Option<&str> {
        self.data.as_deref()
    }
}

impl From<&str> for ConnectError {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for ConnectError {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

impl From<ExtractError> for ConnectError {
    fn from(error: ExtractError) -> Self {
        Self::new(error.client_message())
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConnectError {}

impl IntoReply for () {
    fn reply(self, ack: &Ack) -> Result<(), HandlerError> {
        send(ack, ())
    }
}

/// An emit as the last thing a handler does.
impl IntoReply for Emitted {
    fn reply(self, ack: &Ack) -> Result<(), HandlerError> {
        self.result()?;
        send(ack, ())
    }
}

impl<R: IntoReply, E: Into<HandlerError>> IntoReply for Result<R, E> {
    fn reply(self, ack: &Ack) -> Result<(), HandlerError> {
        match self {
            Ok(reply) => reply.reply(ack),
            Err(error) => {
                let error = error.into();
                fail(ack, &error.client_message());
                Err(error)
            }
        }
    }
}

impl<T: Serialize> IntoReply for Data<T> {
    fn reply(self, ack: &Ack) -> Result<(), HandlerError> {
        send(ack, &self.0)
    }
}

/// Arguments that were received, sent back as they are.
impl IntoReply for RawArgs {
    fn reply(self, ack: &Ack) -> Result<(), HandlerError> {
        send(ack, self)
    }
}

macro_rules! one_value_is_one_argument {
    ($($name:ty)+) => {$(
        impl IntoReply for $name {
            fn reply(self, ack: &Ack) -> Result<(), HandlerError> {
                send(ack, &self)
            }
        }
    )+};
}

one_value_is_one_argument!(bool u8 u16 u32 u64 usize i8 i16 i32 i64 isize f32 f64 char);
one_value_is_one_argument!(&'static str String Value serde_json::Value Bytes);

impl<T: Serialize> IntoReply for Vec<T> {
    fn reply(self, ack: &Ack) -> Result<(), HandlerError> {
        send(ack, &self)
    }
}

impl<T: Serialize> IntoReply for Option<T> {
    fn reply(self, ack: &Ack) -> Result<(), HandlerError> {
        send(ack, &self)
    }
}

macro_rules! tuples_are_several_arguments {
    ($($name:ident)+) => {
        impl<$($name: Serialize),+> IntoReply for ($($name,)+) {
            fn reply(self, ack: &Ack) -> Result<(), HandlerError> {
                send(ack, self)
            }
        }
    };
}

tuples_are_several_arguments!(A);
tuples_are_several_arguments!(A B);
tuples_are_several_arguments!(A B C);
tuples_are_several_arguments!(A B C D);
tuples_are_several_arguments!(A B C D E);
tuples_are_several_arguments!(A B C D E F);

fn send(ack: &Ack, args: impl EmitArgs) -> Result<(), HandlerError> {
    match ack.send(args) {
        // Nobody is left to be answered, which is no mistake of the handler.
        Ok(()) | Err(EmitError::Disconnected) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Tells a client that waits for an acknowledgement that there was an error.
pub(crate) fn fail(ack: &Ack, message: &str) {
    #[derive(Serialize)]
    struct Failed<'a> {
        error: &'a str,
    }
    // The message is a string; only a client that has left cannot be told.
    let _ = ack.send(&Failed { error: message });
}
