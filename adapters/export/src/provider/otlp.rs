//! Ready-made providers of `opentelemetry_sdk` that export by `opentelemetry-otlp`, connected as this crate connects.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use opentelemetry_http::HttpError;
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use thiserror::Error;
use tokio::runtime::{Builder, Handle, Runtime};
use waspect_abi::semconv::attribute::SERVICE_NAME;
use waspect_otlp_client::{ANSWER_BYTES_MAX, Compression, Endpoint, HttpClient, Protocol, client, metadata, target};

use super::CarriedIds;
use crate::config::{self, ExportConfig};
use crate::{Signal, StartError, USER_AGENT};

/// Providers that export by OTLP, with the thread that their connections live on.
#[derive(Debug)]
pub struct OtlpProviders {
    /// Spans; keeps the ids of those that are carried.
    pub tracers: SdkTracerProvider,
    /// Sums and gauges.
    pub meters: SdkMeterProvider,
    runtime: Option<Runtime>,
}

/// Why providers could not be made.
#[derive(Debug, Error)]
pub enum ProviderError {
    /// The endpoint cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The SDK will not have it.
    #[error("exporter of {signal}: {error}")]
    Exporter {
        /// Whose exporter.
        signal: Signal,
        /// What the SDK says.
        error: ExporterBuildError,
    },
}

/// Makes providers for these endpoints. A signal without one gets a provider without an exporter.
///
/// Retries, queues and counts are those of the SDK: see [`Exporter`](crate::Exporter) for what they do not promise. Beware that
/// `opentelemetry-otlp` adds the headers of the process's own `OTEL_EXPORTER_OTLP_HEADERS` to those given here.
pub fn otlp_providers(config: &ExportConfig) -> Result<OtlpProviders, ProviderError> {
    let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("waspect-otlp").enable_all().build();
    let runtime = runtime.map_err(StartError::Thread)?;
    let providers = {
        let _entered = runtime.enter();
        providers(config, runtime.handle())
    };
    match providers {
        Ok((tracers, meters)) => Ok(OtlpProviders { tracers, meters, runtime: Some(runtime) }),
        Err(error) => {
            // A plain drop would panic in an async host.
            runtime.shutdown_background();
            Err(error)
        }
    }
}

impl OtlpProviders {
    /// Exports what waits and ends; each provider gets this long. In an async host call it where blocking is allowed.
    pub fn shutdown(&self, deadline: Duration) -> Result<(), OTelSdkError> {
        let traces = self.tracers.shutdown_with_timeout(deadline);
        traces.and(self.meters.shutdown_with_timeout(deadline))
    }
}

impl Drop for OtlpProviders {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn providers(config: &ExportConfig, runtime: &Handle) -> Result<(SdkTracerProvider, SdkMeterProvider), ProviderError> {
    let resource = resource(config);
    let mut tracers = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_sampler(sampler(config.sampler))
        .with_id_generator(CarriedIds::default());
    if let Some(endpoint) = config.endpoint(Signal::Traces) {
        let batches = BatchConfigBuilder::default()
            .with_scheduled_delay(config.span_delay)
            .with_max_export_batch_size(config.span_batch_max);
        let batches = match config.trace_queue.items_max {
            Some(max) => batches.with_max_queue_size(usize::try_from(max).unwrap_or(usize::MAX)),
            None => batches,
        };
        let exporter = span_exporter(endpoint, runtime)?;
        tracers = tracers
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build());
    }
    let mut meters = SdkMeterProvider::builder().with_resource(resource);
    if let Some(endpoint) = config.endpoint(Signal::Metrics) {
        let exporter = metric_exporter(endpoint, config.temporality, runtime)?;
        meters = meters.with_reader(PeriodicReader::builder(exporter).with_interval(config.metric_interval).build());
    }
    Ok((tracers.build(), meters.build()))
}

/// Both exporters' builders have the same methods and no common type.
macro_rules! exporter {
    ($builder:expr, $signal:expr, $endpoint:expr, $runtime:expr) => {{
        let (signal, endpoint) = ($signal, $endpoint);
        let connection = Connection::new(signal, endpoint, $runtime)?;
        let exporter = match connection {
            Connection::Grpc(channel, metadata) => {
                let builder = $builder.with_tonic().with_channel(channel).with_metadata(metadata);
                let builder = builder.with_timeout(endpoint.timeout);
                match compression(endpoint.compression) {
                    Some(compression) => builder.with_compression(compression).build(),
                    None => builder.build(),
                }
            }
            Connection::Http(client, protocol) => {
                let builder = $builder.with_http().with_http_client(*client).with_endpoint(endpoint.url.to_string());
                let builder = builder.with_protocol(protocol).with_timeout(endpoint.timeout);
                let builder = builder.with_headers(endpoint.headers.iter().cloned().collect());
                match compression(endpoint.compression) {
                    Some(compression) => builder.with_compression(compression).build(),
                    None => builder.build(),
                }
            }
        };
        exporter.map_err(|error| ProviderError::Exporter { signal, error })
    }};
}

