//! What must arrive at a group of clients, and what has: nothing lost, nothing twice, nothing else, and in order.

use std::collections::VecDeque;

use crate::failure::{Failure, excerpt};
use crate::frame::Message;

/// Messages that everybody in a group gets, in the order in which they were sent.
///
/// The ledger is told what was sent before it is told what arrived. It keeps a message until everybody has it, and some
/// messages longer, to tell one that came twice from one that nobody sent.
#[derive(Debug)]
pub struct Ledger {
    messages: VecDeque<Expected>,
    /// The number of the first of `messages`.
    first: u64,
    /// How many of `messages`, from the first, have arrived everywhere.
    complete: usize,
    members: Vec<Receipts>,
    reordered: u64,
}

#[derive(Debug)]
struct Expected {
    binary: bool,
    bytes: Vec<u8>,
    /// Members that do not have it yet.
    missing: usize,
}

/// What one member has got.
#[derive(Clone, Debug, Default)]
struct Receipts {
    /// Everything before this number, and
    next: u64,
    /// these after it: bit 0 stands for `next` and is never set.
    ahead: u128,
}

impl Ledger {
    /// A ledger for a group of so many.
    pub fn new(members: usize) -> Self {
        let members = vec![Receipts::default(); members];
        Self { messages: VecDeque::new(), first: 0, complete: 0, members, reordered: 0 }
    }

    /// Notes that all members will get this text.
    pub fn expect_text(&mut self, text: impl Into<Vec<u8>>) {
        self.expect(false, text.into());
    }

    /// Notes that all members will get this binary message.
    pub fn expect_binary(&mut self, bytes: impl Into<Vec<u8>>) {
        self.expect(true, bytes.into());
    }

    fn expect(&mut self, binary: bool, bytes: Vec<u8>) {
        assert!(self.has_room(1), "a ledger holds {MOST_IN_FLIGHT} messages");
        self.messages.push_back(Expected { binary, bytes, missing: self.members.len() });
        while self.complete > KEPT {
            self.messages.pop_front();
            self.first += 1;
            self.complete -= 1;
        }
    }

    /// Notes what a member got, and returns the number of the message.
    pub fn arrived(&mut self, member: usize, message: Message<'_>) -> Result<u64, Failure> {
        let next = self.members[member].next;
        let at = (next - self.first) as usize;
        let found = if self.messages.get(at).is_some_and(|expected| expected.is(message)) {
            Some(at)
        } else {
            self.messages.iter().position(|expected| expected.is(message))
        };
        let Some(found) = found else { return Err(self.altered(member, at, message)) };
        let number = self.first + found as u64;
        if !self.members[member].note(number) {
            return Err(Failure::Doubled { client: member, message: excerpt(message.bytes()) });
        }
        self.reordered += u64::from(number != next);
        self.messages[found].missing -= 1;
        while self.messages.get(self.complete).is_some_and(|expected| expected.missing == 0) {
            self.complete += 1;
        }
        Ok(number)
    }

    /// Messages that were sent.
    pub fn sent(&self) -> u64 {
        self.first + self.messages.len() as u64
    }

    /// Messages that have arrived everywhere, without a gap.
    pub fn complete(&self) -> u64 {
        self.first + self.complete as u64
    }

    /// Messages that somebody has yet to get.
    pub fn in_flight(&self) -> usize {
        self.messages.len() - self.complete
    }

    /// Whether so many more messages may be sent: not while one is that far behind those that were sent after it.
    pub fn has_room(&self, messages: usize) -> bool {
        self.in_flight() + messages <= MOST_IN_FLIGHT
    }

    /// Deliveries that are still due.
    pub fn missing(&self) -> usize {
        self.messages.iter().map(|expected| expected.missing).sum()
    }

    /// Deliveries that came before one that was sent earlier.
    pub fn reordered(&self) -> u64 {
        self.reordered
    }

    fn altered(&self, client: usize, next: usize, message: Message<'_>) -> Failure {
        let expected = self.messages.get(next).map_or("nothing".into(), |expected| excerpt(&expected.bytes));
        Failure::Altered { client, message: excerpt(message.bytes()), expected }
    }
}

