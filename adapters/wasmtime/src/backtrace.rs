//! A Wasm backtrace of instrumented code, told in terms of the original module (bar F4).
//!
//! Hooks are imports, so that every function behind them has another index than before; thunks and accessors stand at the
//! end. Names, files and lines come from the module's debug information where it has any, else from the manifest.

use std::fmt::Write;

use wasmtime::{FrameInfo, WasmBacktrace};

use crate::modules::Modules;

/// The backtrace as Wasmtime prints it, innermost frame first, with original indices and without injected frames.
pub(crate) fn render(backtrace: &WasmBacktrace, modules: &Modules) -> String {
    let mut text = String::new();
    let frames = backtrace.frames().iter().filter_map(|frame| line(frame, modules));
    for (number, line) in frames.enumerate() {
        let _ = writeln!(text, "{number:>4}: {line}");
    }
    text
}

fn line(frame: &FrameInfo, modules: &Modules) -> Option<String> {
    let Some(known) = modules.module(frame.module()) else {
        return Some(describe(frame, frame.func_name().unwrap_or_default(), frame.func_index(), None));
    };
    let original = frame.func_index().checked_sub(known.hook_imports)?;
    if original >= known.manifest.function_count {
        return None;
    }
    let function = known.manifest.function(original);
    let name = function.map(|function| function.name.as_str()).filter(|name| !name.is_empty()).or(frame.func_name());
    let place =
        function.map(|function| (known.manifest.file(function), function.line)).filter(|(file, _)| !file.is_empty());
    Some(describe(frame, name.unwrap_or_default(), original, place))
}

/// `module!function at file:line`, from what is known of it.
fn describe(frame: &FrameInfo, name: &str, index: u32, declared: Option<(&str, u32)>) -> String {
    let module = frame.module().name().unwrap_or("<unknown>");
    let mut line = match name {
        "" => format!("{module}!func[{index}]"),
        name => format!("{module}!{name}"),
    };
    let exact = frame.symbols().iter().find_map(|symbol| Some((symbol.file()?, symbol.line()?)));
    if let Some((file, number)) = exact.or(declared) {
        let _ = write!(line, " at {file}:{number}");
    }
    line
}
