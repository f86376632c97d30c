//! Putting things in order: one heap for everything, and one sort, of keys and the places that they stand for.
//!
//! What is sorted here is larger than its key, so that moving keys is cheaper; and a heap is a tenth of what `std` unfolds for each
//! type that it sorts, kilobytes of recorder.wasm.

/// A key, and the place of what it belongs to.
pub(crate) type Keyed = (u64, u32);

/// Sorts by key, then place. Never more than `n log n` steps, whoever picked the keys.
pub(crate) fn sort(keys: &mut [Keyed]) {
    let (mut unheaped, mut end) = (keys.len() / 2, keys.len());
    while end > 1 {
        if unheaped > 0 {
            unheaped -= 1;
        } else {
            end -= 1;
            keys.swap(0, end);
        }
        sift_down(&mut keys[..end], unheaped, |key| *key);
    }
}

/// Moves an item of a heap, whose first has the largest key, below the larger ones under it.
pub(crate) fn sift_down<T, K: Ord>(heap: &mut [T], mut at: usize, key: impl Fn(&T) -> K) {
    loop {
        let mut below = 2 * at + 1;
        if below + 1 < heap.len() && key(&heap[below + 1]) > key(&heap[below]) {
            below += 1;
        }
        if below >= heap.len() || key(&heap[at]) >= key(&heap[below]) {
            return;
        }
        heap.swap(at, below);
        at = below;
    }
}

/// Moves the last item of a heap above the smaller ones over it.
pub(crate) fn sift_up<T, K: Ord>(heap: &mut [T], key: impl Fn(&T) -> K) {
    let mut at = heap.len().saturating_sub(1);
    while at > 0 && key(&heap[at]) > key(&heap[(at - 1) / 2]) {
        heap.swap(at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_up_in_order() {
        let mut random = 0x2545_F491_4F6C_DD1D_u64;
        for len in 0..200 {
            let keys = (0..len).map(|place| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                (random % 50, place)
            });
            let mut keys: Vec<Keyed> = keys.collect();
            let mut expected = keys.clone();
            expected.sort();
            sort(&mut keys);
            assert_eq!(keys, expected);
        }
    }
}
