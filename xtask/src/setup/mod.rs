//! What a fresh machine lacks, part by part. Every part can be run alone, and is quick when it was done before.

mod backends;
mod baselines;
mod books;
mod c_guests;
mod clients;
mod firefox;
mod go;
pub mod guests;
pub mod modules;
mod packages;
mod survey;
pub mod targets;

pub use backends::jaeger_ui;

use anyhow::{Context, Result};

/// A part of the set-up.
pub struct Part {
    /// What the command line calls it.
    pub name: &'static str,
    /// What it does, in a line.
    pub what: &'static str,
    run: fn() -> Result<()>,
}

/// All parts, in the order in which they run.
pub const PARTS: &[Part] = &[
    Part { name: "targets", what: "add the Wasm targets, clippy and rustfmt", run: targets::set_up },
    Part { name: "modules", what: "fetch real modules from npm, PyPI and the Rust registry", run: modules::set_up },
    Part {
        name: "survey",
        what: "fetch modules of many toolchains from npm (with WASPECT_SURVEY=all, of 213 packages)",
        run: survey::set_up,
    },
    Part {
        name: "guests",
        what: "compile our guests: Rust, C, C++, Go, AssemblyScript, Zig, WAT",
        run: guests::set_up,
    },
    Part { name: "web", what: "fetch what makes the web package: TypeScript, wasm-opt", run: packages::web },
    Part { name: "runtimes", what: "fetch Node, Deno, Bun, workerd and Chromium, pinned", run: packages::runtimes },
    Part { name: "firefox", what: "fetch Firefox, from Debian's packages", run: firefox::set_up },
    Part { name: "observer", what: "build wazero as an observer of modules that nobody rewrote", run: go::observer },
    Part { name: "backends", what: "build Jaeger and an OpenTelemetry Collector (minutes)", run: backends::set_up },
    Part {
        name: "clients",
        what: "install OpenTelemetry's SDK for Python, and Prometheus' parser",
        run: clients::set_up,
    },
    Part {
        name: "baselines",
        what: "fetch what the benches measure against: wasm-tools, Rotel",
        run: baselines::set_up,
    },
];

impl Part {
    /// The part of that name.
    pub fn find(name: &str) -> Result<&'static Part> {
        let part = PARTS.iter().find(|part| part.name == name);
        part.with_context(|| format!("`{name}` is nothing to set up; see `cargo xtask list`"))
    }

    /// Does what is not done yet.
    pub fn run(&self) -> Result<()> {
        (self.run)().with_context(|| format!("set-up of {0} failed; alone: cargo xtask setup {0}", self.name))
    }
}
