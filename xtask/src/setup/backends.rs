//! Real back ends, built from pinned Go modules: there is no other way to have them without Docker.

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::process::run;
use crate::{stamp, workspace};

/// A folder of `tests/backends`, which is also the program's name, and the package to build in it.
const BACK_ENDS: &[(&str, &str)] = &[("otelcol", "."), ("jaeger", "github.com/jaegertracing/jaeger/cmd/jaeger")];

/// Builds those that are not built yet. From nothing it takes minutes, most of them Jaeger's.
pub fn set_up() -> Result<()> {
    let programs = workspace::assets().join("bin");
    fs::create_dir_all(&programs)?;
    for (name, package) in BACK_ENDS {
        let folder = workspace::root().join("tests/backends").join(name);
        let program = programs.join(name);
        stamp::once(
            &format!("backend-{name}"),
            package,
            std::slice::from_ref(&folder),
            std::slice::from_ref(&program),
            || {
                run(Command::new("go")
                    .current_dir(&folder)
                    .envs([("CGO_ENABLED", "0"), ("GOFLAGS", "-mod=readonly"), ("GOWORK", "off")])
                    .args(["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o"])
                    .arg(&program)
                    .arg(package))
            },
        )?;
    }
    Ok(())
}
