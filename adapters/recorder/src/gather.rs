//! Lists of what iterators give.

use alloc::vec::Vec;

/// As `collect`, which is unfolded for each iterator, and with it what guesses how many there will be: a quarter of a kilobyte of every
/// recorder.wasm each time.
pub(crate) fn gather<T>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut list = Vec::new();
    for item in items {
        list.push(item);
    }
    list
}
