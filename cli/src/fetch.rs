//! Asks a collector over HTTP: one request, one whole answer. Knows nothing of what is asked.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use waspect_otlp_client::{Endpoint, HttpClient, Protocol, client};

/// Holds the token that a collector's `query.auth` wants.
pub const TOKEN: &str = "WASPECT_QUERY_TOKEN";

/// Longest answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A way to one place of one collector.
pub struct Fetch {
    client: HttpClient,
    url: Uri,
    accept: &'static str,
    token: Option<String>,
}

impl Fetch {
    /// Prepares to ask. Nothing is sent yet.
    pub fn new(collector: &str, path: &str, accept: &'static str) -> Result<Fetch> {
        let text = format!("{}{path}", collector.trim_end_matches('/'));
        let url: Uri = text.parse().ok().filter(is_web).with_context(|| {
            format!("`{collector}` is no URL of a collector; write one such as http://127.0.0.1:4319")
        })?;
        let endpoint = Endpoint {
            url: url.clone(),
            protocol: Protocol::HttpProtobuf,
            headers: Vec::new(),
            timeout: TIMEOUT,
            compression: Default::default(),
            tls: Default::default(),
        };
        let client = client(&endpoint).map_err(anyhow::Error::msg)?;
        Ok(Fetch { client, url, accept, token: std::env::var(TOKEN).ok() })
    }

    /// Asks once.
    pub async fn get(&self) -> Result<Bytes> {
        let asking = async {
            let mut request = Request::get(&self.url).header(ACCEPT, self.accept);
            if let Some(token) = &self.token {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            let request = request.body(Full::default()).with_context(|| format!("{TOKEN} cannot be sent"))?;
            let response = self.client.request(request).await?;
            let status = response.status();
            if !status.is_success() {
                let remedy =
                    if status == 401 { format!("; set {TOKEN} to what query.auth wants") } else { String::new() };
                bail!("it answers {status}{remedy}");
            }
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            Ok(body.map_err(|error| anyhow::anyhow!("its answer cannot be read: {error}"))?.to_bytes())
        };
        let answer = tokio::time::timeout(TIMEOUT, asking).await;
        let answer = answer.unwrap_or_else(|_| bail!("no answer within {} s", TIMEOUT.as_secs()));
        answer.with_context(|| format!("cannot ask {}; is `waspect up` or `waspect collect` running?", self.url))
    }
}

fn is_web(url: &Uri) -> bool {
    matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
}
