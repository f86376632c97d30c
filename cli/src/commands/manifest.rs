//! `waspect manifest`: names of functions, for modules that go out without them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::json;
use waspect_abi::Manifest as Decoded;

use crate::fetch::{Fetch, INTAKE};
use crate::manifest_file::{self, ManifestFile};
use crate::text::{count, escape};
use crate::{beacon, output};

/// Where a collector takes what is sent, unless it is told otherwise.
const URL: &str = "http://127.0.0.1:4318";

/// Names of functions, for modules that go out without them
#[derive(Args)]
pub struct Manifest {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Push(Push),
}

/// Sends manifests to a collector, which then names what it has and gets of `func[N]` of these builds
///
/// A module that `waspect instrument --manifest sidecar` wrote tells nobody how its functions are called; OUT.waspect does. Sent before or
/// after the module has run, it gives names to traces, metrics and profiles there. WASPECT_WRITE_TOKEN holds the token, where
/// `receivers.otlp.protocols.http.auth` wants one.
#[derive(Args)]
struct Push {
    /// Sidecars, or instrumented modules whose manifest is in them or beside them as FILE.waspect
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Where the collector takes OTLP over HTTP; by default that of `waspect up`, or http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl Manifest {
    /// Does what was asked.
    pub fn run(self) -> Result<ExitCode> {
        match self.command {
            Command::Push(push) => push.run(),
        }
    }
}

impl Push {
    fn run(self) -> Result<ExitCode> {
        let url = self.to.or_else(|| Some(beacon::find()?.otlp)).unwrap_or_else(|| URL.to_owned());
        // Nothing is sent before all can be read.
        let found = self.files.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        let mut told = Vec::new();
        for (file, manifest) in found {
            let build = manifest.build_id();
            let fetch = Fetch::new(INTAKE, &url, &format!("/api/manifests/{build}"))?;
            let sent = runtime.block_on(fetch.put(Bytes::from(file.bytes)));
            sent.with_context(|| format!("`{}` is not sent", file.name))?;
            let named = manifest.functions.iter().filter(|function| !function.name.is_empty()).count();
            if !self.json {
                let (name, named) = (escape(&file.name), count(named as u64));
                output::print(&format!("{name}: {named} functions of build {build}, to {}\n", escape(&url)))?;
            }
            told.push(json!({ "file": file.name, "build": build.hex(), "functions": named, "to": url }));
        }
        if self.json {
            output::print_json(&told)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The manifest that a file is, or has.
fn read(path: &Path) -> Result<(ManifestFile, Decoded)> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{name}`"))?;
    if bytes.is_empty() {
        bail!(
            "`{name}` is empty; give a sidecar of `waspect instrument --manifest sidecar`, or an instrumented module"
        );
    }
    let file = match bytes.starts_with(b"\0asm") {
        false => ManifestFile { name, bytes },
        true => match manifest_file::of_module(&name, &bytes, path).with_context(|| format!("`{name}`"))? {
            Some(file) => file,
            None => bail!(
                "`{name}` has no manifest, and there is none at `{}`: give what `waspect instrument` wrote",
                output::sidecar_of(path).display()
            ),
        },
    };
    let manifest = Decoded::decode_bytes(&file.bytes).with_context(|| format!("`{}`", file.name))?;
    Ok((file, manifest))
}
