//! Who may speak to us: whoever has a token where one is asked for, else nobody whose browser was led here.
//!
//! DNS rebinding: a page of a stranger's site resolves its own name to 127.0.0.1, and may then read what the loopback answers. Its
//! requests say the name it has; so without a token only addresses, `localhost` and configured names are served. Over TLS any name is: a
//! browser that was led here finds that the certificate has another.
//!
//! Forged requests: a page of a stranger's site cannot read what we answer, but may send what needs no leave, a `text/plain` POST among
//! it. Browsers say where a request comes from, in `Sec-Fetch-Site`, those of before 2023 in `Origin`.
//!
//! A token that stands in a web page is known to all of its readers. It may have a list of pages and a rate; it never lets anybody ask.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, ORIGIN, WWW_AUTHENTICATE};
use http::uri::Authority;
use http::{HeaderValue, Method, StatusCode, Uri};
use subtle::ConstantTimeEq;
use tonic::{Code, Status};

use super::grpc;
use super::http::No;
use super::origins::Origins;
use super::rate::{Allowance, Rates};
use crate::config::{Access, BearerToken, Extensions};
use crate::health::Health;
use crate::intake::Refusal;
use crate::serve::Peer;

/// Where a browser says that a request comes from.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a client may not.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    NoToken,
    OtherName,
    OtherPage,
    OfPages,
    Rate(Refusal),
}

/// Who may.
#[derive(Clone)]
pub struct Guard {
    /// None: nobody needs one.
    tokens: Arc<[Token]>,
    /// Clients see from the certificate whom they speak to.
    named: bool,
    allowed_hosts: Vec<String>,
    /// Pages that may send without a token.
    pages: Origins,
    /// Tokens of pages, which anybody can read there, are not enough.
    no_pages: bool,
    health: Arc<Health>,
}

/// What lets somebody in.
struct Token {
    authorization: Vec<u8>,
    /// None: from anywhere.
    pages: Origins,
    rates: Option<Arc<Rates>>,
}

impl Guard {
    /// As configured.
    pub fn new(access: &Access, extensions: &Extensions, health: &Arc<Health>) -> Guard {
        Guard {
            tokens: access.extensions(extensions).map(Token::new).collect(),
            named: access.tls.is_some(),
            allowed_hosts: access.allowed_hosts.clone(),
            pages: Origins::default(),
            no_pages: false,
            health: health.clone(),
        }
    }

    /// The same, with pages that may send.
    pub fn with(self, pages: Origins) -> Guard {
        Guard { pages, ..self }
    }

    /// The same, for what no page may.
    pub fn without_pages(self) -> Guard {
        Guard { pages: Origins::default(), no_pages: true, ..self }
    }

    /// What a client may, or why it may not.
    fn admit(&self, request: &Request) -> Result<Option<Allowance>, Why> {
        if self.tokens.is_empty() {
            return match self.named || is_ours(&host(request), &self.allowed_hosts) {
                false => Err(Why::OtherName),
                true if self.is_forged(request) => Err(Why::OtherPage),
                true => Ok(None),
            };
        }
        let said = header(request, &AUTHORIZATION);
        let token = self.tokens.iter().find(|token| bool::from(said.ct_eq(&token.authorization)));
        let token = token.ok_or(Why::NoToken)?;
        if self.no_pages && !token.pages.is_empty() {
            return Err(Why::OfPages);
        }
        if !token.pages.is_empty() && !token.pages.include(header(request, &ORIGIN)) {
            return Err(Why::OtherPage);
        }
        let (Some(rates), Some(Peer(client))) = (&token.rates, request.extensions().get()) else { return Ok(None) };
        rates.request(*client).map(Some).map_err(Why::Rate)
    }

    /// True for what changes something here, and comes from a page that may not.
    fn is_forged(&self, request: &Request) -> bool {
        let (site, origin) = (header(request, &SEC_FETCH_SITE), header(request, &ORIGIN));
        let foreign = match site {
            b"" => !origin.is_empty() && !is_of(origin, authority(request)),
            b"same-origin" | b"none" => false,
            _ => true,
        };
        foreign && !request.method().is_safe() && !self.pages.include(origin)
    }
}

