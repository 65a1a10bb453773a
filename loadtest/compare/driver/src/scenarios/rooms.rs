//! Messages to many small rooms.

use std::time::{Duration, Instant};

use super::PADDING;
use crate::crowd::{Crowd, PATIENCE};
use crate::failure::Failure;
use crate::frame::Message;
use crate::ledger::Ledger;

/// Clients that are in one room each: client 1 in the second room, the next one in the third, and so on, all around.
pub(crate) struct Rooms {
    ledgers: Vec<Ledger>,
    /// Messages on their way, in all rooms.
    in_flight: usize,
    /// The room whose turn it is.
    next: usize,
    deliveries: u64,
}

impl Rooms {
    /// Lets all clients join.
    pub(crate) fn join(crowd: &mut Crowd, rooms: usize) -> Result<Self, Failure> {
        for client in 0..crowd.len() {
            crowd.send_text(client, &format!(r#"421["join","room-{}"]"#, client % rooms))?;
        }
        let mut joined = Ledger::new(crowd.len());
        joined.expect_text(r#"431["ok"]"#);
        crowd.complete(&mut joined, PATIENCE)?;
        let members = crowd.len() / rooms;
        let ledgers = (0..rooms).map(|_| Ledger::new(members)).collect();
        Ok(Self { ledgers, in_flight: 0, next: 0, deliveries: 0 })
    }

    /// Sends messages for some time, each to one room, and returns the number of deliveries.
    pub(crate) fn run(&mut self, crowd: &mut Crowd, in_flight: usize, time: Duration) -> Result<u64, Failure> {
        let (before, end) = (self.deliveries, Instant::now() + time);
        while Instant::now() < end || self.in_flight > 0 {
            while Instant::now() < end && self.in_flight < in_flight {
                self.send(crowd)?;
            }
            crowd.turn(TURN, &mut |client, message, _| self.arrived(client, message))?;
            if end.elapsed() > PATIENCE {
                return Err(Failure::Lost { missing: self.in_flight, patience: PATIENCE });
            }
        }
        Ok(self.deliveries - before)
    }

    /// Deliveries out of order.
    pub(crate) fn reordered(&self) -> u64 {
        self.ledgers.iter().map(Ledger::reordered).sum()
    }

    /// The first client of a room sends to it.
    fn send(&mut self, crowd: &mut Crowd) -> Result<(), Failure> {
        let room = self.next;
        self.next = (room + 1) % self.ledgers.len();
        let ledger = &mut self.ledgers[room];
        let payload = format!(r#""{room}: {} {PADDING}""#, ledger.sent());
        ledger.expect_text(format!(r#"42["room",{payload}]"#));
        self.in_flight += 1;
        crowd.send_text(room, &format!(r#"42["room","room-{room}",{payload}]"#))
    }

    fn arrived(&mut self, client: usize, message: Message<'_>) -> Result<(), Failure> {
        let rooms = self.ledgers.len();
        let ledger = &mut self.ledgers[client % rooms];
        let before = ledger.in_flight();
        ledger.arrived(client / rooms, message)?;
        self.in_flight -= before - ledger.in_flight();
        self.deliveries += 1;
        Ok(())
    }
}

const TURN: Duration = Duration::from_millis(100);
