//! One function body: its bytes are copied between edits.

use std::ops::Range;

use wasm_encoder::{Encode, InstructionSink, ValType};
use wasmparser::{BinaryReader, FunctionBody, OperatorsReader, OperatorsReaderAllocations};
use waspect_abi::Hook;
use waspect_abi::manifest::Mode;

use super::hooks::{Frame, Hooks, Lap, Opening};
use super::layout::{Layout, Target};
use crate::code_map::{Move, Moves};
use crate::error::Place;
use crate::info::{Body, BodyFacts, ModuleInfo, Switching};
use crate::mutants::Mutant;
use crate::plan::Plan;
use crate::sites::{Site, Sites};
use crate::{Error, limits};

/// Some bodies, written.
pub(super) struct Run {
    /// Items of a code section.
    pub bytes: Vec<u8>,
    /// How their code moved, in offsets of [`bytes`](Run::bytes); empty unless somebody wants to know.
    pub moves: Vec<Move>,
}

/// Writes the bodies of some functions, as items of a code section.
pub(super) fn write_run(
    module: &[u8],
    info: &ModuleInfo,
    plan: &Plan,
    layout: &Layout,
    run: &[u32],
    wants_moves: bool,
) -> Result<Run, Error> {
    let bytes: usize = run.iter().map(|index| body_of(info, *index).range.len()).sum();
    let mut out = Vec::with_capacity(bytes + bytes / 4);
    let mut moves = Vec::new();
    let mut writer = BodyWriter::new(module, info, plan, layout);
    for index in run {
        writer.moves = wants_moves.then(Moves::default);
        writer.write(*index).map_err(|error| error.in_function(*index))?;
        let start = out.len();
        writer.out.as_slice().encode(&mut out);
        if let Some(body) = writer.moves.take() {
            let contents = out.len() - writer.out.len();
            moves.push(Move { from: size_start(module, info, *index), to: start as u32 });
            moves.extend(body.list.iter().map(|one| Move { from: one.from, to: one.to + contents as u32 }));
        }
    }
    Ok(Run { bytes: out, moves })
}

/// Where a body's size stands in the input. A number's last byte is the only one without the high bit, and what precedes it
/// (an `end`, or the last byte of the section's count) has none either.
fn size_start(module: &[u8], info: &ModuleInfo, index: u32) -> u32 {
    let mut start = body_of(info, index).range.start - 1;
    while module[start - 1] & 0x80 != 0 {
        start -= 1;
    }
    start as u32
}

fn body_of(info: &ModuleInfo, index: u32) -> &Body {
    info.functions[index as usize].body.as_ref().expect("a defined function has a body")
}

/// Writes one body after another into `out`.
struct BodyWriter<'a> {
    module: &'a [u8],
    info: &'a ModuleInfo,
    plan: &'a Plan,
    layout: &'a Layout,
    hooks: Hooks<'a>,
    sites: Sites,
    allocations: OperatorsReaderAllocations,
    /// One entry an open block: does a handler begin behind its end? Kept only where the body has handlers.
    landings: Vec<bool>,
    /// Where the `loop`s are that are handlers: offsets, ascending.
    loop_landings: Vec<usize>,
    out: Vec<u8>,
    /// Input bytes before this offset are in `out`, or replaced.
    copied: usize,
    /// Blocks that were injected so far: they number the labels behind them anew.
    injected_blocks: u32,
    /// The new number of each original label, where somebody asked.
    labels: Option<Vec<u32>>,
    /// How the code moved, where somebody asked.
    moves: Option<Moves>,
}

/// The new numbers of a body's labels, by old number: injected blocks have labels too.
pub(super) fn new_labels(
    module: &[u8],
    info: &ModuleInfo,
    plan: &Plan,
    layout: &Layout,
    index: u32,
) -> Option<Vec<u32>> {
    let mut writer = BodyWriter::new(module, info, plan, layout);
    writer.labels = Some(Vec::new());
    writer.write(index).ok()?;
    writer.labels
}

