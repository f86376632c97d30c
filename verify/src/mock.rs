//! A strict recorder for tests: it believes nothing, and writes down each rule of the ABI that a hook call breaks.
//!
//! It shares no code with `waspect-recorder`, so that the two check each other: the recorder survives anything, the mock
//! forgives nothing. It knows no runtime; [`crate::hooks::link`] connects it to one.

use std::collections::{HashMap, HashSet};

use waspect_abi::hooks::{point, stack, way};
use waspect_abi::ring::{self, Record};
use waspect_abi::{ABI_VERSION, BASE_REFUSED, BuildId, Hook};

use crate::facts::Facts;
use crate::rings::{Ring, Taken};
use crate::stacks::{Laps, Place, Stacks};
use crate::tape::{Event, Tape};

/// Faults kept in words; the rest are only counted.
const FAULTS_KEPT: usize = 20;
/// Ids left unused between two instances, so that an id that is off by a few belongs to nobody.
const BASE_GAP: u32 = 64;
/// Where the ids of the first instance begin.
pub const FIRST_BASE: u32 = BASE_GAP;

/// What the mock expects of frames that are still open when something below them closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Every gate is open: each frame must have its own exit or unwind (rule U1).
    Strict,
    /// Some gates are closed, so that some handlers say nothing: a lower token or the scope may close frames (rule U3).
    LowerToken,
}

/// How a scope ended, as the caller of the guest saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeEnd {
    /// The guest returned: nothing may be open.
    Returned,
    /// A trap, an exception or an exit of the process left through the boundary: what is open closes here (rule B2).
    Left,
}

/// What `alloc` hooks said (rules A2 and A6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heap {
    /// Successful allocations and reallocations.
    pub given: u64,
    /// Their bytes.
    pub given_bytes: u64,
    /// Frees.
    pub taken: u64,
    /// Bytes that are alive.
    pub live_bytes: u64,
    /// Frees and reallocations of addresses that were never given.
    pub unknown: u64,
}

impl Heap {
    fn account(&mut self, live: &mut HashMap<(u32, u64), u64>, base: u32, old: u64, new: u64, size: u64) {
        let unknown = |address: u64| address == u64::MAX || address == u64::from(u32::MAX);
        if new == 0 && size > 0 {
            return;
        }
        if old != 0 && !unknown(new) {
            match live.remove(&(base, old)) {
                Some(size) => self.live_bytes -= size,
                None => self.unknown += 1,
            }
        }
        if new == 0 {
            self.taken += u64::from(old != 0);
            return;
        }
        self.given += 1;
        self.given_bytes += size;
        if !unknown(new) {
            self.live_bytes += size;
            // A block that was never said to be free, and is given again.
            self.live_bytes -= live.insert((base, new), size).unwrap_or(0);
        }
    }
}

/// How often frames closed, by proof. Their sum is the number of frames that were opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closes {
    /// By `exit` or `end`.
    pub own: u64,
    /// By the `unwind` of a handler below, or the `unwound` of a caller.
    pub unwind: u64,
    /// By their own `unwound`.
    pub unwound: u64,
    /// By a lower token.
    pub lower: u64,
    /// By the end of the scope.
    pub scope: u64,
}

