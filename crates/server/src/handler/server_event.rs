//! What handlers of events from other servers can ask for.

use fanfare_proto::socket::RawArgs;
use serde::de::DeserializeOwned;

use super::extract::{Data, EventContext, EventName, ExtractError, State};
use crate::ack::Ack;
use crate::namespace::Namespace;
use crate::server::Server;

/// Can be asked for by handlers of events from other servers, see [`Namespace::on`].
pub trait FromServerEvent: Sized {
    /// Gets it, or says why it cannot be had; the event is not handled then.
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError>;
}

/// An event that has come from another server.
pub type ServerEventContext<'a> = EventContext<'a, Namespace>;

impl EventContext<'_, Namespace> {
    /// The namespace it was sent to.
    pub fn namespace(&self) -> &Namespace {
        self.target()
    }
}

impl FromServerEvent for Namespace {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.namespace().clone())
    }
}

impl FromServerEvent for Server {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.namespace().server().clone())
    }
}

impl<T: Clone + Send + Sync + 'static> FromServerEvent for State<T> {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Self::of_server(context.namespace().server())
    }
}

impl<T: DeserializeOwned> FromServerEvent for Data<T> {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Self::next_of(context.reader())
    }
}

impl FromServerEvent for RawArgs {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.args().to_raw())
    }
}

impl FromServerEvent for Ack {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.take_ack())
    }
}

impl FromServerEvent for EventName {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Ok(Self(context.name().to_owned()))
    }
}

impl<T: FromServerEvent> FromServerEvent for Result<T, ExtractError> {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Ok(T::from_server_event(context))
    }
}