/// What a body gets.
#[derive(Clone, Copy)]
struct Job {
    index: u32,
    facts: BodyFacts,
    /// The locals of the frame, where the body has hooks.
    frame: Option<Frame>,
    /// How it is told as left and gone on with.
    told: Option<Switching>,
    /// The locals more of a function that is told as left or gone on with.
    lap: Option<Lap>,
    /// The first of the scratch locals of `memory.grow`: two for each width that the body uses.
    scratch_32: Option<u32>,
    scratch_64: Option<u32>,
    /// The ring's memory, where code of another instance can enter the function without a thunk.
    crossing: Option<u32>,
    /// The objects that the body makes are reported.
    news: bool,
    /// The scratch local for the length of an array, where one is needed.
    length: Option<u32>,
    /// What the body stands in.
    wrap: Wrap,
}

/// What a body stands in. Its label takes the function's label's place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrap {
    /// Nothing: it ends in one place.
    No,
    /// A `block`.
    Block,
    /// A `try_table` that catches everything (rule U5).
    TryTable,
}

impl<'a> BodyWriter<'a> {
    fn new(module: &'a [u8], info: &'a ModuleInfo, plan: &'a Plan, layout: &'a Layout) -> Self {
        BodyWriter {
            module,
            info,
            plan,
            layout,
            hooks: Hooks { layout, seed: plan.seed },
            sites: Sites::default(),
            allocations: OperatorsReaderAllocations::default(),
            landings: Vec::new(),
            loop_landings: Vec::new(),
            out: Vec::new(),
            copied: 0,
            injected_blocks: 0,
            labels: None,
            moves: None,
        }
    }

    fn write(&mut self, index: u32) -> Result<(), Error> {
        let body = body_of(self.info, index);
        let job = self.job(index, body.facts);
        self.out.clear();
        self.injected_blocks = 0;
        self.loop_landings.clear();
        if self.marks_handlers(&job) && body.facts.handles_in_loop {
            self.find_loop_landings(&body.range)?;
        }
        let reader = self.locals(&job, &body.range)?;
        self.prefix(&job);
        self.instructions(&job, reader)?;
        if self.out.len() > limits::BODY_BYTES_MAX {
            return Err(Error::Limit {
                place: Place::default(),
                what: "the body's size in bytes",
                value: self.out.len() as u64,
                max: limits::BODY_BYTES_MAX as u64,
                remedy: "use --mode counts, which moves no index, or --exclude it",
            });
        }
        Ok(())
    }

