//! Handlers: plain async functions and closures whose parameters say what they need.
//!
//! A handler starts when its event arrives and runs to its first `await` before the next event of the same client is
//! looked at, as in Node.js; only what is then still to be done becomes a task.

mod brief;
mod extract;
mod reply;
mod server_event;
mod task;

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

pub use extract::{
    Auth, ConnectContext, Data, DisconnectContext, DisconnectDescription, EventContext, EventName, ExtractError,
    FromConnect, FromDisconnect, FromEvent, FromSocket, State,
};
pub use reply::{ConnectError, HandlerError, IntoReply};
pub use server_event::{FromServerEvent, ServerEventContext};
pub use task::{Failure, FailureKind};
pub(crate) use task::{FailureHook, Failures, report_panic, run, shield, start};

/// What a handler has still to do.
pub(crate) type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A handler that has its arguments and waits to be started.
pub(crate) type Prepared<T> = Box<dyn FnOnce() -> Work<T> + Send>;

/// Handles events. Implemented for async functions of up to eight [`FromEvent`] parameters that return something that
/// can be an acknowledgement, see [`IntoReply`].
pub trait EventHandler<Parameters>: Send + Sync + 'static {
    #[doc(hidden)]
    fn call(&self, context: &mut EventContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError>;
}

/// Looks at events before their handlers do. Implemented for async functions of up to eight [`FromEvent`] parameters
/// that return `Result<(), E>`; an error drops the event.
pub trait EventMiddleware<Parameters>: Send + Sync + 'static {
    #[doc(hidden)]
    fn call(&self, context: &mut EventContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError>;
}

/// Handles new sockets. Implemented for async functions of up to eight [`FromConnect`] parameters that return nothing or
/// a `Result`.
pub trait ConnectHandler<Parameters>: Send + Sync + 'static {
    #[doc(hidden)]
    fn prepare(&self, context: &ConnectContext<'_>) -> Result<Prepared<Result<(), HandlerError>>, ExtractError>;
}

/// Decides who may connect. Implemented for async functions of up to eight [`FromConnect`] parameters that return
/// `Result<(), E>`; an error becomes the client's `connect_error`.
pub trait Middleware<Parameters>: Send + Sync + 'static {
    #[doc(hidden)]
    fn call(&self, context: &ConnectContext<'_>) -> Work<Result<(), ConnectError>>;
}

/// Handles the end of a socket. Implemented for async functions of up to eight [`FromDisconnect`] parameters.
pub trait DisconnectHandler<Parameters>: Send + Sync + 'static {
    #[doc(hidden)]
    fn call(&self, context: &DisconnectContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError>;
}

/// Handles events of other servers. Implemented for async functions of up to eight [`FromServerEvent`] parameters that
/// return something that can be an acknowledgement, see [`IntoReply`].
pub trait ServerEventHandler<Parameters>: Send + Sync + 'static {
    #[doc(hidden)]
    fn call(&self, context: &mut ServerEventContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError>;
}

