//! Arguments and results of `--invoke`, as text. Knows no instance.

use anyhow::{Result, bail, ensure};
use wasmtime::{FuncType, Val, ValType};

/// What an argument begins with that is a text, and not a number.
const TEXT: &str = "text:";

/// An argument, as far as it can be made without an instance.
#[derive(Clone, Debug)]
pub enum Argument {
    /// A number.
    Number(Val),
    /// The address of this text in the guest's memory, with a zero behind it.
    Text(String),
    /// The address of an array of such addresses: C's `argv`.
    Texts(Vec<String>),
}

/// Arguments for a function of this type.
pub fn parse(texts: &[String], function: &str, ty: &FuncType) -> Result<Vec<Argument>> {
    let expected: Vec<String> = ty.params().map(|param| param.to_string()).collect();
    ensure!(
        texts.len() == expected.len(),
        "function `{function}` takes ({}), {} given: put the arguments behind `--`",
        expected.join(", "),
        texts.len()
    );
    ty.params().zip(texts).map(|(ty, text)| parse_one(text, &ty)).collect()
}

/// The same where nothing can be put into the guest's memory: numbers alone.
pub fn parse_numbers(texts: &[String], function: &str, ty: &FuncType) -> Result<Vec<Val>> {
    let number = |argument| match argument {
        Argument::Number(value) => Ok(value),
        other => bail!("function `{function}`: {other:?} needs the module's memory; pass numbers"),
    };
    parse(texts, function, ty)?.into_iter().map(number).collect()
}

/// Arguments for a function that takes them as C's `main` does: their number, and an array of their addresses.
pub fn parse_main(program: &str, texts: &[String], function: &str, ty: &FuncType) -> Result<Vec<Argument>> {
    let params: Vec<ValType> = ty.params().collect();
    ensure!(
        matches!(params[..], [ValType::I32, ValType::I32]),
        "function `{function}` cannot be called as main(argc, argv): it takes ({})",
        params.iter().map(ValType::to_string).collect::<Vec<_>>().join(", ")
    );
    let texts: Vec<String> = std::iter::once(program.to_owned()).chain(texts.iter().cloned()).collect();
    Ok(vec![Argument::Number(Val::I32(texts.len() as i32)), Argument::Texts(texts)])
}

fn parse_one(text: &str, ty: &ValType) -> Result<Argument> {
    if let (ValType::I32, Some(text)) = (ty, text.strip_prefix(TEXT)) {
        return Ok(Argument::Text(text.to_owned()));
    }
    let value = match ty {
        ValType::I32 => text.parse().ok().or_else(|| text.parse().ok().map(u32::cast_signed)).map(Val::I32),
        ValType::I64 => text.parse().ok().or_else(|| text.parse().ok().map(u64::cast_signed)).map(Val::I64),
        ValType::F32 => text.parse().ok().map(f32::to_bits).map(Val::F32),
        ValType::F64 => text.parse().ok().map(f64::to_bits).map(Val::F64),
        _ => bail!("a parameter of type {ty} cannot be given on a command line: only i32, i64, f32 and f64 can"),
    };
    match value {
        Some(value) => Ok(Argument::Number(value)),
        None if matches!(ty, ValType::I32) => {
            bail!("argument `{text}` is no i32; `{TEXT}{text}` passes the address of a text")
        }
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
        let shown = |text, ty| match parse_one(text, &ty) {
            Ok(Argument::Number(value)) => Ok(show(&value)),
            Ok(other) => Ok(format!("{other:?}")),
            Err(error) => Err(error.to_string()),
        };
        assert_eq!(shown("-1", ValType::I32), Ok("-1".into()));
        assert_eq!(shown("4294967295", ValType::I32), Ok("-1".into()));
        assert_eq!(shown("18446744073709551615", ValType::I64), Ok("-1".into()));
        assert_eq!(shown("1.5", ValType::F64), Ok("1.5".into()));
        assert_eq!(shown("x", ValType::F32), Err("argument `x` is no f32".into()));
        assert!(shown("x", ValType::I32).unwrap_err().ends_with("`text:x` passes the address of a text"));
        assert_eq!(shown("text:a b", ValType::I32), Ok("Text(\"a b\")".into()));
        assert!(shown("1", ValType::EXTERNREF).unwrap_err().contains("cannot be given"));
    }
}
