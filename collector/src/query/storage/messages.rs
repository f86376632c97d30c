//! The messages of `jaeger.storage.v2`, as far as they are read or written here.
//!
//! Why by hand, and not generated? They are a page; a generator would want a compiler of protocol buffers wherever we are built. What
//! they share with OTLP, spans and attributes, is OTLP's own type, which has the same numbers.

use opentelemetry_proto::tonic::common::v1::KeyValue;
use prost::Message;

/// `google.protobuf.Timestamp`: a time since 1970, or before it.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Timestamp {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct Duration {
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

/// Of `GetServices`, `GetCapabilities`.
#[derive(Clone, PartialEq, Message)]
pub struct Empty {}

/// Of `GetServices`.
#[derive(Clone, PartialEq, Message)]
pub struct Services {
    #[prost(string, repeated, tag = "1")]
    pub services: Vec<String>,
}

/// Of `GetOperations`.
#[derive(Clone, PartialEq, Message)]
pub struct OperationsOf {
    #[prost(string, tag = "1")]
    pub service: String,
    /// Empty: of any.
    #[prost(string, tag = "2")]
    pub span_kind: String,
}

/// Of `GetOperations`.
#[derive(Clone, PartialEq, Message)]
pub struct Operations {
    #[prost(message, repeated, tag = "1")]
    pub operations: Vec<Operation>,
}

/// What a service does.
#[derive(Clone, PartialEq, Message)]
pub struct Operation {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(string, tag = "2")]
    pub span_kind: String,
}

/// Of `GetTraces`.
#[derive(Clone, PartialEq, Message)]
pub struct TracesById {
    #[prost(message, repeated, tag = "1")]
    pub query: Vec<TraceById>,
}

/// One of them. Times that say where to look are not needed here.
#[derive(Clone, PartialEq, Message)]
pub struct TraceById {
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
}

/// Of all that finds.
#[derive(Clone, PartialEq, Message)]
pub struct Find {
    #[prost(message, optional, tag = "1")]
    pub query: Option<Query>,
}

/// What is wanted.
#[derive(Clone, PartialEq, Message)]
pub struct Query {
    #[prost(string, tag = "1")]
    pub service_name: String,
    #[prost(string, tag = "2")]
    pub operation_name: String,
    #[prost(message, repeated, tag = "3")]
    pub attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "4")]
    pub start_time_min: Option<Timestamp>,
    #[prost(message, optional, tag = "5")]
    pub start_time_max: Option<Timestamp>,
    #[prost(message, optional, tag = "6")]
    pub duration_min: Option<Duration>,
    #[prost(message, optional, tag = "7")]
    pub duration_max: Option<Duration>,
    #[prost(int32, tag = "8")]
    pub search_depth: i32,
    /// An expression, which we do not say that we understand.
    #[prost(bytes = "vec", optional, tag = "9")]
    pub filter: Option<Vec<u8>>,
    #[prost(message, optional, tag = "10")]
    pub pagination: Option<Pagination>,
}

/// Which part of the answer.
#[derive(Clone, PartialEq, Message)]
pub struct Pagination {
    #[prost(uint32, tag = "1")]
    pub page_size: u32,
    #[prost(string, tag = "2")]
    pub page_token: String,
}

/// Of `FindTraceIDs`.
#[derive(Clone, PartialEq, Message)]
pub struct TraceIds {
    #[prost(message, repeated, tag = "1")]
    pub trace_ids: Vec<FoundTraceId>,
    #[prost(string, tag = "2")]
    pub next_page_token: String,
}

/// One of them.
#[derive(Clone, PartialEq, Message)]
pub struct FoundTraceId {
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
}

/// Of `FindTraceSummaries`.
#[derive(Clone, PartialEq, Message)]
pub struct TraceSummaries {
    #[prost(message, repeated, tag = "1")]
    pub summaries: Vec<TraceSummary>,
    #[prost(string, tag = "2")]
    pub next_page_token: String,
}

/// A trace in a line.
#[derive(Clone, PartialEq, Message)]
pub struct TraceSummary {
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    #[prost(string, tag = "2")]
    pub root_service_name: String,
    #[prost(string, tag = "3")]
    pub root_operation_name: String,
    #[prost(fixed64, tag = "4")]
    pub min_start_time_unix_nano: u64,
    #[prost(fixed64, tag = "5")]
    pub max_end_time_unix_nano: u64,
    #[prost(int32, tag = "6")]
    pub span_count: i32,
    #[prost(int32, tag = "7")]
    pub error_span_count: i32,
    #[prost(int32, tag = "8")]
    pub orphan_span_count: i32,
    #[prost(message, repeated, tag = "9")]
    pub services: Vec<ServiceSummary>,
}

/// A service's part of it.
#[derive(Clone, PartialEq, Message)]
pub struct ServiceSummary {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(int32, tag = "2")]
    pub span_count: i32,
    #[prost(int32, tag = "3")]
    pub error_span_count: i32,
}

/// Of `GetDependencies`.
#[derive(Clone, PartialEq, Message)]
pub struct DependenciesIn {
    #[prost(message, optional, tag = "1")]
    pub start_time: Option<Timestamp>,
    #[prost(message, optional, tag = "2")]
    pub end_time: Option<Timestamp>,
}

/// Of `GetDependencies`.
#[derive(Clone, PartialEq, Message)]
pub struct Dependencies {
    #[prost(message, repeated, tag = "1")]
    pub dependencies: Vec<Dependency>,
}

/// Who calls whom.
#[derive(Clone, PartialEq, Message)]
pub struct Dependency {
    #[prost(string, tag = "1")]
    pub parent: String,
    #[prost(string, tag = "2")]
    pub child: String,
    #[prost(uint64, tag = "3")]
    pub call_count: u64,
}

/// Of `GetCapabilities`.
#[derive(Clone, PartialEq, Message)]
pub struct Capabilities {
    #[prost(message, optional, tag = "1")]
    pub search: Option<SearchCapabilities>,
}

/// What a search may ask for.
#[derive(Clone, PartialEq, Message)]
pub struct SearchCapabilities {
    #[prost(bool, tag = "1")]
    pub without_service_name: bool,
    /// One span has all that is asked for.
    #[prost(bool, tag = "2")]
    pub same_span_conjunction: bool,
    #[prost(bool, tag = "4")]
    pub paginated: bool,
}
