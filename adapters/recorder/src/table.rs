//! A bounded hash table from `u64` to small values: open addressing, linear probing, no tombstones.
//!
//! Not `std`'s map: its default hash is several times slower, and a guest picks our keys, so the hash is keyed. Removal shifts
//! back instead of leaving marks, so that years of malloc and free leave it as fast as it was.

use alloc::vec;
use alloc::vec::Vec;

/// The key that marks an empty place; it cannot be stored.
pub(crate) const EMPTY: u64 = u64::MAX;

/// Keys and values, at most `len_max` of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table<V> {
    places: Vec<(u64, V)>,
    len: usize,
    key: u64,
}

impl<V: Copy + Default> Table<V> {
    /// An empty table. `key` makes its hash unpredictable.
    pub(crate) fn new(key: u64) -> Table<V> {
        Table { places: Vec::new(), len: 0, key }
    }

    /// Makes room for `len` entries, so that no insert of them allocates.
    pub(crate) fn reserve(&mut self, len: usize) {
        let places = (len * 4 / 3 + 1).next_power_of_two().max(16);
        if places > self.places.len() {
            self.resize(places);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, key: u64) -> Option<V> {
        match self.find(key) {
            Ok(at) => Some(self.places[at].1),
            Err(_) => None,
        }
    }

    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        self.find(key).ok().map(|at| &mut self.places[at].1)
    }

    /// Stores a value; gives back the one that it replaces. The caller bounds the number of entries.
    pub(crate) fn insert(&mut self, key: u64, value: V) -> Option<V> {
        if key == EMPTY {
            return None;
        }
        if (self.len + 1) * 4 > self.places.len() * 3 {
            self.resize((self.places.len() * 2).max(16));
        }
        match self.find(key) {
            Ok(at) => Some(core::mem::replace(&mut self.places[at].1, value)),
            Err(at) => {
                self.places[at] = (key, value);
                self.len += 1;
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<V> {
        let mut hole = self.find(key).ok()?;
        let value = self.places[hole].1;
        let mask = self.places.len() - 1;
        let mut next = (hole + 1) & mask;
        while self.places[next].0 != EMPTY {
            let home = self.home(self.places[next].0);
            // An entry may move into the hole when its home is not between the hole and where it is.
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(hole) & mask {
                self.places[hole] = self.places[next];
                hole = next;
            }
            next = (next + 1) & mask;
        }
        self.places[hole] = (EMPTY, V::default());
        self.len -= 1;
        Some(value)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, V)> {
        self.places.iter().filter(|(key, _)| *key != EMPTY).copied()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = V> {
        self.places.iter().filter(|(key, _)| *key != EMPTY).map(|(_, value)| *value)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.places.iter_mut().filter(|(key, _)| *key != EMPTY).map(|(_, value)| value)
    }

    /// Removes everything; keeps the room.
    pub(crate) fn clear(&mut self) {
        if self.len > 0 {
            self.places.fill((EMPTY, V::default()));
            self.len = 0;
        }
    }

    /// Where the key is, or the empty place where it would go. An empty table has no place: `Err(usize::MAX)`.
    fn find(&self, key: u64) -> Result<usize, usize> {
        if self.places.is_empty() || key == EMPTY {
            return Err(usize::MAX);
        }
        let mask = self.places.len() - 1;
        let mut at = self.home(key);
        loop {
            match self.places[at].0 {
                found if found == key => return Ok(at),
                EMPTY => return Err(at),
                _ => at = (at + 1) & mask,
            }
        }
    }

    fn home(&self, key: u64) -> usize {
        let mut hash = (key ^ self.key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash = (hash ^ hash >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        (hash ^ hash >> 32) as usize & (self.places.len() - 1)
    }

    fn resize(&mut self, places: usize) {
        let old = core::mem::replace(&mut self.places, vec![(EMPTY, V::default()); places]);
        for (key, value) in old {
            if key != EMPTY
                && let Err(at) = self.find(key)
            {
                self.places[at] = (key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn behaves_as_a_map_under_random_use() {
        let mut random = 0x2545_F491_4F6C_DD1D_u64;
        let mut table = Table::new(42);
        let mut model = HashMap::new();
        for step in 0..200_000_u32 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let key = random % 3_000;
            if random >> 40 & 1 == 0 {
                assert_eq!(table.insert(key, step), model.insert(key, step));
            } else {
                assert_eq!(table.remove(key), model.remove(&key));
            }
            assert_eq!(table.len(), model.len());
        }
        for key in 0..3_000 {
            assert_eq!(table.get(key), model.get(&key).copied());
        }
        assert_eq!(table.values().count(), model.len());
    }

    #[test]
    fn the_empty_mark_is_no_key() {
        let mut table = Table::new(0);
        assert_eq!(table.insert(EMPTY, 1), None);
        assert_eq!((table.get(EMPTY), table.remove(EMPTY), table.len()), (None, None, 0));
    }
}
