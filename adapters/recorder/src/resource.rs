//! Who the telemetry is from. The host decides; the recorder adds only its own `telemetry.sdk.*`.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// Attributes of the process: `service.name` and what else the host knows of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// Attributes, each key once.
    pub attributes: Vec<(String, Value)>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text.
    Text(String),
    /// Integer.
    Int(i64),
    /// Floating point.
    Double(f64),
    /// Boolean.
    Bool(bool),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Int(number)
    }
}
