//! Who may speak to us: a token where one is asked for, else nobody whose browser was led here under another name.
//!
//! DNS rebinding: a page of a stranger's site resolves its own name to 127.0.0.1, and may then read what the loopback answers. Its
//! requests say the name it has; so without a token only addresses, `localhost` and configured names are served. Over TLS any name is: a
//! browser that was led here finds that the certificate has another.

use std::net::IpAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, WWW_AUTHENTICATE};
use http::uri::Authority;
use http::{Method, StatusCode};
use subtle::ConstantTimeEq;
use tonic::{Code, Status};

use crate::config::{Access, Extensions};

/// Why a client may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    NoToken,
    OtherName,
}

/// Who may.
#[derive(Clone)]
pub struct Guard {
    token: Option<Vec<u8>>,
    /// Clients see from the certificate whom they speak to.
    named: bool,
    allowed_hosts: Vec<String>,
}

impl Guard {
    /// As configured.
    pub fn new(access: &Access, extensions: &Extensions) -> Guard {
        let token = access.auth.as_ref().and_then(|auth| extensions.get(&auth.authenticator));
        Guard {
            token: token.map(|extension| format!("Bearer {}", extension.token.reveal()).into_bytes()),
            named: access.tls.is_some(),
            allowed_hosts: access.allowed_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
        }
    }

    /// Why a client may not.
    fn refuses(&self, request: &Request) -> Option<Why> {
        match &self.token {
            Some(token) => {
                let said = request.headers().get(AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
                (!bool::from(said.ct_eq(token))).then_some(Why::NoToken)
            }
            None => (!self.named && !self.serves(&host(request))).then_some(Why::OtherName),
        }
    }

    fn serves(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok()
            || host == "localhost"
            || host.ends_with(".localhost")
            || self.allowed_hosts.contains(&host)
    }
}

/// Lets only those through who may.
pub fn guarded(router: Router, guard: Guard) -> Router {
    router.layer(from_fn_with_state(guard, pass))
}

async fn pass(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    // What a browser asks before it sends carries no token and has no effect.
    if request.method() == Method::OPTIONS {
        return next.run(request).await;
    }
    match guard.refuses(&request) {
        None => next.run(request).await,
        Some(why) => no(&request, why),
    }
}

/// A no in the client's protocol.
fn no(request: &Request, why: Why) -> Response {
    let (status, code, message) = match why {
        Why::NoToken => {
            (StatusCode::UNAUTHORIZED, Code::Unauthenticated, "a token is needed: send `Authorization: Bearer TOKEN`")
        }
        Why::OtherName => {
            let message = "this host is not called so; call it by its address, or add the name to allowed_hosts";
            (StatusCode::FORBIDDEN, Code::PermissionDenied, message)
        }
    };
    let content_type = request.headers().get(CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    match why {
        _ if content_type.starts_with(b"application/grpc") => Status::new(code, message).into_http(),
        Why::NoToken => (status, [(WWW_AUTHENTICATE, "Bearer")], format!("{message}\n")).into_response(),
        Why::OtherName => (status, format!("{message}\n")).into_response(),
    }
}

/// The name that the client calls us by, without the port.
fn host(request: &Request) -> String {
    let authority = match request.uri().authority() {
        Some(authority) => Some(authority.clone()),
        None => request.headers().get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok()),
    };
    authority.map(|authority| authority.host().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    #[test]
    fn hosts_are_addresses_or_names_that_are_ours() {
        let config = load("query: {allowed_hosts: [Collector]}", []).unwrap();
        let guard = Guard::new(&config.query.access(), &config.extensions);
        for host in ["127.0.0.1", "[::1]", "10.0.0.7", "localhost", "LOCALHOST", "a.localhost", "collector"] {
            assert!(guard.serves(host), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost"] {
            assert!(!guard.serves(host), "{host}");
        }
    }
}
