//! What Wasmtime does to a guest, and what is then seen of it. One binary: Wasmtime is slow to link.

mod conformance;
mod counters;
mod dying;
mod endings;
mod exact_unwind;
mod exporting;
mod governor;
mod parents;
mod providers;
mod ring;
mod shapes;
mod support;
mod threads;
