//! The allocators that Waspect knows: who gives memory and who takes it back, by name and signature. A table, no logic.
//!
//! Names are demangled ones. A `*` stands for anything. In signatures `p` is an address or a size (`i32`, or
//! `i64` where the first memory is indexed by `i64`), `i` is an `i32`, and `*` at the end stands for any further parameters.

use super::Shape;
use super::Shape::{Free, Give, GiveInto, GoGive, Resize};

/// Allocator functions that belong together.
pub(super) struct Family {
    /// What it is called in the manifest.
    pub name: &'static str,
    /// Memory is collected, not freed (rule A6).
    pub collected: bool,
    /// What the family's functions do for others: see [`Part`].
    pub part: Part,
    /// The functions that are reported.
    pub members: &'static [Member],
    /// Functions inside: their calls of allocators are not reported, nor are calls of them.
    pub kin: &'static [&'static str],
}

/// A family's part among the allocators of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It keeps the memory: who gets or gives any back comes here.
    Keeper,
    /// Doors for the host, before a keeper: the module's own code does not pass them. Without the keeper's names only what the
    /// host takes is seen, and not that the module frees it.
    Door,
    /// Doors whose names say nothing, such as `__wbindgen_export_3`: believed only if exactly one function fits each member,
    /// and calls no function that it was given.
    NamelessDoor,
}

/// Functions of one family with the same shape.
pub(super) struct Member {
    pub names: &'static [&'static str],
    pub signature: &'static str,
    pub shape: Shape,
}

const fn member(names: &'static [&'static str], signature: &'static str, shape: Shape) -> Member {
    Member { names, signature, shape }
}

const SIZE_FIRST: Shape = Give { count: None, size: 0 };
const SIZE_SECOND: Shape = Give { count: None, size: 1 };
const COUNTED: Shape = Give { count: Some(0), size: 1 };

/// What the options name.
pub(super) const TOLD: Family = Family { name: "told", collected: false, part: Part::Keeper, members: &[], kin: &[] };

