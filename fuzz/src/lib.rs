//! The bodies of the fuzz targets, the very files whose functions the unit tests run a hundred times (`tests/tests/robustness.rs`).
//!
//! By path and not by dependency: the tests' crate brings a runtime along, which no target needs.

#[path = "../../tests/src/bodies.rs"]
pub mod bodies;
#[path = "../../tests/src/features.rs"]
pub mod features;
#[path = "../../verify/src/random.rs"]
pub mod random;
#[path = "../../tests/src/smith.rs"]
pub mod smith;
