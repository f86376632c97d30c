//! Allocators of every toolchain, found and counted right: guests that keep their own books agree with the hooks to the byte.

use std::collections::BTreeSet;
use std::fs;

use waspect_instrumenter::{Options, instrument};
use waspect_tests::{assets, parallel, wasi};

/// How often a guest takes or gives something.
const ROUNDS: i32 = 5_000;

/// A guest that counts its own allocations, and the families that are found in it.
const BOOKS: &[(&str, &[&str])] = &[
    // Zig's tool chain brings a wasi-libc whose `malloc` is Zig's own.
    ("books-c-debug", &["c", "zig"]),
    ("books-c", &["c", "zig"]),
    ("books-c-stripped", &["c"]),
    ("books-cpp-debug", &["c", "c++", "zig"]),
    ("books-cpp", &["c", "c++", "zig"]),
    ("books-mimalloc-debug", &["c", "mimalloc", "zig"]),
    ("books-mimalloc", &["c", "mimalloc", "zig"]),
    ("books-rust-wasip1-debug", &["c", "rust"]),
    ("books-rust-wasip1-release", &["c", "rust"]),
    ("books-rust-unknown-debug", &["rust"]),
    ("books-rust-unknown-release", &["rust"]),
    ("books-zig-debug", &["zig"]),
    ("books-zig", &["zig"]),
    ("books-as-debug", &["assemblyscript"]),
    ("books-as", &["assemblyscript"]),
    ("books-as-minimal", &["assemblyscript"]),
    ("books-as-stub", &["assemblyscript"]),
    ("books-as-stripped", &["assemblyscript"]),
    ("books-go", &["go"]),
    ("books-go-stripped", &["go"]),
    // The garbage collector's objects, which no function makes: written by hand.
    ("books-gc", &[]),
];

#[test]
fn what_hooks_count_is_what_the_guest_counted() {
    let engine = wasi::engine();
    let wrong = parallel::map(BOOKS, |&(name, families)| {
        let module = match name {
            "books-gc" => wat::parse_file(concat!(env!("CARGO_MANIFEST_DIR"), "/guests/wat/books-gc.wat")).unwrap(),
            name => fs::read(assets::guest(name)).expect("it can be read"),
        };
        let output = instrument(&module, &Options::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found: BTreeSet<&str> = output.plan.allocators.iter().map(|allocator| allocator.family).collect();
        if found != families.iter().copied().collect() {
            return Some(format!("{name}: found {found:?}, not {families:?}"));
        }
        let (books, heap) = match wasi::books(&engine, &module, &output.bytes, ROUNDS) {
            Ok(both) => both,
            Err(error) => return Some(format!("{name}: {error:#}")),
        };
        println!("{name:<28} {:>6} given, {:>9} bytes", books.given, books.given_bytes);
        let same = (books.given, books.given_bytes) == (heap.given, heap.given_bytes)
            && books.taken.is_none_or(|taken| taken == heap.taken)
            && books.live_bytes.is_none_or(|live_bytes| live_bytes == heap.live_bytes)
            && heap.unknown == 0;
        (!same).then(|| format!("{name}: its books say {books:?}, the hooks {heap:?}"))
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
