//! Bar S1: the rewriter's processor time and memory on a module of some 45 MB, beside wasmparser merely reading every operator and
//! beside tools that read and write the module without changing it: walrus, `wasm-opt` without passes (Binaryen compiled to
//! JavaScript and Wasm, as npm has it) and `wasm-tools strip`, which looks into no body.
//!
//! ```console
//! cargo xtask bench s1_rewriter
//! ```
//!
//! Each subject runs in a process of its own, so that its peak of memory is its own; the rewriter with one thread. What a process
//! needs in any case is taken off its processor time: for ours, reading the file; for a tool, its run on an empty module. Of
//! memory nothing is taken off.

use std::fs;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;

use wasm_encoder::{Encode, RawSection};
use wasmparser::{BinaryReader, Parser, Payload};
use waspect_instrumenter::{Options, instrument};
use waspect_tests::assets;

const ROUNDS: usize = 5;
/// esbuild has 14 MB; its functions three times over are the large module.
const TIMES: u32 = 3;
/// All but the first two are measured against `read`; the last two are programs of their own.
const SUBJECTS: [&str; 6] = ["nothing", "read", "waspect", "walrus", "wasm-opt", "wasm-tools"];
const EMPTY: &[u8] = b"\0asm\x01\0\0\0";

type AnyResult<T> = Result<T, Box<dyn std::error::Error>>;

/// What a process used.
#[derive(Clone, Copy, Default)]
struct Usage {
    cpu_ns: u64,
    peak_bytes: u64,
}

fn main() -> AnyResult<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [subject, file] = &arguments[..] {
        return child(subject, Path::new(file));
    }
    let folder = tempfile::tempdir()?;
    let empty = folder.path().join("empty.wasm");
    fs::write(&empty, EMPTY)?;
    for name in ["canvaskit-profiling", "esbuild"] {
        measure(name, &assets::module(name), &empty)?;
    }
    measure("quickjs, four fifths of it DWARF", &assets::guest("quickjs"), &empty)?;
    let large = folder.path().join("large.wasm");
    fs::write(&large, multiplied(&fs::read(assets::module("esbuild"))?, TIMES)?)?;
    measure("esbuild, its functions three times", &large, &empty)
}

fn measure(title: &str, file: &Path, empty: &Path) -> AnyResult<()> {
    let input_bytes = fs::metadata(file)?.len();
    println!("{title}: {:.1} MB, best of {ROUNDS} processes each", input_bytes as f64 / 1e6);
    let mut best = [None; SUBJECTS.len()];
    for _ in 0..ROUNDS {
        for (subject, best) in SUBJECTS.iter().zip(&mut best) {
            *best = better(*best, run(subject, file)?);
        }
    }
    let cpu_ns = |usage: Option<Usage>| usage.map_or(0, |usage| usage.cpu_ns);
    let [nothing, read, ..] = best;
    let reading_ns = cpu_ns(read) - cpu_ns(nothing);
    for (subject, usage) in SUBJECTS.iter().zip(best).skip(1) {
        let Some(usage) = usage else {
            println!("  {subject:<10} fails on this module");
            continue;
        };
        let idle = if is_tool(subject) { run(subject, empty)? } else { nothing };
        let spent_ns = usage.cpu_ns.saturating_sub(cpu_ns(idle));
        println!(
            "  {subject:<10} {:>8.1} ms of CPU, x{:.2} of reading; peak {:.2} x input",
            spent_ns as f64 / 1e6,
            spent_ns as f64 / reading_ns as f64,
            usage.peak_bytes as f64 / input_bytes as f64,
        );
    }
    println!("  bar: waspect at most x3 of reading, peak at most 3 x input (10 x with debug information)");
    Ok(())
}

fn better(best: Option<Usage>, next: Option<Usage>) -> Option<Usage> {
    let (Some(best), Some(next)) = (best, next) else { return next.or(best) };
    Some(Usage { cpu_ns: best.cpu_ns.min(next.cpu_ns), peak_bytes: best.peak_bytes.min(next.peak_bytes) })
}

