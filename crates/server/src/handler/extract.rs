//! What handlers can ask for.

use std::any::type_name;
use std::fmt;

use fanfare_proto::socket::{ArgError, Args, ArgsReader, RawArgs};
use serde::de::DeserializeOwned;

use crate::ack::{Ack, NULL, UNWANTED};
use crate::handshake::Handshake;
use crate::namespace::Namespace;
use crate::server::Server;
use crate::socket::{DisconnectReason, Ended, Socket};

/// Can be asked for by every handler: it depends on the socket alone. Implement it for extractors of your own.
///
/// ```
/// use fanfare::{ExtractError, FromSocket, Server, Socket};
///
/// /// The language the client has asked for.
/// struct Language(String);
///
/// impl FromSocket for Language {
///     fn from_socket(socket: &Socket) -> Result<Self, ExtractError> {
///         let language = socket.handshake().query("lang");
///         language.map(Self).ok_or_else(|| ExtractError::Refused("say which language".to_owned()))
///     }
/// }
///
/// Server::new().on_connect(async |socket: Socket, Language(language): Language| {
///     socket.on("greet", async |Language(language): Language| if language == "fr" { "bonjour" } else { "hello" });
/// });
/// ```
pub trait FromSocket: Sized {
    /// Gets it, or says why it cannot be had.
    fn from_socket(socket: &Socket) -> Result<Self, ExtractError>;
}

/// Can be asked for by handlers of new sockets, and by middlewares.
pub trait FromConnect: Sized {
    /// Gets it, or says why it cannot be had; the client is refused then.
    fn from_connect(context: &ConnectContext<'_>) -> Result<Self, ExtractError>;
}

/// Can be asked for by handlers of events.
///
/// ```
/// use fanfare::{Data, EventContext, ExtractError, FromEvent, Server, Socket};
///
/// /// The next argument, which is not empty.
/// struct Text(String);
///
/// impl FromEvent for Text {
///     fn from_event(context: &mut EventContext<'_>) -> Result<Self, ExtractError> {
///         match Data::from_event(context)? {
///             Data(text) if String::is_empty(&text) => Err(ExtractError::Refused("say something".to_owned())),
///             Data(text) => Ok(Self(text)),
///         }
///     }
/// }
///
/// Server::new().on_connect(async |socket: Socket| {
///     socket.on("say", async |socket: Socket, Text(text): Text| socket.broadcast().emit("said", &text));
/// });
/// ```
pub trait FromEvent: Sized {
    /// Gets it, or says why it cannot be had; the event is not handled then.
    fn from_event(context: &mut EventContext<'_>) -> Result<Self, ExtractError>;
}

/// Can be asked for by handlers of the end of a socket.
pub trait FromDisconnect: Sized {
    /// Gets it, or says why it cannot be had.
    fn from_disconnect(context: &DisconnectContext<'_>) -> Result<Self, ExtractError>;
}

/// A socket that connects.
#[derive(Debug)]
pub struct ConnectContext<'a> {
    pub(crate) socket: &'a Socket,
}

impl ConnectContext<'_> {
    /// The socket.
    pub fn socket(&self) -> &Socket {
        self.socket
    }
}

/// An event that has come: from a client to its [`Socket`], or as a
/// [`ServerEventContext`](super::ServerEventContext) from another server.
#[derive(Debug)]
pub struct EventContext<'a, Target = Socket> {
    target: &'a Target,
    name: &'a str,
    args: Args<'a>,
    reader: ArgsReader<'a>,
    ack: &'a Ack,
    /// Whether what the handler returns is the acknowledgement.
    answers: bool,
}

impl<'a> EventContext<'a> {
    /// For a handler of all events, which leaves the acknowledgement to others unless it asks for it.
    pub(crate) fn for_catch_all(socket: &'a Socket, name: &'a str, args: Args<'a>, ack: &'a Ack) -> Self {
        Self { answers: false, ..Self::new(socket, name, args, ack) }
    }

    /// The socket it came from.
    pub fn socket(&self) -> &Socket {
        self.target
    }
}

