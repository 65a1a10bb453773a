//! What handlers of events from other servers can ask for.

use fanfare_proto::socket::{Args, ArgsReader, RawArgs};
use serde::de::DeserializeOwned;

use super::extract::{Data, EventName, ExtractError, State};
use crate::ack::Ack;
use crate::namespace::Namespace;
use crate::server::Server;

/// Can be asked for by handlers of events from other servers, see [`Namespace::on`].
pub trait FromServerEvent: Sized {
    /// Gets it, or says why it cannot be had; the event is not handled then.
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError>;
}

/// An event that has come from another server.
#[derive(Debug)]
pub struct ServerEventContext<'a> {
    namespace: &'a Namespace,
    name: &'a str,
    args: Args<'a>,
    reader: ArgsReader<'a>,
    ack: Ack,
    /// Whether what the handler returns is the acknowledgement.
    answers: bool,
}

impl<'a> ServerEventContext<'a> {
    pub(crate) fn new(namespace: &'a Namespace, name: &'a str, args: Args<'a>, ack: &Ack) -> Self {
        Self { namespace, name, args, reader: args.reader(), ack: ack.clone(), answers: true }
    }

    /// The namespace it was sent to.
    pub fn namespace(&self) -> &Namespace {
        self.namespace
    }

    /// The name of the event.
    pub fn name(&self) -> &str {
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
    pub(crate) fn remaining_ack(&self) -> Ack {
        if self.answers { self.ack.clone() } else { Ack::new_unwanted() }
    }
}

impl FromServerEvent for Namespace {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.namespace.clone())
    }
}

impl FromServerEvent for Server {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.namespace.server().clone())
    }
}

impl<T: Clone + Send + Sync + 'static> FromServerEvent for State<T> {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Self::of_server(context.namespace.server())
    }
}

impl<T: DeserializeOwned> FromServerEvent for Data<T> {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Self::next_of(&mut context.reader)
    }
}

impl FromServerEvent for RawArgs {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.args.to_raw())
    }
}

impl FromServerEvent for Ack {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.take_ack())
    }
}

impl FromServerEvent for EventName {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Ok(Self(context.name.to_owned()))
    }
}

impl<T: FromServerEvent> FromServerEvent for Result<T, ExtractError> {
    fn from_server_event(context: &mut ServerEventContext<'_>) -> Result<Self, ExtractError> {
        Ok(T::from_server_event(context))
    }
}
