//! The guest's own stacks (rules L3 to L6): frames that are suspended, by the stack to which they will return.
//!
//! A lane holds what is on the engine's stack, exactly. A frame that is suspended leaves it for this store, and comes back alone
//! when its function goes on: what it costs to leave and to return is what it costs the guest, however deep a stack is. All frames
//! of all stacks are links of chains in one table, so that none of them moves.

use alloc::vec::Vec;

use crate::frame::{Frame, flag};
use crate::spans::Root;
use crate::table::Table;

/// Whether there are any. Without the feature nothing is ever suspended, and what would see to that is not there: most modules need
/// none of it, and a page downloads it.
pub(crate) const STACKS: bool = cfg!(feature = "stacks");

/// A stack of a guest: the base of the instance, and how the guest calls it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) base: u32,
    pub(crate) stack: u32,
}

impl Key {
    /// As a key of tables: a base is lower than 2^31, so it is never the one that cannot be stored.
    fn number(self) -> u64 {
        u64::from(self.base) << 32 | u64::from(self.stack)
    }
}

/// Where a frame began: on which stack of the guest, and how high it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) stack: u32,
    pub(crate) height: u32,
}

/// A stack whose frames are on the lane, at the top or below a call of the host that calls back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Active {
    pub(crate) key: Key,
    /// When its first frame came onto the lane.
    pub(crate) arrived: u64,
    /// Something is suspended below.
    pub(crate) is_deep: bool,
    /// The number of its root, where that is on the lane; and how many suspended frames were below the frame with which it began.
    pub(crate) root: Option<u64>,
    pub(crate) root_at: usize,
}

/// A suspended frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspended {
    pub(crate) frame: Frame,
    pub(crate) place: Place,
    /// Since when it waits, where it is the innermost one of those that left together.
    pub(crate) since: Option<u64>,
}

/// What is suspended on one stack.
#[derive(Debug, Default)]
struct Stack {
    /// Which one; where nothing is suspended, the place is free.
    key: Key,
    /// The innermost frame's link, and how many there are.
    top: u32,
    len: usize,
    /// A function that had not begun will begin (L5).
    begins_again: bool,
    /// Roots that began on it, outermost first, with the number of frames below each.
    roots: Vec<(usize, Root)>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    suspended: Suspended,
    below: u32,
}

const NONE: u32 = u32::MAX;

/// Every suspended frame.
#[derive(Debug, Default)]
pub(crate) struct Stacks {
    /// Places in `all` of stacks on which something is suspended.
    places: Table<u32>,
    all: Vec<Stack>,
    free_stacks: Vec<u32>,
    links: Vec<Link>,
    free_links: Vec<u32>,
    len: usize,
    /// Functions whose outermost activation is suspended, by the place of the stack and the function's.
    outermost: Table<()>,
}

impl Stacks {
    /// No stacks. `hash_key` makes its tables unpredictable.
    pub(crate) fn new(hash_key: u64) -> Stacks {
        Stacks { places: Table::new(hash_key), outermost: Table::new(hash_key), ..Stacks::default() }
    }

    /// Room for so many frames and stacks, so that none is made later.
    pub(crate) fn reserve(&mut self, frames: usize, stacks: usize) {
        self.places.reserve(stacks);
        self.all.reserve(stacks.saturating_sub(self.all.len()));
        self.free_stacks.reserve(stacks.saturating_sub(self.free_stacks.len()));
        self.links.reserve(frames.saturating_sub(self.links.len()));
        self.free_links.reserve(frames.saturating_sub(self.free_links.len()));
        self.outermost.reserve(frames);
    }