    fn job(&self, index: u32, facts: BodyFacts) -> Job {
        let hooked = self.plan.mode.has_hooks() && self.plan.is_hooked(index);
        let crossing = self.layout.ring().filter(|_| self.plan.crosses(index));
        let grows = self.plan.hooks_grow(self.info, index);
        let news = self.plan.hooks_new(self.info, index);
        let params = self.info.function_type(index).map_or(0, |r#type| r#type.params.len() as u32);
        let told = self.info.switching(index).filter(|_| hooked && self.plan.tells_stacks(self.info, index));
        let mut next = params + facts.locals;
        let mut place = |wanted: bool, count: u32| {
            wanted.then(|| {
                next += count;
                next - count
            })
        };
        Job {
            index,
            facts,
            frame: place(hooked, self.frame_locals()).map(Frame::at),
            lap: place(told == Some(Switching::Go), Lap::LOCALS).map(Lap::at),
            told,
            scratch_32: place(grows && facts.grows_32, 2),
            scratch_64: place(grows && facts.grows_64, 2),
            crossing,
            news,
            length: place(news && facts.news_sized, 1),
            wrap: match (hooked || crossing.is_some()) && facts.leaves_early && !self.plan.seed.is(Mutant::WrapMissed) {
                _ if hooked && self.plan.throws_on(self.info, index) => Wrap::TryTable,
                true => Wrap::Block,
                false => Wrap::No,
            },
        }
    }

    fn frame_locals(&self) -> u32 {
        self.layout.ring().map_or(Frame::LOCALS, |_| Frame::LOCALS_OF_RECORDS)
    }

    /// Copies the run-length groups of locals as they are and adds ours; never expands them. A last group of `i32` takes ours in.
    fn locals(&mut self, job: &Job, range: &Range<usize>) -> Result<BinaryReader<'a>, Error> {
        let mut locals = FunctionBody::new(self.reader(range)).get_locals_reader()?;
        let groups = locals.get_count();
        let start = locals.original_position() as usize;
        let (mut last_start, mut last) = (start, None);
        for _ in 0..groups {
            last_start = locals.original_position() as usize;
            last = Some(locals.read()?);
        }
        let instructions = locals.original_position() as usize;
        self.note_move(range.start);
        let lap = Lap::LOCALS * u32::from(job.lap.is_some());
        let frame = self.frame_locals() * u32::from(job.frame.is_some());
        let count_32 = frame + lap + 2 * u32::from(job.scratch_32.is_some());
        let count_64 = 2 * u32::from(job.scratch_64.is_some());
        let length = u32::from(job.length.is_some());
        let (kept, taken_in) = match last {
            Some((count, wasmparser::ValType::I32)) if count_32 > 0 => (last_start, Some(count)),
            _ => (instructions, None),
        };
        let ours = [(count_32 + taken_in.unwrap_or(0), ValType::I32), (count_64, ValType::I64), (length, ValType::I32)];
        let ours = ours.iter().filter(|(count, _)| *count > 0);
        (groups - u32::from(taken_in.is_some()) + ours.clone().count() as u32).encode(&mut self.out);
        self.out.extend_from_slice(&self.module[start..kept]);
        for (count, r#type) in ours {
            count.encode(&mut self.out);
            r#type.encode(&mut self.out);
        }
        self.copied = instructions;
        Ok(self.reader(&(instructions..range.end)))
    }

