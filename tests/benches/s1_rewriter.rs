//! Bar S1: the rewriter's processor time and memory on a module of some 45 MB, beside wasmparser merely reading every operator and
//! beside walrus reading and writing the module without changing it.
//!
//! ```console
//! cargo xtask bench s1_rewriter
//! ```
//!
//! Each subject runs in a process of its own, so that its peak of memory is its own; one thread, so that the main thread's
//! processor time is all of it.

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
const SUBJECTS: [&str; 4] = ["nothing", "read", "waspect", "walrus"];

type AnyResult<T> = Result<T, Box<dyn std::error::Error>>;

/// What a process used, above what it uses for reading the file.
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
    for name in ["canvaskit-profiling", "esbuild"] {
        measure(name, &assets::module(name))?;
    }
    measure("quickjs, four fifths of it DWARF", &assets::guest("quickjs"))?;
    let large = folder.path().join("large.wasm");
    fs::write(&large, multiplied(&fs::read(assets::module("esbuild"))?, TIMES)?)?;
    measure("esbuild, its functions three times", &large)
}

fn measure(title: &str, file: &Path) -> AnyResult<()> {
    let input_bytes = fs::metadata(file)?.len();
    println!("{title}: {:.1} MB, best of {ROUNDS} processes each", input_bytes as f64 / 1e6);
    let mut best = [Usage { cpu_ns: u64::MAX, peak_bytes: u64::MAX }; SUBJECTS.len()];
    for _ in 0..ROUNDS {
        for (subject, best) in SUBJECTS.iter().zip(&mut best) {
            let Some(usage) = run(subject, file)? else { continue };
            best.cpu_ns = best.cpu_ns.min(usage.cpu_ns);
            best.peak_bytes = best.peak_bytes.min(usage.peak_bytes);
        }
    }
    let [nothing, read, ..] = best;
    for (subject, usage) in SUBJECTS.iter().zip(best).skip(1) {
        if usage.cpu_ns == u64::MAX {
            println!("  {subject:<8} fails on this module");
            continue;
        }
        println!(
            "  {subject:<8} {:>8.1} ms of CPU, x{:.2} of reading; peak {:.1} x input",
            usage.cpu_ns as f64 / 1e6,
            (usage.cpu_ns - nothing.cpu_ns) as f64 / (read.cpu_ns - nothing.cpu_ns) as f64,
            usage.peak_bytes as f64 / input_bytes as f64,
        );
    }
    println!("  bar: waspect at most x3 of reading, peak at most 3 x input (10 x with debug information)");
    Ok(())
}

/// One subject in a process of its own; none when it fails, as walrus does on what it does not know.
fn run(subject: &str, file: &Path) -> AnyResult<Option<Usage>> {
    let output = Command::new(std::env::current_exe()?).arg(subject).arg(file).output()?;
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
