//! Independent opinions on what a module's events are: the walrus backend, and wazero, which watches the module that nobody
//! rewrote.

pub mod page;
pub mod program;
pub mod suite;
pub mod walrus;
pub mod wazero;
