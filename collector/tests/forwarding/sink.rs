//! An OTLP endpoint that takes, refuses, goes away and comes back; its gRPC half is the generated server.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Status};

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Take,
    Refuse,
    Partly,
    LaterOnce,
    Later,
}

/// What came over one protocol.
#[derive(Default)]
struct Received {
    numbers: BTreeSet<u64>,
    requests: usize,
    /// Who was told to come back has been told.
    told: BTreeSet<u64>,
    bodies: BTreeMap<String, Vec<Vec<u8>>>,
}

/// What becomes of the request of that number.
type Moods = fn(u64) -> Mood;

#[derive(Clone)]
struct Half {
    received: Arc<Mutex<Received>>,
    mood: Arc<Mutex<Moods>>,
}

/// The endpoint.
pub struct Sink {
    pub grpc: SocketAddr,
    pub http: SocketAddr,
    halves: [Half; 2],
    /// What the gRPC half asks for, if it speaks TLS.
    tls: Option<ServerTlsConfig>,
    serving: Vec<JoinHandle<()>>,
    /// Bound and not listening: while the endpoint is away, its ports are nobody else's.
    _ports: [TcpSocket; 2],
}

impl Sink {
    pub async fn start() -> Sink {
        Sink::start_with(None).await
    }

    pub async fn start_with(tls: Option<ServerTlsConfig>) -> Sink {
        let mood = Arc::new(Mutex::new((|_| Mood::Take) as Moods));
        let half = || Half { received: Arc::default(), mood: mood.clone() };
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        let ports = [bound(free), bound(free)];
        let mut sink = Sink {
            grpc: ports[0].local_addr().unwrap(),
            http: ports[1].local_addr().unwrap(),
            halves: [half(), half()],
            tls,
            serving: Vec::new(),
            _ports: ports,
        };
        sink.serve();
        sink
    }

    fn serve(&mut self) {
        let [grpc, http] = [self.grpc, self.http].map(|address| bound(address).listen(1_024).unwrap());
        let service = TraceServiceServer::new(self.halves[0].clone()).accept_compressed(CompressionEncoding::Gzip);
        let mut server = match self.tls.clone() {
            Some(tls) => Server::builder().tls_config(tls).unwrap(),
            None => Server::builder(),
        };
        let server = server.add_service(service);
        let router = Router::new().fallback(take).with_state(self.halves[1].clone());
        self.serving = vec![
            tokio::spawn(async move { server.serve_with_incoming(TcpListenerStream::new(grpc)).await.unwrap() }),
            tokio::spawn(async move { axum::serve(http, router).await.unwrap() }),
        ];
    }

    /// Goes away: connections end, and new ones are refused.
    pub fn stop(&mut self) {
        self.serving.drain(..).for_each(|serving| serving.abort());
        // Connections that are open outlive the task that took them: from now on they get nothing but a no.
        self.set_mood(|_| Mood::Later);
    }

    /// Comes back at the same addresses.
    pub fn resume(&mut self) {
        self.set_mood(|_| Mood::Take);
        self.serve();
    }

    pub fn set_mood(&self, mood: Moods) {
        *self.halves[0].mood.lock().unwrap() = mood;
    }

    pub fn grpc_numbers(&self) -> BTreeSet<u64> {
        self.halves[0].received.lock().unwrap().numbers.clone()
    }

    pub fn http_numbers(&self) -> BTreeSet<u64> {
        self.halves[1].received.lock().unwrap().numbers.clone()
    }

    pub fn grpc_count(&self) -> usize {
        self.grpc_numbers().len()
    }

    pub fn http_count(&self) -> usize {
        self.http_numbers().len()
    }

    pub fn grpc_received(&self) -> usize {
        self.halves[0].received.lock().unwrap().requests
    }

    pub fn http_received(&self) -> usize {
        self.halves[1].received.lock().unwrap().requests
    }

    pub fn bodies(&self, path: &str) -> Vec<Vec<u8>> {
        self.halves[1].received.lock().unwrap().bodies.get(path).cloned().unwrap_or_default()
    }
}

/// A socket at an address that others of ours may have as well.
fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

impl Half {
    /// What becomes of a request of one span.
    fn take(&self, request: &ExportTraceServiceRequest) -> Mood {
        let span = &request.resource_spans[0].scope_spans[0].spans[0];
        let number = u64::from_be_bytes(span.span_id[..].try_into().unwrap());
        let mood = (self.mood.lock().unwrap())(number - 1);
        let mut received = self.received.lock().unwrap();
        let mood = match mood {
            Mood::LaterOnce if !received.told.insert(number) => Mood::Take,
            mood => mood,
        };
        if mood == Mood::Take {
            received.numbers.insert(number);
            received.requests += 1;
        }
        mood
    }
}

#[tonic::async_trait]
impl TraceService for Half {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        match self.take(request.get_ref()) {
            Mood::Take => Ok(tonic::Response::new(ExportTraceServiceResponse::default())),
            Mood::Refuse => Err(Status::invalid_argument("never")),
            Mood::LaterOnce | Mood::Later => Err(Status::unavailable("later")),
            Mood::Partly => Ok(tonic::Response::new(partly())),
        }
    }
}

async fn take(State(half): State<Half>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let body = match headers.get("content-encoding").map(|encoding| encoding.as_bytes()) {
        Some(b"zstd") => zstd::decode_all(&body[..]).unwrap(),
        Some(b"gzip") => {
            let mut out = Vec::new();
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&body[..]), &mut out).unwrap();
            out
        }
        _ => body.to_vec(),
    };
    let traces = uri.path() == "/v1/traces";
    let mood = (half.mood.lock().unwrap())(0);
    match mood {
        Mood::Refuse if !traces => return StatusCode::BAD_REQUEST.into_response(),
        Mood::Later if !traces => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => half.received.lock().unwrap().bodies.entry(uri.path().to_owned()).or_default().push(body.clone()),
    }
    if !traces {
        return StatusCode::OK.into_response();
    }
    match half.take(&ExportTraceServiceRequest::decode(&body[..]).unwrap()) {
        Mood::Take => StatusCode::OK.into_response(),
        Mood::Refuse => StatusCode::BAD_REQUEST.into_response(),
        Mood::LaterOnce | Mood::Later => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Mood::Partly => partly().encode_to_vec().into_response(),
    }
}

fn partly() -> ExportTraceServiceResponse {
    let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "this one not".into() };
    ExportTraceServiceResponse { partial_success: Some(partial) }
}
