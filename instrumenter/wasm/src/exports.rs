//! What the host calls: numbers that are `i32`, and addresses in the exported memory. One instance serves one call of `instrument`:
//! what it holds is given back with it.
//!
//! SAFETY of every `no_mangle` below: the name is exported by no other item of the module.

use std::cell::RefCell;

use crate::{Given, Made, Refused, instrument as run};

thread_local! {
    static GIVEN: RefCell<Given> = RefCell::default();
    static MADE: RefCell<Made> = RefCell::default();
}

/// Makes room for `len` bytes of a part (0 module, 1 options, 2 source map, 3 symbols), for the host to write. Any call may
/// grow the memory: take its buffer anew.
#[unsafe(no_mangle)]
extern "C" fn room(part: u32, len: u32) -> *mut u8 {
    GIVEN.with_borrow_mut(|given| {
        let part = match part {
            0 => &mut given.module,
            1 => &mut given.options,
            2 => &mut given.source_map,
            _ => &mut given.symbols,
        };
        *part = vec![0; len as usize];
        part.as_mut_ptr()
    })
}

/// The URL that the module calls its source map: part 4 afterwards, empty when there is none.
#[unsafe(no_mangle)]
extern "C" fn source_map_url() {
    let url = GIVEN.with_borrow(|given| crate::source_map_url(&given.module));
    MADE.set(Made { report: url.unwrap_or_default(), ..Made::default() });
}

/// Instruments: 0 when it did, 1 when it was refused, 2 when the module is instrumented already. Refused, part 4 says why.
#[unsafe(no_mangle)]
extern "C" fn instrument() -> u32 {
    let refused = |report| Made { report, ..Made::default() };
    let (status, made) = match GIVEN.with_borrow(run) {
        Ok(made) => (0, made),
        Err(Refused::Other(error)) => (1, refused(error)),
        Err(Refused::AlreadyInstrumented(error)) => (2, refused(error)),
    };
    MADE.set(made);
    status
}

/// Length of a part that was made (0 module, 1 manifest, 2 debug module, 3 source map, 4 report).
#[unsafe(no_mangle)]
extern "C" fn made_len(part: u32) -> usize {
    MADE.with_borrow(|made| bytes(made, part).len())
}

/// Address of that part.
#[unsafe(no_mangle)]
extern "C" fn made(part: u32) -> *const u8 {
    MADE.with_borrow(|made| bytes(made, part).as_ptr())
}

fn bytes(made: &Made, part: u32) -> &[u8] {
    match part {
        0 => &made.module,
        1 => &made.manifest,
        2 => &made.debug_module,
        3 => &made.source_map,
        _ => made.report.as_bytes(),
    }
}