macro_rules! functions_are_handlers {
    ($($parameter:ident)*) => {
        #[allow(non_snake_case, unused_mut, unused_variables, reason = "a type parameter names its value too")]
        impl<F, Fut, R, $($parameter),*> EventHandler<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoReply,
            $($parameter: FromEvent,)*
        {
            fn call(&self, context: &mut EventContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError> {
                $(let $parameter = $parameter::from_event(context)?;)*
                let ack = context.remaining_ack().clone();
                let future = self($($parameter),*);
                Ok(Box::pin(async move { future.await.reply(&ack) }))
            }
        }

        #[allow(non_snake_case, unused_variables, reason = "a type parameter names its value too")]
        impl<F, Fut, E, $($parameter),*> EventMiddleware<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<(), E>> + Send + 'static,
            E: Into<HandlerError>,
            $($parameter: FromEvent,)*
        {
            fn call(&self, context: &mut EventContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError> {
                $(let $parameter = $parameter::from_event(context)?;)*
                let future = self($($parameter),*);
                Ok(Box::pin(async move { future.await.map_err(Into::into) }))
            }
        }

        #[allow(non_snake_case, unused_variables, reason = "a type parameter names its value too")]
        impl<F, Fut, R, $($parameter),*> ConnectHandler<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoReply,
            $($parameter: FromConnect + Send + 'static,)*
        {
            fn prepare(
                &self,
                context: &ConnectContext<'_>,
            ) -> Result<Prepared<Result<(), HandlerError>>, ExtractError> {
                $(let $parameter = $parameter::from_connect(context)?;)*
                let handler = self.clone();
                Ok(Box::new(move || {
                    let future = handler($($parameter),*);
                    Box::pin(async move { future.await.reply(&crate::ack::UNWANTED) })
                }))
            }
        }

        #[allow(non_snake_case, unused_variables, reason = "a type parameter names its value too")]
        impl<F, Fut, E, $($parameter),*> Middleware<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = Result<(), E>> + Send + 'static,
            E: Into<ConnectError>,
            $($parameter: FromConnect,)*
        {
            fn call(&self, context: &ConnectContext<'_>) -> Work<Result<(), ConnectError>> {
                $(
                    let $parameter = match $parameter::from_connect(context) {
                        Ok(parameter) => parameter,
                        Err(error) => return Box::pin(std::future::ready(Err(error.into()))),
                    };
                )*
                let future = self($($parameter),*);
                Box::pin(async move { future.await.map_err(Into::into) })
            }
        }

        #[allow(non_snake_case, unused_variables, reason = "a type parameter names its value too")]
        impl<F, Fut, R, $($parameter),*> DisconnectHandler<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoReply,
            $($parameter: FromDisconnect,)*
        {
            fn call(&self, context: &DisconnectContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError> {
                $(let $parameter = $parameter::from_disconnect(context)?;)*
                let future = self($($parameter),*);
                Ok(Box::pin(async move { future.await.reply(&crate::ack::UNWANTED) }))
            }
        }

        #[allow(non_snake_case, unused_variables, reason = "a type parameter names its value too")]
        impl<F, Fut, R, $($parameter),*> ServerEventHandler<($($parameter,)*)> for F
        where
            F: Fn($($parameter),*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: IntoReply,
            $($parameter: FromServerEvent,)*
        {
            fn call(
                &self,
                context: &mut ServerEventContext<'_>,
            ) -> Result<Work<Result<(), HandlerError>>, ExtractError> {
                $(let $parameter = $parameter::from_server_event(context)?;)*
                let ack = context.remaining_ack().clone();
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
functions_are_handlers!(A1 A2 A3 A4 A5);
functions_are_handlers!(A1 A2 A3 A4 A5 A6);
functions_are_handlers!(A1 A2 A3 A4 A5 A6 A7);
functions_are_handlers!(A1 A2 A3 A4 A5 A6 A7 A8);

/// A handler whose type has been forgotten. One that captures nothing takes no memory of its own.
pub(crate) type SharedEventHandler = Arc<dyn EraseEvent>;
pub(crate) type SharedEventMiddleware = Arc<dyn EraseEvent>;
pub(crate) type SharedConnectHandler = Arc<dyn EraseConnect>;
pub(crate) type SharedMiddleware = Arc<dyn EraseMiddleware>;
pub(crate) type SharedDisconnectHandler = Arc<dyn EraseDisconnect>;
pub(crate) type SharedServerEventHandler = Arc<dyn EraseServerEvent>;

pub(crate) trait EraseEvent: Send + Sync {
    fn call(&self, context: &mut EventContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError>;
}

pub(crate) trait EraseConnect: Send + Sync {
    fn prepare(&self, context: &ConnectContext<'_>) -> Result<Prepared<Result<(), HandlerError>>, ExtractError>;
}

pub(crate) trait EraseMiddleware: Send + Sync {
    fn call(&self, context: &ConnectContext<'_>) -> Work<Result<(), ConnectError>>;
}

pub(crate) trait EraseDisconnect: Send + Sync {
    fn call(&self, context: &DisconnectContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError>;
}

pub(crate) trait EraseServerEvent: Send + Sync {
    fn call(&self, context: &mut ServerEventContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError>;
}

struct Erased<H, P>(H, PhantomData<fn(P)>);
struct ErasedMiddleware<H, P>(H, PhantomData<fn(P)>);

impl<H: EventHandler<P>, P> EraseEvent for Erased<H, P> {
    fn call(&self, context: &mut EventContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError> {
        self.0.call(context)
    }
}

impl<H: EventMiddleware<P>, P> EraseEvent for ErasedMiddleware<H, P> {
    fn call(&self, context: &mut EventContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError> {
        self.0.call(context)
    }
}

impl<H: ConnectHandler<P>, P> EraseConnect for Erased<H, P> {
    fn prepare(&self, context: &ConnectContext<'_>) -> Result<Prepared<Result<(), HandlerError>>, ExtractError> {
        self.0.prepare(context)
    }
}

impl<H: Middleware<P>, P> EraseMiddleware for Erased<H, P> {
    fn call(&self, context: &ConnectContext<'_>) -> Work<Result<(), ConnectError>> {
        self.0.call(context)
    }
}

impl<H: DisconnectHandler<P>, P> EraseDisconnect for Erased<H, P> {
    fn call(&self, context: &DisconnectContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError> {
        self.0.call(context)
    }
}

impl<H: ServerEventHandler<P>, P> EraseServerEvent for Erased<H, P> {
    fn call(&self, context: &mut ServerEventContext<'_>) -> Result<Work<Result<(), HandlerError>>, ExtractError> {
        self.0.call(context)
    }
}

pub(crate) fn event_handler<H: EventHandler<P>, P: 'static>(handler: H) -> SharedEventHandler {
    Arc::new(Erased(handler, PhantomData))
}

pub(crate) fn event_middleware<H: EventMiddleware<P>, P: 'static>(handler: H) -> SharedEventMiddleware {
    Arc::new(ErasedMiddleware(handler, PhantomData))
}

pub(crate) fn connect_handler<H: ConnectHandler<P>, P: 'static>(handler: H) -> SharedConnectHandler {
    Arc::new(Erased(handler, PhantomData))
}

pub(crate) fn middleware<H: Middleware<P>, P: 'static>(handler: H) -> SharedMiddleware {
    Arc::new(Erased(handler, PhantomData))
}

pub(crate) fn disconnect_handler<H: DisconnectHandler<P>, P: 'static>(handler: H) -> SharedDisconnectHandler {
    Arc::new(Erased(handler, PhantomData))
}

pub(crate) fn server_event_handler<H: ServerEventHandler<P>, P: 'static>(handler: H) -> SharedServerEventHandler {
    Arc::new(Erased(handler, PhantomData))
}
