//! Bodies, edited where they stand: walrus' tree of instruction sequences.
//!
//! A first walk looks at the whole body, since a handler may stand before the `try_table` that branches to it; a second one
//! writes each sequence anew. A body that leaves early moves into a block, and what branched to the function's own sequence
//! branches to that block:
//!
//! ```wat
//! (func $f (result i32)            (func $f (result i32)
//!   (br_if 0 (i32.const 1) ..)  =>   .. enter .. (block $inner (result i32) (br_if $inner (i32.const 1) ..) ..) .. exit ..)
//! ```

use std::collections::HashSet;
use std::mem;

use ::walrus::ir::{
    Block, Br, Call, Instr, InstrLocId, InstrSeqId, InstrSeqType, LegacyCatch, Return, ReturnCall, ThrowRef, Try,
    TryTable, TryTableCatch,
};
use ::walrus::{
    FunctionId, FunctionKind, InstrSeqBuilder, LocalFunction, LocalId, MemoryId, Module, ModuleLocals, ModuleTypes,
    RefType, ValType,
};
use waspect_abi::Hook;

use super::Rewriting;
use super::hooks::Saved;
use super::references::replace;
use crate::info::Switching;

/// Rewrites every body of the original module.
pub(super) fn rewrite_all(module: &mut Module, rewriting: &Rewriting<'_>) {
    let imported = rewriting.info.imported_functions;
    for (index, id) in (0u32..).zip(&rewriting.originals.functions).skip(imported as usize) {
        let FunctionKind::Local(function) = &mut module.funcs.get_mut(*id).kind else { continue };
        let framed = rewriting.hooks.is_some() && rewriting.plan.is_hooked(index);
        let mut local = |wanted: bool| wanted.then(|| module.locals.add(ValType::I32));
        let token = local(framed);
        let told =
            rewriting.info.switching(index).filter(|_| framed && rewriting.plan.tells_stacks(rewriting.info, index));
        let by_result = told == Some(Switching::Go);
        let (result, again) = (local(by_result), local(by_result));
        let lap = result.zip(again);
        let saved = rewriting.hooks.and_then(|hooks| hooks.asyncify).filter(|_| told.is_some());
        let (types, locals) = (&mut module.types, &mut module.locals);
        Body { of: rewriting, index, function, types, locals, token, lap, saved, scratch: [None; 2] }.rewrite();
    }
}

type Instrs = Vec<(Instr, InstrLocId)>;

struct Body<'a> {
    of: &'a Rewriting<'a>,
    index: u32,
    function: &'a mut LocalFunction,
    types: &'a mut ModuleTypes,
    locals: &'a mut ModuleLocals,
    /// Of the frame, where the body has hooks.
    token: Option<LocalId>,
    /// What the function returns, and whether it had not begun: where it may be left and gone on with, and hooks are told so.
    lap: Option<(LocalId, LocalId)>,
    /// The globals that say so, where Asyncify does it.
    saved: Option<Saved>,
    /// What a memory was to grow by, and what came of it: for memories indexed by `i32`, and by `i64`.
    scratch: [Option<(LocalId, LocalId)>; 2],
}

