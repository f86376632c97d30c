//! Who may do what: tokens, what each is good for, and where it is asked for.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::check::{at_least, check_origins};
use super::load::ConfigError;
use super::values::{self, Secret};
use super::{Access, Config};

/// The only kind of extension: it authenticates.
const AUTHENTICATOR: &str = "bearertokenauth";

/// Whose tokens are asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Names of extensions, `bearertokenauth` or `bearertokenauth/NAME`: a token of any of them will do.
    #[serde(with = "values::one_or_more")]
    pub authenticator: Vec<String>,
}

/// Tokens, by name.
pub type Extensions = BTreeMap<String, BearerToken>;

/// A token that clients send as `Authorization: Bearer TOKEN`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BearerToken {
    /// What clients send.
    pub token: Secret,
    /// Web pages that may send it, as in `cors.allowed_origins`, and nobody else; none: anybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_origins: Vec<String>,
    /// How much each client may do with it; none: as much as it likes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
}

/// How much each client may do with a token. What ten seconds give may come at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimit {
    /// Requests.
    pub requests_per_second: u32,
    /// Bytes of them, decompressed.
    pub bytes_per_second: u32,
}

impl Default for RateLimit {
    fn default() -> RateLimit {
        RateLimit { requests_per_second: 10, bytes_per_second: 256 << 10 }
    }
}

pub(super) fn check_extensions(config: &Config) -> Result<(), ConfigError> {
    for (name, extension) in &config.extensions {
        let place = format!("extensions.{name}");
        if !is_authenticator(name) {
            let message = format!("no extension is called so; write {AUTHENTICATOR}, and a name of yours after a /");
            return Err(ConfigError::at(place, message));
        }
        let token = extension.token.reveal();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ConfigError::at(format!("{place}.token"), "it is empty, or not plain ASCII without spaces"));
        }
        check_origins(&place, &extension.allowed_origins)?;
        if let Some(limit) = &extension.rate_limit {
            let place = format!("{place}.rate_limit");
            at_least(&place, "requests_per_second", limit.requests_per_second.into(), 1, 1_000_000)?;
            at_least(&place, "bytes_per_second", limit.bytes_per_second.into(), 1 << 10, 256 << 20)?;
        }
    }
    Ok(())
}

/// Whether strangers are kept out of a place where we listen.
pub(super) fn check_access(
    config: &Config,
    place: &str,
    endpoint: SocketAddr,
    access: &Access,
) -> Result<(), ConfigError> {
    let Some(auth) = &access.auth else {
        // Who gets in has shown a certificate.
        let certified = access.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
        if endpoint.ip().is_loopback() || access.allow_unauthenticated || certified {
            return Ok(());
        }
        let message = format!(
            "{endpoint} is open to others; add `auth: {{authenticator: {AUTHENTICATOR}}}` or `client_ca_file` under \
             `tls`, or say `allow_unauthenticated: true` if the network keeps strangers out"
        );
        return Err(ConfigError::at(format!("{place}.endpoint"), message));
    };
    let bad = |message| Err(ConfigError::at(format!("{place}.auth.authenticator"), message));
    if auth.authenticator.is_empty() {
        return bad(format!("nobody would get in; write {AUTHENTICATOR}, or leave `auth` out"));
    }
    for name in &auth.authenticator {
        if !is_authenticator(name) {
            return bad(format!("`{name}` is no extension that authenticates; write {AUTHENTICATOR}"));
        }
        if !config.extensions.contains_key(name) {
            return bad(format!(
                "it has no token; write one under extensions.{name}.token, such as ${{env:WASPECT_TOKEN}}"
            ));
        }
    }
    Ok(())
}

/// Whoever may send may not ask: the token of a web page is known to all of its readers.
pub(super) fn check_readers(config: &Config) -> Result<(), ConfigError> {
    let protocols = &config.receivers.otlp.protocols;
    let senders =
        [protocols.grpc.as_ref().map(|grpc| grpc.access()), protocols.http.as_ref().map(|http| http.access())];
    let sending: Vec<&str> = senders.iter().flatten().flat_map(|access| access.tokens(&config.extensions)).collect();
    for (place, access) in [("query", config.query.access()), ("remote_storage", config.remote_storage.access())] {
        if access.tokens(&config.extensions).any(|token| sending.contains(&token)) {
            let example = format!("extensions.{AUTHENTICATOR}/{place}");
            return Err(ConfigError::at(
                format!("{place}.auth.authenticator"),
                format!("whoever may send could ask as well; give it a token of its own, such as {example}"),
            ));
        }
    }
    Ok(())
}

fn is_authenticator(name: &str) -> bool {
    name.split('/').next() == Some(AUTHENTICATOR)
}

impl Access {
    /// The extensions that are asked for.
    pub(crate) fn extensions<'a>(&self, extensions: &'a Extensions) -> impl Iterator<Item = &'a BearerToken> {
        let names = self.auth.iter().flat_map(|auth| &auth.authenticator);
        names.filter_map(|name| extensions.get(name))
    }

    fn tokens<'a>(&self, extensions: &'a Extensions) -> impl Iterator<Item = &'a str> {
        self.extensions(extensions).map(|extension| extension.token.reveal())
    }
}
