//! Fields of protocol buffers. Every number is written by one function: prost's is unfolded wherever it is called, and for each kind of
//! buffer.

use alloc::vec::Vec;

use prost::encoding::encoded_len_varint;

use crate::resource::Value;

/// How the content of a field is encoded.
#[derive(Clone, Copy)]
enum WireType {
    Varint = 0,
    SixtyFourBit = 1,
    LengthDelimited = 2,
}

/// A number, seven bits a byte, lowest first.
#[cfg_attr(target_family = "wasm", inline(never))]
pub(crate) fn number(out: &mut Vec<u8>, mut value: u64) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

fn key(out: &mut Vec<u8>, field: u32, wire: WireType) {
    number(out, u64::from(field << 3 | wire as u32));
}

/// Length of a field of bytes whose number is below 16.
pub(crate) fn len_of_bytes(len: usize) -> usize {
    1 + encoded_len_varint(len as u64) + len
}

/// Key and length of a field whose content follows.
pub(crate) fn open(out: &mut Vec<u8>, field: u32, len: usize) {
    key(out, field, WireType::LengthDelimited);
    number(out, len as u64);
}

pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, content: &[u8]) {
    open(out, field, content.len());
    out.extend_from_slice(content);
}

pub(crate) fn text(out: &mut Vec<u8>, field: u32, content: &str) {
    bytes(out, field, content.as_bytes());
}

pub(crate) fn varint(out: &mut Vec<u8>, field: u32, value: u64) {
    key(out, field, WireType::Varint);
    number(out, value);
}

pub(crate) fn signed(out: &mut Vec<u8>, field: u32, value: i32) {
    varint(out, field, u64::from((value << 1 ^ value >> 31) as u32));
}

pub(crate) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    key(out, field, WireType::SixtyFourBit);
    out.extend_from_slice(&value.to_le_bytes());
}

pub(crate) fn double(out: &mut Vec<u8>, field: u32, value: f64) {
    fixed64(out, field, value.to_bits());
}

/// A nested message. Its length is known afterwards, so the content moves up to make room for it: these are small.
#[inline(always)]
pub(crate) fn message(out: &mut Vec<u8>, field: u32, content: impl FnOnce(&mut Vec<u8>)) {
    key(out, field, WireType::LengthDelimited);
    let begin = out.len();
    content(out);
    close(out, begin);
}

/// Puts the length before what was written since. Not a part of [`message`], which is unfolded for each content.
#[inline(never)]
fn close(out: &mut Vec<u8>, begin: usize) {
    let len = out.len() - begin;
    // Behind the content first: a number is written in one place only. It has two bytes, as a rule.
    number(out, len as u64);
    for _ in begin + len..out.len() {
        let Some(last) = out.pop() else { return };
        out.insert(begin, last);
    }
}

/// A `KeyValue` in a field.
pub(crate) fn attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &Value) {
    message(out, field, |out| {
        text(out, 1, key);
        message(out, 2, |out| value.encode(out));
    });
}

/// A `KeyValue` with a text.
pub(crate) fn text_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &str) {
    let in_value = len_of_bytes(value.len());
    open(out, field, len_of_bytes(key.len()) + len_of_bytes(in_value));
    text(out, 1, key);
    open(out, 2, in_value);
    text(out, 1, value);
}

/// A `KeyValue` with an integer.
pub(crate) fn int_attribute(out: &mut Vec<u8>, field: u32, key: &str, value: u64) {
    attribute(out, field, key, &Value::Int(i64::try_from(value).unwrap_or(i64::MAX)));
}

/// A `KeyValue` that is true.
pub(crate) fn true_attribute(out: &mut Vec<u8>, field: u32, key: &str) {
    attribute(out, field, key, &Value::Bool(true));
}

/// A `KeyValue` with a list of so many values, each written by `value`.
pub(crate) fn list_attribute(
    out: &mut Vec<u8>,
    field: u32,
    key: &str,
    len: usize,
    value: &dyn Fn(&mut Vec<u8>, usize),
) {
    message(out, field, |out| {
        text(out, 1, key);
        message(out, 2, |out| {
            message(out, 5, |out| {
                for at in 0..len {
                    message(out, 1, |out| value(out, at));
                }
            });
        });
    });
}
