//! Pictures of the documentation, taken of what runs: nobody draws them, anybody can take them again.

use std::process::Command;

use anyhow::Result;

use crate::process::run;
use crate::setup::{Part, jaeger_ui};
use crate::workspace;

/// Takes them, into `docs/`.
pub fn take() -> Result<()> {
    ["targets", "modules", "runtimes", "backends"].iter().try_for_each(|name| Part::find(name)?.run())?;
    run(workspace::cargo().args(["build", "--workspace", "--bin", "waspect"]))?;
    let mut command = Command::new("node");
    command.current_dir(workspace::root()).arg("tests/page/screenshots.mjs");
    command
        .env("WASPECT", workspace::target().join("debug/waspect"))
        .env("MODULES", workspace::assets().join("modules"));
    command.env("RUNTIMES", workspace::assets().join("runtimes/node_modules"));
    command.env("JAEGER", workspace::assets().join("bin/jaeger")).env("JAEGER_UI", jaeger_ui()?);
    run(command.env("PICTURES", workspace::root().join("docs")))
}
