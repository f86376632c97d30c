//! `.debug_addr`: addresses that entries and lists name by index (DWARF 5).
//!
//! The pool holds addresses of code and of memory alike, and does not tell which is which. So only those are patched that
//! are named where an address of code belongs; location expressions name the others.

use gimli::{Reader as _, SectionId};

use super::addresses::{Addresses, put, reader};
use super::dwarf::{DwarfError, in_section};
use super::entries::Unit;

/// The section.
pub(super) struct Pool<'a> {
    input: &'a [u8],
    out: Vec<u8>,
    done: Vec<bool>,
    addresses: Addresses<'a>,
}

impl<'a> Pool<'a> {
    pub fn new(input: &'a [u8], addresses: Addresses<'a>) -> Self {
        Pool { input, out: input.to_vec(), done: vec![false; input.len()], addresses }
    }

    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// The input's address of code of an index, which is moved in the output.
    pub fn code(&mut self, unit: &Unit, index: u64) -> Result<u64, DwarfError> {
        let size = unit.encoding.address_size;
        let missing = || DwarfError::malformed(SectionId::DebugAddr, "an index without a table");
        let at = unit.address_base.zip(usize::try_from(index).ok()).ok_or_else(missing)?;
        let at = at.1.checked_mul(size.into()).and_then(|offset| offset.checked_add(at.0)).ok_or_else(missing)?;
        let address = reader(self.input, at).read_address(size).map_err(in_section(SectionId::DebugAddr))?;
        if !std::mem::replace(&mut self.done[at], true) {
            put(&mut self.out, at, size.into(), self.addresses.moved(address, size))?;
        }
        Ok(address)
    }
}