    /// Suspended frames.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        !STACKS || self.places.len() == 0
    }

    /// How many stacks have suspended frames.
    pub(crate) fn count(&self) -> usize {
        self.places.len()
    }

    /// Stacks that have suspended frames.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.places.values().map(|place| self.all[place as usize].key)
    }

    /// Suspended frames of a stack.
    pub(crate) fn depth(&self, key: Key) -> usize {
        self.stack(key).map_or(0, |stack| stack.len)
    }

    /// The innermost suspended frame of a stack.
    pub(crate) fn top(&mut self, key: Key) -> Option<&mut Suspended> {
        let top = self.stack(key)?.top;
        Some(&mut self.links.get_mut(top as usize)?.suspended)
    }

    /// Suspends a frame above the others of its stack.
    pub(crate) fn push(&mut self, key: Key, suspended: Suspended) {
        let place = match self.places.get(key.number()) {
            Some(place) => place,
            None => self.begin(key),
        };
        let stack = &mut self.all[place as usize];
        let link = Link { suspended, below: stack.top };
        stack.top = match self.free_links.pop() {
            Some(at) => {
                self.links[at as usize] = link;
                at
            }
            None => {
                self.links.push(link);
                self.links.len() as u32 - 1
            }
        };
        stack.len += 1;
        self.len += 1;
        if suspended.frame.is(flag::OUTERMOST) {
            self.outermost.insert(outermost(place, suspended.frame.function), ());
        }
    }

    /// Takes the innermost frame of a stack.
    pub(crate) fn pop(&mut self, key: Key) -> Option<Suspended> {
        let place = self.places.get(key.number())?;
        let stack = &mut self.all[place as usize];
        let link = *self.links.get(stack.top as usize)?;
        self.free_links.push(stack.top);
        stack.top = link.below;
        stack.len -= 1;
        self.len -= 1;
        if link.suspended.frame.is(flag::OUTERMOST) {
            self.outermost.remove(outermost(place, link.suspended.frame.function));
        }
        Some(link.suspended)
    }

    /// Whether the outermost activation of a function is suspended on a stack.
    pub(crate) fn has_outermost(&self, key: Key, function: u32) -> bool {
        let place = self.places.get(key.number());
        place.is_some_and(|place| self.outermost.get(outermost(place, function)).is_some())
    }

    /// Notes whether a function that had not begun will begin on this stack.
    pub(crate) fn set_begins_again(&mut self, key: Key, again: bool) {
        if let Some(stack) = self.stack_mut(key) {
            stack.begins_again = again;
        }
    }

    pub(crate) fn begins_again(&self, key: Key) -> bool {
        self.stack(key).is_some_and(|stack| stack.begins_again)
    }

    /// Puts a root with its stack; gives it back where nothing is suspended that it could wait for.
    pub(crate) fn put_root(&mut self, key: Key, at: usize, root: Root) -> Option<Root> {
        match self.stack_mut(key).filter(|stack| stack.len > at) {
            Some(stack) => {
                stack.roots.push((at, root));
                None
            }
            None => Some(root),
        }
    }

    /// The root of the innermost suspended frame, and the number of frames below the one with which it began.
    pub(crate) fn take_root(&mut self, key: Key) -> Option<(usize, Root)> {
        let stack = self.stack_mut(key)?;
        let len = stack.len;
        stack.roots.pop_if(|(at, _)| *at < len)
    }

    /// Forgets a stack on which nothing is suspended.
    pub(crate) fn forget_empty(&mut self, key: Key) {
        if self.stack(key).is_some_and(|stack| stack.len == 0)
            && let Some(place) = self.places.remove(key.number())
        {
            self.free_stacks.push(place);
        }
    }

    /// Roots that wait with their stacks.
    pub(crate) fn roots(&mut self) -> impl Iterator<Item = &mut Root> {
        self.all.iter_mut().flat_map(|stack| stack.roots.iter_mut().map(|(_, root)| root))
    }

    pub(crate) fn clear(&mut self) {
        (self.len, self.all) = (0, Vec::new());
        self.places.clear();
        self.outermost.clear();
        self.free_stacks.clear();
        self.links.clear();
        self.free_links.clear();
    }

    fn begin(&mut self, key: Key) -> u32 {
        let stack = Stack { key, top: NONE, ..Stack::default() };
        let place = match self.free_stacks.pop() {
            Some(place) => {
                self.all[place as usize] = stack;
                place
            }
            None => {
                self.all.push(stack);
                self.all.len() as u32 - 1
            }
        };
        self.places.insert(key.number(), place);
        place
    }

    fn stack(&self, key: Key) -> Option<&Stack> {
        self.all.get(self.places.get(key.number())? as usize)
    }

    fn stack_mut(&mut self, key: Key) -> Option<&mut Stack> {
        self.all.get_mut(self.places.get(key.number())? as usize)
    }
}

fn outermost(place: u32, function: u32) -> u64 {
    u64::from(place) << 32 | u64::from(function)
}