impl<'a, Target> EventContext<'a, Target> {
    pub(crate) fn new(target: &'a Target, name: &'a str, args: Args<'a>, ack: &'a Ack) -> Self {
        Self { target, name, args, reader: args.reader(), ack, answers: true }
    }

    /// Whom it is for.
    pub(super) fn target(&self) -> &Target {
        self.target
    }

    /// The name of the event.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// All its arguments.
    pub fn args(&self) -> Args<'a> {
        self.args
    }

    /// Its arguments, from the first that nobody has taken yet.
    pub fn reader(&mut self) -> &mut ArgsReader<'a> {
        &mut self.reader
    }

    /// The acknowledgement, which from here on belongs to the handler.
    pub fn take_ack(&mut self) -> Ack {
        self.answers = false;
        self.ack.clone()
    }

    /// The acknowledgement, where what the handler returns is that.
    pub(crate) fn remaining_ack(&self) -> &'a Ack {
        if self.answers { self.ack } else { &UNWANTED }
    }
}

/// A socket that has disconnected, or is about to.
#[derive(Debug)]
pub struct DisconnectContext<'a> {
    pub(crate) socket: &'a Socket,
    pub(crate) ended: Ended,
}

impl DisconnectContext<'_> {
    /// The socket.
    pub fn socket(&self) -> &Socket {
        self.socket
    }

    /// Why.
    pub fn reason(&self) -> DisconnectReason {
        self.ended.reason
    }

    /// What exactly has happened to the connection, where that is known.
    pub fn description(&self) -> Option<&'static str> {
        self.ended.description
    }
}

/// Why a handler cannot have what it asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The client has sent something else.
    #[error(transparent)]
    Argument(#[from] ArgError),
    /// The client has sent another authentication payload.
    #[error("authentication payload: {0}")]
    Auth(String),
    /// The server has no such state: a mistake in the program.
    #[error("the server was not given a state of type {0}")]
    MissingState(&'static str),
    /// An extractor of the program has refused.
    #[error("{0}")]
    Refused(String),
}

impl ExtractError {
    /// What the client is told.
    pub(crate) fn client_message(&self) -> String {
        match self {
            // The program is wrong, not the client, which need not know how.
            Self::MissingState(_) => "internal error".to_owned(),
            other => other.to_string(),
        }
    }
}

impl<T: FromSocket> FromConnect for T {
    fn from_connect(context: &ConnectContext<'_>) -> Result<Self, ExtractError> {
        T::from_socket(context.socket)
    }
}

impl<T: FromSocket> FromEvent for T {
    fn from_event(context: &mut EventContext<'_>) -> Result<Self, ExtractError> {
        T::from_socket(context.socket())
    }
}

impl<T: FromSocket> FromDisconnect for T {
    fn from_disconnect(context: &DisconnectContext<'_>) -> Result<Self, ExtractError> {
        T::from_socket(context.socket)
    }
}

/// The socket.
impl FromSocket for Socket {
    fn from_socket(socket: &Socket) -> Result<Self, ExtractError> {
        Ok(socket.clone())
    }
}

/// The server.
impl FromSocket for Server {
    fn from_socket(socket: &Socket) -> Result<Self, ExtractError> {
        Ok(socket.server().clone())
    }
}

/// The namespace of the socket.
impl FromSocket for Namespace {
    fn from_socket(socket: &Socket) -> Result<Self, ExtractError> {
        Ok(socket.namespace().clone())
    }
}

/// The handshake of the socket.
impl FromSocket for Handshake {
    fn from_socket(socket: &Socket) -> Result<Self, ExtractError> {
        Ok(socket.handshake())
    }
}

/// The authentication payload of the client, of type `T`; an empty object when it has sent none.
///
/// ```
/// use fanfare::{Auth, Server, Socket};
///
/// #[derive(serde::Deserialize)]
/// struct Credentials {
///     token: String,
/// }
///
/// // A client that sends anything else is refused.
/// Server::new().on_connect(async |socket: Socket, Auth(credentials): Auth<Credentials>| {
///     socket.emit("hello", &credentials.token);
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth<T>(pub T);

impl<T: DeserializeOwned> FromSocket for Auth<T> {
    fn from_socket(socket: &Socket) -> Result<Self, ExtractError> {
        serde_json::from_str(socket.auth()).map(Self).map_err(|error| ExtractError::Auth(error.to_string()))
    }
}

/// The state of type `T` that the server was built with, see [`ServerBuilder::state`](crate::ServerBuilder::state).
///
/// It is what handlers share. A handler is called many times, and each call lives on by itself: an async closure that
/// captures something of its surroundings by reference cannot be one.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use fanfare::{Server, Socket, State};
///
/// #[derive(Clone, Default)]
/// struct Visits(Arc<AtomicUsize>);
///
/// let io = Server::builder().state(Visits::default()).build().unwrap();
/// io.on_connect(async |socket: Socket, State(Visits(count)): State<Visits>| {
///     socket.emit("visit", &count.fetch_add(1, Ordering::Relaxed));
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State<T>(pub T);

impl<T: Clone + Send + Sync + 'static> FromSocket for State<T> {
    fn from_socket(socket: &Socket) -> Result<Self, ExtractError> {
        Self::of_server(socket.server())
    }
}

