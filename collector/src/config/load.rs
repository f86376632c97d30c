//! From text and variables to a configuration that was checked.
//!
//! `${env:NAME}` and `${env:NAME:-default}` in a text stand for a variable, as in the OpenTelemetry Collector. Any setting can be
//! overridden by a variable of its own: its path in capitals, `__` between the parts, `WASPECT_COLLECT__` before:
//! `WASPECT_COLLECT__STORAGE__MAX_AGE=1h`.

use serde_json::{Map, Value};
use thiserror::Error;

use super::Config;
use super::check::check;

/// What variables that override a setting begin with.
pub const OVERRIDE: &str = "WASPECT_COLLECT__";

/// What is wrong, where, and what to write instead.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{place}: {message}")]
pub struct ConfigError {
    /// The setting's path, or the line where the text is no YAML.
    pub place: String,
    /// What is wrong, and the remedy.
    pub message: String,
}

impl ConfigError {
    pub(super) fn at(place: impl Into<String>, message: impl Into<String>) -> ConfigError {
        ConfigError { place: place.into(), message: message.into() }
    }
}

/// Reads a configuration. All of `variables` may be given; those that are not meant are left alone.
pub fn load(yaml: &str, variables: impl IntoIterator<Item = (String, String)>) -> Result<Config, ConfigError> {
    let variables: Vec<_> = variables.into_iter().collect();
    let mut value = parse(yaml)?;
    expand(&mut value, &mut Vec::new(), &variables)?;
    let mut overrides: Vec<_> =
        variables.iter().filter_map(|(name, text)| Some((name.strip_prefix(OVERRIDE)?, text))).collect();
    overrides.sort();
    for (path, text) in overrides {
        let parts: Vec<_> = path.split("__").map(str::to_ascii_lowercase).collect();
        set(&mut value, &parts, text).map_err(|message| ConfigError::at(format!("{OVERRIDE}{path}"), message))?;
    }
    let config: Config = serde_path_to_error::deserialize(value).map_err(|error| {
        let place = match error.path().to_string() {
            path if path == "." => "the configuration".to_owned(),
            path => path,
        };
        ConfigError::at(place, error.inner().to_string())
    })?;
    check(&config)?;
    Ok(config)
}

/// All settings, the defaults among them, without secrets.
pub fn to_yaml(config: &Config) -> String {
    serde_saphyr::to_string(config).expect("settings are plain data")
}

fn parse(yaml: &str) -> Result<Value, ConfigError> {
    if yaml.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let value: Value = serde_saphyr::from_str(yaml).map_err(|error| {
        let line = error.location().map_or_else(|| "the file".to_owned(), |place| format!("line {}", place.line()));
        let text = error.without_snippet().to_string();
        ConfigError::at(line, format!("not YAML: {}", text.lines().next().unwrap_or_default()))
    })?;
    match value {
        // A file of comments alone.
        Value::Null => Ok(Value::Object(Map::new())),
        Value::Object(_) => Ok(value),
        _ => Err(ConfigError::at("the file", "settings are expected, such as `receivers:`")),
    }
}

/// Puts variables in the place of their names.
fn expand(value: &mut Value, path: &mut Vec<String>, variables: &[(String, String)]) -> Result<(), ConfigError> {
    match value {
        Value::String(text) if text.contains("${") => {
            let expanded = expand_text(text, variables).map_err(|message| ConfigError::at(path.join("."), message))?;
            // What is a variable alone may be a number or a list.
            *value = match text.starts_with("${") && text.find('}') == Some(text.len() - 1) {
                true => scalar(&expanded),
                false => Value::String(expanded),
            };
        }
        Value::Array(values) => {
            for (at, value) in values.iter_mut().enumerate() {
                path.push(format!("[{at}]"));
                expand(value, path, variables)?;
                path.pop();
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                path.push(name.clone());
                expand(value, path, variables)?;
                path.pop();
            }
        }
        _ => {}
    }
    Ok(())
}

fn expand_text(text: &str, variables: &[(String, String)]) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let (name, after) = after.split_once('}').ok_or("`${` without `}`; write ${env:NAME}")?;
        let name =
            name.strip_prefix("env:").ok_or_else(|| format!("`${{{name}}}` names no source; write ${{env:NAME}}"))?;
        let (name, default) = name.split_once(":-").map_or((name, None), |(name, default)| (name, Some(default)));
        let found = variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| &**value);
        let unset = || format!("the variable {name} is not set; set it, or write ${{env:{name}:-default}}");
        out.push_str(found.or(default).ok_or_else(unset)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn set(value: &mut Value, path: &[String], text: &str) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        *value = scalar(text);
        return Ok(());
    };
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    let fields = value.as_object_mut().ok_or("it leads into a setting that has no parts; check the path")?;
    set(fields.entry(first.clone()).or_insert(Value::Null), rest, text)
}

/// A text as YAML reads it: `4` is a number, `[a, b]` a list; what is no YAML is the text itself.
fn scalar(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
