//! Small tools for writing sections out of pieces.

use wasm_encoder::{Encode, Section};

use super::vector_count;
use crate::Error;

/// A number in its shortest form.
pub(super) fn leb(value: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(5);
    value.encode(&mut bytes);
    bytes
}

/// A vector section's contents with items behind the original ones, which are copied as they are: whatever their encoding,
/// it stays.
pub(super) fn append_to_vector(original: &[u8], count: u32, items: &[u8]) -> Result<Vec<u8>, Error> {
    let (before, start) = vector_count(original)?;
    let mut contents = Vec::with_capacity(original.len() + items.len() + 4);
    (before + count).encode(&mut contents);
    contents.extend_from_slice(&original[start..]);
    contents.extend_from_slice(items);
    Ok(contents)
}

/// What wasm-encoder wrote as a section: the number of its items, and their bytes.
pub(super) fn split_section(section: &impl Section) -> (u32, Vec<u8>) {
    let mut bytes = Vec::new();
    section.encode(&mut bytes);
    let (_, contents) = vector_count(&bytes).expect("wasm-encoder writes numbers");
    let (count, items) = vector_count(&bytes[contents..]).expect("wasm-encoder writes numbers");
    (count, bytes.split_off(contents + items))
}

/// Writes the length of everything from `start` on before it. Moving bytes once is cheaper than keeping them twice.
pub(super) fn insert_length(out: &mut Vec<u8>, start: usize) {
    insert_number(out, start, (out.len() - start) as u32);
}

/// Writes a number before everything from `start` on.
pub(super) fn insert_number(out: &mut Vec<u8>, start: usize, number: u32) {
    out.splice(start..start, leb(number));
}
