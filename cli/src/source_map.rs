//! The source map that a module names: a file beside it. Reads it, and says where the output's goes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::input::is_stdio;

/// A source map beside the input, and its place beside the output.
pub struct SourceMap {
    /// Contents of the input's.
    pub bytes: Vec<u8>,
    /// Where the output's goes: `OUT.map`.
    pub output: PathBuf,
    /// What the output calls it: that file's name.
    pub url: String,
}

impl SourceMap {
    /// Reads the map that a module at `input` calls `url`. The error says why there is none for `output`.
    pub fn find(url: &str, input: &Path, output: &Path) -> Result<SourceMap> {
        if is_stdio(input) || is_stdio(output) {
            bail!("source map `{url}`: it is a file beside the module: give paths, not `-`");
        }
        if url.contains(':') {
            bail!("source map `{url}`: it is no file beside the module");
        }
        let path = input.parent().unwrap_or(Path::new("")).join(url);
        let bytes =
            std::fs::read(&path).with_context(|| format!("source map `{url}`: cannot read `{}`", path.display()))?;
        let mut name = output.file_name().unwrap_or_default().to_owned();
        name.push(".map");
        let url = name.to_string_lossy().into_owned();
        Ok(SourceMap { bytes, output: output.with_file_name(name), url })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_found_beside_the_module_and_goes_beside_the_output() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.map"), "{}").unwrap();
        let found = |url: &str, input: &Path| SourceMap::find(url, input, Path::new("x/out.wasm"));
        let map = found("a.map", &folder.path().join("a.wasm")).unwrap();
        assert_eq!((&*map.bytes, &*map.output, &*map.url), (&b"{}"[..], Path::new("x/out.wasm.map"), "out.wasm.map"));
        let error = |url, input: &Path| format!("{:#}", found(url, input).err().unwrap());
        assert!(error("b.map", &folder.path().join("a.wasm")).contains("cannot read"));
        assert!(error("https://example.com/a.map", Path::new("a.wasm")).contains("no file beside"));
        assert!(error("a.map", Path::new("-")).contains("give paths"));
    }
}
