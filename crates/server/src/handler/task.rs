//! Runs handlers, and keeps what goes wrong in them to themselves.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use fanfare_proto::ids::SocketId;
use futures_util::FutureExt as _;
use smol_str::SmolStr;

use super::Work;
use super::extract::ExtractError;
use super::reply::{HandlerError, fail};
use crate::ack::Ack;
use crate::namespace::Namespace;
use crate::socket::Socket;

/// Something that went wrong in a handler. The socket lives on.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The namespace.
    pub namespace: String,
    /// The socket; `None` for the event of another server.
    pub socket: Option<SocketId>,
    /// The event that was handled: its name, or `connection`, `disconnecting`, `disconnect`.
    pub event: String,
    /// What went wrong.
    pub kind: FailureKind,
}

/// What went wrong in a handler.
#[derive(Debug)]
#[non_exhaustive]
pub enum FailureKind {
    /// It could not have what it asks for: the client has sent something else. It did not run.
    Extract(ExtractError),
    /// It has returned an error.
    Returned(HandlerError),
    /// It has panicked, with this message.
    Panicked(String),
}

pub(crate) type FailureHook = Arc<dyn Fn(&Failure) + Send + Sync>;

/// Where the failures of one handler go.
#[derive(Clone)]
pub(crate) struct Failures {
    namespace: Namespace,
    socket: Option<SocketId>,
    event: SmolStr,
    ack: Ack,
}

impl Failures {
    pub(crate) fn new(socket: &Socket, event: &str, ack: &Ack) -> Self {
        Self { socket: Some(socket.id()), ..Self::without_socket(socket.namespace(), event, ack) }
    }

    /// For an event of another server.
    pub(crate) fn without_socket(namespace: &Namespace, event: &str, ack: &Ack) -> Self {
        Self { namespace: namespace.clone(), socket: None, event: event.into(), ack: ack.clone() }
    }

    /// Reports that the handler could not be started.
    fn refused(&self, error: ExtractError) {
        fail(&self.ack, &error.client_message());
        self.report(FailureKind::Extract(error));
    }

    fn report(&self, kind: FailureKind) {
        let server = self.namespace.server();
        server.metrics().handler_failed(&kind);
        let failure = Failure {
            namespace: self.namespace.name().to_owned(),
            socket: self.socket,
            event: self.event.to_string(),
            kind,
        };
        match &failure.kind {
            // A client can cause as many of these as it likes.
            FailureKind::Extract(error) => {
                tracing::debug!(event = ?failure.event, socket = ?failure.socket, %error, "event refused");
            }
            FailureKind::Returned(error) => {
                tracing::warn!(event = ?failure.event, socket = ?failure.socket, %error, "handler failed");
            }
            FailureKind::Panicked(message) => {
                tracing::error!(event = ?failure.event, socket = ?failure.socket, message, "handler panicked");
            }
        }
        if let Some(hook) = server.failure_hook() {
            shield("failure hook", || hook(&failure));
        }
    }

    fn finished(&self, result: Result<(), HandlerError>) {
        if let Err(error) = result {
            self.report(FailureKind::Returned(error));
        }
    }

    /// Reports that the handler has panicked.
    pub(crate) fn panicked(&self, panic: &(dyn Any + Send)) {
        fail(&self.ack, "internal error");
        self.report(FailureKind::Panicked(panic_message(panic)));
    }
}

/// Calls a handler and runs it to its first `await`; what is still to be done then becomes a task.
///
/// Extractors and the handler itself are code of the application: whatever panics in there stops here.
pub(crate) fn start(call: impl FnOnce() -> Result<Work<Result<(), HandlerError>>, ExtractError>, failures: Failures) {
    // A panic can leave nothing half-done that anybody sees: the future is dropped, and all else is behind locks
    // that the panic has released.
    let first = catch_unwind(AssertUnwindSafe(|| {
        call().map(|mut work| match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Ok(result),
            Poll::Pending => Err(work),
        })
    }));
    match first {
        Ok(Ok(Ok(result))) => failures.finished(result),
        // The task polls it again at once, with a waker that counts.
        Ok(Ok(Err(work))) => drop(tokio::spawn(finish(work, failures))),
        Ok(Err(error)) => failures.refused(error),
        Err(panic) => failures.panicked(&*panic),
    }
}

/// Runs something of ours to its first `await`; what is still to be done then becomes a task.
pub(crate) fn run(work: impl Future<Output = ()> + Send + 'static) {
    let mut work = Box::pin(work);
    if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        tokio::spawn(work);
    }
}

async fn finish(work: Work<Result<(), HandlerError>>, failures: Failures) {
    let _running = failures.namespace.server().metrics().running_handler();
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => failures.finished(result),
        Err(panic) => failures.panicked(&*panic),
    }
}

/// Calls a function of the application that is no handler: if it panics, that is all that happens.
pub(crate) fn shield(what: &'static str, call: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
        tracing::error!(what, message = panic_message(&*panic), "panicked");
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().map(|message| (*message).to_owned());
    message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "of unknown type".to_owned())
}
