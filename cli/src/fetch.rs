//! Asks a server over HTTP: one request, one whole answer. Knows nothing of what is asked.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use waspect_otlp_client::{Endpoint, HttpClient, Protocol, client};

/// Longest answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Longest part of a no that is shown.
const WHY_CHARS_MAX: usize = 500;

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Who is asked. Each has a token of its own: one's secret is nothing for another.
pub struct Server {
    /// The variable that holds the token.
    token: &'static str,
    /// Who wants it.
    wanted_by: &'static str,
    /// A URL of such a one.
    example: &'static str,
    /// What to look at where nobody answers.
    remedy: &'static str,
}

/// A collector, where it is asked.
pub const QUERY: Server = Server {
    token: "WASPECT_QUERY_TOKEN",
    wanted_by: "query.auth",
    example: "http://127.0.0.1:4319",
    remedy: "is `waspect up` or `waspect collect` running?",
};

/// A collector, where it takes what is sent.
pub const INTAKE: Server = Server {
    token: "WASPECT_WRITE_TOKEN",
    wanted_by: "receivers.otlp.protocols.http.auth",
    example: "http://127.0.0.1:4318",
    remedy: "is `waspect up` or `waspect collect` running?",
};

/// Whoever keeps traces behind an exporter.
pub const BACK_END: Server = Server {
    token: "WASPECT_CANARY_TOKEN",
    wanted_by: "it",
    example: "http://127.0.0.1:16686",
    remedy: "are its traces asked for there, as Jaeger has it (/api/v3/traces)?",
};

/// A way to one place of one server.
pub struct Fetch {
    server: Server,
    client: HttpClient,
    url: Uri,
    token: Option<String>,
}

impl Fetch {
    /// Prepares to ask. Nothing is sent yet.
    pub fn new(server: Server, base: &str, path: &str) -> Result<Fetch> {
        let text = format!("{}{path}", base.trim_end_matches('/'));
        let url: Uri = text
            .parse()
            .ok()
            .filter(is_web)
            .with_context(|| format!("`{base}` is no URL of a server; write one such as {}", server.example))?;
        let endpoint = Endpoint {
            url: url.clone(),
            protocol: Protocol::HttpProtobuf,
            headers: Vec::new(),
            timeout: TIMEOUT,
            compression: Default::default(),
            tls: Default::default(),
        };
        let client = client(&endpoint).map_err(anyhow::Error::msg)?;
        let token = std::env::var(server.token).ok();
        Ok(Fetch { server, client, url, token })
    }

    /// Asks once for what is there, in that form.
    pub async fn get(&self, accept: &'static str) -> Result<Bytes> {
        self.ask(Method::GET, accept, Bytes::new()).await
    }

    /// Puts something there.
    pub async fn put(&self, body: Bytes) -> Result<Bytes> {
        self.ask(Method::PUT, "*/*", body).await
    }

    async fn ask(&self, method: Method, accept: &'static str, body: Bytes) -> Result<Bytes> {
        let Server { token: variable, wanted_by, remedy, .. } = self.server;
        let asking = async {
            let mut request = Request::builder().method(method).uri(&self.url).header(ACCEPT, accept);
            if let Some(token) = &self.token {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            let request = request.body(Full::new(body)).with_context(|| format!("{variable} cannot be sent"))?;
            let answer = self.client.request(request).await;
            let response = answer.map_err(|error| anyhow::Error::new(error).context(remedy))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
            if status == 401 {
                bail!("it answers {status}; set {variable} to what {wanted_by} wants");
            }
            let body = body.map_err(|error| anyhow::anyhow!("its answer cannot be read: {error}"))?.to_bytes();
            if !status.is_success() {
                bail!("it answers {status}{}", why(&body));
            }
            Ok(body)
        };
        let answer = tokio::time::timeout(TIMEOUT, asking).await;
        let late = || Err(anyhow::anyhow!("no answer within {} s", TIMEOUT.as_secs()).context(remedy));
        answer.unwrap_or_else(|_| late()).with_context(|| format!("cannot ask {}", self.url))
    }
}

/// What a no says of itself, in a line.
fn why(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text.trim().lines().next().unwrap_or_default().chars().take(WHY_CHARS_MAX).collect();
    if line.is_empty() { line } else { format!(": {line}") }
}

fn is_web(url: &Uri) -> bool {
    matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
}
