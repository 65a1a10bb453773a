//! Broadcasts to everybody, so many in flight.

use std::time::{Duration, Instant};

use super::PADDING;
use crate::crowd::{Crowd, PATIENCE};
use crate::failure::Failure;
use crate::frame::{self, Message};
use crate::ledger::Ledger;
use crate::trail::Trail;

/// The broadcasts that one client asks for, and what all clients get of them.
pub struct Broadcasts {
    sender: usize,
    ledger: Ledger,
    /// What those get who take their time.
    trail: Trail,
    padding: String,
    patience: Duration,
}

impl Broadcasts {
    /// Of a crowd of so many, whose first client sends.
    pub fn new(clients: usize) -> Self {
        let (ledger, trail) = (Ledger::new(clients), Trail::new(0));
        Self { sender: 0, ledger, trail, padding: PADDING.into(), patience: PATIENCE }
    }

    /// Has another client send.
    pub fn sender(mut self, client: usize) -> Self {
        self.sender = client;
        self
    }

    /// So many more get them who are nowhere else counted: see [`followed`](Self::followed).
    pub fn followers(mut self, count: usize) -> Self {
        self.trail = Trail::new(count);
        self
    }

    /// Sends this in each, which nothing in JSON has to be escaped of.
    pub fn padding(mut self, padding: String) -> Self {
        self.padding = padding;
        self
    }

    /// Waits so long for something to arrive.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Broadcasts for some time, waits until all have everything, and returns the number of deliveries.
    pub fn run(&mut self, crowd: &mut Crowd, in_flight: usize, time: Duration) -> Result<u64, Failure> {
        let (before, end) = (self.ledger.sent(), Instant::now() + time);
        let mut progress = (0, Instant::now());
        while Instant::now() < end || self.ledger.in_flight() > 0 {
            if Instant::now() < end {
                self.fill(crowd, in_flight)?;
            }
            let ledger = &mut self.ledger;
            crowd.turn(TURN, &mut |client, message, _| ledger.arrived(client, message).map(drop))?;
            progress = self.check_progress(progress)?;
        }
        Ok((self.ledger.sent() - before) * crowd.len() as u64)
    }

    /// Sends so many more, now, in one write.
    pub fn send(&mut self, crowd: &mut Crowd, count: usize) -> Result<(), Failure> {
        let mut frames = Vec::new();
        (0..count).for_each(|_| self.write(&mut frames));
        crowd.send(self.sender, &frames)
    }

    /// Whether this is one of them, and not one of others, whose padding is another.
    pub fn wrote(&self, message: Message<'_>) -> bool {
        message.bytes().strip_suffix(br#""]"#).is_some_and(|text| text.ends_with(self.padding.as_bytes()))
    }

    /// Notes what a client got, and returns the number of the broadcast.
    pub fn arrived(&mut self, client: usize, message: Message<'_>) -> Result<u64, Failure> {
        self.ledger.arrived(client, message)
    }

    /// Notes what a follower got.
    pub fn followed(&mut self, follower: usize, message: Message<'_>) -> Result<(), Failure> {
        self.trail.arrived(follower, message)
    }

    /// Broadcasts that a follower has yet to get.
    pub fn missing_of(&self, follower: usize) -> usize {
        self.trail.missing(follower)
    }

    /// Broadcasts that not all have yet.
    pub fn in_flight(&self) -> usize {
        self.ledger.in_flight()
    }

    /// Whether so many more may be asked for now.
    pub fn has_room(&self, broadcasts: usize) -> bool {
        self.ledger.has_room(broadcasts)
    }

    /// Broadcasts that were asked for.
    pub fn sent(&self) -> u64 {
        self.ledger.sent()
    }

    /// Deliveries out of order.
    pub fn reordered(&self) -> u64 {
        self.ledger.reordered()
    }

    /// Sends as many as may be in flight, in one write.
    fn fill(&mut self, crowd: &mut Crowd, in_flight: usize) -> Result<(), Failure> {
        match in_flight.saturating_sub(self.ledger.in_flight()) {
            0 => Ok(()),
            count => self.send(crowd, count),
        }
    }

    fn write(&mut self, frames: &mut Vec<u8>) {
        let text = format!(r#"42["bcast",{},"{}"]"#, self.ledger.sent(), self.padding);
        frame::text(text.as_bytes(), frames);
        self.trail.expect_text(text.as_bytes());
        self.ledger.expect_text(text);
    }

    /// Fails when nothing has come for too long.
    fn check_progress(&self, (due, since): (usize, Instant)) -> Result<(usize, Instant), Failure> {
        let missing = self.ledger.missing();
        if missing != due || missing == 0 {
            return Ok((missing, Instant::now()));
        }
        if since.elapsed() > self.patience {
            return Err(Failure::Lost { missing, patience: self.patience });
        }
        Ok((due, since))
    }
}

impl AsMut<Self> for Broadcasts {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

const TURN: Duration = Duration::from_millis(100);
