//! The file of `--trace`: OTLP requests as JSON, one a line, as the OpenTelemetry Collector's file exporter writes them and
//! its otlpjsonfile receiver reads them. Knows no recorder: protocol-buffers bytes in, lines out.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use waspect_export::to_json_line;
use waspect_wasmtime::Signal;

/// A file of OTLP/JSON lines. Lines are written as they come: a long run can be read while it goes on.
pub struct TraceFile {
    path: PathBuf,
    file: BufWriter<File>,
}

impl TraceFile {
    /// Creates the file, or empties it.
    pub fn create(path: &Path) -> Result<TraceFile> {
        let file = File::create(path).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(TraceFile { path: path.to_owned(), file: BufWriter::new(file) })
    }

    /// Writes one encoded request as a line.
    pub fn write(&mut self, signal: Signal, request: &[u8]) -> Result<()> {
        self.file
            .write_all(to_json_line(signal, request)?.as_bytes())
            .and_then(|()| self.file.flush())
            .with_context(|| format!("cannot write `{}`", self.path.display()))
    }
}