impl Expected {
    fn is(&self, message: Message<'_>) -> bool {
        match message {
            Message::Text(bytes) => !self.binary && self.bytes == bytes,
            Message::Binary(bytes) => self.binary && self.bytes == bytes,
            Message::Ping(_) | Message::Close(_) => false,
        }
    }
}

impl Receipts {
    /// Notes a message, unless it is there already.
    fn note(&mut self, number: u64) -> bool {
        let Some(ahead) = number.checked_sub(self.next) else { return false };
        let bit = 1 << ahead;
        if self.ahead & bit != 0 {
            return false;
        }
        self.ahead |= bit;
        let run = self.ahead.trailing_ones();
        self.ahead = self.ahead.checked_shr(run).unwrap_or(0);
        self.next += u64::from(run);
        true
    }
}

/// Messages on their way at a time: as many as [`Receipts`] has bits.
const MOST_IN_FLIGHT: usize = 128;

/// Messages that are kept when everybody has them.
const KEPT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// A ledger for two members that has been told of `count` messages.
    fn sent(count: usize) -> Ledger {
        let mut ledger = Ledger::new(2);
        (0..count).for_each(|number| ledger.expect_text(format!("m{number}")));
        ledger
    }

    fn text(number: u64) -> String {
        format!("m{number}")
    }

    fn arrive(ledger: &mut Ledger, member: usize, number: u64) -> Result<u64, Failure> {
        ledger.arrived(member, Message::Text(text(number).as_bytes()))
    }

    #[test]
    fn everything_in_order_leaves_nothing_to_say() {
        let mut ledger = Ledger::new(2);
        for number in 0..500 {
            ledger.expect_text(text(number));
            for member in 0..2 {
                assert_eq!(arrive(&mut ledger, member, number).unwrap(), number);
            }
        }
        assert_eq!((ledger.sent(), ledger.complete(), ledger.missing(), ledger.reordered()), (500, 500, 0, 0));
        assert!(ledger.messages.len() <= KEPT + 1, "what all have is forgotten");
    }

    #[test]
    fn a_lost_message_stays_missing() {
        let mut ledger = sent(3);
        for (member, number) in [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2)] {
            arrive(&mut ledger, member, number).unwrap();
        }
        assert_eq!((ledger.missing(), ledger.complete(), ledger.in_flight()), (1, 1, 2));
    }

    #[test]
    fn a_doubled_message_is_noticed_early_and_late() {
        for arrivals in [&[0, 0][..], &[0, 1, 2, 0], &[2, 2], &[1, 0, 1]] {
            let mut ledger = sent(3);
            let (last, before) = arrivals.split_last().unwrap();
            for number in before {
                arrive(&mut ledger, 0, *number).unwrap();
            }
            assert!(matches!(arrive(&mut ledger, 0, *last), Err(Failure::Doubled { .. })), "{arrivals:?}");
        }
    }

    #[test]
    fn reordered_messages_are_counted() {
        let mut ledger = sent(4);
        for number in [0, 2, 1, 3] {
            arrive(&mut ledger, 0, number).unwrap();
        }
        assert_eq!(ledger.reordered(), 1);
        for number in [3, 2, 1, 0] {
            arrive(&mut ledger, 1, number).unwrap();
        }
        assert_eq!((ledger.reordered(), ledger.missing()), (4, 0));
    }

    #[test]
    fn an_altered_message_is_noticed() {
        for (message, why) in [
            (Message::Text(b"m1x"), "longer"),
            (Message::Text(b"m"), "shorter"),
            (Message::Text(b"n0"), "another byte"),
            (Message::Binary(b"m0"), "another kind"),
            (Message::Text(b"m9"), "not sent yet"),
        ] {
            let failure = sent(3).arrived(0, message).unwrap_err();
            assert!(matches!(failure, Failure::Altered { .. }), "{why}: {failure}");
        }
    }

    #[test]
    fn a_full_window_in_reverse_is_understood() {
        let mut ledger = sent(MOST_IN_FLIGHT);
        assert!(!ledger.has_room(1), "none has arrived");
        for number in (0..MOST_IN_FLIGHT as u64).rev() {
            arrive(&mut ledger, 0, number).unwrap();
            arrive(&mut ledger, 1, number).unwrap();
        }
        assert_eq!((ledger.complete(), ledger.missing()), (MOST_IN_FLIGHT as u64, 0));
        assert!(ledger.has_room(1));
    }
}
