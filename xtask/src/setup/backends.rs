//! Real back ends, built from pinned Go modules: there is no other way to have them without Docker.

use anyhow::Result;

use super::go;

/// A folder of `tests/backends`, which is also the program's name, and the package to build in it.
const BACK_ENDS: &[(&str, &str)] =
    &[("otelcol", "."), ("exposition", "."), ("jaeger", "github.com/jaegertracing/jaeger/cmd/jaeger")];

/// Builds those that are not built yet. From nothing it takes minutes, most of them Jaeger's.
pub fn set_up() -> Result<()> {
    BACK_ENDS.iter().try_for_each(|(name, package)| go::build(name, &format!("backends/{name}"), package))
}
