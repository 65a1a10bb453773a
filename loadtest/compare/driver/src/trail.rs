//! What clients have got that may fall behind: everything up to somewhere, and in order.

use crate::failure::{Failure, excerpt};
use crate::frame::Message;

/// Texts that a group gets, in the order in which they were sent, each member at its own pace.
///
/// A [`Ledger`](crate::ledger::Ledger) waits until everybody has everything; here, whoever is far behind, or was
/// disconnected there, has done nothing wrong. But nobody may have a gap.
#[derive(Debug)]
pub struct Trail {
    texts: Vec<Box<[u8]>>,
    /// How many of them each member has.
    got: Vec<usize>,
}

impl Trail {
    /// A trail for a group of so many.
    pub fn new(members: usize) -> Self {
        Self { texts: Vec::new(), got: vec![0; members] }
    }

    /// Notes that all members will get this text, unless they leave before.
    pub fn expect_text(&mut self, text: impl Into<Vec<u8>>) {
        // Of those that nobody will look at, nothing is kept.
        if !self.got.is_empty() {
            self.texts.push(text.into().into());
        }
    }

    /// Notes what a member got: the one after the last.
    pub fn arrived(&mut self, member: usize, message: Message<'_>) -> Result<(), Failure> {
        let expected = self.texts.get(self.got[member]).map(Box::as_ref);
        if !matches!(message, Message::Text(text) if Some(text) == expected) {
            let expected = expected.map_or("nothing".into(), excerpt);
            return Err(Failure::Altered { client: member, message: excerpt(message.bytes()), expected });
        }
        self.got[member] += 1;
        Ok(())
    }

    /// Texts that a member has yet to get.
    pub fn missing(&self, member: usize) -> usize {
        self.texts.len() - self.got[member]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrive(texts: &[&str]) -> Result<usize, Failure> {
        let mut trail = Trail::new(2);
        ["m0", "m1", "m2"].into_iter().for_each(|text| trail.expect_text(text));
        texts.iter().try_for_each(|text| trail.arrived(1, Message::Text(text.as_bytes())))?;
        assert_eq!(trail.missing(0), 3, "members are apart");
        Ok(trail.missing(1))
    }

    #[test]
    fn a_member_may_be_anywhere() {
        for (texts, missing) in [(&[][..], 3), (&["m0"], 2), (&["m0", "m1", "m2"], 0)] {
            assert_eq!(arrive(texts).unwrap(), missing, "{texts:?}");
        }
    }

    #[test]
    fn a_member_may_not_skip_repeat_or_change_anything() {
        for texts in [&["m1"][..], &["m0", "m2"], &["m0", "m0"], &["m0", "m1x"], &["m0", "m1", "m2", "m3"]] {
            assert!(matches!(arrive(texts), Err(Failure::Altered { client: 1, .. })), "{texts:?}");
        }
    }

    #[test]
    fn another_kind_of_message_is_another_message() {
        let mut trail = Trail::new(1);
        trail.expect_text("m0");
        assert!(trail.arrived(0, Message::Binary(b"m0")).is_err());
    }
}
