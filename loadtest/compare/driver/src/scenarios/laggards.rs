//! Clients that take their time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Broadcasts;
use crate::crowd::{Crowd, PATIENCE, unexpected};
use crate::failure::Failure;
use crate::frame::Message;
use crate::ledger::Ledger;
use crate::trail::Trail;

/// Clients that hardly read: their sockets are full, and what more they are sent has to wait in the server, which may
/// disconnect them for it.
pub struct Laggards {
    crowd: Crowd,
    flood: Trail,
    /// When every second one reads again.
    sips: Vec<Instant>,
    patience: Duration,
}

impl Laggards {
    /// Connects so many, which read nothing from then on.
    pub fn connect(address: SocketAddr, count: usize) -> Result<Self, Failure> {
        let mut crowd = Crowd::of(address, count)?;
        crowd.may_leave();
        Ok(Self { crowd, flood: Trail::new(count), sips: vec![Instant::now(); count.div_ceil(2)], patience: PATIENCE })
    }

    /// Waits so long for what they have to get.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Has somebody send so much to each of them, and returns when the server has done it as far as it could.
    pub fn flood(&mut self, sender: &mut Crowd, bytes: usize) -> Result<(), Failure> {
        self.join()?;
        let filler = "o".repeat(FLOOD_MESSAGE);
        for number in 0..bytes / FLOOD_MESSAGE {
            let payload = format!(r#""{number} {filler}""#);
            self.flood.expect_text(format!(r#"42["room",{payload}]"#));
            sender.send_text(0, &format!(r#"42["room","{ROOM}",{payload}]"#))?;
        }
        let mut done = Ledger::new(1);
        done.expect_text(r#"431["flooded"]"#);
        sender.send_text(0, r#"421["echo","flooded"]"#)?;
        sender.complete(&mut done, self.patience)
    }

    /// Every second one reads so much, if it is time for it to: the first one 20 times a second, the last one 10 times.
    ///
    /// Each has a rhythm of its own, so that they are not all ready for more at once. Other amounts would not do: with
    /// segments of 64 kB, as they are here, a window opens when all of one has been read.
    pub fn sip(&mut self, bytes: usize, sent: &mut [impl AsMut<Broadcasts>]) -> Result<(), Failure> {
        let now = Instant::now();
        let all = self.crowd.len();
        for (number, next) in self.sips.iter_mut().enumerate().filter(|(_, next)| now >= **next) {
            let client = 2 * number;
            *next = now + SIP_INTERVAL.mul_f64(1.0 + client as f64 / all as f64);
            let flood = &mut self.flood;
            self.crowd.sip(client, bytes, &mut |client, message, _| arrived(flood, sent, client, message))?;
        }
        Ok(())
    }

    /// All of them read all there is, until each has everything or is disconnected. Returns how many are.
    pub fn catch_up(&mut self, sent: &mut [impl AsMut<Broadcasts>]) -> Result<usize, Failure> {
        let mut progress = (usize::MAX, Instant::now());
        loop {
            let staying = (0..self.crowd.len()).filter(|client| !self.crowd.is_gone(*client));
            let missing: usize = staying.map(|client| self.missing(client, sent)).sum();
            match missing {
                0 => return Ok((0..self.crowd.len()).filter(|client| self.crowd.is_gone(*client)).count()),
                missing if missing < progress.0 => progress = (missing, Instant::now()),
                missing if progress.1.elapsed() > self.patience => {
                    return Err(Failure::Lost { missing, patience: self.patience });
                }
                _ => {}
            }
            let flood = &mut self.flood;
            self.crowd.turn(TURN, &mut |client, message, _| arrived(flood, sent, client, message))?;
        }
    }

    fn join(&mut self) -> Result<(), Failure> {
        let mut joined = Ledger::new(self.crowd.len());
        joined.expect_text(r#"431["ok"]"#);
        for client in 0..self.crowd.len() {
            self.crowd.send_text(client, &format!(r#"421["join","{ROOM}"]"#))?;
        }
        self.crowd.complete(&mut joined, self.patience)
    }

    fn missing(&self, client: usize, sent: &mut [impl AsMut<Broadcasts>]) -> usize {
        let broadcasts = sent.iter_mut().map(|sent| sent.as_mut().missing_of(client));
        self.flood.missing(client) + broadcasts.sum::<usize>()
    }
}

fn arrived(
    flood: &mut Trail,
    sent: &mut [impl AsMut<Broadcasts>],
    client: usize,
    message: Message<'_>,
) -> Result<(), Failure> {
    if message.bytes().starts_with(br#"42["room","#) {
        return flood.arrived(client, message);
    }
    // What nobody has sent fails as one of the first.
    let from = sent.iter_mut().position(|sent| sent.as_mut().wrote(message)).unwrap_or(0);
    match sent.get_mut(from) {
        Some(sent) => sent.as_mut().followed(client, message),
        None => Err(unexpected(client, message)),
    }
}

const ROOM: &str = "laggards";
const FLOOD_MESSAGE: usize = 64 << 10;
const SIP_INTERVAL: Duration = Duration::from_millis(50);
const TURN: Duration = Duration::from_millis(100);
