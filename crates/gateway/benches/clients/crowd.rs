//! Many clients that listen to broadcasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::client::{Client, PADDING, Sender};
use crate::process::Process;

/// How many of the clients may send.
pub(crate) const SENDERS: usize = 16;

/// Clients that listen, and what makes the server broadcast something to them.
pub(crate) struct Crowd<'a> {
    listening: JoinSet<()>,
    broadcast: Box<dyn Fn(usize, usize) + 'a>,
    senders: [Arc<Progress>; SENDERS],
    clients: usize,
}

/// How far the broadcasts of one sender have come.
#[derive(Default)]
struct Progress {
    /// Broadcasts so far.
    sent: AtomicUsize,
    /// How many clients have got the newest.
    deliveries: AtomicUsize,
    delivered: Notify,
}

impl<'a> Crowd<'a> {
    /// Clients of a node. The first of them ask for the broadcasts.
    pub(crate) fn of(clients: Vec<Client>) -> Self {
        let senders: Vec<Sender> = clients.iter().take(SENDERS).map(Client::sender).collect();
        let broadcast = move |sender: usize, number| {
            senders[sender].text(&format!(r#"42["bcast",{sender},{number},"{PADDING}"]"#));
        };
        Self::new(clients, Box::new(broadcast))
    }

    /// Clients of a process that does nothing but write.
    pub(crate) fn of_floor(clients: Vec<Client>, floor: &'a Process) -> Self {
        let broadcast = move |sender, number| floor.tell(&format!(r#"42["bcast",{sender},{number},"{PADDING}"]"#));
        Self::new(clients, Box::new(broadcast))
    }

    fn new(clients: Vec<Client>, broadcast: Box<dyn Fn(usize, usize) + 'a>) -> Self {
        let senders: [Arc<Progress>; SENDERS] = Default::default();
        let count = clients.len();
        let listening = clients.into_iter().map(|client| listen(client, senders.clone(), count)).collect();
        Self { listening, broadcast, senders, clients: count }
    }

    /// Has `count` broadcasts sent, always `in_flight` of them on their way; returns when all clients have all of them.
    pub(crate) async fn broadcast(&mut self, in_flight: usize, count: usize) {
        let Self { listening, broadcast, senders, clients } = self;
        let (broadcast, clients) = (&*broadcast, &*clients);
        let sending = senders.iter().take(in_flight).enumerate().map(|(sender, progress)| async move {
            for _ in 0..count / in_flight {
                progress.deliveries.store(0, Ordering::Relaxed);
                broadcast(sender, progress.sent.fetch_add(1, Ordering::Relaxed));
                let delivered = tokio::time::timeout(PATIENCE, progress.delivered.notified()).await;
                let deliveries = progress.deliveries.load(Ordering::Relaxed);
                assert!(delivered.is_ok(), "only {deliveries} of {clients} clients got a broadcast");
            }
        });
        tokio::select! {
            _ = futures_util::future::join_all(sending) => {}
            failed = listening.join_next() => panic!("a client has stopped: {failed:?}"),
        }
    }
}

/// Checks the broadcasts that a client gets.
async fn listen(mut client: Client, senders: [Arc<Progress>; SENDERS], clients: usize) {
    let mut next = [0; SENDERS];
    loop {
        let text = client.text().await;
        let fields: Vec<_> = text.splitn(4, ',').collect();
        let [r#"42["bcast""#, sender, number, _] = fields[..] else { panic!("not a broadcast: {text}") };
        let sender: usize = sender.parse().expect("the number of a sender");
        assert_eq!(number.parse(), Ok(next[sender]), "broadcasts of one sender come in order, and once");
        next[sender] += 1;
        let progress = &senders[sender];
        if progress.deliveries.fetch_add(1, Ordering::Relaxed) + 1 == clients {
            progress.delivered.notify_one();
        }
    }
}

/// How long a broadcast may take.
const PATIENCE: Duration = Duration::from_secs(60);
