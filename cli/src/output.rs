//! Writes what the commands make: files whole or not at all, texts to standard output. Knows nothing of their contents.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::input::is_stdio;
use crate::table::{WARN, styled};
use crate::text::escape;

/// Writes a whole file: to a temporary file beside it, then renamed, so that nobody ever reads half of it. `-` is standard
/// output; devices and pipes are written to as they are.
pub fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("cannot write `{}`", path.display());
    if is_stdio(path) {
        let mut stdout = io::stdout().lock();
        return stdout.write_all(bytes).and_then(|()| stdout.flush()).context("cannot write to standard output");
    }
    if path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir()) {
        return std::fs::OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut file| file.write_all(bytes))
            .with_context(context);
    }
    // A link stays a link: the file that it leads to is replaced.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    replace(&target, bytes).with_context(context)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".waspect-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Temporary files are private by default; this one becomes the result, so the umask decides as for any file.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(directory).map_err(without_path)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// The system's error alone: crate tempfile adds a path that means nothing to anybody, and hides the cause behind it.
fn without_path(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((cause, _)) => io::Error::other(cause.to_owned()),
        None => error,
    }
}

/// Refuses an output that is the input.
pub fn refuse_same(input: &Path, output: &Path) -> Result<()> {
    let real = |path: &Path| path.canonicalize().ok();
    if !is_stdio(input) && !is_stdio(output) && real(input).is_some() && real(input) == real(output) {
        bail!("`{}` is the input, which is never overwritten: give another path to --output", output.display());
    }
    Ok(())
}

/// The sidecar's path: `OUT.waspect`.
pub fn sidecar_of(output: &Path) -> PathBuf {
    let mut path = output.as_os_str().to_owned();
    path.push(".waspect");
    path.into()
}

/// What a file at `from` calls one at `path`: its name when they are neighbours, else the path as it is.
pub fn relative(path: &Path, from: &Path) -> String {
    let name = path.file_name().filter(|_| path.parent() == from.parent());
    name.map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Prints a warning to standard error.
pub fn warn(message: &str) {
    print_error(&format!("{} {}\n", styled(WARN, "warning:"), escape(message)));
}

/// Prints a text to standard output, styled only where that is a terminal. A reader that went away is no error.
pub fn print(text: &str) -> Result<()> {
    quietly(anstream::stdout().lock().write_all(text.as_bytes())).context("cannot write to standard output")
}

/// Prints a text to standard error, styled only where that is a terminal. There is nobody to tell if it fails.
pub fn print_error(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Prints a value as JSON, ended by a line break.
pub fn print_json(value: &impl serde::Serialize) -> Result<()> {
    print(&(serde_json::to_string_pretty(value)? + "\n"))
}

fn quietly(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_links_stay() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.wasm");
        write_file(&file, b"one").unwrap();
        write_file(&file, b"two").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        #[cfg(unix)]
        {
            let link = directory.path().join("link.wasm");
            std::os::unix::fs::symlink(&file, &link).unwrap();
            write_file(&link, b"three").unwrap();
            assert!(link.symlink_metadata().unwrap().is_symlink());
            assert_eq!(std::fs::read(&file).unwrap(), b"three");
            assert!(refuse_same(&file, &link).unwrap_err().to_string().contains("never overwritten"));
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), if cfg!(unix) { 2 } else { 1 });
        assert_eq!(sidecar_of(&file).file_name().unwrap(), "a.wasm.waspect");
    }

    #[test]
    fn neighbours_are_called_by_their_names() {
        assert_eq!(relative(Path::new("a/x.debug.wasm"), Path::new("a/x.wasm")), "x.debug.wasm");
        assert_eq!(relative(Path::new("x.debug.wasm"), Path::new("x.wasm")), "x.debug.wasm");
        assert_eq!(relative(Path::new("/b/x.debug.wasm"), Path::new("a/x.wasm")), "/b/x.debug.wasm");
    }

    #[test]
    fn the_error_names_the_place() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing").join("out.wasm");
        let error = format!("{:#}", write_file(&missing, b"x").unwrap_err());
        assert!(error.starts_with("cannot write `") && error.contains("out.wasm"), "{error}");
        assert!(write_file(directory.path(), b"x").is_err());
    }
}
