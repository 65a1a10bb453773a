//! Buffers for reading, lent while there is data.

use std::cell::RefCell;

/// Lends a buffer for the time of one call. An idle connection holds none.
pub(crate) fn with_buffer<R>(read: impl FnOnce(&mut [u8]) -> R) -> R {
    // Taken out instead of borrowed: what reads also runs the application's code, which can do anything.
    let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; BUFFER_BYTES].into());
    let result = read(&mut buffer);
    FREE.with_borrow_mut(|free| {
        if free.len() < MAX_FREE {
            free.push(buffer);
        }
    });
    result
}

thread_local! {
    static FREE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

const BUFFER_BYTES: usize = 64 << 10;

/// One is enough unless application code blocks in place.
const MAX_FREE: usize = 2;