impl Body<'_> {
    fn rewrite(mut self) {
        let map = Map::of(self.function);
        let entry = self.function.entry_block();
        let wrapped = self.token.is_some() && (map.leaves_early || self.throws_on());
        let inner = wrapped.then(|| {
            let results = self.types.results(self.function.ty()).to_vec();
            let r#type = InstrSeqType::new(self.types, &[], &results);
            self.function.builder_mut().dangling_instr_seq(r#type).id()
        });
        for seq in &map.sequences {
            let old = mem::take(&mut self.function.block_mut(*seq).instrs);
            let mut new = Vec::with_capacity(old.len());
            if map.handlers.contains(seq) || map.loops.contains(seq) && map.landings.contains(seq) {
                self.close(Hook::Unwind, &mut new);
            }
            for (mut instr, at) in old {
                if let Some(inner) = inner {
                    targets(&mut instr, |target| {
                        if *target == entry {
                            *target = inner;
                        }
                    });
                }
                self.instruction(&map, inner, instr, at, &mut new);
            }
            self.function.block_mut(*seq).instrs = new;
        }
        self.frame(entry, inner);
    }

    /// Puts beginning and end around the body's instructions.
    fn frame(&mut self, entry: InstrSeqId, inner: Option<InstrSeqId>) {
        let of = self.of;
        let (index, token) = (self.index, self.token);
        let body = mem::take(&mut self.function.block_mut(entry).instrs);
        let mut new = Vec::with_capacity(body.len() + 16);
        if of.plan.is_hooked(index) {
            let point = self.function.args.first().copied().filter(|_| of.info.switching(index) == Some(Switching::Go));
            self.add(&mut new, |seq| match point {
                Some(point) => of.counters.count_beginning(seq, index, point),
                None => of.count(seq, index),
            });
        }
        if let (Some(hooks), Some(token)) = (of.hooks, token) {
            let point = self.function.args.first().copied().filter(|_| self.lap.is_some());
            let saved = self.saved;
            self.add(&mut new, |seq| {
                of.counters.gate(seq, index);
                let open = |then: &mut InstrSeqBuilder<'_>| match (point, saved) {
                    (Some(point), _) => hooks.open_or_resume(then, index, token, point),
                    (None, Some(saved)) => hooks.open_or_rewind(then, index, token, saved),
                    (None, None) => hooks.open(then, Hook::Enter, index, token),
                };
                seq.if_else(None, open, |_| {});
            });
        }
        let mut exit = Instrs::new();
        match (of.hooks, token, self.lap, self.saved) {
            (Some(hooks), Some(token), Some(lap), _) => {
                self.add(&mut exit, |seq| hooks.close_or_suspend(seq, token, lap));
            }
            (Some(hooks), Some(token), None, Some(saved)) => {
                self.add(&mut exit, |seq| hooks.close_or_save(seq, token, saved));
            }
            _ => self.close(Hook::Exit, &mut exit),
        }
        match inner {
            Some(inner) if self.throws_on() => {
                self.function.block_mut(inner).instrs = body;
                self.catching(inner, exit, &mut new);
            }
            Some(inner) => {
                self.function.block_mut(inner).instrs = body;
                self.add(&mut new, |seq| {
                    seq.instr(Block { seq: inner });
                });
                new.append(&mut exit);
            }
            None => {
                new.extend(body);
                new.append(&mut exit);
            }
        }
        self.function.block_mut(entry).instrs = new;
    }

    /// Exceptions that leave the body are caught and thrown on (rule U5).
    fn throws_on(&self) -> bool {
        self.token.is_some() && self.of.plan.throws_on(self.of.info, self.index)
    }

    /// The body catches everything; behind its exit, what was caught is told and thrown on.
    fn catching(&mut self, inner: InstrSeqId, mut exit: Instrs, out: &mut Instrs) {
        let caught = self.function.builder_mut().dangling_instr_seq(ValType::Ref(RefType::EXNREF)).id();
        let mut body = Instrs::new();
        self.add(&mut body, |seq| {
            seq.instr(TryTable { seq: inner, catches: vec![TryTableCatch::CatchAllRef { label: caught }] });
        });
        body.append(&mut exit);
        self.add(&mut body, |seq| {
            seq.instr(Return {});
        });
        self.function.block_mut(caught).instrs = body;
        self.add(out, |seq| {
            seq.instr(Block { seq: caught });
        });
        self.close(Hook::Unwound, out);
        self.add(out, |seq| {
            seq.instr(ThrowRef {});
        });
    }

    fn instruction(
        &mut self,
        map: &Map,
        inner: Option<InstrSeqId>,
        mut instr: Instr,
        at: InstrLocId,
        out: &mut Instrs,
    ) {
        let mut lands = false;
        match &mut instr {
            Instr::Return(_) => {
                if let Some(block) = inner {
                    instr = Br { block }.into();
                }
            }
            Instr::Call(call) => self.call(call, out),
            Instr::ReturnCall(call) => {
                self.close(Hook::Exit, out);
                self.tail_call(call, out);
            }
            Instr::ReturnCallIndirect(_) | Instr::ReturnCallRef(_) => self.close(Hook::Exit, out),
            Instr::RefFunc(reference) => replace(&mut reference.func, &self.of.references),
            Instr::MemoryGrow(grow) => return self.grow(grow.memory, (instr, at), out),
            other => {
                let landing = |seq: &InstrSeqId| map.landings.contains(seq) && !map.loops.contains(seq);
                children(other, |seq| lands |= landing(&seq));
            }
        }
        out.push((instr, at));
        if lands {
            self.close(Hook::Unwind, out);
        }
    }

    /// Imports are called through their wrappers, allocators too from outside their family; mode `counts` has no wrappers and
    /// counts imports here.
    fn call(&mut self, call: &mut Call, out: &mut Instrs) {
        let of = self.of;
        if of.more_stack.contains(&call.func) {
            self.has_not_begun(out);
        }
        if of.hooks.is_none() {
            self.count_import(call.func, out);
        } else if let Some(wrapper) = of.host_calls.get(&call.func) {
            call.func = *wrapper;
        } else {
            self.allocator(&mut call.func, out);
        }
    }

    /// Imports are jumped to as they are: wrapped, a million of them would overflow the stack.
    fn tail_call(&mut self, call: &mut ReturnCall, out: &mut Instrs) {
        self.count_import(call.func, out);
        self.allocator(&mut call.func, out);
    }

    /// The function asks for more stack, and begins again with it.
    fn has_not_begun(&mut self, out: &mut Instrs) {
        let (of, index, lap) = (self.of, self.index, self.lap);
        let asks = of.info.go.iter().flat_map(|go| &go.more_stack).any(|callee| of.info.asks_for_stack(index, *callee));
        if asks && of.plan.is_hooked(index) {
            self.add(out, |seq| {
                of.counters.uncount(seq, index);
                if let Some((_, again)) = lap {
                    seq.i32_const(1).local_set(again);
                }
            });
        }
    }

    fn count_import(&mut self, callee: FunctionId, out: &mut Instrs) {
        let of = self.of;
        if let Some(import) = of.imports.get(&callee) {
            self.add(out, |seq| of.count(seq, *import));
        }
    }

    fn allocator(&mut self, callee: &mut FunctionId, out: &mut Instrs) {
        let index = self.index;
        if let Some(wrapper) = self.of.allocators.get(callee)
            && !self.of.plan.inside[index as usize]
        {
            *callee = *wrapper;
            self.add(out, |seq| {
                seq.i32_const(index as i32);
            });
        }
    }

    fn grow(&mut self, memory: MemoryId, instr: (Instr, InstrLocId), out: &mut Instrs) {
        let of = self.of;
        let index = self.index;
        let hooked = of.hooks.filter(|_| of.plan.hooks_grow(of.info, index));
        let (Some(hooks), Some((number, wide))) = (hooked, of.memories.get(&memory)) else { return out.push(instr) };
        let (hook, r#type) = if *wide { (Hook::Grow64, ValType::I64) } else { (Hook::Grow, ValType::I32) };
        let locals = &mut *self.locals;
        let (delta, result) =
            *self.scratch[usize::from(*wide)].get_or_insert_with(|| (locals.add(r#type), locals.add(r#type)));
        self.add(out, |seq| {
            seq.local_tee(delta);
        });
        out.push(instr);
        self.add(out, |seq| {
            seq.local_tee(result);
            hooks.id(seq, index);
            seq.i32_const(*number as i32).local_get(delta).local_get(result).call(hooks.function(hook));
        });
    }

    /// `exit` or `unwind` of the frame, where the body has one.
    fn close(&mut self, hook: Hook, out: &mut Instrs) {
        if let (Some(hooks), Some(token)) = (self.of.hooks, self.token) {
            self.add(out, |seq| hooks.close(seq, hook, token));
        }
    }

    /// Instructions are built in a sequence of their own, and taken out of it.
    fn add(&mut self, out: &mut Instrs, write: impl FnOnce(&mut InstrSeqBuilder<'_>)) {
        let mut seq = self.function.builder_mut().dangling_instr_seq(None);
        write(&mut seq);
        out.append(seq.instrs_mut());
    }
}

/// What a body looks like, before anything in it changes.
#[derive(Default)]
struct Map {
    /// Every sequence that the body reaches.
    sequences: Vec<InstrSeqId>,
    /// Targets of a `try_table`'s clauses.
    landings: HashSet<InstrSeqId>,
    /// Legacy `catch` and `catch_all`.
    handlers: HashSet<InstrSeqId>,
    loops: HashSet<InstrSeqId>,
    /// Something leaves the body other than by its end.
    leaves_early: bool,
}

impl Map {
    fn of(function: &mut LocalFunction) -> Map {
        let mut map = Map::default();
        let entry = function.entry_block();
        let mut open = vec![entry];
        while let Some(seq) = open.pop() {
            map.sequences.push(seq);
            for (instr, _) in &mut function.block_mut(seq).instrs {
                children(instr, |seq| open.push(seq));
                targets(instr, |target| map.leaves_early |= *target == entry);
                match instr {
                    Instr::Return(_) => map.leaves_early = true,
                    Instr::Loop(r#loop) => map.loops.extend([r#loop.seq]),
                    Instr::Try(r#try) => map.handlers.extend(handlers(r#try)),
                    Instr::TryTable(_) => targets(instr, |target| map.landings.extend([*target])),
                    _ => {}
                }
            }
        }
        map
    }
}

/// The sequences that an instruction holds.
fn children(instr: &Instr, mut found: impl FnMut(InstrSeqId)) {
    match instr {
        Instr::Block(block) => found(block.seq),
        Instr::Loop(r#loop) => found(r#loop.seq),
        Instr::IfElse(r#if) => {
            found(r#if.consequent);
            found(r#if.alternative);
        }
        Instr::TryTable(table) => found(table.seq),
        Instr::Try(r#try) => {
            found(r#try.seq);
            handlers(r#try).for_each(found);
        }
        _ => {}
    }
}

fn handlers(r#try: &Try) -> impl Iterator<Item = InstrSeqId> {
    r#try.catches.iter().filter_map(|catch| match catch {
        LegacyCatch::Catch { handler, .. } | LegacyCatch::CatchAll { handler } => Some(*handler),
        LegacyCatch::Delegate { .. } => None,
    })
}

/// The sequences that an instruction may branch to. `rethrow` and `delegate` count blocks, and the block around a body takes
/// the function's place: their numbers stay right.
fn targets(instr: &mut Instr, mut found: impl FnMut(&mut InstrSeqId)) {
    match instr {
        Instr::Br(branch) => found(&mut branch.block),
        Instr::BrIf(branch) => found(&mut branch.block),
        Instr::BrOnNull(branch) => found(&mut branch.block),
        Instr::BrOnNonNull(branch) => found(&mut branch.block),
        Instr::BrOnCast(branch) => found(&mut branch.block),
        Instr::BrOnCastFail(branch) => found(&mut branch.block),
        Instr::BrTable(table) => {
            table.blocks.iter_mut().for_each(&mut found);
            found(&mut table.default);
        }
        Instr::TryTable(table) => {
            for catch in &mut table.catches {
                match catch {
                    TryTableCatch::Catch { label, .. }
                    | TryTableCatch::CatchRef { label, .. }
                    | TryTableCatch::CatchAll { label }
                    | TryTableCatch::CatchAllRef { label } => found(label),
                }
            }
        }
        _ => {}
    }
}