fn span_exporter(endpoint: &Endpoint, runtime: &Handle) -> Result<SpanExporter, ProviderError> {
    exporter!(SpanExporter::builder(), Signal::Traces, endpoint, runtime)
}

fn metric_exporter(
    endpoint: &Endpoint,
    temporality: config::Temporality,
    runtime: &Handle,
) -> Result<MetricExporter, ProviderError> {
    use opentelemetry_sdk::metrics::Temporality;
    let temporality = match temporality {
        config::Temporality::Cumulative => Temporality::Cumulative,
        config::Temporality::Delta => Temporality::Delta,
        config::Temporality::LowMemory => Temporality::LowMemory,
    };
    exporter!(MetricExporter::builder().with_temporality(temporality), Signal::Metrics, endpoint, runtime)
}

/// What an exporter of the SDK needs to speak to an endpoint.
enum Connection {
    Grpc(tonic::transport::Channel, tonic::metadata::MetadataMap),
    Http(Box<Client>, opentelemetry_otlp::Protocol),
}

impl Connection {
    fn new(signal: Signal, endpoint: &Endpoint, runtime: &Handle) -> Result<Connection, StartError> {
        Connection::open(endpoint, runtime).map_err(|message| StartError::Endpoint {
            signal,
            url: endpoint.url.to_string(),
            message,
        })
    }

    fn open(endpoint: &Endpoint, runtime: &Handle) -> Result<Connection, String> {
        let protocol = match endpoint.protocol {
            Protocol::Grpc => {
                let channel = target(endpoint, USER_AGENT)?.connect_lazy();
                return Ok(Connection::Grpc(channel, metadata(endpoint)?));
            }
            Protocol::HttpProtobuf => opentelemetry_otlp::Protocol::HttpBinary,
            Protocol::HttpJson => opentelemetry_otlp::Protocol::HttpJson,
        };
        let client = Client { client: client(endpoint)?, timeout: endpoint.timeout, runtime: runtime.clone() };
        Ok(Connection::Http(Box::new(client), protocol))
    }
}

/// Our HTTP client for the SDK's exporters, which call from threads that have no runtime.
#[derive(Clone)]
struct Client {
    client: HttpClient,
    timeout: Duration,
    runtime: Handle,
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

#[tonic::async_trait]
impl opentelemetry_http::HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let Client { client, timeout, runtime } = self.clone();
        let exchange = async move {
            let (parts, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
            Ok(Response::from_parts(parts, body))
        };
        runtime.spawn(async move { tokio::time::timeout(timeout, exchange).await? }).await?
    }
}

fn compression(compression: Compression) -> Option<opentelemetry_otlp::Compression> {
    match compression {
        Compression::None => None,
        Compression::Gzip => Some(opentelemetry_otlp::Compression::Gzip),
        Compression::Zstd => Some(opentelemetry_otlp::Compression::Zstd),
    }
}

fn sampler(sampler: config::Sampler) -> Sampler {
    let parent_or = |root| Sampler::ParentBased(Box::new(root));
    match sampler {
        config::Sampler::AlwaysOn => Sampler::AlwaysOn,
        config::Sampler::AlwaysOff => Sampler::AlwaysOff,
        config::Sampler::Ratio(ratio) => Sampler::TraceIdRatioBased(ratio),
        config::Sampler::ParentOrAlwaysOn => parent_or(Sampler::AlwaysOn),
        config::Sampler::ParentOrAlwaysOff => parent_or(Sampler::AlwaysOff),
        config::Sampler::ParentOrRatio(ratio) => parent_or(Sampler::TraceIdRatioBased(ratio)),
    }
}

fn resource(config: &ExportConfig) -> Resource {
    let attributes = config.resource_attributes.iter().cloned();
    let service = config.service_name.iter().map(|name| (SERVICE_NAME.to_owned(), name.clone()));
    let attributes = attributes.chain(service).map(|(key, value)| opentelemetry::KeyValue::new(key, value));
    Resource::builder().with_attributes(attributes).build()
}
