//! What the tests share: servers on ports of their own, a journal of what has happened in them, a gate to hold them up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use fanfare::{Listener, Server, ServerBuilder};
use fanfare_testkit::{Client, PATIENCE, Polling};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{Mutex, Semaphore};

/// What has happened in handlers, in order. They get it as [`State`](fanfare::State).
#[derive(Clone)]
pub(crate) struct Journal {
    notes: UnboundedSender<String>,
    read: Arc<Mutex<UnboundedReceiver<String>>>,
}

impl Default for Journal {
    fn default() -> Self {
        let (notes, read) = mpsc::unbounded_channel();
        Self { notes, read: Arc::new(Mutex::new(read)) }
    }
}

impl Journal {
    pub(crate) fn note(&self, note: impl ToString) {
        self.notes.send(note.to_string()).expect("the journal holds its own reader");
    }

    /// The next note, for which a test waits if it has to.
    pub(crate) async fn next(&self) -> String {
        let mut read = self.read.lock().await;
        patiently("a note", read.recv()).await.expect("the journal holds its own writer")
    }

    /// Checks the next notes.
    pub(crate) async fn expect<const N: usize>(&self, notes: [&str; N]) {
        for note in notes {
            assert_eq!(self.next().await, note);
        }
    }

    /// Whether there is no note to be read.
    pub(crate) async fn is_empty(&self) -> bool {
        self.read.lock().await.is_empty()
    }

    /// Checks that nothing has been noted that was not read: whatever a test waits for before has to come behind it.
    pub(crate) async fn expect_nothing(&self) {
        assert_eq!(self.read.lock().await.try_recv().ok(), None);
    }
}

/// Holds handlers up until a test opens it, once for each that may pass.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    pub(crate) fn open(&self) {
        self.0.add_permits(1);
    }

    pub(crate) async fn pass(&self) {
        self.0.acquire().await.expect("it is never closed").forget();
    }
}

/// A server whose handlers can write to a journal and be held up by a gate.
pub(crate) struct Node {
    pub(crate) io: Server,
    pub(crate) journal: Journal,
    pub(crate) gate: Gate,
    pub(crate) address: SocketAddr,
}

impl Node {
    pub(crate) async fn start() -> Self {
        Self::with(|builder| builder).await
    }

    /// With options.
    pub(crate) async fn with(options: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let (journal, gate) = (Journal::default(), Gate::default());
        let failures = journal.clone();
        let builder = Server::builder().serve_client(false).state(journal.clone()).state(gate.clone());
        let builder =
            builder.on_failure(move |failure| failures.note(format!("{}: {:?}", failure.event, failure.kind)));
        let io = options(builder).build().expect("the options are valid");
        let address = serve(&io).await;
        Self { io, journal, gate, address }
    }

    /// A client of the main namespace.
    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.address).await
    }

    /// A client of a namespace.
    pub(crate) async fn client_of(&self, namespace: &str) -> Client {
        Client::connect_to(self.address, namespace, "").await
    }

    /// A polling client of the main namespace, and the id of its socket.
    pub(crate) async fn polling_client(&self) -> (Polling, String) {
        let client = self.polling().await;
        client.send(&["40"]).await;
        let packets = client.packets().await;
        let sid = packets[0].strip_prefix(r#"40{"sid":""#).and_then(|rest| rest.split('"').next());
        (client, sid.unwrap_or_else(|| panic!("refused: {packets:?}")).to_owned())
    }

    /// A polling client that has not connected to a namespace yet.
    pub(crate) async fn polling(&self) -> Polling {
        Polling::open(self.address, "/socket.io/").await
    }
}

/// Serves on a free port.
pub(crate) async fn serve(io: &Server) -> SocketAddr {
    let listener = Listener::bind("127.0.0.1:0").await.expect("there is a free port");
    let address = listener.local_addr().expect("it is bound");
    let io = io.clone();
    tokio::spawn(async move { io.serve(listener).await });
    address
}

/// Lets this much time pass, whatever the machine is busy with. For tests that run on one thread.
pub(crate) async fn pass_time(time: Duration) {
    tokio::time::pause();
    // In steps: a server whose clock jumps takes itself for one that was stopped, and gives its clients time.
    for _ in 0..=time.as_millis() / STEP.as_millis() {
        tokio::time::advance(STEP).await;
    }
    tokio::time::resume();
}

const STEP: Duration = Duration::from_millis(250);

/// Waits for something that has to happen.
pub(crate) async fn patiently<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: nothing within {PATIENCE:?}"))
}

/// Waits until something is so that nobody tells of.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    patiently(what, waiting).await;
}