impl Token {
    fn new(extension: &BearerToken) -> Token {
        Token {
            authorization: format!("Bearer {}", extension.token.reveal()).into_bytes(),
            pages: Origins::new(&extension.allowed_origins),
            rates: extension.rate_limit.as_ref().map(|limit| Arc::new(Rates::new(limit))),
        }
    }
}

/// Lets only those through who may.
pub fn guarded(router: Router, guard: Guard) -> Router {
    router.layer(from_fn_with_state(guard, pass))
}

async fn pass(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    // What a browser asks before it sends carries no token and has no effect.
    if request.method() == Method::OPTIONS {
        return next.run(request).await;
    }
    match guard.admit(&request) {
        Ok(allowance) => {
            if let Some(allowance) = allowance {
                request.extensions_mut().insert(allowance);
            }
            next.run(request).await
        }
        Err(why) => {
            guard.health.refused(why.reason());
            no(&request, why)
        }
    }
}

impl Why {
    /// What it is counted as.
    const fn reason(&self) -> &'static str {
        match self {
            Why::NoToken => "token",
            Why::OtherName => "host",
            Why::OtherPage | Why::OfPages => "origin",
            Why::Rate(refusal) => refusal.reason(),
        }
    }
}

/// A no in the client's protocol.
fn no(request: &Request, why: Why) -> Response {
    let of_grpc = header(request, &CONTENT_TYPE).starts_with(b"application/grpc");
    let (status, code, message) = match why {
        Why::Rate(refusal) if of_grpc => return grpc::status(&refusal).into_http(),
        Why::Rate(refusal) => return No::from(refusal).into_text(),
        Why::NoToken => {
            (StatusCode::UNAUTHORIZED, Code::Unauthenticated, "a token is needed: send `Authorization: Bearer TOKEN`")
        }
        Why::OtherName => {
            let message = "this host is not called so; call it by its address, or add the name to allowed_hosts";
            (StatusCode::FORBIDDEN, Code::PermissionDenied, message)
        }
        Why::OtherPage => {
            let message = "pages of this origin may not; add it to the allowed_origins of cors, or of the token";
            (StatusCode::FORBIDDEN, Code::PermissionDenied, message)
        }
        Why::OfPages => {
            let message = "this token is for web pages, which may not; use one without allowed_origins";
            (StatusCode::FORBIDDEN, Code::PermissionDenied, message)
        }
    };
    if of_grpc {
        return Status::new(code, message).into_http();
    }
    let mut response = No::new(status, message.to_owned()).into_text();
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// A header's value, or nothing.
fn header<'a>(request: &'a Request, name: &HeaderName) -> &'a [u8] {
    request.headers().get(name).map_or(&b""[..], |value| value.as_bytes())
}

/// What the client calls us by.
fn authority(request: &Request) -> Option<Authority> {
    match request.uri().authority() {
        Some(authority) => Some(authority.clone()),
        None => Authority::try_from(header(request, &HOST)).ok(),
    }
}

/// The same without the port.
fn host(request: &Request) -> String {
    authority(request).map(|authority| authority.host().to_owned()).unwrap_or_default()
}

/// True for a name that no stranger can lead here.
fn is_ours(host: &str, allowed_hosts: &[String]) -> bool {
    let host = host.to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    address.parse::<IpAddr>().is_ok()
        || host == "localhost"
        || host.ends_with(".localhost")
        || allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(&host))
}

/// True for the origin of pages that are served there; another port is another origin.
fn is_of(origin: &[u8], authority: Option<Authority>) -> bool {
    Uri::try_from(origin).is_ok_and(|origin| authority.is_some() && origin.authority() == authority.as_ref())
}

#[cfg(test)]
mod tests {
    use super::is_ours;

    #[test]
    fn hosts_are_addresses_or_names_that_are_ours() {
        let allowed = ["Collector".to_owned()];
        for host in ["127.0.0.1", "[::1]", "10.0.0.7", "localhost", "LOCALHOST", "a.localhost", "collector"] {
            assert!(is_ours(host, &allowed), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost"] {
            assert!(!is_ours(host, &allowed), "{host}");
        }
    }
}
