//! OTLP over HTTP/1.1, in protobuf.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::answer::{Answer, accepted, from_http};
use super::transport;
use crate::config::{Compression, Exporter};
use crate::otlp::Signal;

/// How much of an answer is read: an endpoint has little to say.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// A pool of connections.
pub(super) struct Http {
    url: String,
    headers: HeaderMap,
    compression: Compression,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Http {
    pub fn new(name: &str, exporter: &Exporter) -> Result<Http, String> {
        let url = exporter.url(name).ok_or("its endpoint is no URL")?;
        let mut headers = transport::headers(exporter)?;
        headers.insert(USER_AGENT, HeaderValue::from_static(transport::USER_AGENT));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        match exporter.compression {
            Compression::None => {}
            Compression::Gzip => drop(headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"))),
            Compression::Zstd => drop(headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"))),
        }
        let tls = transport::tls(&url)?;
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Http { url, headers, compression: exporter.compression, client })
    }

    pub async fn send(&self, signal: Signal, request: Bytes) -> Answer {
        let Ok(uri) = format!("{}{}", self.url, signal.http_path()).parse::<Uri>() else { return Answer::Refused };
        let compression = self.compression;
        let body = tokio::task::spawn_blocking(move || compress(compression, request)).await;
        let Ok(Ok(body)) = body else { return Answer::Later { after: None } };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        let Ok(response) = self.client.request(request).await else { return Answer::Later { after: None } };
        let (status, after) = (response.status(), retry_after(response.headers()));
        match Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await {
            _ if !status.is_success() => from_http(status, after),
            Ok(body) => accepted(&body.to_bytes()),
            // It said yes, at undue length.
            Err(_) => Answer::Accepted { rejected: 0 },
        }
    }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).unwrap_or_default()),
    }
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
