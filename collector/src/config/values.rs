//! How single values are written.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself: for a header, never for people.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[REDACTED]")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[REDACTED]")
    }
}

/// A protocol that is named has its defaults, though nothing follows the name.
pub(super) fn named<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Some(Option::deserialize(deserializer)?.unwrap_or_default()))
}

/// A text, or a list of them.
pub(super) mod one_or_more {
    use super::*;

    pub fn serialize<S: Serializer>(texts: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        match texts {
            [text] => serializer.serialize_str(text),
            texts => texts.serialize(serializer),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "not a name or a list of names")]
        enum Written {
            One(String),
            More(Vec<String>),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::One(text) => vec![text],
            Written::More(texts) => texts,
        })
    }
}

/// Durations as in `1h30m`, `500ms`; 0 needs no unit.
pub(super) mod duration {
    use super::*;

    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*duration).to_string().replace(' ', ""))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Text(String),
            Number(u64),
        }
        let text = match Written::deserialize(deserializer) {
            Ok(Written::Text(text)) => text,
            Ok(Written::Number(number)) => number.to_string(),
            Err(_) => return Err(serde::de::Error::custom("not a duration; write one such as 30s, 500ms or 1h30m")),
        };
        if text == "0" {
            return Ok(Duration::ZERO);
        }
        humantime::parse_duration(&text).map_err(|_| {
            serde::de::Error::custom(format_args!("`{text}` is not a duration; write one such as 30s, 500ms or 1h30m"))
        })
    }
}

/// Addresses to listen on: `127.0.0.1:4318`, `[::1]:4318`, `localhost:4318`.
pub(super) mod address {
    use std::net::SocketAddr;

    use super::*;

    pub fn serialize<S: Serializer>(address: &SocketAddr, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(address)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
        let text = String::deserialize(deserializer)?;
        let address = text.strip_prefix("localhost:").map_or_else(|| text.clone(), |port| format!("127.0.0.1:{port}"));
        address.parse().map_err(|_| {
            let message = format_args!("`{text}` is no address to listen on; write one such as 127.0.0.1:4318");
            serde::de::Error::custom(message)
        })
    }
}
