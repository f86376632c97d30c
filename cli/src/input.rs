//! Reads a module: a file or standard input, binary or text. Knows nothing of what is done with it.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// A core module's bytes and the name under which people know it.
pub struct Input {
    /// Path as given, or `standard input`.
    pub name: String,
    /// The module in the binary format.
    pub bytes: Vec<u8>,
}

/// Reads the module at `path`; `-` is standard input. Text format is translated.
pub fn read(path: &Path) -> Result<Input> {
    let (name, bytes) = if is_stdio(path) {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).context("cannot read standard input")?;
        ("standard input".to_owned(), bytes)
    } else {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).with_context(|| format!("cannot read `{name}`"))?;
        (name, bytes)
    };
    let bytes = to_binary(&name, bytes)?;
    Ok(Input { name, bytes })
}

/// True where a path means standard input or output.
pub fn is_stdio(path: &Path) -> bool {
    path == Path::new("-")
}

fn to_binary(name: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
    let binary = match bytes.strip_prefix(b"\0asm") {
        Some(_) => bytes,
        None if bytes.is_empty() => bail!("`{name}` is empty: expected a WebAssembly module"),
        None => match std::str::from_utf8(&bytes) {
            Ok(text) if text.contains('(') => {
                let parsed = wat::Parser::new().parse_bytes(Some(Path::new(name)), &bytes);
                parsed.with_context(|| format!("cannot read `{name}` as WebAssembly text"))?.into_owned()
            }
            _ => bail!(
                "`{name}` is not a WebAssembly module: it begins with {}, not with `\\0asm`; precompiled or compressed \
                 modules have to be turned back into .wasm first",
                first_bytes(&bytes)
            ),
        },
    };
    if binary.get(4..8) == Some(&[0x0d, 0, 1, 0]) {
        bail!(
            "`{name}` is a component: only core modules can be observed so far; take its core modules out with \
             `wasm-tools component unbundle --module-dir DIR {name}`"
        );
    }
    Ok(binary)
}

fn first_bytes(bytes: &[u8]) -> String {
    let head: Vec<String> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("`{}`", head.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(bytes: &[u8]) -> String {
        format!("{:#}", to_binary("x", bytes.to_vec()).unwrap_err())
    }

    #[test]
    fn what_is_no_module_is_told_apart() {
        assert!(to_binary("x", b"(module)".to_vec()).unwrap().starts_with(b"\0asm\x01\0\0\0"));
        assert!(error_of(b"").contains("is empty"));
        assert!(error_of(b"\x7fELF\x02").contains("begins with `7f 45 4c 46`"));
        assert!(error_of(b"hello").contains("begins with `68 65 6c 6c`"));
        assert!(error_of(b"(module").contains("cannot read `x` as WebAssembly text"));
        assert!(error_of(b"(component)").contains("is a component"));
    }
}
