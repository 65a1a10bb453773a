//! Handlers of events that other servers send.

use std::any::type_name;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use fanfare_proto::socket::{ArgError, Args, ArgsReader, RawArgs};
use futures_util::FutureExt as _;
use serde::de::DeserializeOwned;

use super::reply::fail;
use super::{Data, EventName, ExtractError, HandlerError, IntoReply, State, Work, report_panic, run};
use crate::ack::{Ack, NULL};
use crate::namespace::Namespace;
use crate::server::Server;

/// An event of another server.
#[derive(Debug)]
pub struct ServerSideContext<'a> {
    namespace: &'a Namespace,
    name: &'a str,
    args: Args<'a>,
    reader: ArgsReader<'a>,
    ack: Ack,
    ack_taken: bool,
}

/// Can be asked for by handlers of events of other servers.
pub trait FromServerSide: Sized {
    /// Gets it, or says why it cannot be had; the event is not handled then.
    fn from_server_side(context: &mut ServerSideContext<'_>) -> Result<Self, ExtractError>;
}

/// Handles events of other servers. Implemented for async functions of up to four [`FromServerSide`] parameters that
/// return something that can be an answer, see [`IntoReply`].
pub trait ServerSideHandler<Parameters>: Send + Sync + 'static {
    #[doc(hidden)]
    fn call(&self, context: &mut ServerSideContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError>;
}

impl<'a> ServerSideContext<'a> {
    pub(crate) fn new(namespace: &'a Namespace, name: &'a str, args: Args<'a>, ack: &Ack) -> Self {
        Self { namespace, name, args, reader: args.reader(), ack: ack.clone(), ack_taken: false }
    }

    /// The namespace.
    pub fn namespace(&self) -> &Namespace {
        self.namespace
    }

    /// Its arguments, from the first that nobody has taken yet.
    pub fn reader(&mut self) -> &mut ArgsReader<'a> {
        &mut self.reader
    }
}

macro_rules! functions_are_handlers {
    ($($parameter:ident)*) => {
        #[allow(non_snake_case, unused_variables, reason = "a type parameter names its value too")]
        impl<F, Fut, R, $($parameter),*> ServerSideHandler<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoReply,
            $($parameter: FromServerSide,)*
        {
            fn call(&self, context: &mut ServerSideContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError> {
                $(let $parameter = $parameter::from_server_side(context)?;)*
                let ack = if context.ack_taken { Ack::new_unwanted() } else { context.ack.clone() };
                let future = self($($parameter),*);
                Ok(Box::pin(async move { future.await.reply(&ack) }))
            }
        }
    };
}

functions_are_handlers!();
functions_are_handlers!(A1);
functions_are_handlers!(A1 A2);
functions_are_handlers!(A1 A2 A3);
functions_are_handlers!(A1 A2 A3 A4);

/// Runs a handler to its first `await`; what is still to be done then becomes a task.
pub(crate) fn handle_server_side<P>(handler: &impl ServerSideHandler<P>, context: &mut ServerSideContext<'_>) {
    let (event, ack, server) = (context.name.to_owned(), context.ack.clone(), context.namespace.server().clone());
    let called = catch_unwind(AssertUnwindSafe(|| handler.call(context)));
    run(async move {
        let done = match called {
            Ok(Ok(work)) => AssertUnwindSafe(work).catch_unwind().await,
            Ok(Err(error)) => {
                fail(&ack, &error.to_string());
                return tracing::warn!(event, %error, "event of another server refused");
            }
            Err(panic) => Err(panic),
        };
        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(event, %error, "handler failed"),
            Err(panic) => {
                fail(&ack, "internal error");
                report_panic(&server, "handler of an event of another server", &*panic);
            }
        }
    });
}

/// The namespace.
impl FromServerSide for Namespace {
    fn from_server_side(context: &mut ServerSideContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.namespace.clone())
    }
}

/// The server.
impl FromServerSide for Server {
    fn from_server_side(context: &mut ServerSideContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.namespace.server().clone())
    }
}

impl<T: Clone + Send + Sync + 'static> FromServerSide for State<T> {
    fn from_server_side(context: &mut ServerSideContext<'_>) -> Result<Self, ExtractError> {
        let state = context.namespace.server().state::<T>();
        state.map(Self).ok_or(ExtractError::MissingState(type_name::<T>()))
    }
}

impl<T: DeserializeOwned> FromServerSide for Data<T> {
    fn from_server_side(context: &mut ServerSideContext<'_>) -> Result<Self, ExtractError> {
        let index = context.reader.count();
        let next = context.reader.next().or_else(|| NULL.reader().next());
        let value = next.unwrap_or(Err(ArgError::missing(index)));
        value.map(Self).map_err(|error| ExtractError::Argument(ArgError { index, ..error }))
    }
}

/// All arguments as they came.
impl FromServerSide for RawArgs {
    fn from_server_side(context: &mut ServerSideContext<'_>) -> Result<Self, ExtractError> {
        Ok(context.args.to_raw())
    }
}

/// The answer: the handler gives it, and not what it returns.
impl FromServerSide for Ack {
    fn from_server_side(context: &mut ServerSideContext<'_>) -> Result<Self, ExtractError> {
        context.ack_taken = true;
        Ok(context.ack.clone())
    }
}

impl FromServerSide for EventName {
    fn from_server_side(context: &mut ServerSideContext<'_>) -> Result<Self, ExtractError> {
        Ok(Self(context.name.to_owned()))
    }
}