impl<T: Clone + Send + Sync + 'static> State<T> {
    pub(super) fn of_server(server: &Server) -> Result<Self, ExtractError> {
        server.state().map(Self).ok_or(ExtractError::MissingState(type_name::<T>()))
    }
}

/// The next argument of the event, of type `T`: several of them take several arguments. One that is missing is as good
/// as `null`, so that `Data<Option<T>>` is an optional argument.
///
/// Returned by a handler, it is the acknowledgement.
///
/// ```
/// use fanfare::{Data, Server, Socket};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Message {
///     text: String,
/// }
///
/// Server::new().on_connect(async |socket: Socket| {
///     socket.on("say", async |Data(room): Data<String>, Data(message): Data<Message>, Data(tag): Data<Option<String>>| {
///         Data(message)
///     });
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<T>(pub T);

impl<T: DeserializeOwned> FromEvent for Data<T> {
    fn from_event(context: &mut EventContext<'_>) -> Result<Self, ExtractError> {
        Self::next_of(&mut context.reader)
    }
}

impl<T: DeserializeOwned> Data<T> {
    pub(super) fn next_of(reader: &mut ArgsReader<'_>) -> Result<Self, ExtractError> {
        let index = reader.count();
        match reader.next() {
            Some(value) => Ok(Self(value?)),
            None => {
                let absent = NULL.reader().next().and_then(Result::ok);
                absent.map(Self).ok_or(ExtractError::Argument(ArgError::missing(index)))
            }
        }
    }
}

/// All arguments of the event as they came, to be looked at or passed on.
impl FromEvent for RawArgs {
    fn from_event(context: &mut EventContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.args.to_raw())
    }
}

/// The acknowledgement: the handler answers by it, and not by what it returns.
impl FromEvent for Ack {
    fn from_event(context: &mut EventContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.take_ack())
    }
}

/// The name of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventName(pub String);

impl FromEvent for EventName {
    fn from_event(context: &mut EventContext<'_>) -> Result<Self, ExtractError> {
        Ok(Self(context.name.to_owned()))
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What else was asked for, or why it cannot be had: the handler runs in any case.
impl<T: FromEvent> FromEvent for Result<T, ExtractError> {
    fn from_event(context: &mut EventContext<'_>) -> Result<Self, ExtractError> {
        Ok(T::from_event(context))
    }
}

/// Why the socket has disconnected.
impl FromDisconnect for DisconnectReason {
    fn from_disconnect(context: &DisconnectContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.reason())
    }
}

/// What exactly has happened to the connection, where that is known: `description` of the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisconnectDescription(pub Option<&'static str>);

impl FromDisconnect for DisconnectDescription {
    fn from_disconnect(context: &DisconnectContext<'_>) -> Result<Self, ExtractError> {
        Ok(Self(context.description()))
    }
}
