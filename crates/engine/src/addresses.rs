//! How many sessions each address has.

use std::collections::HashMap;
use std::net::IpAddr;

use parking_lot::Mutex;

/// Counts the sessions of each address, where they are limited.
#[derive(Debug)]
pub(crate) struct Addresses {
    /// None where it is 0.
    max: usize,
    sessions: Mutex<HashMap<IpAddr, usize>>,
}

impl Addresses {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, sessions: Mutex::default() }
    }

    /// Counts a session, unless its address has as many as it may have.
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> bool {
        let Some(address) = self.counted(address) else { return true };
        let mut sessions = self.sessions.lock();
        let sessions = sessions.entry(address).or_default();
        if *sessions >= self.max {
            return false;
        }
        *sessions += 1;
        true
    }

    /// Counts a session that has been let in already, on another node.
    pub(crate) fn count(&self, address: Option<IpAddr>) {
        if let Some(address) = self.counted(address) {
            *self.sessions.lock().entry(address).or_default() += 1;
        }
    }

    /// A session is over.
    pub(crate) fn release(&self, address: Option<IpAddr>) {
        let Some(address) = self.counted(address) else { return };
        let mut sessions = self.sessions.lock();
        if let Some(count) = sessions.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                sessions.remove(&address);
            }
        }
    }

    fn counted(&self, address: Option<IpAddr>) -> Option<IpAddr> {
        address.filter(|_| self.max > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_so_many_places_and_those_that_were_let_in_elsewhere_take_some() {
        let (addresses, address) = (Addresses::new(2), Some([10, 0, 0, 1].into()));
        assert!(addresses.admit(address) && addresses.admit(address) && !addresses.admit(address));
        assert!(addresses.admit(Some([10, 0, 0, 2].into())) && addresses.admit(None));
        addresses.count(address);
        addresses.release(address);
        assert!(!addresses.admit(address), "two are left");
        (0..2).for_each(|_| addresses.release(address));
        assert!(addresses.admit(address));
        addresses.release(Some([10, 0, 0, 2].into()));
        addresses.release(address);
        assert!(addresses.sessions.lock().is_empty());
    }
}
