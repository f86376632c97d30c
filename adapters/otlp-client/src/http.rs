//! OTLP over HTTP/1.1: protobuf as it came in, or JSON.

use std::future::Future;
use std::io::{self, Write};
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT,
};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::Signal;
use crate::answer::{ANSWER_BYTES_MAX, from_json, from_protobuf};
use crate::endpoint::{Compression, Endpoint};
use crate::grpc::describe;
use crate::json::to_json_line;
use crate::tls::Credentials;
use crate::transport::{Answer, Failure, Transport};

/// How requests are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    const fn content_type(self) -> &'static str {
        match self {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        }
    }
}

/// The HTTP client that everything here uses.
pub type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// A pool of connections to one URL.
pub(crate) struct Http {
    signal: Signal,
    url: Uri,
    headers: HeaderMap,
    encoding: Encoding,
    compression: Compression,
    client: HttpClient,
}

impl Http {
    pub fn new(signal: Signal, endpoint: &Endpoint, user_agent: &str, encoding: Encoding) -> Result<Http, String> {
        Ok(Http {
            signal,
            url: endpoint.url.clone(),
            headers: headers(endpoint, user_agent, encoding)?,
            encoding,
            compression: endpoint.compression,
            client: client(endpoint)?,
        })
    }

    async fn post(&self, request: Bytes) -> Answer {
        let request = match self.request(request).await {
            Ok(request) => request,
            Err(message) => return Answer::Malformed(Failure::new("malformed", message)),
        };
        match self.client.request(request).await {
            Ok(response) if response.status().is_success() => self.accepted(response).await,
            Ok(response) => refused(response).await,
            Err(error) => {
                let message = describe(&error);
                match error.is_connect() {
                    true => Answer::Unreachable(Failure::new("connect", message)),
                    false => Answer::Unanswered(Failure::new("connection", message)),
                }
            }
        }
    }

    /// Writes and compresses beside the threads that wait for the network: a request may be large.
    async fn request(&self, request: Bytes) -> Result<Request<Full<Bytes>>, String> {
        let (signal, encoding, compression) = (self.signal, self.encoding, self.compression);
        let body = tokio::task::spawn_blocking(move || {
            let body = match encoding {
                Encoding::Protobuf => request,
                Encoding::Json => to_json_line(signal, &request).map_err(|error| error.to_string())?.into(),
            };
            compress(compression, body).map_err(|error| error.to_string())
        });
        let mut request = Request::new(Full::new(body.await.map_err(|error| error.to_string())??));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.url.clone();
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    /// A yes; but only an OTLP response says whether all of it was taken. No body at all is a plain yes.
    async fn accepted(&self, response: Response<Incoming>) -> Answer {
        let content_type = media_type(response.headers());
        match body(response).await {
            Err(error) => {
                let message = format_args!("the answer cannot be read: {error}");
                Answer::NotOtlp(Failure::new("not_otlp", message))
            }
            Ok(body) if body.is_empty() => Answer::Accepted { rejected: 0, message: String::new() },
            Ok(body) if content_type == "application/json" => from_json(self.signal, &body),
            Ok(body) => from_protobuf(self.signal, &body),
        }
    }
}

impl Transport for Http {
    fn export(&mut self, request: Bytes) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(self.post(request))
    }
}

/// A client for an endpoint. Reads what TLS needs.
pub fn client(endpoint: &Endpoint) -> Result<HttpClient, String> {
    let config = match Credentials::for_endpoint(endpoint)? {
        Some(credentials) => credentials.rustls()?,
        None => crate::tls::no_trust(),
    };
    let connector = HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().build();
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// Headers that a user wrote down.
pub(crate) fn header_map(headers: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no header name"))?;
        let value =
            HeaderValue::try_from(value).map_err(|_| format!("the value of header `{name}` is not plain ASCII"))?;
        map.insert(name, value);
    }
    Ok(map)
}

fn headers(endpoint: &Endpoint, user_agent: &str, encoding: Encoding) -> Result<HeaderMap, String> {
    let mut headers = header_map(&endpoint.headers)?;
    if !headers.contains_key(USER_AGENT) {
        headers.insert(USER_AGENT, HeaderValue::try_from(user_agent).map_err(|error| error.to_string())?);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(encoding.content_type()));
    match endpoint.compression {
        Compression::None => (),
        Compression::Gzip => drop(headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"))),
        Compression::Zstd => drop(headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"))),
    }
    Ok(headers)
}

fn compress(compression: Compression, body: Bytes) -> io::Result<Bytes> {
    match compression {
        Compression::None => Ok(body),
        Compression::Gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&body)?;
            encoder.finish().map(Bytes::from)
        }
        Compression::Zstd => zstd::encode_all(&body[..], zstd::DEFAULT_COMPRESSION_LEVEL).map(Bytes::from),
    }
}

/// A no, for now or for good, as the OTLP specification has it.
async fn refused(response: Response<Incoming>) -> Answer {
    let status = response.status();
    let after = retry_after(response.headers(), SystemTime::now());
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let content_type = media_type(response.headers());
    let words = body(response).await.map(|body| words(&content_type, &body)).unwrap_or_default();
    let message = match location {
        Some(location) if status.is_redirection() => {
            format!("HTTP {status}: moved to {location}; name that as the endpoint")
        }
        _ if words.is_empty() => format!("HTTP {status}"),
        _ => format!("HTTP {status}: {words}"),
    };
    let failure = Failure::new(status.as_str(), message);
    match status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Answer::Later { after, failure },
        _ => Answer::Refused(failure),
    }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()),
    }
}

/// The message of a `google.rpc.Status` in either encoding, else the text as it is.
fn words(content_type: &str, body: &[u8]) -> String {
    use prost::Message;
    let status = match content_type {
        "application/x-protobuf" => tonic_types::pb::Status::decode(body).map(|status| status.message).ok(),
        "application/json" => serde_json::from_slice::<serde_json::Value>(body)
            .ok()
            .and_then(|status| Some(status.get("message")?.as_str()?.to_owned())),
        _ => None,
    };
    status.unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned())
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The body, as long as it is short.
async fn body(response: Response<Incoming>) -> Result<Bytes, String> {
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    body.map(|body| body.to_bytes()).map_err(|error| error.to_string())
}
