//! Looks functions up by build and index, and by name. It lives as long as one answer or one request.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem;
use waspect_abi::manifest::{Kind, unnamed};
use waspect_abi::pprof::Profile;
use waspect_abi::semconv::attribute;
use waspect_abi::{BuildId, Manifest};

use super::{Manifests, naming, profile};
use crate::otlp::Signal;

/// Manifests that are held at once, beside the cache.
const HELD_MAX: usize = 8;

/// Functions of one name that a search looks for one by one; a module with more is looked at as a whole.
const SAME_NAME_MAX: usize = 100;

/// A function that a manifest names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'m> {
    /// Its name.
    pub name: &'m str,
    /// Where it begins; empty and 0: not known.
    pub file: &'m str,
    /// Its line there, from 1.
    pub line: u32,
    /// The module's own name; may be empty.
    pub module: &'m str,
    /// What the host gives the module.
    pub import: bool,
}

/// Where functions of a name may be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Called {
    /// What they are called where nothing names them: `func[N]`.
    pub names: Vec<String>,
    /// Builds of which any function may be one.
    pub builds: Vec<BuildId>,
}

/// Names what is told of a build and an index.
pub struct Namer {
    manifests: Manifests,
    held: HashMap<BuildId, Option<Arc<Manifest>>>,
}

impl Namer {
    /// By these manifests.
    pub fn new(manifests: &Manifests) -> Namer {
        Namer { manifests: manifests.clone(), held: HashMap::new() }
    }

    /// Calls `then` with a function, if a manifest names it.
    pub fn function<T>(&mut self, build: BuildId, index: u32, then: impl FnOnce(Named<'_>) -> T) -> Option<T> {
        if !self.held.contains_key(&build) {
            if self.held.len() >= HELD_MAX {
                self.held.clear();
            }
            self.held.insert(build, self.manifests.find(build));
        }
        let manifest = self.held.get(&build)?.as_ref()?;
        let function = manifest.function(index).filter(|function| !function.name.is_empty())?;
        Some(then(Named {
            name: &function.name,
            file: manifest.file(function),
            line: function.line,
            module: &manifest.name,
            import: function.kind() == Kind::Import,
        }))
    }

    /// A span as it would be if its module had had its manifest.
    pub fn span<'s>(&mut self, span: &'s [u8]) -> Cow<'s, [u8]> {
        if self.manifests.is_empty() { Cow::Borrowed(span) } else { naming::SPAN.named(span, self) }
    }

    /// The same for a set of attributes, as streams have it.
    pub fn set<'s>(&mut self, set: &'s [u8]) -> Cow<'s, [u8]> {
        if self.manifests.is_empty() { Cow::Borrowed(set) } else { naming::SET.named(set, self) }
    }

    /// The same for a request. It is never built: what is not named stays as it came.
    pub fn request(&mut self, signal: Signal, request: Bytes) -> Bytes {
        let builds = || memmem::find(&request, attribute::WASM_MODULE_BUILD_ID.as_bytes()).is_some();
        if self.manifests.is_empty() || !builds() {
            return request;
        }
        let named = match signal {
            Signal::Traces => naming::traces(&request, self),
            Signal::Metrics => naming::metrics(&request, self),
            Signal::Logs => Cow::Borrowed(&*request),
        };
        match named {
            Cow::Borrowed(_) => request,
            Cow::Owned(named) => named.into(),
        }
    }

    /// The same for a profile; `build` is what its sender said of all of it.
    pub fn profile(&mut self, profile: &mut Profile, build: &str) {
        if !self.manifests.is_empty() {
            profile::name(profile, build, self);
        }
    }

    /// The same for a name alone.
    pub fn name(&mut self, name: String, build: Option<BuildId>) -> String {
        let named = build
            .zip(naming::index(&name))
            .and_then(|(build, index)| self.function(build, index, |function| function.name.to_owned()));
        named.unwrap_or(name)
    }

    /// Where functions of a name may be, in any build. It looks into every manifest, as long as `on` says true.
    pub fn called(&mut self, name: &str, mut on: impl FnMut() -> bool) -> Called {
        let mut called = Called::default();
        for entry in self.manifests.list() {
            if !on() {
                break;
            }
            let Some(manifest) = self.manifests.find(entry.build) else { continue };
            let functions = manifest.functions.iter().filter(|function| function.name == name);
            let indices: Vec<u32> = functions.map(|function| function.index).take(SAME_NAME_MAX + 1).collect();
            match indices.len() > SAME_NAME_MAX {
                true => called.builds.push(entry.build),
                false => called.names.extend(indices.into_iter().map(|index| unnamed("func", index))),
            }
        }
        called.names.sort();
        called.names.dedup();
        called
    }

    /// The builds that have a manifest.
    pub fn builds(&self) -> Vec<BuildId> {
        self.manifests.list().into_iter().map(|entry| entry.build).collect()
    }
}
