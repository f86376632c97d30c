//! The programs that tests run under WASI preview 1: guests of ours, and real modules that no one here wrote.

use std::path::PathBuf;

use crate::assets;
use crate::wasi::Drive;

/// What runs, and how: guests of ours and real modules.
pub fn all() -> Vec<(&'static str, Drive<'static>)> {
    vec![
        ("fib", Drive::Invoke("fib", 32)),
        ("rust-work", Drive::Command(&[])),
        ("rust-trap", Drive::Command(&[])),
        ("c-work", Drive::Command(&[])),
        ("c-trap", Drive::Command(&[])),
        ("c-setjmp", Drive::Command(&[])),
        ("cpp-work", Drive::Command(&[])),
        ("cpp-exceptions", Drive::Command(&[])),
        ("go-work", Drive::Command(&[])),
        ("go-lanes", Drive::Command(&[])),
        ("zig-work", Drive::Command(&[])),
        ("as-work", Drive::Command(&[])),
        ("go-work-stripped", Drive::Command(&[])),
        ("sqlite", Drive::Command(&["200"])),
        ("quickjs", Drive::Command(&["1"])),
        ("micropython", Drive::Command(&["-c", PYTHON])),
        ("qjs-reactor", Drive::QuickJs(&["-e", JAVASCRIPT])),
        ("pii-shield", Drive::PiiShield(&TEXTS)),
    ]
}

/// The guest or the real module of that name.
#[track_caller]
pub fn find(name: &str) -> PathBuf {
    let guest = assets::folder("guests").join(format!("{name}.wasm"));
    if guest.exists() { guest } else { assets::module(name) }
}

/// A program for micropython: calls, exceptions, closures, big integers, sorting, formatting.
const PYTHON: &str = "
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
class Account:
    def __init__(self): self.lines = []
    def pay(self, cents):
        if cents < 0: raise ValueError('negative')
        self.lines.append(cents)
a = Account()
caught = 0
for i in range(500):
    try: a.pay(i * 7 % 13 - 3)
    except ValueError: caught += 1
print(fib(15), caught, sum(sorted(a.lines)), 2 ** 200 % 1000007)
print(sorted({str(i): i * i for i in range(50)}.items())[:3])
";

/// A program for the QuickJS reactor.
const JAVASCRIPT: &str = "
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
let caught = 0;
for (let i = 0; i < 200; i++) try { if (i % 3) throw new Error('x' + i); } catch (e) { caught++; }
console.log(fib(15), caught, JSON.stringify([...'waspect'].sort()), 'a-b-c'.replace(/-(.)/g, (m, c) => c.toUpperCase()));
";

/// Texts with something to hide, for pii-shield.
const TEXTS: [&str; 3] =
    ["user=alice password=Xk29-sPq81-zzTq", "card 4111 1111 1111 1111 was charged", "nothing to see here"];