impl Closes {
    /// Frames that closed.
    pub fn all(&self) -> u64 {
        self.own + self.unwind + self.unwound + self.lower + self.scope
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FrameKind {
    Scope,
    Boundary,
    Call,
    /// A call that a record opened; its token is the instance's own.
    Record,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    kind: FrameKind,
    func: u32,
    token: u32,
    /// Where it stands on a stack of the guest's, if it may be suspended.
    place: Option<Place>,
}

#[derive(Debug)]
struct MockInstance {
    base: u32,
    facts: Facts,
    /// Pages of each memory, as far as the guest's own growths tell.
    pages: Vec<u64>,
}

/// The strict recorder.
#[derive(Debug)]
pub struct Mock {
    proof: Proof,
    rings: Vec<Ring>,
    instances: Vec<MockInstance>,
    expected: Option<(BuildId, Facts)>,
    frames: Vec<Frame>,
    /// Tokens of frames that an `unwind` closed and that may go on all the same, on another stack (rule U4).
    unwound: HashSet<u32>,
    /// Calls that are suspended.
    stacks: Stacks,
    next_token: u32,
    next_base: u32,
    enters: Vec<u64>,
    first: Option<(Hook, u32)>,
    closes: Closes,
    opened: u64,
    events: u64,
    refused: u64,
    allocations: u64,
    frees: u64,
    heap: Heap,
    live: HashMap<(u32, u64), u64>,
    grows: u64,
    faults: Vec<String>,
    fault_count: u64,
    /// Modules throw on what leaves a function (rule U5): nothing is left for handlers to close.
    pub throws_on: bool,
    /// Takes every hook call down, where somebody asked.
    pub tape: Option<Tape>,
}

impl Mock {
    /// A mock that has seen nothing.
    pub fn new(proof: Proof) -> Mock {
        Mock {
            proof,
            rings: Vec::new(),
            instances: Vec::new(),
            expected: None,
            frames: Vec::new(),
            unwound: HashSet::new(),
            stacks: Stacks::default(),
            next_token: 1,
            next_base: FIRST_BASE,
            enters: Vec::new(),
            first: None,
            closes: Closes::default(),
            opened: 0,
            events: 0,
            refused: 0,
            allocations: 0,
            frees: 0,
            heap: Heap::default(),
            live: HashMap::new(),
            grows: 0,
            faults: Vec::new(),
            fault_count: 0,
            throws_on: false,
            tape: None,
        }
    }

    /// Says which module is instantiated next: the next `module` hook must speak of it, and only once.
    pub fn expect(&mut self, build: BuildId, facts: Facts) {
        self.expected = Some((build, facts));
    }

    /// A boundary of the harness begins (rule B2).
    pub fn scope_begin(&mut self) {
        self.catch_up();
        if self.frames.is_empty() {
            self.first = None;
        }
        self.push(FrameKind::Scope, 0);
    }

    /// The innermost boundary of the harness ends.
    pub fn scope_end(&mut self, end: ScopeEnd) {
        self.catch_up();
        let Some(at) = self.frames.iter().rposition(|frame| frame.kind == FrameKind::Scope) else {
            return self.fault("a scope ends that never began".into());
        };
        let open = self.frames.len() - at - 1;
        if end == ScopeEnd::Returned && open > 0 && self.proof == Proof::Strict {
            let names: Vec<String> =
                self.frames[at + 1..].iter().rev().take(5).map(|frame| self.show(frame.func)).collect();
            self.fault(format!(
                "the guest returned and left {open} frames open, innermost first: {}",
                names.join(", ")
            ));
        }
        self.closes.scope += open as u64;
        self.frames.truncate(at);
    }

    /// The first hook call since the outermost scope began, with its id.
    pub fn first(&mut self) -> Option<(Hook, u32)> {
        self.catch_up();
        self.first
    }

    /// Bases given out so far, in order.
    pub fn bases(&self) -> impl ExactSizeIterator<Item = u32> {
        self.instances.iter().map(|instance| instance.base)
    }

    /// How often a call of this id began.
    pub fn enters(&self, id: u32) -> u64 {
        self.enters.get(id as usize).copied().unwrap_or(0)
    }

    /// Every hook call.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// How frames closed.
    pub fn closes(&self) -> Closes {
        self.closes
    }

    /// Frames that were opened: each must be in [`Mock::closes`] once nothing is open.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// Calls refused because their module never said `module` (rule M4).
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// `(allocations and reallocations, frees, growths)` that were reported.
    pub fn memory_events(&self) -> (u64, u64, u64) {
        (self.allocations, self.frees, self.grows)
    }

    /// Takes the faults in words; the flag is the number of all faults since the last time.
    pub fn take_faults(&mut self) -> (Vec<String>, u64) {
        (std::mem::take(&mut self.faults), std::mem::take(&mut self.fault_count))
    }

    /// Hook `module`.
    pub fn module(&mut self, abi: u32, build_a: u32, build_b: u32, functions: u32) -> u32 {
        self.catch_up();
        self.events += 1;
        self.tell(Hook::Module, abi, [build_a.into(), build_b.into(), functions.into()]);
        let Some((build, facts)) = self.expected.take() else {
            self.fault("`module` is called, but nothing is being instantiated (M2)".into());
            return BASE_REFUSED;
        };
        if abi != ABI_VERSION {
            self.fault(format!("`module` speaks of ABI {abi} (M2)"));
        }
        if BuildId::from_halves(build_a, build_b) != build {
            self.fault(format!("`module` says build {}, not {build} (M5)", BuildId::from_halves(build_a, build_b)));
        }
        if functions != facts.functions {
            self.fault(format!("`module` says {functions} functions, not {} (M2)", facts.functions));
        }
        let base = self.next_base;
        self.next_base += facts.functions + BASE_GAP;
        self.enters.resize(self.next_base as usize, 0);
        let pages = facts.memories.iter().map(|memory| memory.pages_min).collect();
        self.instances.push(MockInstance { base, facts, pages });
        base
    }

    /// Hook `enter`.
    pub fn enter(&mut self, func: u32) -> u32 {
        self.tell(Hook::Enter, func, [0; 3]);
        if !self.sees(Hook::Enter, func) {
            return 0;
        }
        self.stacks.settle();
        self.enters[func as usize] += 1;
        self.push(FrameKind::Call, func)
    }

    /// Hook `exit`.
    pub fn exit(&mut self, token: u32) {
        if let Some(at) = self.find(Hook::Exit, FrameKind::Call, token, 0) {
            self.close_at(at, "exit");
        }
    }

    /// Hook `enter_or_resume`. To the engine it is a call like any other; how many calls there were, the guest's stacks tell.
    pub fn enter_or_resume(&mut self, func: u32, point: u32, stack: u32, height: u32) -> u32 {
        self.tell(Hook::EnterOrResume, func, [point.into(), stack.into(), height.into()]);
        if !self.sees(Hook::EnterOrResume, func) {
            return 0;
        }
        let place = Place { stack, height };
        let caller = self.frames.last().filter(|frame| frame.place.is_some()).copied();
        if let (Some(caller), true) = (caller, self.stacks.is_leaving()) {
            let (func, caller) = (self.show(func), self.show(caller.func));
            self.fault(format!(
                "{func} begins in {caller}, which did not leave when what it called was suspended (L4)"
            ));
        }
        let begins = match caller {
            Some(_) if point == point::BEGINNING => true,
            _ if stack == stack::UNNAMED => true,
            _ if point == point::REWINDING => {
                let base = self.instance(func).map_or(0, |instance| instance.base);
                self.stacks.rewind(base, func, stack);
                false
            }
            _ => {
                let base = self.instance(func).map_or(0, |instance| instance.base);
                self.stacks.arrive(base, func, point, place)
            }
        };
        self.enters[func as usize] += u64::from(begins);
        let token = self.push(FrameKind::Call, func);
        if let Some(frame) = self.frames.last_mut() {
            frame.place = Some(place);
        }
        token
    }

    /// Hook `exit_or_suspend`.
    pub fn exit_or_suspend(&mut self, token: u32, how: u32) {
        let Some(at) = self.find(Hook::ExitOrSuspend, FrameKind::Call, token, how.into()) else { return };
        let Frame { func, place, .. } = self.frames[at];
        if how > way::NOT_BEGUN && how & stack::NAME_BITS != stack::NAME_BITS {
            self.fault(format!("{} ends in way {how} (L4)", self.show(func)));
        }
        if how == way::ENDED && self.stacks.is_leaving() {
            self.fault(format!("{} ends, though what it called was suspended (L4)", self.show(func)));
        }
        match place {
            Some(place) => {
                let base = self.instance(func).map_or(0, |instance| instance.base);
                self.stacks.end(base, func, place, how);
            }
            None => self.fault(format!("{} was not entered by `enter_or_resume` (L4)", self.show(func))),
        }
        if how == way::NOT_BEGUN {
            let begun = &mut self.enters[func as usize];
            *begun = begun.saturating_sub(1);
        }
        self.close_at(at, "exit_or_suspend");
    }

    /// What was seen of functions that are suspended and gone on with.
    pub fn laps(&self) -> Laps {
        self.stacks.laps()
    }

    /// Hook `unwind`.
    pub fn unwind(&mut self, token: u32) {
        let Some(at) = self.find(Hook::Unwind, FrameKind::Call, token, 0) else { return };
        let func = self.frames[at].func;
        if self.instance(func).is_some_and(|instance| func - instance.base < instance.facts.imported_functions) {
            self.fault(format!("`unwind` speaks of {}, an import (U1)", self.show(func)));
        }
        if self.throws_on {
            self.check_thrown_on(Hook::Unwind, at);
        }
        self.unwind_above(at);
    }

    /// Hook `unwound`. Of an import, too.
    pub fn unwound(&mut self, token: u32) {
        if let Some(at) = self.find(Hook::Unwound, FrameKind::Call, token, 0) {
            self.leave_unwound(at);
        }
    }

    fn leave_unwound(&mut self, at: usize) {
        self.check_thrown_on(Hook::Unwound, at);
        self.unwind_above(at);
        let Frame { func, token, .. } = self.frames[at];
        if self.resumes(func) {
            self.unwound.insert(token);
        }
        self.closes.unwound += 1;
        self.frames.truncate(at);
    }

    /// What stands above an exception's way out has gone it before, but for boundaries, which do not catch, and modules that have no
    /// `try_table`.
    fn check_thrown_on(&mut self, hook: Hook, at: usize) {
        let func = self.frames[at].func;
        let instance = self.position(func);
        let catches = |frame: &&Frame| frame.kind != FrameKind::Boundary && self.position(frame.func) == instance;
        let left = self.frames[at + 1..].iter().find(catches).map(|frame| frame.func);
        if let Some(left) = left.filter(|_| self.proof == Proof::Strict && !self.resumes(func)) {
            let (func, left) = (self.show(func), self.show(left));
            self.fault(format!("`{}` of {func} finds {left} open above it (U5)", hook.name()));
        }
    }

    fn resumes(&self, func: u32) -> bool {
        self.instance(func).is_some_and(|instance| instance.facts.resumes)
    }

    fn unwind_above(&mut self, at: usize) {
        let func = self.frames[at].func;
        self.closes.unwind += (self.frames.len() - at - 1) as u64;
        if self.resumes(func) {
            self.unwound.extend(self.frames[at + 1..].iter().map(|frame| frame.token));
        }
        self.frames.truncate(at + 1);
    }

    /// Hook `begin`.
    pub fn begin(&mut self, func: u32) -> u32 {
        self.tell(Hook::Begin, func, [0; 3]);
        if !self.sees(Hook::Begin, func) {
            return 0;
        }
        let reachable = self.instance(func).is_some_and(|instance| instance.facts.is_boundary(func - instance.base));
        if !reachable {
            self.fault(format!("`begin` speaks of {}, which no host can call (B1)", self.show(func)));
        }
        self.push(FrameKind::Boundary, func)
    }

    /// Hook `end`.
    pub fn end(&mut self, token: u32) {
        if let Some(at) = self.find(Hook::End, FrameKind::Boundary, token, 0) {
            self.close_at(at, "end");
        }
    }

    /// Hooks `alloc` and `alloc64`.
    pub fn alloc(&mut self, func: u32, old: u64, new: u64, size: u64) {
        self.tell(Hook::Alloc, func, [old, new, size]);
        if !self.sees(Hook::Alloc, func) {
            return;
        }
        if (new, size) == (0, 0) {
            self.frees += 1;
        } else {
            self.allocations += 1;
        }
        let base = self.instance(func).map_or(0, |instance| instance.base);
        self.heap.account(&mut self.live, base, old, new, size);
    }

    /// What was said of the heap since the last [`Mock::forget_heap`].
    pub fn heap(&self) -> Heap {
        self.heap
    }

    /// Begins to count anew; what is alive stays alive.
    pub fn forget_heap(&mut self) {
        self.heap = Heap { live_bytes: self.heap.live_bytes, ..Heap::default() };
    }

    /// Hooks `grow` and `grow64`.
    pub fn grow(&mut self, func: u32, memory: u32, delta: u64, result: u64) {
        self.tell(Hook::Grow, func, [memory.into(), delta, result]);
        if !self.sees(Hook::Grow, func) {
            return;
        }
        self.grows += 1;
        let Some(at) = self.position(func) else { return };
        let instance = &mut self.instances[at];
        let failed = result == u64::MAX || result == u64::from(u32::MAX);
        let fault = match (instance.facts.memories.get(memory as usize), instance.pages.get_mut(memory as usize)) {
            (Some(facts), Some(pages)) => {
                let known = *pages;
                if !failed {
                    *pages = result.saturating_add(delta);
                }
                let right = failed || if facts.is_open { result >= known } else { result == known };
                (!right).then(|| {
                    format!("`grow` of memory {memory} by {delta} says it had {result} pages, it had {known} (G1)")
                })
            }
            _ => Some(format!("`grow` of memory {memory}, which {} has not got (G1)", self.show(func))),
        };
        if let Some(fault) = fault {
            self.fault(fault);
        }
    }

    /// The ring of the instance that just said `module`.
    pub fn ring(&mut self, ring: Ring) {
        self.rings.push(ring);
        if self.rings.len() > 1 {
            self.rings.iter().for_each(Ring::set_company);
        }
    }

    /// Hook `flush`.
    pub fn flush(&mut self, base: u32) {
        self.catch_up();
        self.refused += u64::from(base >= BASE_REFUSED);
        if base < BASE_REFUSED && !self.rings.iter().any(|ring| ring.base == base) {
            self.fault(format!("`flush` with base {base}, which is nobody's (R6)"));
        }
    }

    /// Hook `unwind_ring`.
    pub fn unwind_ring(&mut self, func: u32, token: u32) {
        if !self.sees(Hook::UnwindRing, func) {
            return;
        }
        if let Some(at) = self.find_record(func, token) {
            if self.throws_on {
                self.check_thrown_on(Hook::UnwindRing, at);
            }
            self.unwind_above(at);
        }
    }

    /// Hook `unwound_ring`.
    pub fn unwound_ring(&mut self, func: u32, token: u32) {
        if !self.sees(Hook::UnwoundRing, func) {
            return;
        }
        if let Some(at) = self.find_record(func, token) {
            self.note(Hook::Unwound, self.frames[at].func, at, [0; 3]);
            self.leave_unwound(at);
        }
    }

    /// Takes the records that were written since the last hook call: only one ring can have any (R8).
    fn catch_up(&mut self) {
        let mut rings = std::mem::take(&mut self.rings);
        let mut holders = 0;
        for ring in &mut rings {
            let Some(records) = ring.take() else {
                self.fault(format!("records of base {} were overwritten (R6)", ring.base));
                continue;
            };
            holders += u32::from(!records.is_empty());
            records.into_iter().for_each(|record| self.record(ring.base, record));
        }
        self.rings = rings;
        if holders > 1 {
            self.fault(format!("{holders} rings hold records at once (R8)"));
        }
    }

    fn record(&mut self, base: u32, record: Taken) {
        self.events += 1;
        if !record.on_time {
            self.fault(format!("record {} of base {base} bears another time than the cell (R5)", record.number));
        }
        match Record::from_word(record.word) {
            Record::Enter(function) => {
                let func = base + function;
                if self.position(func).is_none() {
                    return self.fault(format!("a record speaks of function {function} of base {base} (R5)"));
                }
                self.first.get_or_insert((Hook::Enter, func));
                self.enters[func as usize] += 1;
                self.opened += 1;
                self.tell(Hook::Enter, func, [0; 3]);
                self.frames.push(Frame {
                    kind: FrameKind::Record,
                    func,
                    token: ring::token(record.number),
                    place: None,
                });
            }
            Record::Exit(token) => {
                let Some(at) = self.find_record(base, token) else { return };
                self.note(Hook::Exit, self.frames[at].func, at, [0; 3]);
                self.close_at(at, "exit record");
            }
        }
    }

    /// Where the call is that a record of this instance opened.
    fn find_record(&mut self, id: u32, token: u32) -> Option<usize> {
        let instance = self.position(id);
        let is_it = |frame: &Frame| {
            frame.kind == FrameKind::Record && frame.token == token && self.position(frame.func) == instance
        };
        let Some(at) = self.frames.iter().rposition(is_it) else {
            if !self.unwound.contains(&token) {
                self.fault(format!("token {token} of {} names no open record (T4)", self.show(id)));
            }
            return None;
        };
        if self.frames[at..].iter().any(|frame| frame.kind == FrameKind::Scope) {
            self.fault(format!("a record of {} reaches below the scope of its caller (B2)", self.show(id)));
            return None;
        }
        Some(at)
    }

    /// Puts a hook call on the tape, behind the records that were written before it: one that opens a frame, or is about none.
    fn tell(&mut self, hook: Hook, func: u32, values: [u64; 3]) {
        if self.tape.is_some() {
            self.catch_up();
        }
        self.note(hook, func, self.frames.len(), values);
    }

    fn note(&mut self, hook: Hook, func: u32, depth: usize, values: [u64; 3]) {
        if let Some(tape) = &mut self.tape {
            tape.note(Event { hook, func, depth, values });
        }
    }

    /// Counts the call; false when the id belongs to nobody.
    fn sees(&mut self, hook: Hook, func: u32) -> bool {
        self.catch_up();
        self.events += 1;
        if func >= BASE_REFUSED {
            self.refused += 1;
            return false;
        }
        self.first.get_or_insert((hook, func));
        if self.instance(func).is_none() {
            self.fault(format!("`{}` with id {func}, which no instance owns (M3)", hook.name()));
            return false;
        }
        true
    }

    fn position(&self, func: u32) -> Option<usize> {
        let at = self.instances.partition_point(|instance| instance.base <= func).checked_sub(1)?;
        let instance = &self.instances[at];
        (func - instance.base < instance.facts.functions).then_some(at)
    }

    fn instance(&self, func: u32) -> Option<&MockInstance> {
        Some(&self.instances[self.position(func)?])
    }

    fn push(&mut self, kind: FrameKind, func: u32) -> u32 {
        let token = self.next_token;
        self.next_token = self.next_token.checked_add(1).expect("a test makes fewer than 2^32 frames");
        if kind != FrameKind::Scope {
            self.opened += 1;
        }
        self.frames.push(Frame { kind, func, token, place: None });
        token
    }

    /// Closes a frame, and what is above it, by a token.
    fn close_at(&mut self, at: usize, hook: &str) {
        let func = self.frames[at].func;
        let above = self.frames.len() - at - 1;
        let leaves = self.instance(func).is_some_and(|it| it.facts.catch_and_leave.contains(&(func - it.base)));
        if above > 0 && self.proof == Proof::Strict && !leaves {
            let top = self.frames[self.frames.len() - 1].func;
            self.fault(format!(
                "`{hook}` of {} finds {above} frames above, the innermost of {} (C4, U1)",
                self.show(func),
                self.show(top)
            ));
        }
        self.closes.lower += above as u64;
        self.closes.own += 1;
        self.frames.truncate(at);
    }

    /// Counts a call that names a frame by its token, and finds it; a fault when it is not open, of another kind, or below the scope.
    fn find(&mut self, hook: Hook, kind: FrameKind, token: u32, value: u64) -> Option<usize> {
        self.catch_up();
        self.events += 1;
        let name = hook.name();
        let Some(at) = self.frames.iter().rposition(|frame| frame.kind != FrameKind::Record && frame.token == token)
        else {
            if !self.unwound.contains(&token) {
                self.fault(format!("`{name}` with token {token}, which names no open frame (T1, T4)"));
            }
            return None;
        };
        let frame = self.frames[at];
        self.note(hook, frame.func, at, [value, 0, 0]);
        if frame.kind != kind {
            self.fault(format!("`{name}` closes a {:?} of {} (T5)", frame.kind, self.show(frame.func)));
            return None;
        }
        if self.frames[at..].iter().any(|frame| frame.kind == FrameKind::Scope) {
            self.fault(format!("`{name}` of {} reaches below the scope of its caller (B2)", self.show(frame.func)));
            return None;
        }
        Some(at)
    }

    fn show(&self, id: u32) -> String {
        match self.instance(id) {
            Some(instance) => format!("func[{}] at base {}", id - instance.base, instance.base),
            None => format!("id {id}"),
        }
    }

    fn fault(&mut self, fault: String) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_KEPT {
            self.faults.push(fault);
        }
    }
}
