//! Arguments and results of `--invoke`, as text. Knows no instance.

use anyhow::{Result, bail, ensure};
use wasmtime::{FuncType, Val, ValType};

/// Arguments for a function of this type.
pub fn parse(texts: &[String], function: &str, ty: &FuncType) -> Result<Vec<Val>> {
    let expected: Vec<String> = ty.params().map(|param| param.to_string()).collect();
    ensure!(
        texts.len() == expected.len(),
        "function `{function}` takes ({}), {} given: put the arguments behind `--`",
        expected.join(", "),
        texts.len()
    );
    ty.params().zip(texts).map(|(ty, text)| parse_one(text, &ty)).collect()
}

fn parse_one(text: &str, ty: &ValType) -> Result<Val> {
    let value = match ty {
        ValType::I32 => text.parse().ok().or_else(|| text.parse().ok().map(u32::cast_signed)).map(Val::I32),
        ValType::I64 => text.parse().ok().or_else(|| text.parse().ok().map(u64::cast_signed)).map(Val::I64),
        ValType::F32 => text.parse().ok().map(f32::to_bits).map(Val::F32),
        ValType::F64 => text.parse().ok().map(f64::to_bits).map(Val::F64),
        _ => bail!("a parameter of type {ty} cannot be given on a command line: only i32, i64, f32 and f64 can"),
    };
    match value {
        Some(value) => Ok(value),
        None => bail!("argument `{text}` is no {ty}"),
    }
}

/// A result, as `wasmtime run --invoke` prints it.
pub fn show(value: &Val) -> String {
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::V128(value) => value.as_u128().to_string(),
        Val::ExternRef(None) => "<null externref>".to_owned(),
        Val::ExternRef(Some(_)) => "<externref>".to_owned(),
        Val::FuncRef(None) => "<null funcref>".to_owned(),
        Val::FuncRef(Some(_)) => "<funcref>".to_owned(),
        Val::AnyRef(None) => "<null anyref>".to_owned(),
        Val::AnyRef(Some(_)) => "<anyref>".to_owned(),
        _ => "<reference>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_whatever_their_sign() {
        let shown = |text, ty| parse_one(text, &ty).map(|value| show(&value)).map_err(|error| error.to_string());
        assert_eq!(shown("-1", ValType::I32), Ok("-1".into()));
        assert_eq!(shown("4294967295", ValType::I32), Ok("-1".into()));
        assert_eq!(shown("18446744073709551615", ValType::I64), Ok("-1".into()));
        assert_eq!(shown("1.5", ValType::F64), Ok("1.5".into()));
        assert_eq!(shown("x", ValType::I32), Err("argument `x` is no i32".into()));
        assert!(shown("1", ValType::EXTERNREF).unwrap_err().contains("cannot be given"));
    }
}
