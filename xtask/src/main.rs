//! Sets up, demonstrates and tests Waspect.
//!
//! It calls the tools that a developer would call, and depends on next to nothing: on a fresh machine it is compiled first.

mod process;
mod setup;
mod stamp;
mod workspace;

use anyhow::Result;

fn main() -> Result<()> {
    for part in setup::PARTS {
        part.run()?;
    }
    Ok(())
}
