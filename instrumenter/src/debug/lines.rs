//! `.debug_line`: line programs, instruction by instruction.
//!
//! A program's header, and every instruction that does not advance the address, are copied as they are. Advances are summed
//! up; where a row is emitted, the sum of the output takes the place of the sum of the input. So each row of the input gives
//! one row of the output, with the same file, line, column and flags.

use gimli::{Reader as _, SectionId, constants};

use super::addresses::{Addresses, Reader, put, reader};
use super::dwarf::{DwarfError, Trouble, in_section};

/// Where each program of the input begins, and where it begins in the output. Ascending.
pub(super) type Programs = Vec<(usize, usize)>;

/// Rewrites all programs of the section.
pub(super) fn rewrite(section: &[u8], addresses: Addresses<'_>) -> Result<(Vec<u8>, Programs), DwarfError> {
    let mut out = Vec::with_capacity(section.len() + section.len() / 8);
    let mut programs = Vec::new();
    let mut rest = reader(section, 0);
    while !rest.is_empty() {
        programs.push((section.len() - rest.len(), out.len()));
        program(&mut rest, addresses, &mut out).map_err(in_section(SectionId::DebugLine))?;
    }
    Ok((out, programs))
}

/// Where the program at an offset of the input begins in the output.
pub(super) fn moved_program(programs: &Programs, offset: u64) -> Result<u64, DwarfError> {
    let at = programs.binary_search_by_key(&offset, |(old, _)| *old as u64);
    at.map(|at| programs[at].1 as u64).map_err(|_| DwarfError::malformed(SectionId::DebugLine, "no program there"))
}

/// Numbers of a program's header.
struct Header {
    instruction_length_min: u8,
    line_base: i8,
    line_range: u8,
    opcode_base: u8,
    /// Operands of each standard opcode, from 1 on.
    operands: Vec<u8>,
}

/// Copies the next program.
fn program(rest: &mut Reader<'_>, addresses: Addresses<'_>, out: &mut Vec<u8>) -> Result<(), Trouble> {
    let before = *rest;
    let (length, format) = rest.read_initial_length()?;
    let (word, start) = (usize::from(format.word_size()), out.len());
    let length_at = start + usize::from(format.initial_length_size()) - word;
    let mut contents = rest.split(length)?;
    let version = contents.read_u16()?;
    if !(2..=5).contains(&version) {
        return Err(DwarfError::Unsupported("line programs of an unknown version").into());
    }
    if version >= 5 {
        contents.skip(2)?;
    }
    let header_length = contents.read_word(format)?;
    let mut fields = contents.split(header_length)?;
    let length_min_at = start + fields.offset_from(before);
    let instruction_length_min = fields.read_u8()?;
    if version >= 4 && fields.read_u8()? > 1 {
        return Err(DwarfError::Unsupported("line programs of instructions with several operations").into());
    }
    fields.read_u8()?;
    let (line_base, line_range, opcode_base) = (fields.read_i8()?, fields.read_u8()?, fields.read_u8()?);
    if line_range == 0 || opcode_base <= constants::DW_LNS_advance_line.0 {
        return Err(DwarfError::Unsupported("line programs without the standard's opcodes").into());
    }
    let operands = (1..opcode_base).map(|_| fields.read_u8()).collect::<gimli::Result<Vec<u8>>>()?;
    let header = Header { instruction_length_min, line_base, line_range, opcode_base, operands };

    out.extend_from_slice(&before.slice()[..contents.offset_from(before)]);
    // Code went by other distances, which nothing but the byte divides.
    out[length_min_at] = 1;
    Program { header, addresses, out, input: 0, output: 0, is_dead: true, address_size: 4 }.run(contents)?;
    let length = (out.len() - length_at - word) as u64;
    put(out, length_at, word, length)?;
    Ok(())
}

/// The registers that matter while a program is copied.
struct Program<'a> {
    header: Header,
    addresses: Addresses<'a>,
    out: &'a mut Vec<u8>,
    /// The address of the input's machine.
    input: u64,
    /// That of the output's machine, as far as it was told.
    output: u64,
    /// The sequence is of code that the linker threw away: its addresses stay as they are.
    is_dead: bool,
    /// Width of addresses, as the last one had it.
    address_size: u8,
}

