//! Who records for a store: its own thread, at once; or, once it has a ring, whoever has time.
//!
//! Hooks are named as in the recorder. In a store with a ring they are only written down ([`Desk`]).

use std::mem;
use std::ops::{Deref, DerefMut};

use waspect_recorder::{Recorder, Timestamp};

use crate::desk::{AtWork, Desk};
use crate::log::Event;

/// A store's recorder.
#[expect(
    clippy::large_enum_variant,
    reason = "in place, a hook reaches the recorder without following one more pointer"
)]
pub(crate) enum Seat {
    Here(Recorder),
    Desk(Desk),
    /// Between the two, while it moves.
    Nowhere,
}

/// A recorder that was told everything that happened so far.
pub(crate) enum ToldAll<'a> {
    Here(&'a mut Recorder),
    Desk(AtWork<'a>),
}

impl Seat {
    /// The recorder, told everything that happened so far. Where another thread replays, it is waited for until it is done with the
    /// log in its hands, some 50 µs; the rest is done here.
    #[inline]
    pub fn recorder(&mut self) -> ToldAll<'_> {
        match self {
            Seat::Here(recorder) => ToldAll::Here(recorder),
            Seat::Desk(desk) => ToldAll::Desk(desk.told_all()),
            Seat::Nowhere => unreachable!("the recorder is here or at the desk"),
        }
    }

    /// From now on hooks are written down.
    pub fn sit_down(&mut self) {
        *self = match mem::replace(self, Seat::Nowhere) {
            Seat::Here(recorder) => Seat::Desk(Desk::new(Box::new(recorder))),
            there => there,
        };
    }

    /// From now on the recorder is told at once, as at the beginning.
    pub fn stand_up(&mut self) {
        *self = match mem::replace(self, Seat::Nowhere) {
            Seat::Desk(desk) => Seat::Here(*desk.leave()),
            here => here,
        };
    }

    /// Where hooks are written down.
    pub fn desk(&mut self) -> Option<&mut Desk> {
        match self {
            Seat::Desk(desk) => Some(desk),
            _ => None,
        }
    }

    #[inline]
    pub fn enter(&mut self, now: Timestamp, func: u32) -> u32 {
        match self {
            Seat::Here(recorder) => recorder.enter(now, func),
            _ => self.open(|token| Event::Enter { now, func, token }),
        }
    }

    #[inline]
    pub fn begin(&mut self, now: Timestamp, func: u32) -> u32 {
        match self {
            Seat::Here(recorder) => recorder.begin(now, func),
            _ => self.open(|token| Event::Begin { now, func, token }),
        }
    }

    #[inline]
    pub fn exit(&mut self, now: Timestamp, token: u32) {
        match self {
            Seat::Here(recorder) => recorder.exit(now, token),
            _ => self.tell(Event::Exit { now, token }),
        }
    }

    #[inline]
    pub fn end(&mut self, now: Timestamp, token: u32) {
        match self {
            Seat::Here(recorder) => recorder.end(now, token),
            _ => self.tell(Event::End { now, token }),
        }
    }

    #[inline]
    pub fn unwind(&mut self, now: Timestamp, token: u32) {
        match self {
            Seat::Here(recorder) => recorder.unwind(now, token),
            _ => self.tell(Event::Unwind { now, token }),
        }
    }

    #[inline]
    pub fn enter_or_resume(&mut self, now: Timestamp, func: u32, point: u32, stack: u32, height: u32) -> u32 {
        match self {
            Seat::Here(recorder) => recorder.enter_or_resume(now, func, point, stack, height),
            _ => self.open(|token| Event::EnterOrResume { now, func, point, stack, height, token }),
        }
    }

    #[inline]
    pub fn exit_or_suspend(&mut self, now: Timestamp, token: u32, way: u32) {
        match self {
            Seat::Here(recorder) => recorder.exit_or_suspend(now, token, way),
            _ => self.tell(Event::ExitOrSuspend { now, token, way }),
        }
    }

    pub fn unwind_ring(&mut self, now: Timestamp, func: u32, token: u32) {
        match self {
            Seat::Here(recorder) => recorder.unwind_ring(now, func, token),
            _ => self.tell(Event::UnwindRing { now, func, token }),
        }
    }

    pub fn unwound(&mut self, now: Timestamp, token: u32) {
        match self {
            Seat::Here(recorder) => recorder.unwound(now, token),
            _ => self.tell(Event::Unwound { now, token }),
        }
    }

    pub fn unwound_ring(&mut self, now: Timestamp, func: u32, token: u32) {
        match self {
            Seat::Here(recorder) => recorder.unwound_ring(now, func, token),
            _ => self.tell(Event::UnwoundRing { now, func, token }),
        }
    }

    pub fn flush(&mut self, now: Timestamp, base: u32) {
        match self {
            Seat::Here(recorder) => recorder.flush(now, base),
            _ => self.tell(Event::Flush { now, base }),
        }
    }

    #[inline]
    pub fn alloc(&mut self, now: Timestamp, func: u32, old: u32, new: u32, size: u32) {
        match self {
            Seat::Here(recorder) => recorder.alloc(now, func, old, new, size),
            _ => self.tell(Event::Alloc { now, func, old, new, size }),
        }
    }

    #[inline]
    pub fn alloc64(&mut self, now: Timestamp, func: u32, old: u64, new: u64, size: u64) {
        match self {
            Seat::Here(recorder) => recorder.alloc64(now, func, old, new, size),
            _ => self.tell(Event::Alloc64 { now, func, old, new, size }),
        }
    }

    pub fn grow(&mut self, now: Timestamp, func: u32, memory: u32, delta: u32, result: u32) {
        match self {
            Seat::Here(recorder) => recorder.grow(now, func, memory, delta, result),
            _ => self.tell(Event::Grow { now, func, memory, delta, result }),
        }
    }

    pub fn grow64(&mut self, now: Timestamp, func: u32, memory: u32, delta: u64, result: u64) {
        match self {
            Seat::Here(recorder) => recorder.grow64(now, func, memory, delta, result),
            _ => self.tell(Event::Grow64 { now, func, memory, delta, result }),
        }
    }

    fn open(&mut self, event: impl FnOnce(u32) -> Event) -> u32 {
        self.desk().map_or(0, |desk| desk.open(event))
    }

    fn tell(&mut self, event: Event) {
        if let Some(desk) = self.desk() {
            desk.tell(event);
        }
    }
}

impl Deref for ToldAll<'_> {
    type Target = Recorder;

    #[inline]
    fn deref(&self) -> &Recorder {
        match self {
            ToldAll::Here(recorder) => recorder,
            ToldAll::Desk(recorder) => recorder,
        }
    }
}

impl DerefMut for ToldAll<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Recorder {
        match self {
            ToldAll::Here(recorder) => recorder,
            ToldAll::Desk(recorder) => recorder,
        }
    }
}
