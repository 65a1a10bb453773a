//! Broadcasts to everybody, so many in flight.

use std::time::{Duration, Instant};

use super::PADDING;
use crate::crowd::{Crowd, PATIENCE};
use crate::failure::Failure;
use crate::frame::{self, Message};
use crate::ledger::Ledger;

/// The broadcasts that the first client asks for, and what all clients get of them.
pub struct Broadcasts {
    ledger: Ledger,
    padding: String,
    patience: Duration,
}

impl Broadcasts {
    /// Of a crowd of so many.
    pub fn new(clients: usize) -> Self {
        Self { ledger: Ledger::new(clients), padding: PADDING.into(), patience: PATIENCE }
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

    /// Sends one more, now.
    pub fn send(&mut self, crowd: &mut Crowd) -> Result<(), Failure> {
        let mut frames = Vec::new();
        self.write(&mut frames);
        crowd.send(SENDER, &frames)
    }

    /// Notes what a client got, and returns the number of the broadcast.
    pub fn arrived(&mut self, client: usize, message: Message<'_>) -> Result<u64, Failure> {
        self.ledger.arrived(client, message)
    }

    /// Broadcasts that not all have yet.
    pub fn in_flight(&self) -> usize {
        self.ledger.in_flight()
    }

    /// Deliveries out of order.
    pub fn reordered(&self) -> u64 {
        self.ledger.reordered()
    }

    /// Sends as many as may be in flight, in one write.
    fn fill(&mut self, crowd: &mut Crowd, in_flight: usize) -> Result<(), Failure> {
        let mut frames = Vec::new();
        while self.ledger.in_flight() < in_flight {
            self.write(&mut frames);
        }
        if frames.is_empty() { Ok(()) } else { crowd.send(SENDER, &frames) }
    }

    fn write(&mut self, frames: &mut Vec<u8>) {
        let text = format!(r#"42["bcast",{},"{}"]"#, self.ledger.sent(), self.padding);
        frame::text(text.as_bytes(), frames);
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

const SENDER: usize = 0;
const TURN: Duration = Duration::from_millis(100);
