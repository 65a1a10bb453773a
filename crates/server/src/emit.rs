//! What comes of sending.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use fanfare_engine::Session;
use fanfare_proto::socket::{EncodeError, RESERVED_EVENTS};

/// Why an event was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The name is one of Socket.IO's own.
    #[error("{0:?} is a reserved event name")]
    Reserved(String),
    /// An argument cannot be encoded.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The socket is disconnected.
    #[error("the socket is disconnected")]
    Disconnected,
    /// The socket owes too many acknowledgements.
    #[error("{pending} acknowledgements are pending, which is the limit")]
    TooManyAcks {
        /// How many there are.
        pending: usize,
    },
}

/// The result of an `emit`, which has happened already.
///
/// It can be ignored: an error is logged then. Awaiting it returns the error; for a single socket, it also waits while
/// that client is behind with reading, so that a handler that sends a lot goes at the pace of its client.
///
/// ```
/// # async fn send(socket: &fanfare::Socket) -> Result<(), fanfare::EmitError> {
/// socket.emit("fire", "and forget");
/// if let Err(error) = socket.emit("look", "at it").result() {
///     println!("{error}");
/// }
/// for page in 0..1000 {
///     socket.emit("page", &page).await?; // at the pace of the client
/// }
/// # Ok(())
/// # }
/// ```
pub struct Emitted {
    result: Result<(), EmitError>,
    session: Option<Session>,
    observed: bool,
}

impl Emitted {
    pub(crate) fn new(result: Result<(), EmitError>) -> Self {
        Self { result, session: None, observed: false }
    }

    pub(crate) fn to(session: &Session, result: Result<(), EmitError>) -> Self {
        Self { result, session: Some(session.clone()), observed: false }
    }

    /// The result, without waiting for anything.
    pub fn result(mut self) -> Result<(), EmitError> {
        self.observed = true;
        self.result.clone()
    }
}

impl IntoFuture for Emitted {
    type Output = Result<(), EmitError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(mut self) -> Self::IntoFuture {
        let session = self.session.take();
        let result = self.result();
        Box::pin(async move {
            if let Some(session) = session {
                session.ready().await;
            }
            result
        })
    }
}

impl Drop for Emitted {
    fn drop(&mut self) {
        match &self.result {
            // That a client has just left is everyday life.
            Ok(()) | Err(EmitError::Disconnected) => {}
            Err(error) if !self.observed => tracing::error!(%error, "an event was not sent"),
            Err(_) => {}
        }
    }
}

impl fmt::Debug for Emitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Emitted").field(&self.result).finish()
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), EmitError> {
    if RESERVED_EVENTS.contains(&name) { Err(EmitError::Reserved(name.to_owned())) } else { Ok(()) }
}
