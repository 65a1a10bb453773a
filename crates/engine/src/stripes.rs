//! One of something for each thread, nearly, so that threads do not wait for each other's caches.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// As many of something as there are stripes. Each thread uses the one of its stripe, which it shares with few others or
/// none.
#[derive(Debug)]
pub(crate) struct Striped<T>([Padded<T>; STRIPES]);

/// In lines of memory of its own, and their neighbours, which processors fetch together.
#[derive(Debug)]
#[repr(align(128))]
struct Padded<T>(T);

impl<T> Striped<T> {
    pub(crate) fn new(mut one: impl FnMut() -> T) -> Self {
        Self(std::array::from_fn(|_| Padded(one())))
    }

    /// The one of this thread.
    #[inline]
    pub(crate) fn own(&self) -> &T {
        &self.0[stripe()].0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|padded| &padded.0)
    }
}

/// The stripe of this thread.
#[inline]
fn stripe() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static STRIPE: Cell<Option<usize>> = const { Cell::new(None) });
    STRIPE.get().unwrap_or_else(|| {
        let stripe = THREADS.fetch_add(1, Ordering::Relaxed) % STRIPES;
        STRIPE.set(Some(stripe));
        stripe
    })
}

/// More than most machines have workers.
pub(crate) const STRIPES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_use_stripes_of_their_own_and_keep_them() {
        let striped = Striped::new(|| 0u8);
        let own = || std::ptr::from_ref(striped.own()) as usize;
        assert_eq!(own(), own());
        let others = std::thread::scope(|scope| {
            let threads = [(); STRIPES - 1].map(|()| scope.spawn(own));
            threads.map(|thread| thread.join().unwrap())
        });
        // Other tests begin threads, too, so that some may have come to share.
        let different = std::collections::HashSet::from(others);
        assert!(different.len() > 1, "{different:?}");
        assert_eq!(striped.iter().count(), STRIPES);
    }
}
