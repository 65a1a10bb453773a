//! How much one WebSocket writes before others have their turn.

use std::io::{self, IoSlice};
use std::task::Waker;

/// Writes up to so many bytes and then acts as a full socket does, one that takes more as soon as all others have had
/// their turn.
///
/// A client that has read nothing for long may have megabytes to get once it reads again. Many of them at once, when a
/// network is back that they share, would keep everybody else waiting until all have been served.
#[derive(Debug)]
pub(super) struct Turn {
    left: usize,
}

impl Turn {
    pub(super) fn new() -> Self {
        Self { left: BYTES }
    }

    /// Writes as much of it as may be written now. Wakes the task when more has to wait.
    pub(super) fn write(
        &mut self,
        waker: &Waker,
        slices: &[IoSlice<'_>],
        write: impl FnOnce(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        if self.left == 0 {
            waker.wake_by_ref();
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let written = match slices {
            [first, ..] if first.len() > self.left => write(&[IoSlice::new(&first[..self.left])])?,
            slices => write(&slices[..self.fitting(slices)])?,
        };
        self.left -= written;
        Ok(written)
    }

    /// How many of them fit.
    fn fitting(&self, slices: &[IoSlice<'_>]) -> usize {
        let ends = slices.iter().scan(0, |end, slice| {
            *end += slice.len();
            Some(*end)
        });
        ends.take_while(|end| *end <= self.left).count()
    }
}

/// What takes about as long to write as a dozen small writes to others.
const BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes slices of these lengths again and again to a socket that takes everything, until it is full. Returns the
    /// lengths of the writes, and how often the task was woken.
    fn write_all(lens: &[usize]) -> (Vec<usize>, usize) {
        let bytes: Vec<_> = lens.iter().map(|len| vec![0; *len]).collect();
        let slices: Vec<_> = bytes.iter().map(|bytes| IoSlice::new(bytes)).collect();
        let (woken, mut turn, mut writes) = (Arc::new(Woken::default()), Turn::new(), Vec::new());
        let waker = woken.clone().into();
        while let Ok(len) = turn.write(&waker, &slices, |slices| Ok(slices.iter().map(|slice| slice.len()).sum())) {
            writes.push(len);
        }
        (writes, woken.0.load(Ordering::Relaxed))
    }

    #[test]
    fn a_turn_ends_after_so_many_bytes_and_the_next_one_is_asked_for() {
        assert_eq!(write_all(&[BYTES]), (vec![BYTES], 1));
        assert_eq!(write_all(&[BYTES / 2; 8]), (vec![BYTES], 1));
        assert_eq!(write_all(&[3 << 20]), (vec![BYTES], 1), "in the middle of a message");
        assert_eq!(write_all(&[BYTES - 1, BYTES]), (vec![BYTES - 1, 1], 1), "which a frame may be cut for");
    }

    #[test]
    fn a_socket_that_is_full_wakes_the_task_itself() {
        let woken = Arc::new(Woken::default());
        let full = |_: &[IoSlice<'_>]| Err(io::ErrorKind::WouldBlock.into());
        let written = Turn::new().write(&woken.clone().into(), &[IoSlice::new(b"hello")], full);
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
    }
}
