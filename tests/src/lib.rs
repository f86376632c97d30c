//! .
pub mod assets;