fn is_tool(subject: &str) -> bool {
    matches!(subject, "wasm-opt" | "wasm-tools")
}

/// One subject in a process of its own; none when it fails, as walrus does on what it does not know.
fn run(subject: &str, file: &Path) -> AnyResult<Option<Usage>> {
    let output = match is_tool(subject) {
        true => tool(subject, file).output()?,
        false => Command::new(std::env::current_exe()?).arg(subject).arg(file).output()?,
    };
    if !output.status.success() {
        return Ok(None);
    }
    let text = String::from_utf8(output.stdout)?;
    let (cpu_ns, peak_bytes) = text.trim().split_once(' ').ok_or("the process printed no figures")?;
    Ok(Some(Usage { cpu_ns: cpu_ns.parse()?, peak_bytes: peak_bytes.parse()? }))
}

fn child(subject: &str, file: &Path) -> AnyResult<()> {
    let module = fs::read(file)?;
    match subject {
        "nothing" => drop(black_box(module)),
        "read" => black_box(read_every_operator(&module)?),
        "waspect" => {
            let options = Options { threads: NonZeroUsize::new(1), ..Options::default() };
            drop(black_box(instrument(&module, &options)?));
        }
        "walrus" => drop(black_box(walrus::Module::from_buffer(&module)?.emit_wasm())),
        other => return Err(format!("`{other}` is no subject").into()),
    }
    // The main thread's time on a processor, in nanoseconds, and the peak of resident memory, as Linux counts them.
    let schedstat = fs::read_to_string("/proc/self/schedstat")?;
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let peak_kib: u64 = peak.trim().trim_end_matches(" kB").parse()?;
    println!("{} {}", schedstat.split(' ').next().unwrap_or_default(), peak_kib << 10);
    Ok(())
}

/// Runs a program and prints what it and its threads used, as Linux counted it: our own standard library cannot ask.
const MEASURED: &str = "\
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(int((used.ru_utime + used.ru_stime) * 1e9), used.ru_maxrss << 10)
sys.exit(code)";

/// A tool that loads and writes the module; names are kept.
fn tool(name: &str, file: &Path) -> Command {
    let mut command = Command::new(assets::folder("venv").join("bin/python"));
    command.args(["-c", MEASURED]);
    match name {
        "wasm-opt" => {
            let script = assets::node_modules().join("binaryen/bin/wasm-opt");
            command.arg("node").arg(script).args(["-g", "--all-features"])
        }
        _ => command.arg(assets::tool("wasm-tools")).arg("strip"),
    };
    command.arg(file).arg("-o").arg("/dev/null");
    command
}

fn read_every_operator(module: &[u8]) -> AnyResult<()> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CodeSectionEntry(body) = payload? {
            let mut operators = body.get_operators_reader()?;
            while !operators.eof() {
                black_box(operators.read()?);
            }
        }
    }
    Ok(())
}

/// The module with every function that it defines so many times; the copies are called by nobody.
fn multiplied(module: &[u8], times: u32) -> AnyResult<Vec<u8>> {
    let mut out = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        let Some((id, range)) = payload.as_section() else { continue };
        let data = &module[range.start as usize..range.end as usize];
        if !matches!(payload, Payload::FunctionSection(_) | Payload::CodeSectionStart { .. }) {
            out.section(&RawSection { id, data });
            continue;
        }
        let mut reader = BinaryReader::new(data, 0);
        let count = reader.read_var_u32()?;
        let mut repeated = Vec::new();
        (count * times).encode(&mut repeated);
        let items = &data[reader.original_position() as usize..];
        (0..times).for_each(|_| repeated.extend_from_slice(items));
        out.section(&RawSection { id, data: &repeated });
    }
    Ok(out.finish())
}
