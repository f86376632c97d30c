//! A module made observable: instrumented in memory, or as it came when that was done before.

use std::path::Path;

use anyhow::{Context, Result};
use wasmtime::Module;
use waspect_abi::{BuildId, Manifest};
use waspect_instrumenter::{Error, Mode, Placement, instrument};
use waspect_wasmtime::Observer;

use crate::input::Input;
use crate::selection::Selection;
use crate::{facts, manifest_file, output};

/// Instrumented bytes, and what is known of them.
pub struct Observable {
    /// The module to compile.
    pub bytes: Vec<u8>,
    original: BuildId,
    /// None for an instrumented module whose manifest is lost, and for one in which nothing was selected.
    manifest: Option<Manifest>,
    alloc: bool,
}

impl Observable {
    /// Instruments the input; one that is instrumented already stays as it is, its manifest inside or in `MODULE.waspect`.
    pub fn new(input: Input, path: &Path, selection: &Selection) -> Result<Observable> {
        let options = selection.options(Placement::Embed)?;
        let original = BuildId::of(&input.bytes);
        match instrument(&input.bytes, &options) {
            Ok(instrumented) => {
                output::print_error(&facts::warnings(&instrumented.plan));
                let manifest = (!instrumented.plan.is_empty()).then_some(instrumented.manifest);
                Ok(Observable { bytes: instrumented.bytes, original, manifest, alloc: options.alloc })
            }
            Err(Error::AlreadyInstrumented { .. }) => {
                let manifest = existing_manifest(&input, path)?;
                if manifest.is_none() {
                    let sidecar = output::sidecar_of(path);
                    output::warn(&format!(
                        "no manifest in the module and none at `{}`: functions have no names",
                        sidecar.display()
                    ));
                }
                Ok(Observable { bytes: input.bytes, original, manifest, alloc: options.alloc })
            }
            Err(error) => Err(error).with_context(|| format!("`{}`", input.name)),
        }
    }

    /// Makes the compiled module known; false when there is nothing to be known.
    pub fn make_known(&self, module: &Module, observer: &Observer) -> Result<bool> {
        match &self.manifest {
            Some(manifest) => observer.add_manifest(module, manifest.clone()).map(|_| true).context("its manifest"),
            None => Ok(false),
        }
    }

    /// Build id of the original module.
    pub fn build(&self) -> BuildId {
        self.manifest.as_ref().map_or(self.original, Manifest::build_id)
    }

    /// Depth of instrumentation.
    pub fn mode(&self) -> Mode {
        self.manifest.as_ref().map_or(Mode::Calls, Manifest::mode)
    }

    /// Why there are no figures of allocations.
    pub fn allocations_missing(&self) -> Option<&'static str> {
        let manifest = self.manifest.as_ref()?;
        match manifest.mode() {
            Mode::Counts => None,
            _ if !self.alloc => Some("--no-alloc"),
            _ if manifest.allocators.is_empty() && manifest.objects.is_empty() => {
                Some("no function has an allocator's name; name them with --alloc malloc=INDEX,free=INDEX")
            }
            _ => None,
        }
    }
}

/// The manifest of a module that was instrumented before, if it is to be had.
fn existing_manifest(input: &Input, path: &Path) -> Result<Option<Manifest>> {
    let file = manifest_file::of_module(&input.name, &input.bytes, path)?;
    file.map(|file| Manifest::decode_bytes(&file.bytes).with_context(|| format!("`{}`", file.name))).transpose()
}
