//! Copies of attachments, in memory that is used again.

use std::cell::Cell;
use std::ops::RangeInclusive;

use bytes::{Bytes, BytesMut};

/// Copies an attachment.
///
/// To the allocator, a block of some kB that comes and goes costs more than to fill it. So a thread keeps the last one, and
/// uses it again once nobody else holds it: so it is where an attachment is read, or passed on, when it comes.
pub(super) fn copy(data: &[u8]) -> Bytes {
    if !KEPT_BYTES.contains(&data.len()) {
        return Bytes::copy_from_slice(data);
    }
    let fits = |block: &BytesMut| (data.len()..=2 * data.len()).contains(&block.capacity());
    let free = LAST.take().try_into_mut().ok().filter(fits);
    let mut block = free.unwrap_or_else(|| BytesMut::with_capacity(data.len()));
    block.clear();
    block.extend_from_slice(data);
    let copy = block.freeze();
    LAST.set(copy.clone());
    copy
}

thread_local! {
    static LAST: Cell<Bytes> = const { Cell::new(Bytes::new()) };
}

/// Sizes of blocks that are kept: smaller ones cost the allocator nothing to speak of, larger ones are rare.
const KEPT_BYTES: RangeInclusive<usize> = 1 << 10..=64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Says whether a copy of `second` bytes takes the place of one of `first` bytes that nobody holds any more.
    fn is_used_again(first: usize, second: usize) -> bool {
        LAST.set(Bytes::new());
        let before = copy(&vec![1; first]).as_ptr();
        let data: Vec<_> = (0..second).map(|at| at as u8).collect();
        let after = copy(&data);
        assert_eq!(after, data);
        after.as_ptr() == before
    }

    #[test]
    fn a_block_that_nobody_holds_is_used_again_where_it_fits() {
        for second in [4096, 4095, 2048] {
            assert!(is_used_again(4096, second), "{second} bytes");
        }
        // Whatever the allocator makes of it, half of the block is not wasted.
        drop(copy(&[1; 4096]));
        let copy = copy(&[2; 2047]);
        LAST.set(Bytes::new());
        assert_eq!(copy.try_into_mut().expect("nobody else holds it").capacity(), 2047);
    }

    #[test]
    fn a_block_that_somebody_holds_stays_as_it_is() {
        let held: Vec<_> = (0..10).map(|value| copy(&[value; 5000])).collect();
        for (value, block) in held.iter().enumerate() {
            assert_eq!(block[..], [value as u8; 5000]);
        }
    }

    #[test]
    fn no_more_is_kept_than_one_block_of_bounded_size() {
        for len in [0, 1, 1023, (64 << 10) + 1, 1 << 20] {
            LAST.set(Bytes::new());
            assert_eq!(copy(&vec![7; len]).len(), len);
            assert!(LAST.take().is_empty(), "{len} bytes");
        }
        drop(copy(&[7; 64 << 10]));
        let (small, kept) = (copy(&[7; 1 << 10]), LAST.take());
        assert_eq!(kept.as_ptr(), small.as_ptr());
        drop(small);
        assert_eq!(kept.try_into_mut().expect("nobody else holds it").capacity(), 1 << 10);
    }
}