    fn reader(&self, range: &Range<usize>) -> BinaryReader<'a> {
        BinaryReader::new(&self.module[range.clone()], range.start as u64)
    }

    fn prefix(&mut self, job: &Job) {
        let block_type = (job.wrap != Wrap::No).then(|| self.layout.results(self.info, job.index));
        let mut sink = InstructionSink::new(&mut self.out);
        if let Some(ring) = job.crossing {
            self.injected_blocks += self.hooks.flush_in_company(&mut sink, ring);
        }
        match job.frame {
            Some(frame) => {
                let opening = match (job.told, self.info.switching(job.index)) {
                    (Some(switching), _) => Opening::ResumableTold(switching),
                    (None, Some(switching)) => Opening::Resumable(switching),
                    (None, None) => Opening::Enter,
                };
                self.injected_blocks += self.hooks.enter_gated(&mut sink, job.index, frame, opening);
            }
            None if self.plan.is_hooked(job.index) => match self.info.switching(job.index) {
                Some(switching) => self.hooks.count_beginning(&mut sink, job.index, switching),
                None => self.hooks.count(&mut sink, job.index),
            },
            None => {}
        }
        if let Some(block_type) = block_type {
            self.injected_blocks += match job.wrap {
                Wrap::TryTable => self.hooks.catch_all(&mut sink, block_type),
                Wrap::Block | Wrap::No => {
                    sink.block(block_type);
                    1
                }
            };
        }
    }

    fn instructions(&mut self, job: &Job, reader: BinaryReader<'a>) -> Result<(), Error> {
        let mut reader = OperatorsReader::new_with_allocs(reader, std::mem::take(&mut self.allocations));
        self.sites.reset();
        self.landings.clear();
        loop {
            let start = reader.original_position() as usize;
            let site = reader.visit_operator(&mut self.sites)?;
            if site != Site::Plain {
                let end = reader.original_position() as usize;
                self.site(job, site, start..end);
                if site == Site::FunctionEnd {
                    break;
                }
            }
        }
        self.allocations = reader.into_allocations();
        Ok(())
    }

    /// What stands at an offset of the input is about to be written.
    fn note_move(&mut self, from: usize) {
        if let Some(moves) = &mut self.moves {
            moves.note(from, self.out.len());
        }
    }

    /// Copies the input up to an offset.
    fn copy_to(&mut self, offset: usize) {
        self.note_move(self.copied);
        self.out.extend_from_slice(&self.module[self.copied..offset]);
        self.copied = offset;
    }

    fn site(&mut self, job: &Job, site: Site, at: Range<usize>) {
        match site {
            Site::Plain | Site::BranchOut | Site::CallDynamic | Site::Throw => {}
            Site::Open => self.open(job, false, at.end),
            Site::OpenLoop => self.open(job, self.loop_landings.binary_search(&at.start).is_ok(), at.end),
            Site::OpenTryTable => {
                self.mark_landings(job);
                self.open(job, false, 0);
            }
            Site::Resume => {
                self.mark_landings(job);
                self.unwind(job, at.end);
            }
            Site::Handler => self.unwind(job, at.end),
            Site::Close => {
                if job.facts.handlers > 0 && self.landings.pop() == Some(true) {
                    self.unwind(job, at.end);
                }
            }
            Site::FunctionEnd => self.function_end(job, at),
            Site::Return => self.r#return(job, at),
            Site::Call(callee) => self.call(job, callee, at),
            Site::TailCall(callee) => {
                self.copy_to(at.start);
                self.exit_before_tail_call(job);
                self.tail_call(job, callee, at);
            }
            Site::TailCallDynamic => {
                self.copy_to(at.start);
                self.exit_before_tail_call(job);
            }
            Site::RefFunc(function) => {
                let new = self.layout.reference(function);
                if new.0 != function && !self.plan.seed.is(Mutant::RefFuncMissed) {
                    self.copy_to(at.start);
                    InstructionSink::new(&mut self.out).ref_func(new.0);
                    self.copied = at.end;
                }
            }
            Site::Grow(memory) => self.grow(job, memory, at),
            Site::NewStruct(r#type) => self.new_object(job, r#type, at, None),
            Site::NewArrayFixed(r#type, length) => self.new_object(job, r#type, at, Some(length)),
            Site::NewArray(r#type) => self.new_array(job, r#type, at),
        }
    }

    fn open(&mut self, job: &Job, is_landing: bool, end: usize) {
        if let Some(labels) = &mut self.labels {
            labels.push(labels.len() as u32 + self.injected_blocks);
        }
        if job.facts.handlers > 0 {
            self.landings.push(false);
        }
        if is_landing {
            self.unwind(job, end);
        }
    }

    /// Marks the blocks that its clauses lead to: the handler begins behind their end. A loop's begins at its start, and
    /// the function's own label leads to the exit, which unwinds as well.
    fn mark_landings(&mut self, job: &Job) {
        if self.marks_handlers(job) {
            for label in &self.sites.clauses {
                if let Some(at) = self.landings.len().checked_sub(1 + *label as usize) {
                    self.landings[at] = true;
                }
            }
        }
    }

    /// Whether something is injected where a handler begins: in mode `ring` whatever the selection says (rule R8).
    fn marks_handlers(&self, job: &Job) -> bool {
        (job.frame.is_some() || self.layout.ring().is_some()) && job.facts.handlers > 0
    }

    fn unwind(&mut self, job: &Job, end: usize) {
        if !self.marks_handlers(job) || self.plan.seed.is(Mutant::UnwindMissed) {
            return;
        }
        self.copy_to(end);
        let mut sink = InstructionSink::new(&mut self.out);
        if let Some(ring) = self.layout.ring() {
            self.injected_blocks += self.hooks.flush_in_company(&mut sink, ring);
        }
        if let Some(frame) = job.frame {
            self.injected_blocks += self.hooks.unwind(&mut sink, job.index, frame);
        }
    }

    fn function_end(&mut self, job: &Job, at: Range<usize>) {
        self.copy_to(at.start);
        let mut sink = InstructionSink::new(&mut self.out);
        if job.wrap != Wrap::No {
            sink.end();
        }
        // A catch that leads to the function's own label ends here, without a handler.
        if let Some(ring) = self.layout.ring().filter(|_| job.facts.handlers > 0) {
            self.hooks.flush_in_company(&mut sink, ring);
        }
        if let Some(frame) = job.frame
            && !self.plan.seed.is(Mutant::ExitMissedAtEnd)
        {
            match (job.lap, job.told) {
                (Some(lap), _) => self.hooks.close_or_suspend(&mut sink, frame, lap),
                (None, Some(Switching::Asyncify(cells))) => self.hooks.close_or_save(&mut sink, frame, cells),
                (None, Some(Switching::Go) | None) => drop(self.hooks.exit(&mut sink, frame)),
            }
        }
        if let Some(ring) = job.crossing {
            self.hooks.flush_in_company(&mut sink, ring);
        }
        if let Some(frame) = job.frame.filter(|_| job.wrap == Wrap::TryTable) {
            self.hooks.caught(&mut sink);
            if let Some(ring) = self.layout.ring() {
                self.hooks.flush_in_company(&mut sink, ring);
            }
            if !self.plan.seed.is(Mutant::UnwoundMissed) {
                self.hooks.unwound(&mut sink, job.index, frame);
            }
            match self.plan.seed.is(Mutant::ThrownOnMissed) {
                true => sink.unreachable(),
                false => sink.throw_ref(),
            };
        }
        self.note_move(at.start);
        InstructionSink::new(&mut self.out).end();
        self.copied = at.end;
    }

    /// The block around the body takes the function's label's place, so every other branch stays as it is.
    fn r#return(&mut self, job: &Job, at: Range<usize>) {
        if job.wrap != Wrap::No && !self.plan.seed.is(Mutant::ExitMissedAtReturn) {
            self.copy_to(at.start);
            let short = u32::from(self.plan.seed.is(Mutant::ReturnDepthShort));
            InstructionSink::new(&mut self.out).br(self.sites.depth.saturating_sub(short));
            self.copied = at.end;
        }
    }

    fn call(&mut self, job: &Job, callee: u32, at: Range<usize>) {
        let counted_here = self.plan.mode == Mode::Counts && callee < self.info.imported_functions;
        if counted_here && self.plan.is_hooked(callee) {
            self.copy_to(at.start);
            let switching = self.info.switching(callee);
            self.hooks.count_import(&mut InstructionSink::new(&mut self.out), callee, switching);
            self.note_move(at.start);
        }
        if self.info.asks_for_stack(job.index, callee) && self.plan.is_hooked(job.index) {
            self.copy_to(at.start);
            let mut sink = InstructionSink::new(&mut self.out);
            self.hooks.uncount(&mut sink, job.index);
            if let Some(lap) = job.lap {
                sink.i32_const(1).local_set(lap.again);
            }
            self.note_move(at.start);
        }
        let target = self.layout.call(self.plan, job.index, callee);
        let off_by_one = self.plan.seed.is(Mutant::CallIndexOffByOne);
        match target {
            Target::Function(new) if off_by_one && new.0 > 0 => {
                self.copy_to(at.start);
                InstructionSink::new(&mut self.out).call(new.0 - 1);
                self.copied = at.end;
            }
            Target::Function(new) if new.0 == callee => {}
            Target::Function(new) => {
                self.copy_to(at.start);
                InstructionSink::new(&mut self.out).call(new.0);
                self.copied = at.end;
            }
            Target::Allocator(wrapper) => {
                self.copy_to(at.start);
                InstructionSink::new(&mut self.out).i32_const(job.index as i32);
                self.note_move(at.start);
                InstructionSink::new(&mut self.out).call(wrapper.0);
                self.copied = at.end;
            }
        }
    }

    /// The operands of the call stay on the stack.
    fn exit_before_tail_call(&mut self, job: &Job) {
        let mut sink = InstructionSink::new(&mut self.out);
        if let Some(frame) = job.frame
            && !self.plan.seed.is(Mutant::ExitMissedBeforeTailCall)
        {
            self.injected_blocks += self.hooks.exit(&mut sink, frame);
        }
        if let Some(ring) = job.crossing {
            self.injected_blocks += self.hooks.flush_in_company(&mut sink, ring);
        }
    }

    /// An import is jumped to raw: wrapped, a million of them would overflow the stack.
    fn tail_call(&mut self, job: &Job, callee: u32, at: Range<usize>) {
        if callee < self.info.imported_functions && self.plan.is_hooked(callee) {
            let switching = self.info.switching(callee);
            self.hooks.count_import(&mut InstructionSink::new(&mut self.out), callee, switching);
        }
        let target = self.layout.tail_call(self.plan, job.index, callee);
        if let Target::Allocator(_) = target {
            InstructionSink::new(&mut self.out).i32_const(job.index as i32);
        }
        self.note_move(at.start);
        let (Target::Function(new) | Target::Allocator(new)) = target;
        InstructionSink::new(&mut self.out).return_call(new.0);
        self.copied = at.end;
    }

    fn grow(&mut self, job: &Job, memory: u32, at: Range<usize>) {
        let is_64 = self.info.memories[memory as usize].is_64;
        let (scratch, hook) = if is_64 { (job.scratch_64, Hook::Grow64) } else { (job.scratch_32, Hook::Grow) };
        let Some(delta) = scratch else { return };
        let result = if self.plan.seed.is(Mutant::GrowResultLost) { delta } else { delta + 1 };
        self.copy_to(at.start);
        InstructionSink::new(&mut self.out).local_tee(delta);
        self.copy_to(at.end);
        let mut sink = InstructionSink::new(&mut self.out);
        sink.local_tee(delta + 1);
        self.hooks.id(&mut sink, job.index);
        sink.i32_const(memory as i32).local_get(delta).local_get(result);
        self.hooks.call(&mut sink, hook);
    }

    /// Reports an object that was made, whose size the instruction tells. The object stays on the stack.
    fn new_object(&mut self, job: &Job, r#type: u32, at: Range<usize>, length: Option<u32>) {
        if job.news {
            self.copy_to(at.end);
            let mut sink = InstructionSink::new(&mut self.out);
            if let Some(length) = length {
                sink.i32_const(length as i32);
            }
            sink.i32_const(job.index as i32).call(self.layout.object(r#type).0);
        }
    }

    /// Reports an array whose length is on top of the stack before it is made.
    fn new_array(&mut self, job: &Job, r#type: u32, at: Range<usize>) {
        let Some(length) = job.length else { return };
        self.copy_to(at.start);
        InstructionSink::new(&mut self.out).local_tee(length);
        self.copy_to(at.end);
        let mut sink = InstructionSink::new(&mut self.out);
        sink.local_get(length).i32_const(job.index as i32).call(self.layout.object(r#type).0);
    }

    /// A first walk through the few bodies with a handler in a loop: the loop stands before what leads to it.
    fn find_loop_landings(&mut self, range: &Range<usize>) -> Result<(), Error> {
        let mut reader = FunctionBody::new(self.reader(range)).get_operators_reader()?;
        let mut open: Vec<Option<usize>> = Vec::new();
        self.sites.reset();
        loop {
            let start = reader.original_position() as usize;
            let site = reader.visit_operator(&mut self.sites)?;
            if matches!(site, Site::OpenTryTable | Site::Resume) {
                let clauses = self.sites.clauses.iter();
                let landings = clauses.filter_map(|label| open[open.len().checked_sub(1 + *label as usize)?]);
                self.loop_landings.extend(landings);
            }
            match site {
                Site::Open | Site::OpenTryTable => open.push(None),
                Site::OpenLoop => open.push(Some(start)),
                Site::Close => drop(open.pop()),
                Site::FunctionEnd => break,
                _ => {}
            }
        }
        self.loop_landings.sort_unstable();
        self.loop_landings.dedup();
        Ok(())
    }
}
