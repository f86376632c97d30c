//! What a store in mode `ring` did, in order, told later: records as they stood in rings, and hooks between them.
//!
//! It knows no thread. Whoever replays it tells a recorder exactly what the store's own thread would have told it.

use std::sync::atomic::{AtomicU64, Ordering};

use waspect_recorder::{Recorder, Timestamp};

/// Records and events after which a log is full: some 50 µs of replaying.
const RECORDS_MAX: usize = 4_096;
const EVENTS_MAX: usize = 1_024;

/// Events and records since the last log.
#[derive(Default)]
pub(crate) struct Log {
    events: Vec<Event>,
    records: Vec<u64>,
}

/// Something that happened. Tokens are the log's own: the recorder's are known when it is replayed.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    /// That many of the records that follow, of the instance with this base.
    Records {
        now: Timestamp,
        base: u32,
        first: u32,
        count: u32,
    },
    Lost {
        records: u64,
    },
    Enter {
        now: Timestamp,
        func: u32,
        token: u32,
    },
    Exit {
        now: Timestamp,
        token: u32,
    },
    EnterOrResume {
        now: Timestamp,
        func: u32,
        point: u32,
        stack: u32,
        height: u32,
        token: u32,
    },
    ExitOrSuspend {
        now: Timestamp,
        token: u32,
        way: u32,
    },
    Unwind {
        now: Timestamp,
        token: u32,
    },
    Unwound {
        now: Timestamp,
        token: u32,
    },
    UnwoundRing {
        now: Timestamp,
        func: u32,
        token: u32,
    },
    UnwindRing {
        now: Timestamp,
        func: u32,
        token: u32,
    },
    Begin {
        now: Timestamp,
        func: u32,
        token: u32,
    },
    End {
        now: Timestamp,
        token: u32,
    },
    Alloc {
        now: Timestamp,
        func: u32,
        old: u32,
        new: u32,
        size: u32,
    },
    Alloc64 {
        now: Timestamp,
        func: u32,
        old: u64,
        new: u64,
        size: u64,
    },
    Grow {
        now: Timestamp,
        func: u32,
        memory: u32,
        delta: u32,
        result: u32,
    },
    Grow64 {
        now: Timestamp,
        func: u32,
        memory: u32,
        delta: u64,
        result: u64,
    },
    Flush {
        now: Timestamp,
        base: u32,
    },
}

impl Log {
    pub fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    /// Adds records of an instance, from its ring.
    pub fn records(&mut self, now: Timestamp, base: u32, first: u32, records: [&[AtomicU64]; 2]) {
        let before = self.records.len();
        for record in records {
            self.records.extend(record.iter().map(|record| u64::from_le(record.load(Ordering::Relaxed))));
        }
        let count = (self.records.len() - before) as u32;
        self.push(Event::Records { now, base, first, count });
    }

    pub fn is_full(&self) -> bool {
        self.records.len() >= RECORDS_MAX || self.events.len() >= EVENTS_MAX
    }

    pub fn clear(&mut self) {
        self.events.clear();
        self.records.clear();
    }
}

/// Tells a recorder what logs hold.
pub(crate) struct Replay {
    pub recorder: Box<Recorder>,
    /// Frames that hooks opened, outermost first: the log's token and the recorder's, 0 where it opened none.
    tokens: Vec<(u32, u32)>,
}

impl Replay {
    pub fn new(recorder: Box<Recorder>) -> Replay {
        Replay { recorder, tokens: Vec::new() }
    }

    /// Replays a log, and empties it.
    pub fn replay(&mut self, log: &mut Log) {
        self.forget_closed();
        let mut taken = 0;
        for event in &log.events {
            match *event {
                Event::Records { now, base, first, count } => {
                    let records = &log.records[taken..taken + count as usize];
                    taken += count as usize;
                    self.recorder.ring(now, base, first, records);
                }
                Event::Lost { records } => self.recorder.ring_lost(records),
                Event::Enter { now, func, token } => {
                    let opened = self.recorder.enter(now, func);
                    self.open(token, opened);
                }
                Event::EnterOrResume { now, func, point, stack, height, token } => {
                    let opened = self.recorder.enter_or_resume(now, func, point, stack, height);
                    self.open(token, opened);
                }
                Event::ExitOrSuspend { now, token, way } => {
                    if let Some(token) = self.close(token) {
                        self.recorder.exit_or_suspend(now, token, way);
                    }
                }
                Event::Begin { now, func, token } => {
                    let opened = self.recorder.begin(now, func);
                    self.open(token, opened);
                }
                Event::Exit { now, token } => {
                    if let Some(token) = self.close(token) {
                        self.recorder.exit(now, token);
                    }
                }
                Event::End { now, token } => {
                    if let Some(token) = self.close(token) {
                        self.recorder.end(now, token);
                    }
                }
                Event::Unwind { now, token } => {
                    let known = self.tokens.iter().rev().find(|(log, _)| *log == token);
                    self.recorder.unwind(now, known.map_or(0, |(_, token)| *token));
                }
                // It may stay open (U5): what the log knows of it goes once it is closed.
                Event::Unwound { now, token } => {
                    let known = self.tokens.iter().rev().find(|(log, _)| *log == token);
                    self.recorder.unwound(now, known.map_or(0, |(_, token)| *token));
                }
                Event::UnwoundRing { now, func, token } => self.recorder.unwound_ring(now, func, token),
                Event::UnwindRing { now, func, token } => self.recorder.unwind_ring(now, func, token),
                Event::Alloc { now, func, old, new, size } => self.recorder.alloc(now, func, old, new, size),
                Event::Alloc64 { now, func, old, new, size } => self.recorder.alloc64(now, func, old, new, size),
                Event::Grow { now, func, memory, delta, result } => {
                    self.recorder.grow(now, func, memory, delta, result);
                }
                Event::Grow64 { now, func, memory, delta, result } => {
                    self.recorder.grow64(now, func, memory, delta, result);
                }
                Event::Flush { now, base } => self.recorder.flush(now, base),
            }
        }
        log.clear();
    }

    fn open(&mut self, token: u32, opened: u32) {
        self.tokens.push((token, opened));
        // More than a recorder can have open: a hostile guest that never ends what it begins.
        if self.tokens.len() > TOKENS_MAX {
            self.tokens.drain(..TOKENS_MAX / 2);
        }
    }

    /// The recorder's token, 0 where the log's names nothing; none where nothing was opened, so that there is nothing to close.
    fn close(&mut self, token: u32) -> Option<u32> {
        let Some(place) = self.tokens.iter().rposition(|(log, _)| *log == token) else { return Some(0) };
        let (_, opened) = self.tokens[place];
        self.tokens.truncate(place);
        (opened != 0).then_some(opened)
    }

    /// Forgets frames that a scope or a lower token has closed: always the innermost ones.
    fn forget_closed(&mut self) {
        while let Some(place) = self.tokens.iter().rposition(|(_, opened)| *opened != 0) {
            if self.recorder.is_open(self.tokens[place].1) {
                return;
            }
            self.tokens.truncate(place);
        }
    }
}

/// Frames that hooks opened and that are remembered.
const TOKENS_MAX: usize = 1 << 17;
