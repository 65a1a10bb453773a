//! Runs handlers, and keeps what goes wrong in them to themselves.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use fanfare_proto::ids::SocketId;
use futures_util::FutureExt as _;
use prometheus::HistogramTimer;
use smol_str::SmolStr;
use tracing::field::DisplayValue;

use super::Work;
use super::brief::Brief;
use super::extract::ExtractError;
use super::reply::{HandlerError, fail};
use crate::ack::Ack;
use crate::namespace::Namespace;
use crate::server::Server;
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

impl Failure {
    /// Writes a line.
    fn log(&self) {
        let (event, socket) = (Brief(&self.event), self.socket.map(tracing::field::display));
        match &self.kind {
            // A client can cause as many of these as it likes.
            FailureKind::Extract(error) => refused(&event, socket, error),
            FailureKind::Returned(error) if error.is_for_client() => refused(&event, socket, error),
            FailureKind::Returned(error) => {
                tracing::warn!(?event, socket, error = ?Brief(&error.to_string()), "handler failed");
            }
            FailureKind::Panicked(message) => {
                tracing::error!(?event, socket, panic = ?Brief(message), "handler panicked");
            }
        }
    }
}

fn refused(event: &Brief<'_>, socket: Option<DisplayValue<SocketId>>, error: &dyn fmt::Display) {
    tracing::debug!(?event, socket, error = ?Brief(&error.to_string()), "event refused");
}

pub(crate) type FailureHook = Arc<dyn Fn(&Failure) + Send + Sync>;

/// Where the failures of one handler go.
#[derive(Clone, Copy)]
pub(crate) struct Failures<'a> {
    namespace: &'a Namespace,
    socket: Option<SocketId>,
    event: &'a str,
    ack: &'a Ack,
}

/// The same, for a handler that becomes a task.
struct OwnedFailures {
    namespace: Namespace,
    socket: Option<SocketId>,
    event: SmolStr,
    ack: Ack,
}

impl<'a> Failures<'a> {
    pub(crate) fn new(socket: &'a Socket, event: &'a str, ack: &'a Ack) -> Self {
        Self { socket: Some(socket.id()), ..Self::without_socket(socket.namespace(), event, ack) }
    }

    /// For an event of another server.
    pub(crate) fn without_socket(namespace: &'a Namespace, event: &'a str, ack: &'a Ack) -> Self {
        Self { namespace, socket: None, event, ack }
    }

    fn to_owned(self) -> OwnedFailures {
        let Self { namespace, socket, event, ack } = self;
        OwnedFailures { namespace: namespace.clone(), socket, event: event.into(), ack: ack.clone() }
    }

    /// Reports that the handler could not be started.
    fn refused(&self, error: ExtractError) {
        fail(self.ack, &error.client_message());
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
        failure.log();
        if let Some(hook) = server.failure_hook() {
            shield("failure", || hook(&failure));
        }
    }

    fn finished(&self, result: Result<(), HandlerError>) {
        if let Err(error) = result {
            self.report(FailureKind::Returned(error));
        }
    }

    /// Reports that the handler has panicked.
    pub(crate) fn panicked(&self, panic: &(dyn Any + Send)) {
        fail(self.ack, "internal error");
        self.report(FailureKind::Panicked(panic_message(panic)));
    }
}

impl OwnedFailures {
    fn borrow(&self) -> Failures<'_> {
        let Self { namespace, socket, event, ack } = self;
        Failures { namespace, socket: *socket, event, ack }
    }
}

/// Calls a handler and runs it to its first `await`; what is still to be done then becomes a task.
///
/// Extractors and the handler itself are code of the application: whatever panics in there stops here.
pub(crate) fn start(
    call: impl FnOnce() -> Result<Work<Result<(), HandlerError>>, ExtractError>,
    failures: Failures<'_>,
) {
    let timer = failures.namespace.server().metrics().time_handler();
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
        Ok(Ok(Err(work))) => drop(tokio::spawn(finish(work, failures.to_owned(), timer))),
        Ok(Err(error)) => failures.refused(error),
        Err(panic) => failures.panicked(&*panic),
    }
}

/// Reports a panic of a function of the application that ran for no socket.
pub(crate) fn report_panic(server: &Server, function: &'static str, panic: &(dyn Any + Send)) {
    let message = panic_message(panic);
    tracing::error!(function, panic = ?Brief(&message), "function panicked");
    server.metrics().handler_failed(&FailureKind::Panicked(message));
}

/// Calls a listener of the application, whose panic concerns nobody else.
pub(crate) fn shield(listener: &'static str, call: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(call)) {
        tracing::error!(listener, panic = ?Brief(&panic_message(&*panic)), "listener panicked");
    }
}

/// Runs something of ours to its first `await`; what is still to be done then becomes a task.
pub(crate) fn run(work: impl Future<Output = ()> + Send + 'static) {
    let mut work = Box::pin(work);
    if work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        tokio::spawn(work);
    }
}

async fn finish(work: Work<Result<(), HandlerError>>, failures: OwnedFailures, _timer: Option<HistogramTimer>) {
    let _running = failures.namespace.server().metrics().running_handler();
    match AssertUnwindSafe(work).catch_unwind().await {
        Ok(result) => failures.borrow().finished(result),
        Err(panic) => failures.borrow().panicked(&*panic),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let message = panic.downcast_ref::<&str>().map(|message| (*message).to_owned());
    message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "of unknown type".to_owned())
}
