//! The WebAssembly spec suite, run before and after instrumentation.

pub mod corpus;
pub mod judge;
pub mod script;
pub mod spectest;
pub mod values;
