//! Acknowledgements: those that clients ask for, and those they give.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use fanfare_proto::socket::{ArgError, Args, EmitArgs, RawArgs, Value};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;

use crate::adapter::{AckCollector, WeakCollector};
use crate::emit::EmitError;
use crate::metrics::Metrics;
use crate::socket::Socket;

/// The acknowledgement a client, or another server, may be waiting for. A handler that takes it answers when it likes, or
/// never.
///
/// Without it, what the handler returns is the answer.
///
/// ```
/// use fanfare::{Ack, Data};
///
/// async fn slow(Data(question): Data<String>, ack: Ack) {
///     tokio::spawn(async move { ack.send((question, "has been answered")) });
/// }
/// # fanfare::Server::new().on_connect(async |socket: fanfare::Socket| {
/// #     socket.on("slow", slow);
/// # });
/// ```
#[derive(Clone)]
pub struct Ack(Option<Arc<Pending>>);

struct Pending {
    asker: Asker,
    sent: AtomicBool,
}

/// Who waits for an acknowledgement.
enum Asker {
    Client { socket: Socket, id: u64 },
    Server(Mutex<Option<ServerReply>>),
}

/// Takes the answer to an event of another server.
pub type ServerReply = Box<dyn FnOnce(Value) + Send>;

impl Ack {
    pub(crate) fn new(socket: &Socket, id: Option<u64>) -> Self {
        Self(id.map(|id| Pending::new(Asker::Client { socket: socket.clone(), id })))
    }

    pub(crate) fn for_server(reply: Option<ServerReply>) -> Self {
        Self(reply.map(|reply| Pending::new(Asker::Server(Mutex::new(Some(reply))))))
    }

    /// Whether anybody waits for it.
    pub fn is_requested(&self) -> bool {
        self.0.is_some()
    }

    /// Answers. Does nothing where nobody waits for it, or the answer has been given already. Another server gets the first
    /// argument only.
    pub fn send(&self, args: impl EmitArgs) -> Result<(), EmitError> {
        let Some(pending) = &self.0 else { return Ok(()) };
        if pending.sent.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        match &pending.asker {
            Asker::Client { socket, id } => socket.send_ack(*id, &args),
            Asker::Server(reply) => {
                let answer = RawArgs::of(&args)?.as_args().reader().next().and_then(Result::ok).unwrap_or_default();
                let reply = reply.lock().take();
                if let Some(reply) = reply {
                    reply(answer);
                }
                Ok(())
            }
        }
    }
}

/// One that nobody waits for.
pub(crate) static UNWANTED: Ack = Ack(None);

impl Pending {
    fn new(asker: Asker) -> Arc<Self> {
        Arc::new(Self { asker, sent: AtomicBool::new(false) })
    }
}

impl fmt::Debug for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ack").field("is_requested", &self.is_requested()).finish()
    }
}

