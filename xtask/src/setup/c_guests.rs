//! Guests in C and C++, compiled by Zig: `ziglang` on PyPI is a whole tool chain with wasi-libc in one package.

use std::path::PathBuf;

use anyhow::Result;

use super::guests::{guest, source, zig};
use super::packages;
use crate::process::run_quietly;
use crate::stamp;

/// Builds those that are not built yet.
pub fn build_all() -> Result<()> {
    GUESTS.iter().try_for_each(CGuest::build)
}

/// A guest in C or C++.
#[derive(Debug)]
struct CGuest {
    name: &'static str,
    /// `cc` or `c++`.
    driver: &'static str,
    /// Below `tests/guests`.
    sources: &'static [&'static str],
    flags: &'static [&'static str],
    /// Sources that are not ours.
    foreign: Option<Foreign>,
}

/// Sources from a package: files relative to a folder that is searched for headers, too.
#[derive(Debug)]
struct Foreign {
    from: Origin,
    files: &'static [&'static str],
    includes: &'static [&'static str],
}

#[derive(Debug)]
enum Origin {
    /// A crate, its version, and a folder in it.
    Crate(&'static str, &'static str, &'static str),
    /// Zig's own library folder.
    Zig,
}

/// The standard exceptions (`exnref`), not the legacy ones that LLVM still makes by default.
const EXCEPTIONS: [&str; 3] = ["-mcpu=generic+exception_handling", "-mllvm", "-wasm-use-legacy-eh=false"];

const GUESTS: &[CGuest] = &[
    CGuest { name: "c-work", driver: "cc", sources: &["c/c-work.c"], flags: &[], foreign: None },
    CGuest { name: "c-trap", driver: "cc", sources: &["c/c-trap.c"], flags: &[], foreign: None },
    // Later flags win over those of all guests.
    CGuest { name: "c-trap-dwarf5", driver: "cc", sources: &["c/c-trap.c"], flags: &["-gdwarf-5"], foreign: None },
    CGuest {
        name: "c-trap-dwarf5-o0",
        driver: "cc",
        sources: &["c/c-trap.c"],
        flags: &["-gdwarf-5", "-O0"],
        foreign: None,
    },
    CGuest {
        name: "c-setjmp",
        driver: "cc",
        sources: &["c/c-setjmp.c", "c/exception-tags.s"],
        flags: &[EXCEPTIONS[0], EXCEPTIONS[1], EXCEPTIONS[2], "-mllvm", "-wasm-enable-sjlj"],
        foreign: None,
    },
    CGuest {
        name: "cpp-work",
        driver: "c++",
        sources: &["cpp/cpp-work.cpp"],
        flags: &["-fno-exceptions"],
        foreign: None,
    },
    // Zig builds libc++abi for Wasm without exceptions, but ships its sources: the three files that make them are added.
    CGuest {
        name: "cpp-exceptions",
        driver: "c++",
        sources: &["cpp/cpp-exceptions.cpp", "c/exception-tags.s"],
        flags: &[
            EXCEPTIONS[0],
            EXCEPTIONS[1],
            EXCEPTIONS[2],
            "-fwasm-exceptions",
            "-D_LIBCPP_BUILDING_LIBRARY",
            "-D_LIBCXXABI_HAS_NO_THREADS",
            "-D_LIBUNWIND_HIDE_SYMBOLS",
            "-Wno-everything",
        ],
        foreign: Some(Foreign {
            from: Origin::Zig,
            files: &[
                "libcxxabi/src/cxa_exception.cpp",
                "libcxxabi/src/cxa_personality.cpp",
                "libunwind/src/Unwind-wasm.c",
            ],
            includes: &["libcxxabi/include", "libcxx/src", "libunwind/include", "libunwind/src"],
        }),
    },
    CGuest {
        name: "sqlite",
        driver: "cc",
        sources: &["sqlite/main.c"],
        // Its lists are those of DWARF 5, QuickJS has those of DWARF 4.
        flags: &["-gdwarf-5", "-DSQLITE_THREADSAFE=0", "-DSQLITE_OMIT_LOAD_EXTENSION", "-Wno-everything"],
        foreign: Some(Foreign {
            from: Origin::Crate("libsqlite3-sys", "0.39.1", "sqlite3"),
            files: &["sqlite3.c"],
            includes: &["."],
        }),
    },
    CGuest {
        name: "quickjs",
        driver: "cc",
        sources: &["quickjs/main.c"],
        flags: &[
            "-std=gnu23",
            "--embed-dir=quickjs",
            "-D_GNU_SOURCE",
            "-D_WASI_EMULATED_SIGNAL",
            "-lwasi-emulated-signal",
            "-Wno-everything",
        ],
        foreign: Some(Foreign {
            from: Origin::Crate("rquickjs-sys", "0.14.0", "quickjs"),
            files: &["quickjs.c", "libregexp.c", "libunicode.c", "dtoa.c"],
            includes: &["."],
        }),
    },
    CGuest { name: "books-c-debug", driver: "cc", sources: &[BOOKS], flags: &[REACTOR, "-O0"], foreign: None },
    CGuest { name: "books-c", driver: "cc", sources: &[BOOKS], flags: &[REACTOR], foreign: None },
    // Stripped, with the allocator exported, as modules are that take texts from their host.
    CGuest {
        name: "books-c-stripped",
        driver: "cc",
        sources: &[BOOKS],
        flags: &[
            REACTOR,
            "-s",
            "-Wl,--export=malloc",
            "-Wl,--export=calloc",
            "-Wl,--export=realloc",
            "-Wl,--export=aligned_alloc",
            "-Wl,--export=posix_memalign",
            "-Wl,--export=free",
        ],
        foreign: None,
    },
    CGuest {
        name: "books-cpp-debug",
        driver: "c++",
        sources: &["allocators/books.cpp"],
        flags: &[REACTOR, "-fno-exceptions", "-O0"],
        foreign: None,
    },
    CGuest {
        name: "books-cpp",
        driver: "c++",
        sources: &["allocators/books.cpp"],
        flags: &[REACTOR, "-fno-exceptions"],
        foreign: None,
    },
    CGuest {
        name: "books-mimalloc-debug",
        driver: "cc",
        sources: &[BOOKS],
        flags: &[REACTOR, "-DALLOCATOR(name)=mi_##name", "-O0", "-Wno-everything"],
        foreign: Some(MIMALLOC),
    },
    CGuest {
        name: "books-mimalloc",
        driver: "cc",
        sources: &[BOOKS],
        flags: &[REACTOR, "-DALLOCATOR(name)=mi_##name", "-Wno-everything"],
        foreign: Some(MIMALLOC),
    },
];

/// Takes memory from the allocator under test, and counts.
const BOOKS: &str = "allocators/books.c";

/// A module of functions that the host calls, without a `main`.
const REACTOR: &str = "-mexec-model=reactor";

const MIMALLOC: Foreign = Foreign {
    from: Origin::Crate("libmimalloc-sys", "0.1.49", "c_src/mimalloc/v2"),
    files: &["src/static.c"],
    includes: &["include"],
};

impl CGuest {
    fn build(&self) -> Result<()> {
        let folder = source(self.sources[0]).parent().expect("a source has a folder").to_owned();
        let inputs = [folder, source("c/exception-tags.s")];
        stamp::once(&format!("guest-{}", self.name), &format!("{self:?}"), &inputs, &[guest(self.name)], || {
            self.compile()
        })
    }

    fn compile(&self) -> Result<()> {
        let mut command = zig();
        command.args([self.driver, "--target=wasm32-wasi", "-O2", "-g", "-o"]).arg(guest(self.name)).args(self.flags);
        command.args(self.sources);
        if let Some(foreign) = &self.foreign {
            let folder = foreign.folder()?;
            command.args(foreign.includes.iter().map(|include| format!("-I{}", folder.join(include).display())));
            command.args(foreign.files.iter().map(|file| folder.join(file)));
        }
        run_quietly(&mut command)
    }
}

impl Foreign {
    fn folder(&self) -> Result<PathBuf> {
        match self.from {
            Origin::Crate(name, version, folder) => Ok(packages::krate(name, version)?.join(folder)),
            Origin::Zig => Ok(packages::site_packages()?.join("ziglang/lib")),
        }
    }
}
