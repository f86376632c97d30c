//! Objects of the garbage collector's, by the function that made them and by their type (rule A7).

use crate::table::Table;

/// Whether anyone is told. Without profiles nobody asks for objects by type: what functions allocate has them all.
pub(crate) const TOLD: bool = cfg!(feature = "profile");

/// Objects of one type that one function made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) objects: u64,
    /// Estimated.
    pub(crate) bytes: u64,
}

/// Objects by place of their function, and type.
#[derive(Debug)]
pub(crate) struct Objects {
    made: Table<Made>,
    pairs_max: usize,
}

impl Objects {
    pub(crate) fn new(hash_key: u64, pairs_max: usize) -> Objects {
        Objects { made: Table::new(hash_key), pairs_max }
    }

    /// Room for all, so that no hook makes it grow.
    pub(crate) fn reserve(&mut self) {
        if !TOLD {
            return;
        }
        self.made.reserve(self.pairs_max);
    }

    /// Adds objects; false when there is no room for another pair.
    pub(crate) fn add(&mut self, function: u32, r#type: u32, more: Made) -> bool {
        let key = u64::from(function) << 32 | u64::from(r#type);
        if let Some(made) = self.made.get_mut(key) {
            made.objects = made.objects.saturating_add(more.objects);
            made.bytes = made.bytes.saturating_add(more.bytes);
            return true;
        }
        let has_room = self.made.len() < self.pairs_max;
        if has_room {
            self.made.insert(key, more);
        }
        has_room
    }

    /// Function, type, and what was made.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u32, u32, Made)> {
        self.made.entries().map(|(key, made)| ((key >> 32) as u32, key as u32, made))
    }

    /// Forgets everything; keeps the room.
    pub(crate) fn clear(&mut self) {
        if TOLD {
            self.made.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_add_up_until_there_is_no_room() {
        let one = Made { objects: 1, bytes: 16 };
        let mut objects = Objects::new(7, 2);
        assert!(objects.add(0, 5, one) && objects.add(1, 5, one) && objects.add(0, 5, one));
        assert!(!objects.add(0, 6, one), "a third pair");
        let mut entries: Vec<_> = objects.entries().collect();
        entries.sort_by_key(|(function, ..)| *function);
        assert_eq!(entries, [(0, 5, Made { objects: 2, bytes: 32 }), (1, 5, one)]);
        objects.clear();
        assert_eq!(objects.entries().count(), 0);
    }
}