/// Every family. Where a name is in two, the first whose signature fits wins.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "c",
        collected: false,
        part: Part::Keeper,
        members: &[
            member(&["malloc", "dlmalloc", "__libc_malloc", "emscripten_builtin_malloc"], "p:p", SIZE_FIRST),
            member(&["calloc", "dlcalloc", "__libc_calloc", "emscripten_builtin_calloc"], "pp:p", COUNTED),
            member(
                &["realloc", "dlrealloc", "__libc_realloc", "emscripten_builtin_realloc"],
                "pp:p",
                Resize { old: 0, size: 1 },
            ),
            member(
                &["memalign", "dlmemalign", "aligned_alloc", "__libc_memalign", "emscripten_builtin_memalign"],
                "pp:p",
                SIZE_SECOND,
            ),
            member(&["posix_memalign", "dlposix_memalign"], "ppp:i", GiveInto { at: 0, size: 2 }),
            member(&["valloc", "pvalloc"], "p:p", SIZE_FIRST),
            member(&["free", "dlfree", "__libc_free", "emscripten_builtin_free", "cfree"], "p:", Free { old: 0 }),
        ],
        kin: &["internal_memalign", "dispose_chunk", "prepend_alloc", "tmalloc_*", "try_realloc_chunk", "sys_alloc"],
    },
    Family {
        name: "emmalloc",
        collected: false,
        part: Part::Keeper,
        members: &[
            member(&["emmalloc_malloc"], "p:p", SIZE_FIRST),
            member(&["emmalloc_calloc"], "pp:p", COUNTED),
            member(&["emmalloc_memalign", "emmalloc_aligned_alloc"], "pp:p", SIZE_SECOND),
            member(&["emmalloc_realloc"], "pp:p", Resize { old: 0, size: 1 }),
            member(&["emmalloc_aligned_realloc"], "ppp:p", Resize { old: 0, size: 2 }),
            member(&["emmalloc_posix_memalign"], "ppp:i", GiveInto { at: 0, size: 2 }),
            member(&["emmalloc_free"], "p:", Free { old: 0 }),
        ],
        kin: &["emmalloc_*", "allocate_memory", "attempt_allocate", "claim_more_memory"],
    },
    Family {
        name: "mimalloc",
        collected: false,
        part: Part::Keeper,
        members: &[
            member(&["mi_malloc", "mi_zalloc", "mi_malloc_small", "mi_zalloc_small", "mi_new"], "p:p", SIZE_FIRST),
            member(&["mi_malloc_aligned", "mi_zalloc_aligned"], "pp:p", SIZE_FIRST),
            member(&["mi_memalign", "mi_aligned_alloc"], "pp:p", SIZE_SECOND),
            member(&["mi_calloc", "mi_mallocn"], "pp:p", COUNTED),
            member(&["mi_realloc", "mi_reallocf", "mi_rezalloc"], "pp:p", Resize { old: 0, size: 1 }),
            member(&["mi_realloc_aligned"], "ppp:p", Resize { old: 0, size: 1 }),
            member(&["mi_posix_memalign"], "ppp:i", GiveInto { at: 0, size: 2 }),
            member(&["mi_free", "mi_cfree"], "p:", Free { old: 0 }),
            member(&["mi_free_size", "mi_free_aligned"], "pp:", Free { old: 0 }),
        ],
        kin: &["mi_*", "_mi_*"],
    },
    Family {
        name: "c++",
        collected: false,
        part: Part::Keeper,
        members: &[
            member(&["operator new(unsigned *", "operator new[](unsigned *"], "p:p", SIZE_FIRST),
            member(&["operator new(unsigned *", "operator new[](unsigned *"], "pp:p", SIZE_FIRST),
            member(&["operator new(unsigned *", "operator new[](unsigned *"], "ppp:p", SIZE_FIRST),
            member(&["operator delete(void*)*", "operator delete[](void*)*"], "p:", Free { old: 0 }),
            member(&["operator delete(void*, *", "operator delete[](void*, *"], "pp:", Free { old: 0 }),
            member(&["operator delete(void*, *", "operator delete[](void*, *"], "ppp:", Free { old: 0 }),
        ],
        kin: &["operator_new_impl*", "std::__libcpp_*allocate*", "std::__1::__libcpp_*allocate*"],
    },
    Family {
        name: "rust",
        collected: false,
        part: Part::Keeper,
        members: &[
            member(
                &[
                    "__rust_alloc",
                    "__rust_alloc_zeroed",
                    "__rdl_alloc",
                    "__rdl_alloc_zeroed",
                    "__rg_alloc",
                    "__rg_alloc_zeroed",
                ],
                "pp:p",
                SIZE_FIRST,
            ),
            member(&["__rust_dealloc", "__rdl_dealloc", "__rg_dealloc"], "ppp:", Free { old: 0 }),
            member(&["__rust_realloc", "__rdl_realloc", "__rg_realloc"], "pppp:p", Resize { old: 0, size: 3 }),
            // The optimiser often drops the receiver, a constant.
            member(
                &["<dlmalloc::dlmalloc::Dlmalloc<A>>::malloc", "dlmalloc::dlmalloc::Dlmalloc<A>::malloc"],
                "p:p",
                SIZE_FIRST,
            ),
            member(
                &["<dlmalloc::dlmalloc::Dlmalloc<A>>::malloc", "dlmalloc::dlmalloc::Dlmalloc<A>::malloc"],
                "pp:p",
                SIZE_SECOND,
            ),
            member(
                &["<dlmalloc::dlmalloc::Dlmalloc<A>>::free", "dlmalloc::dlmalloc::Dlmalloc<A>::free"],
                "p:",
                Free { old: 0 },
            ),
            member(
                &["<dlmalloc::dlmalloc::Dlmalloc<A>>::free", "dlmalloc::dlmalloc::Dlmalloc<A>::free"],
                "pp:",
                Free { old: 1 },
            ),
            member(
                &["<dlmalloc::dlmalloc::Dlmalloc<A>>::realloc", "dlmalloc::dlmalloc::Dlmalloc<A>::realloc"],
                "pp:p",
                Resize { old: 0, size: 1 },
            ),
            member(
                &["<dlmalloc::dlmalloc::Dlmalloc<A>>::realloc", "dlmalloc::dlmalloc::Dlmalloc<A>::realloc"],
                "ppp:p",
                Resize { old: 1, size: 2 },
            ),
            member(
                &["<dlmalloc::dlmalloc::Dlmalloc<A>>::memalign", "dlmalloc::dlmalloc::Dlmalloc<A>::memalign"],
                "pp:p",
                SIZE_SECOND,
            ),
            member(
                &["<dlmalloc::dlmalloc::Dlmalloc<A>>::memalign", "dlmalloc::dlmalloc::Dlmalloc<A>::memalign"],
                "ppp:p",
                Give { count: None, size: 2 },
            ),
        ],
        // Whoever implements the allocator's trait stands between these and what it takes from.
        kin: &[
            "<dlmalloc::*",
            "dlmalloc::*",
            "__rust_*",
            "__rdl_*",
            "__rg_*",
            "<* as core::alloc::global::GlobalAlloc>::*",
            "std::sys::alloc::*",
            "std::alloc::System::*",
            "<std::alloc::System*",
        ],
    },
    Family {
        name: "wasm-bindgen",
        collected: false,
        part: Part::Door,
        members: &[
            member(&["__wbindgen_malloc"], "p:p", SIZE_FIRST),
            member(&["__wbindgen_malloc"], "pp:p", SIZE_FIRST),
            member(&["__wbindgen_realloc"], "ppp:p", Resize { old: 0, size: 2 }),
            member(&["__wbindgen_realloc"], "pppp:p", Resize { old: 0, size: 2 }),
            member(&["__wbindgen_free"], "pp:", Free { old: 0 }),
            member(&["__wbindgen_free"], "ppp:", Free { old: 0 }),
        ],
        kin: &[],
    },
    // wasm-bindgen renames what only its own JavaScript calls. The callers of closures get such names as well and may have
    // the same types, but they call what they were given; its other helpers have other types.
    Family {
        name: "wasm-bindgen",
        collected: false,
        part: Part::NamelessDoor,
        members: &[
            member(&["__wbindgen_export*"], "pp:p", SIZE_FIRST),
            member(&["__wbindgen_export*"], "pppp:p", Resize { old: 0, size: 2 }),
        ],
        kin: &[],
    },
    Family {
        name: "canonical-abi",
        collected: false,
        part: Part::Door,
        members: &[member(
            &[
                "cabi_realloc",
                "cabi_realloc_wit_bindgen*",
                "canonical_abi_realloc",
                "cabi_import_realloc",
                "cabi_export_realloc",
            ],
            "pppp:p",
            Resize { old: 0, size: 3 },
        )],
        kin: &[],
    },
    Family {
        name: "go",
        collected: true,
        part: Part::Keeper,
        members: &[member(&["runtime.mallocgc*"], "i:i", GoGive)],
        kin: &[],
    },
    Family {
        name: "tinygo",
        collected: true,
        part: Part::Keeper,
        members: &[
            // The optimiser drops the layout where the collector is conservative.
            member(&["runtime.alloc"], "p:p", SIZE_FIRST),
            member(&["runtime.alloc"], "pp:p", SIZE_FIRST),
            member(&["runtime.alloc"], "ppp:p", SIZE_FIRST),
        ],
        kin: &["runtime.alloc*"],
    },
    Family {
        name: "assemblyscript",
        collected: true,
        part: Part::Keeper,
        members: &[
            member(
                &["__new", "~lib/rt/itcms/__new", "~lib/rt/tcms/__new", "~lib/rt/stub/__new", "~lib/rt/__new"],
                "pi:p",
                SIZE_FIRST,
            ),
            member(&["__alloc", "~lib/rt/tlsf/__alloc", "~lib/rt/stub/__alloc", "~lib/rt/__alloc"], "p:p", SIZE_FIRST),
            member(&["__alloc", "~lib/rt/__alloc"], "pi:p", SIZE_FIRST),
        ],
        kin: &["~lib/rt/*"],
    },
    Family {
        name: "zig",
        collected: false,
        part: Part::Keeper,
        members: &[
            member(&["c.malloc.malloc"], "p:p", SIZE_FIRST),
            member(&["c.malloc.calloc"], "pp:p", COUNTED),
            member(&["c.malloc.realloc"], "pp:p", Resize { old: 0, size: 1 }),
            member(&["c.malloc.aligned_alloc", "c.malloc.memalign"], "pp:p", SIZE_SECOND),
            member(&["c.malloc.posix_memalign"], "ppp:i", GiveInto { at: 0, size: 2 }),
            member(&["c.malloc.free"], "p:", Free { old: 0 }),
            // `wasm_allocator`, behind a table. Its `resize` keeps the address and the slot: it gives and takes nothing.
            member(&["heap.BrkAllocator.alloc", "heap.WasmAllocator.alloc"], "pppp:p", SIZE_SECOND),
            member(&["heap.BrkAllocator.remap", "heap.WasmAllocator.remap"], "pppppp:p", Resize { old: 1, size: 4 }),
            member(&["heap.BrkAllocator.free", "heap.WasmAllocator.free"], "ppppp:", Free { old: 1 }),
            // In debug builds an error trace goes first.
            member(&["heap.BrkAllocator.alloc", "heap.WasmAllocator.alloc"], "ppppp:p", Give { count: None, size: 2 }),
            member(&["heap.BrkAllocator.remap", "heap.WasmAllocator.remap"], "ppppppp:p", Resize { old: 2, size: 5 }),
            member(&["heap.BrkAllocator.free", "heap.WasmAllocator.free"], "pppppp:", Free { old: 2 }),
        ],
        kin: &["c.malloc.*", "heap.BrkAllocator.*", "heap.WasmAllocator.*"],
    },
    Family {
        name: "php",
        collected: false,
        part: Part::Keeper,
        members: &[
            member(&["_emalloc", "_emalloc_large", "_emalloc_huge"], "p:p", SIZE_FIRST),
            member(&["_ecalloc"], "pp:p", COUNTED),
            member(&["_erealloc"], "pp:p", Resize { old: 0, size: 1 }),
            member(&["_erealloc2"], "ppp:p", Resize { old: 0, size: 1 }),
            member(&["_efree", "_efree_large", "_efree_huge"], "p:", Free { old: 0 }),
        ],
        kin: &["_e*alloc*", "_efree*", "_zend_mm_*", "zend_mm_*"],
    },
];
