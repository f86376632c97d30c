//! The functions that are added around original ones: the start function, host calls, boundaries, references.

use std::collections::HashMap;

use ::walrus::ir::{InstrSeqType, ThrowRef, TryTable, TryTableCatch};
use ::walrus::{FunctionBuilder, FunctionId, InstrSeqBuilder, LocalId, Module, RefType, ValType};
use waspect_abi::{ABI_VERSION, Hook};

use super::counters::Counters;
use super::hooks::Hooks;
use super::originals::place;
use super::{Error, Originals, allocators};
use crate::info::ModuleInfo;
use crate::plan::{Boundary, Entry, Plan};

/// Makes the functions that mode `calls` adds.
pub(super) struct Making<'a> {
    pub module: &'a mut Module,
    pub originals: &'a Originals,
    pub info: &'a ModuleInfo,
    pub plan: &'a Plan,
    pub counters: &'a Counters,
    pub hooks: &'a Hooks,
}

/// By the function that is replaced, what replaces it.
pub(super) type Replacements = HashMap<FunctionId, FunctionId>;

impl Making<'_> {
    /// For each hooked import, a function that calls it between `enter` and `exit` (rule C5).
    pub fn host_calls(&mut self) -> Replacements {
        let hooked: Vec<u32> = (0..self.info.imported_functions).filter(|index| self.plan.is_hooked(*index)).collect();
        let around = |making: &mut Self, index| {
            let callee = making.originals.functions[index as usize];
            let call = |seq: &mut InstrSeqBuilder<'_>| {
                seq.call(callee);
            };
            (callee, making.around(index, "host", Some(index), (Hook::Enter, Hook::Exit), call))
        };
        hooked.into_iter().map(|index| around(self, index)).collect()
    }

    /// For each allocator, a function that reports what it gives or takes; the caller is its last parameter.
    pub fn allocators(&mut self) -> Replacements {
        let mut made = Replacements::new();
        for allocator in &self.plan.allocators {
            let original = self.originals.functions[allocator.index as usize];
            let (mut params, results) = self.signature(original);
            let args: Vec<LocalId> = params.iter().map(|r#type| self.module.locals.add(*r#type)).collect();
            let caller = self.module.locals.add(ValType::I32);
            params.push(ValType::I32);
            let mut builder = FunctionBuilder::new(&mut self.module.types, &params, &results);
            self.name(&mut builder, "alloc", allocator.index);
            let report = allocators::Report::new(self, allocator, original, &args, caller);
            report.write(&mut builder.func_body());
            let wrapper = builder.finish([&args[..], &[caller]].concat(), &mut self.module.funcs);
            made.insert(original, wrapper);
        }
        made
    }

    /// For each allocator whose address is taken, the function that stands for it wherever that happens.
    pub fn references(&mut self, allocators: &Replacements) -> Result<Replacements, Error> {
        let mut made = Replacements::new();
        for allocator in self.plan.allocators.iter().filter(|allocator| allocator.entry == Entry::Reference) {
            let index = allocator.index;
            let original = self.originals.functions[index as usize];
            let wrapper = allocators[&original];
            let entry = self.wrap(index, "entry", |seq, args| {
                get_all(seq, args);
                seq.i32_const(index as i32).call(wrapper);
            });
            self.same_type(index, entry, "the function that stands for it")?;
            made.insert(original, entry);
        }
        Ok(made)
    }

    /// For each exported function that is none else's business, a function that calls it between `begin` and `end` (B1). An
    /// allocator that is called so has no known caller (A1).
    pub fn thunks(&mut self, allocators: &Replacements) -> Result<Replacements, Error> {
        let mut made = Replacements::new();
        for (index, _) in (0u32..).zip(&self.plan.functions).filter(|(_, plan)| plan.boundary == Boundary::Thunk) {
            let original = self.originals.functions[index as usize];
            let wrapper = allocators.get(&original).copied();
            let call = |seq: &mut InstrSeqBuilder<'_>| {
                match wrapper {
                    Some(wrapper) => seq.i32_const(index as i32).call(wrapper),
                    None => seq.call(original),
                };
            };
            let thunk = self.around(index, "boundary", None, (Hook::Begin, Hook::End), call);
            self.same_type(index, thunk, "its boundary")?;
            made.insert(original, thunk);
        }
        Ok(made)
    }

    /// `module`, then the original start function as a call from the host.
    pub fn start(&mut self) -> FunctionId {
        let token = self.module.locals.add(ValType::I32);
        let mut builder = FunctionBuilder::new(&mut self.module.types, &[], &[]);
        if self.info.has_names {
            builder.name("waspect.start".to_string());
        }
        let mut seq = builder.func_body();
        let (high, low) = self.plan.build.halves();
        seq.i32_const(ABI_VERSION as i32).i32_const(high as i32).i32_const(low as i32);
        seq.i32_const(self.info.functions.len() as i32).call(self.hooks.function(Hook::Module));
        seq.global_set(self.hooks.base);
        if let Some(start) = self.info.start {
            self.hooks.open(&mut seq, Hook::Begin, start, token);
            seq.call(self.originals.functions[start as usize]);
            self.hooks.close(&mut seq, Hook::End, token);
        }
        builder.finish(Vec::new(), &mut self.module.funcs)
    }

    /// A function of the same type that calls the original one between two hooks, and counts first where that is asked.
    fn around(
        &mut self,
        index: u32,
        what: &str,
        counted: Option<u32>,
        (open, close): (Hook, Hook),
        call: impl FnOnce(&mut InstrSeqBuilder<'_>),
    ) -> FunctionId {
        let token = self.module.locals.add(ValType::I32);
        let (counters, hooks) = (self.counters, self.hooks);
        let saved = hooks.asyncify.filter(|_| open == Hook::Enter);
        let throws_on = (open == Hook::Enter && self.plan.throws_on(self.info, index)).then(|| {
            let (_, results) = self.signature(self.originals.functions[index as usize]);
            InstrSeqType::new(&mut self.module.types, &[], &results)
        });
        self.wrap(index, what, |seq, args| {
            match (counted, saved) {
                (Some(counted), Some(saved)) => counters.count_unless_rewinding(seq, counted, saved.state),
                (Some(counted), None) => counters.count(seq, counted),
                (None, _) => {}
            }
            match saved {
                Some(saved) => hooks.open_or_rewind(seq, index, token, saved),
                None => hooks.open(seq, open, index, token),
            }
            let close = |seq: &mut InstrSeqBuilder<'_>| match saved {
                Some(saved) => hooks.close_or_save(seq, token, saved),
                None => hooks.close(seq, close, token),
            };
            match throws_on {
                Some(results) => {
                    seq.block(ValType::Ref(RefType::EXNREF), |caught| {
                        let mut body = caught.dangling_instr_seq(results);
                        get_all(&mut body, args);
                        call(&mut body);
                        let (seq, label) = (body.id(), caught.id());
                        caught.instr(TryTable { seq, catches: vec![TryTableCatch::CatchAllRef { label }] });
                        close(caught);
                        caught.return_();
                    });
                    hooks.close(seq, Hook::Unwound, token);
                    seq.instr(ThrowRef {});
                }
                None => {
                    get_all(seq, args);
                    call(seq);
                    close(seq);
                }
            }
        })
    }

    /// A function with the parameters and results of an original one.
    fn wrap(&mut self, index: u32, what: &str, write: impl FnOnce(&mut InstrSeqBuilder<'_>, &[LocalId])) -> FunctionId {
        let (params, results) = self.signature(self.originals.functions[index as usize]);
        let args: Vec<LocalId> = params.iter().map(|r#type| self.module.locals.add(*r#type)).collect();
        let mut builder = FunctionBuilder::new(&mut self.module.types, &params, &results);
        self.name(&mut builder, what, index);
        write(&mut builder.func_body(), &args);
        builder.finish(args, &mut self.module.funcs)
    }

    fn signature(&self, function: FunctionId) -> (Vec<ValType>, Vec<ValType>) {
        let (params, results) = self.module.types.params_results(self.module.funcs.get(function).ty());
        (params.to_vec(), results.to_vec())
    }

    /// Names what is added, in modules that have names.
    fn name(&self, builder: &mut FunctionBuilder, what: &str, index: u32) {
        if self.info.has_names {
            let original = match self.info.function_name(index) {
                name if name.is_empty() => format!("func[{index}]"),
                name => name,
            };
            builder.name(format!("waspect.{what}:{original}"));
        }
    }

    /// What a host or a `call_indirect` sees must have the original's very type.
    fn same_type(&self, index: u32, made: FunctionId, what: &'static str) -> Result<(), Error> {
        let original = self.module.funcs.get(self.originals.functions[index as usize]).ty();
        match self.module.funcs.get(made).ty() == original {
            true => Ok(()),
            false => Err(Error::Type { place: place(self.info, index), what }),
        }
    }
}

pub(super) fn get_all(seq: &mut InstrSeqBuilder<'_>, args: &[LocalId]) {
    for arg in args {
        seq.local_get(*arg);
    }
}
