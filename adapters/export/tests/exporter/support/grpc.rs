//! A gRPC receiver on the services that `opentelemetry-proto` generates.

use std::sync::{Arc, Mutex, mpsc};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

use super::SOON;

/// What arrived.
#[derive(Debug)]
pub enum Received {
    Traces(MetadataMap, ExportTraceServiceRequest),
    Metrics(MetadataMap, ExportMetricsServiceRequest),
}

/// Answers the n-th request of traces, from 0. Metrics are always taken.
type Answer = dyn Fn(usize) -> Result<ExportTraceServiceResponse, Status> + Send + Sync;

pub struct GrpcServer {
    pub address: String,
    received: mpsc::Receiver<Received>,
    runtime: Option<tokio::runtime::Runtime>,
}

#[derive(Clone)]
struct Service {
    answer: Arc<Answer>,
    count: Arc<Mutex<usize>>,
    received: mpsc::Sender<Received>,
}

impl GrpcServer {
    pub fn start(answer: impl Fn(usize) -> Result<ExportTraceServiceResponse, Status> + Send + Sync + 'static) -> Self {
        GrpcServer::start_with(None, answer)
    }

    pub fn start_with(
        tls: Option<ServerTlsConfig>,
        answer: impl Fn(usize) -> Result<ExportTraceServiceResponse, Status> + Send + Sync + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (sender, received) = mpsc::channel();
        let service = Service { answer: Arc::new(answer), count: Arc::default(), received: sender };
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = match tls {
            Some(_) => format!("https://localhost:{port}"),
            None => format!("http://127.0.0.1:{port}"),
        };
        let mut server = Server::builder();
        if let Some(tls) = tls {
            server = server.tls_config(tls).unwrap();
        }
        let [gzip, zstd] = [CompressionEncoding::Gzip, CompressionEncoding::Zstd];
        let traces = TraceServiceServer::new(service.clone()).accept_compressed(gzip).accept_compressed(zstd);
        let metrics = MetricsServiceServer::new(service).accept_compressed(gzip).accept_compressed(zstd);
        let server = server.add_service(traces).add_service(metrics);
        runtime.spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        GrpcServer { address, received, runtime: Some(runtime) }
    }

    pub fn next(&self) -> Received {
        self.received.recv_timeout(SOON).expect("a request arrives")
    }

    /// How many requests arrived that nobody asked for yet.
    pub fn rest(&self) -> usize {
        self.received.try_iter().count()
    }
}

impl Drop for GrpcServer {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let _ = self.received.send(Received::Traces(metadata, request));
        let index = {
            let mut count = self.count.lock().unwrap();
            *count += 1;
            *count - 1
        };
        (self.answer)(index).map(Response::new)
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let _ = self.received.send(Received::Metrics(metadata, request));
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
