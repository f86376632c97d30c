//! A manifest's file: one record, replaced as a whole.
//!
//! ```text
//! manifest-0123456789abcdef    version 1 u8 | a message of protocol buffers
//! ```

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use prost::Message;
use waspect_abi::{BuildId, Manifest};

use super::check::{self, BYTES_MAX};
use super::shelf::Entry;
use crate::log::Disk;
use crate::log::whole::{self, Whole};

/// What the names of files begin with.
const PREFIX: &str = "manifest-";

const VERSION: u8 = 1;

/// A manifest that was acknowledged.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Kept {
    /// Its build.
    #[prost(fixed64, tag = "1")]
    build: u64,
    /// When it came.
    #[prost(uint64, tag = "2")]
    pushed_unix_ms: u64,
    /// Its bytes, decompressed.
    #[prost(uint64, tag = "3")]
    bytes: u64,
    /// Functions that it names.
    #[prost(uint64, tag = "4")]
    functions: u64,
    /// The module's own name.
    #[prost(string, tag = "5")]
    module: String,
    /// The manifest, gzipped.
    #[prost(bytes = "bytes", tag = "6")]
    gzipped: Bytes,
}

/// What a directory holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Manifests that can be read.
    pub manifests: u64,
    /// Bytes of them, decompressed.
    pub bytes: u64,
    /// Files that cannot.
    pub damaged: u64,
}

/// Reads every manifest of a directory. It changes nothing.
pub fn survey(disk: &dyn Disk) -> io::Result<Survey> {
    let mut survey = Survey::default();
    for build in builds(disk)? {
        match Kept::load(disk, build)?.filter(|kept| kept.manifest().is_some()) {
            Some(kept) => {
                survey.manifests += 1;
                survey.bytes += kept.bytes;
            }
            None => survey.damaged += 1,
        }
    }
    Ok(survey)
}

/// The builds that have a file.
pub fn builds(disk: &dyn Disk) -> io::Result<Vec<BuildId>> {
    let names = disk.names()?;
    Ok(names.iter().filter_map(|name| check::build_id(name.strip_prefix(PREFIX)?)).collect())
}

/// Removes a file.
pub fn remove(disk: &dyn Disk, build: BuildId) -> io::Result<()> {
    disk.remove(&name(build))
}

impl Kept {
    /// A manifest and its bytes.
    pub fn new(manifest: &Manifest, bytes: &[u8], now_unix_ms: u64) -> Kept {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        let gzipped = encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("a vector takes everything");
        Kept {
            build: manifest.build,
            pushed_unix_ms: now_unix_ms,
            bytes: bytes.len() as u64,
            functions: manifest.functions.len() as u64,
            module: manifest.name.clone(),
            gzipped: gzipped.into(),
        }
    }

    /// Reads a file. `None`: it is not there, or damaged.
    pub fn load(disk: &dyn Disk, build: BuildId) -> io::Result<Option<Kept>> {
        let Whole::Payload(payload) = whole::load(disk, &name(build))? else { return Ok(None) };
        let message = payload.split_first().filter(|(version, _)| **version == VERSION);
        let kept = message.and_then(|(_, message)| Kept::decode(message).ok());
        Ok(kept.filter(|kept| kept.build == build.0))
    }

    /// Writes it, durable when this returns.
    pub fn save(&self, disk: &dyn Disk) -> io::Result<()> {
        let mut payload = vec![VERSION];
        self.encode(&mut payload).expect("a vector takes everything");
        whole::save(disk, &name(BuildId(self.build)), &payload)
    }

    /// What is known of it without reading it.
    pub fn entry(&self) -> Entry {
        let &Kept { build, pushed_unix_ms, bytes, functions, ref module, .. } = self;
        Entry { build: BuildId(build), module: module.clone(), functions, bytes, pushed_unix_ms, used_unix_ms: 0 }
    }

    /// The manifest's bytes, as they came. `None`: they are not there.
    pub fn manifest_bytes(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        GzDecoder::new(&*self.gzipped).take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() as u64 == self.bytes).then_some(bytes)
    }

    /// The manifest, as far as functions are named by it. `None`: it cannot be read.
    pub fn manifest(&self) -> Option<Manifest> {
        let manifest = Manifest::decode_bytes(&self.manifest_bytes()?).ok()?;
        Some(Manifest { memories: Vec::new(), allocators: Vec::new(), objects: Vec::new(), ..manifest })
    }
}

fn name(build: BuildId) -> String {
    format!("{PREFIX}{build}")
}
