//! Types of objects of the garbage collector's, and what an object of each is estimated to take.
//!
//! No engine says what its objects take, and no two agree. The estimate (rule A7) is one that all of them are near: a header of
//! 8 bytes, 4 more for an array's length, references of 4 bytes, fields aligned to their size, a struct rounded up to 8.

use wasmparser::{ArrayType, CompositeInnerType, StorageType, StructType, ValType};

use super::{ObjectSize, ObjectType};

const HEADER: u32 = 8;
const LENGTH: u32 = 4;

/// A type of objects, if it is one.
pub(super) fn of_type(index: u32, r#type: &CompositeInnerType) -> Option<ObjectType> {
    let size = match r#type {
        CompositeInnerType::Struct(r#type) => ObjectSize::Struct(struct_bytes(r#type)),
        CompositeInnerType::Array(ArrayType(field)) => {
            let element = bytes(field.element_type);
            ObjectSize::Array { header: (HEADER + LENGTH).next_multiple_of(element), element }
        }
        _ => return None,
    };
    Some(ObjectType { index, name: String::new(), size, made: false })
}

fn struct_bytes(r#type: &StructType) -> u32 {
    let fields = r#type.fields.iter().map(|field| bytes(field.element_type));
    fields.fold(HEADER, |end, field| end.next_multiple_of(field) + field).next_multiple_of(HEADER)
}

fn bytes(r#type: StorageType) -> u32 {
    match r#type {
        StorageType::I8 => 1,
        StorageType::I16 => 2,
        StorageType::Val(ValType::I32 | ValType::F32 | ValType::Ref(_)) => 4,
        StorageType::Val(ValType::I64 | ValType::F64) => 8,
        StorageType::Val(ValType::V128) => 16,
    }
}
