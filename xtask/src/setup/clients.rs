//! Clients that no one here wrote: OpenTelemetry's own SDKs, from their registries.

use anyhow::Result;

use super::packages;

/// Installs them.
pub fn set_up() -> Result<()> {
    packages::pip("clients")
}
