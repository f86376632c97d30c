//! Lanes (rules L1 and L2): the stacks of one recorder, of which one is current.

use alloc::vec::Vec;

use crate::Parent;
use crate::frame::Frame;
use crate::rewinding::Rewound;
use crate::ring::Unopened;
use crate::spans::Root;
use crate::stacks::{Active, Place, STACKS};

/// One stack of frames.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) id: u32,
    /// Beyond the limit: nothing is recorded on it.
    pub(crate) refused: bool,
    /// Open frames, outermost first.
    pub(crate) frames: Vec<Frame>,
    /// The parents that open scopes were given, outermost first: one for each frame that is a scope.
    pub(crate) parents: Vec<Option<Parent>>,
    /// Calls that records began and that got no frame, outermost first; some may have ended without a record since.
    pub(crate) unopened: Vec<Unopened>,
    /// Open roots, outermost first: one for each frame that is a root.
    pub(crate) roots: Vec<Root>,
    /// By depth, where the frames began that stand on a stack of the guest's; of the others, nothing.
    pub(crate) places: Vec<Place>,
    /// Stacks of the guest's whose frames are here, outermost first.
    pub(crate) stacks: Vec<Active>,
    /// Frames that came back as a whole, and are gone on with one after the other.
    pub(crate) rewound: Rewound,
}

/// The lanes that are not current and not empty, by id.
#[derive(Debug, Default)]
pub(crate) struct Parked {
    lanes: Vec<Lane>,
    frames: usize,
}

impl Parked {
    /// Puts `lane` aside and gives the lane with this id. None: there is no room for one more.
    pub(crate) fn switch(&mut self, lane: Lane, id: u32, lanes_max: usize) -> Option<Lane> {
        let mut spare = None;
        if lane.frames.is_empty() || lane.refused {
            spare = Some(lane);
        } else if let Err(at) = self.lanes.binary_search_by_key(&lane.id, |other| other.id) {
            self.frames += lane.frames.len();
            self.lanes.insert(at, lane);
        }
        match self.lanes.binary_search_by_key(&id, |other| other.id) {
            Ok(at) => {
                let lane = self.lanes.remove(at);
                self.frames -= lane.frames.len();
                Some(lane)
            }
            Err(_) if self.lanes.len() >= lanes_max => None,
            Err(_) => {
                let mut fresh = spare.unwrap_or_default();
                (fresh.id, fresh.refused) = (id, false);
                Some(fresh)
            }
        }
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Lane> {
        let lanes = if STACKS { &mut *self.lanes } else { &mut [] };
        lanes.iter_mut()
    }

    /// Open frames on these lanes.
    pub(crate) fn frames(&self) -> usize {
        if STACKS { self.frames } else { 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        !STACKS || self.lanes.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        *self = Parked::default();
    }
}
