//! What a session holds until its application knows it.

use std::time::{Duration, Instant};

use fanfare_proto::engine::peer::Kept;

use crate::Message;

/// The time before the application is told of a session, and what the client has sent meanwhile.
///
/// ```text
///   Waiting ──the upgrade, too many messages, or the time──▶ Connecting ──▶ connected: the delay is gone
///      └──the session moves to another node, or closes without having said anything──▶ never connected
/// ```
#[derive(Debug)]
pub(super) struct Delay {
    stage: Stage,
    kept: Vec<Kept>,
    bytes: usize,
    /// It has upgraded while the application was being told.
    upgraded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting {
        /// When the wait is over, unless whoever has opened the session ends it.
        until: Option<Instant>,
        /// The latest that this can become.
        at_most: Instant,
    },
    Connecting,
}

impl Delay {
    /// Ends when [`begin_connecting`](Self::begin_connecting) is called, and by itself after a while if there is one.
    pub(super) fn new(now: Instant, length: Option<Duration>) -> Self {
        let stage = Stage::Waiting {
            until: length.map(|length| now + length),
            at_most: now + length.unwrap_or_default() * MAX_EXTENSION,
        };
        Self { stage, kept: Vec::new(), bytes: 0, upgraded: false }
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.stage != Stage::Connecting
    }

    /// When the wait is over.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.stage {
            Stage::Waiting { until, .. } => until,
            Stage::Connecting => None,
        }
    }

    /// Whether the wait is over now; says so once.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> bool {
        match &mut self.stage {
            Stage::Waiting { until, .. } if until.is_some_and(|until| now >= until) => {
                *until = None;
                true
            }
            _ => false,
        }
    }

    /// A WebSocket has come: its upgrade is worth another wait, though not for ever.
    pub(super) fn extend(&mut self, now: Instant, length: Duration) {
        if let Stage::Waiting { until: Some(until), at_most } = &mut self.stage {
            *until = (now + length).min(*at_most).max(*until);
        }
    }

    /// Says whether the caller is the one to tell the application.
    pub(super) fn begin_connecting(&mut self) -> bool {
        std::mem::replace(&mut self.stage, Stage::Connecting) != Stage::Connecting
    }

    /// Keeps a message of the client.
    pub(super) fn keep(&mut self, message: Message<'_>) {
        let kept = match message {
            Message::Text(text) => Kept::Text(text.to_owned()),
            Message::Binary(data) => Kept::Binary(data.to_vec().into()),
        };
        self.bytes += len(&kept);
        self.kept.push(kept);
    }

    /// Keeps messages that another node has kept until now.
    pub(super) fn keep_all(&mut self, messages: Vec<Kept>) {
        self.bytes += messages.iter().map(len).sum::<usize>();
        self.kept.extend(messages);
    }

    /// Whether it keeps as much as it may.
    pub(super) fn is_full(&self) -> bool {
        self.kept.len() >= MAX_KEPT || self.bytes >= MAX_KEPT_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    pub(super) fn take_kept(&mut self) -> Vec<Kept> {
        self.bytes = 0;
        std::mem::take(&mut self.kept)
    }

    /// The session has upgraded. An application that has not begun to hear of it hears of a session on WebSocket.
    pub(super) fn handle_upgraded(&mut self) {
        self.upgraded = !self.is_waiting();
    }

    /// Whether the application has still to hear of the upgrade.
    pub(super) fn has_upgraded(&self) -> bool {
        self.upgraded
    }
}

fn len(kept: &Kept) -> usize {
    match kept {
        Kept::Text(text) => text.len(),
        Kept::Binary(data) => data.len(),
    }
}

/// Messages, and their bytes, that may wait for the application.
const MAX_KEPT: usize = 64;
const MAX_KEPT_BYTES: usize = 256 << 10;

/// A wait that is extended lasts this many times as long at most.
const MAX_EXTENSION: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_millis(300);

    #[test]
    fn the_wait_ends_once() {
        let now = Instant::now();
        let mut delay = Delay::new(now, Some(LENGTH));
        assert!(!delay.handle_timeout(now));
        assert_eq!(delay.poll_timeout(), Some(now + LENGTH));
        assert!(delay.handle_timeout(now + LENGTH));
        assert!(!delay.handle_timeout(now + LENGTH * 2));
        assert_eq!(delay.poll_timeout(), None);
        assert!(delay.begin_connecting());
        assert!(!delay.begin_connecting(), "one is enough");
    }

    #[test]
    fn websockets_extend_the_wait_up_to_a_point() {
        let now = Instant::now();
        let mut delay = Delay::new(now, Some(LENGTH));
        delay.extend(now + LENGTH / 2, LENGTH);
        assert_eq!(delay.poll_timeout(), Some(now + LENGTH / 2 + LENGTH));
        delay.extend(now + LENGTH * 5, LENGTH);
        assert_eq!(delay.poll_timeout(), Some(now + LENGTH * 3));
        delay.begin_connecting();
        delay.extend(now, LENGTH);
        assert_eq!(delay.poll_timeout(), None);
    }

    #[test]
    fn a_wait_of_no_length_is_ended_by_its_owner_alone() {
        let now = Instant::now();
        let mut delay = Delay::new(now, None);
        delay.extend(now, LENGTH);
        assert!(!delay.handle_timeout(now + LENGTH * 10));
        assert!(delay.is_waiting());
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_in_bytes() {
        let mut few = Delay::new(Instant::now(), None);
        few.keep(Message::Binary(&vec![0; MAX_KEPT_BYTES - 1]));
        assert!(!few.is_full());
        few.keep(Message::Text("x"));
        assert!(few.is_full());
        let mut many = Delay::new(Instant::now(), None);
        (1..MAX_KEPT).for_each(|_| many.keep(Message::Text("")));
        assert!(!many.is_full());
        many.keep(Message::Text(""));
        assert!(many.is_full());
        assert_eq!(many.take_kept().len(), MAX_KEPT);
        assert!(!many.is_full() && many.is_empty());
    }
}