/// Why a client did not acknowledge an event, or not as it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// It has not answered in time.
    #[error("operation has timed out")]
    Timeout,
    /// It has disconnected.
    #[error("the socket has disconnected before it answered")]
    Disconnected,
    /// Its answer is not of the type that was asked for.
    #[error("acknowledgement: {0}")]
    Decode(#[from] ArgError),
    /// The event was not sent.
    #[error(transparent)]
    Emit(#[from] EmitError),
}

/// Where the answer to an event goes.
pub(crate) enum AckSink {
    /// One client, and when it was asked.
    One(oneshot::Sender<RawArgs>, Instant),
    Many(WeakCollector),
}

impl AckSink {
    pub(crate) fn answer(self, args: &Args<'_>, metrics: &Metrics) {
        match self {
            Self::One(sender, asked) => {
                metrics.ack_seconds.observe(asked.elapsed().as_secs_f64());
                drop(sender.send(args.to_raw()));
            }
            Self::Many(collector) => {
                collector.upgrade().into_iter().for_each(|collector| collector.add_response(args.to_raw()));
            }
        }
    }

    /// The socket has disconnected.
    pub(crate) fn lose(self) {
        match self {
            Self::One(sender, _) => drop(sender),
            Self::Many(collector) => collector.upgrade().iter().for_each(AckCollector::add_lost),
        }
    }

    /// Whether anybody still waits for it.
    pub(crate) fn is_wanted(&self) -> bool {
        match self {
            Self::One(sender, _) => !sender.is_closed(),
            Self::Many(collector) => collector.is_wanted(),
        }
    }
}

/// What an acknowledgement can be taken as: its first argument as any type, or [all of them](AckArgs).
pub trait FromAck: Sized {
    /// Takes it, or says why it cannot be had.
    fn from_ack(args: &RawArgs) -> Result<Self, AckError>;
}

/// All arguments of an acknowledgement.
///
/// ```
/// use fanfare::{AckArgs, AckError, Socket, Value};
///
/// async fn ask(socket: Socket) -> Result<(), AckError> {
///     let AckArgs(args) = socket.emit_with_ack("question", ()).await?;
///     let mut args = args.as_args().reader();
///     let status: Option<u32> = args.next().transpose()?;
///     let rest: Option<Value> = args.next().transpose()?;
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct AckArgs(pub RawArgs);

impl FromAck for AckArgs {
    fn from_ack(args: &RawArgs) -> Result<Self, AckError> {
        Ok(Self(args.clone()))
    }
}

impl<T: DeserializeOwned> FromAck for T {
    fn from_ack(args: &RawArgs) -> Result<Self, AckError> {
        // An acknowledgement without arguments is as good as one of `null`.
        let first = args.as_args().reader().next();
        first.or_else(|| NULL.reader().next()).unwrap_or(Err(ArgError::missing(0))).map_err(AckError::Decode)
    }
}

/// The answer of one client, of type `T`: the first argument of its acknowledgement, or [all of them](AckArgs).
///
/// The event has been sent when this is made. It ends with an error when the client disconnects, or when the time is
/// over, if one was set.
#[must_use = "the answer is lost unless it is awaited"]
pub struct AckFuture<T> {
    answer: Result<Waiting, Option<EmitError>>,
    answer_type: PhantomData<fn() -> T>,
}

struct Waiting {
    socket: Socket,
    id: u64,
    receiver: oneshot::Receiver<RawArgs>,
    timeout: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<T> AckFuture<T> {
    pub(crate) fn failed(error: EmitError) -> Self {
        Self { answer: Err(Some(error)), answer_type: PhantomData }
    }

    pub(crate) fn new(
        socket: &Socket,
        id: u64,
        receiver: oneshot::Receiver<RawArgs>,
        timeout: Option<Duration>,
    ) -> Self {
        let timeout = timeout.map(|timeout| Box::pin(tokio::time::sleep(timeout)));
        let waiting = Waiting { socket: socket.clone(), id, receiver, timeout };
        Self { answer: Ok(waiting), answer_type: PhantomData }
    }
}

impl<T: FromAck> Future for AckFuture<T> {
    type Output = Result<T, AckError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let waiting = match &mut self.answer {
            Ok(waiting) => waiting,
            Err(error) => return Poll::Ready(Err(error.take().map_or(AckError::Disconnected, AckError::Emit))),
        };
        if let Poll::Ready(answer) = Pin::new(&mut waiting.receiver).poll(cx) {
            return Poll::Ready(match answer {
                Ok(args) => T::from_ack(&args),
                Err(_) => Err(AckError::Disconnected),
            });
        }
        let over = waiting.timeout.as_mut().is_some_and(|timeout| timeout.as_mut().poll(cx).is_ready());
        if over { Poll::Ready(Err(AckError::Timeout)) } else { Poll::Pending }
    }
}

/// Whoever does not wait any more does not want the answer either.
impl Drop for Waiting {
    fn drop(&mut self) {
        self.socket.forget_ack(self.id);
    }
}

pub(crate) const NULL: Args<'static> = Args::Json { text: "null", attachments: &[] };