impl Program<'_> {
    fn run(&mut self, mut rest: Reader<'_>) -> gimli::Result<()> {
        while !rest.is_empty() {
            let before = rest;
            let opcode = rest.read_u8()?;
            if opcode >= self.header.opcode_base {
                let (advance, line) = self.special(opcode);
                self.advance(advance);
                self.row(line);
                continue;
            }
            match constants::DwLns(opcode) {
                constants::DwLns(0) => {
                    if self.extended(&mut rest)? {
                        continue;
                    }
                }
                constants::DW_LNS_copy => {
                    self.row(0);
                    continue;
                }
                constants::DW_LNS_advance_pc => {
                    let advance = rest.read_uleb128()?;
                    self.advance(advance);
                    continue;
                }
                constants::DW_LNS_const_add_pc => {
                    let (advance, _) = self.special(255);
                    self.advance(advance);
                    continue;
                }
                constants::DW_LNS_fixed_advance_pc => {
                    self.input = self.input.wrapping_add(rest.read_u16()?.into());
                    continue;
                }
                _ => {
                    for _ in 0..self.header.operands[usize::from(opcode) - 1] {
                        rest.skip_leb128()?;
                    }
                }
            }
            self.out.extend_from_slice(&before.slice()[..before.len() - rest.len()]);
        }
        Ok(())
    }

    /// An extended instruction; true if it was written, false if it is to be copied.
    fn extended(&mut self, rest: &mut Reader<'_>) -> gimli::Result<bool> {
        let length = rest.read_uleb128()?;
        let mut operand = rest.split(usize::try_from(length).unwrap_or(usize::MAX))?;
        if operand.is_empty() {
            return Ok(false);
        }
        match constants::DwLne(operand.read_u8()?) {
            constants::DW_LNE_set_address if matches!(operand.len(), 4 | 8) => {
                self.address_size = operand.len() as u8;
                self.input = operand.read_address(self.address_size)?;
                self.is_dead = Addresses::is_dead(self.input, self.address_size);
                let output = self.addresses.moved(self.input, self.address_size);
                self.set_address(output);
                Ok(true)
            }
            constants::DW_LNE_end_sequence => {
                self.reach(self.target());
                (self.input, self.output, self.is_dead) = (0, 0, true);
                Ok(false)
            }
            _ => Ok(false),
        }
    }

    /// By how much a special opcode advances the address, in instructions, and the line.
    fn special(&self, opcode: u8) -> (u64, i64) {
        let adjusted = opcode - self.header.opcode_base;
        let line = i64::from(self.header.line_base) + i64::from(adjusted % self.header.line_range);
        (u64::from(adjusted / self.header.line_range), line)
    }

    fn advance(&mut self, instructions: u64) {
        let bytes = instructions.wrapping_mul(self.header.instruction_length_min.into());
        self.input = self.input.wrapping_add(bytes);
    }

    /// Where the input's address is in the output; what is in no function stays where the last row was.
    fn target(&self) -> u64 {
        if self.is_dead { self.input } else { self.addresses.map.address(self.input).unwrap_or(self.output) }
    }

    /// Emits a row at the current address, in one instruction where it has room.
    fn row(&mut self, line: i64) {
        let target = self.target();
        let (base, range) = (i64::from(self.header.line_base), u64::from(self.header.line_range));
        let in_range = (base..base + range as i64).contains(&line);
        let distance = target.wrapping_sub(self.output);
        if in_range && distance <= 255 {
            let opcode = u64::from(self.header.opcode_base) + (line - base) as u64 + range * distance;
            if let Ok(opcode) = u8::try_from(opcode) {
                self.out.push(opcode);
                self.output = target;
                return;
            }
        }
        self.reach(target);
        if line != 0 {
            self.out.push(constants::DW_LNS_advance_line.0);
            leb_signed(self.out, line);
        }
        self.out.push(constants::DW_LNS_copy.0);
    }

    /// Advances the output's address.
    fn reach(&mut self, target: u64) {
        if target < self.output {
            self.set_address(target);
        } else if target > self.output {
            self.out.push(constants::DW_LNS_advance_pc.0);
            leb(self.out, target - self.output);
            self.output = target;
        }
    }

    fn set_address(&mut self, address: u64) {
        self.out.extend([0, 1 + self.address_size, constants::DW_LNE_set_address.0]);
        self.out.extend_from_slice(&address.to_le_bytes()[..self.address_size.into()]);
        self.output = address;
    }
}

/// Appends an unsigned LEB128.
pub(super) fn leb(out: &mut Vec<u8>, value: u64) {
    wasm_encoder::Encode::encode(&value, out);
}

fn leb_signed(out: &mut Vec<u8>, value: i64) {
    wasm_encoder::Encode::encode(&value, out);
}
