//! What may wait in all outboxes of a node together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering};

use crate::stripes::{STRIPES, Striped};

/// How many bytes may wait in all outboxes of a node together, and how many do.
///
/// Each thread keeps an account of its own, which it settles when much has come together: what comes and goes with every
/// message is nothing that other threads have to hear of.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: usize,
    /// As long as no more is settled, the limit holds whatever is in the accounts.
    safe: isize,
    settled: Arc<AtomicIsize>,
    accounts: Striped<Arc<Account>>,
}

/// Of one thread, and in memory that is its alone.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Account {
    open: AtomicIsize,
    /// How much may be in it.
    credit: isize,
    settled: Arc<AtomicIsize>,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        let credit = (limit / CREDITS).cast_signed().clamp(0, MAX_CREDIT);
        let safe = isize::try_from(limit).unwrap_or(isize::MAX) - credit * STRIPES.cast_signed();
        let settled = Arc::<AtomicIsize>::default();
        let account = || Arc::new(Account { open: AtomicIsize::new(0), credit, settled: settled.clone() });
        let accounts = Striped::new(account);
        Arc::new(Self { limit, safe, settled, accounts })
    }

    /// For messages that wait in no outbox.
    pub(crate) fn unlimited() -> Arc<Self> {
        Self::new(usize::MAX)
    }

    pub(crate) fn used(&self) -> usize {
        let open: isize = self.accounts.iter().map(|account| account.open.load(Ordering::Relaxed)).sum();
        usize::try_from(self.settled.load(Ordering::Relaxed) + open).unwrap_or(0)
    }

    #[inline]
    pub(crate) fn is_exceeded(&self) -> bool {
        self.settled.load(Ordering::Relaxed) > self.safe && self.used() > self.limit
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.accounts.own().add(bytes.cast_signed());
    }

    pub(crate) fn remove(&self, bytes: usize) {
        self.accounts.own().add(-bytes.cast_signed());
    }

    /// Counts bytes until the charge is dropped.
    pub(crate) fn charge(&self, bytes: usize) -> Charge {
        let account = self.accounts.own().clone();
        account.add(bytes.cast_signed());
        Charge { account, bytes, counted: AtomicBool::new(true) }
    }
}

impl Account {
    fn add(&self, bytes: isize) {
        let open = self.open.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if open.abs() > self.credit {
            self.settled.fetch_add(self.open.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

/// Bytes that count.
#[derive(Debug)]
pub(crate) struct Charge {
    account: Arc<Account>,
    bytes: usize,
    counted: AtomicBool,
}

impl Charge {
    pub(crate) fn set_counted(&self, counted: bool) {
        if self.counted.swap(counted, Ordering::AcqRel) == counted {
            return;
        }
        let bytes = self.bytes.cast_signed();
        self.account.add(if counted { bytes } else { -bytes });
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if *self.counted.get_mut() {
            self.account.add(-self.bytes.cast_signed());
        }
    }
}

/// What may be in an account is so small a part of the limit, and never more than [`MAX_CREDIT`] bytes.
const CREDITS: usize = 1024;
const MAX_CREDIT: isize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_threads_add_and_others_remove_is_exact() {
        let budget = Budget::new(1 << 30);
        let charges: Vec<Charge> = std::thread::scope(|scope| {
            let charge = || (0..100).map(|_| budget.charge(10_000)).collect::<Vec<_>>();
            let threads = [(); 4].map(|()| scope.spawn(charge));
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(budget.used(), 4_000_000);
        charges[0].set_counted(false);
        charges[0].set_counted(false);
        assert_eq!(budget.used(), 3_990_000);
        drop(charges);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn the_limit_holds_to_the_byte() {
        for limit in [0, 1, 1000, 10 << 20] {
            let budget = Budget::new(limit);
            budget.add(limit);
            assert!(!budget.is_exceeded(), "{limit}");
            budget.add(1);
            assert!(budget.is_exceeded(), "{limit}");
            budget.remove(1);
            assert!(!budget.is_exceeded(), "{limit}");
        }
        let unlimited = Budget::unlimited();
        unlimited.add(1 << 40);
        assert!(!unlimited.is_exceeded());
    }
}
