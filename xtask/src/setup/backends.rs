//! Real back ends, built from pinned Go modules: there is no other way to have them without Docker.

use std::path::PathBuf;

use anyhow::Result;

use super::{go, packages};

/// A folder of `tests/backends`, which is also the program's name, and the package to build in it.
const BACK_ENDS: &[(&str, &str)] =
    &[("otelcol", "."), ("exposition", "."), ("jaeger", "github.com/jaegertracing/jaeger/cmd/jaeger")];

/// Builds those that are not built yet. From nothing it takes minutes, most of them Jaeger's.
pub fn set_up() -> Result<()> {
    BACK_ENDS.iter().try_for_each(|(name, package)| go::build(name, &format!("backends/{name}"), package))
}

/// The files of Jaeger's page, built: Jaeger's own module has none, another project's crate has.
pub fn jaeger_ui() -> Result<PathBuf> {
    Ok(packages::krate("otlp-embedded", "0.0.2")?.join("jaeger-ui/build"))
}
