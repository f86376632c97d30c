//! The JSON of Jaeger's `/api`: the shapes that its page and Grafana read.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// Every answer.
#[derive(Debug, Serialize)]
pub struct Response<T> {
    /// What was asked for; none in an error.
    pub data: Option<T>,
    /// How many there are, where they are names.
    pub total: usize,
    /// Always 0.
    pub limit: usize,
    /// Always 0.
    pub offset: usize,
    /// What went wrong, or was left out.
    pub errors: Option<Vec<Failure>>,
}

/// What went wrong.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// The status, where it is the whole answer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// In words.
    pub msg: String,
    /// With which trace.
    #[serde(rename = "traceID", skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// A trace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trace {
    #[serde(rename = "traceID")]
    pub trace_id: String,
    pub spans: Vec<Span>,
    /// By the names that spans say.
    pub processes: BTreeMap<String, Process>,
    pub warnings: Option<Vec<String>>,
}

/// A span.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    #[serde(rename = "traceID")]
    pub trace_id: String,
    #[serde(rename = "spanID")]
    pub span_id: String,
    pub operation_name: String,
    pub references: Vec<Reference>,
    /// In us since 1970.
    pub start_time: u64,
    /// In us.
    pub duration: u64,
    pub tags: Vec<Tag>,
    pub logs: Vec<Log>,
    #[serde(rename = "processID")]
    pub process_id: String,
    pub warnings: Option<Vec<String>>,
}

/// What a span comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    pub ref_type: RefType,
    #[serde(rename = "traceID")]
    pub trace_id: String,
    #[serde(rename = "spanID")]
    pub span_id: String,
}

/// How.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefType {
    ChildOf,
    FollowsFrom,
}

/// Who made spans.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Process {
    pub service_name: String,
    pub tags: Vec<Tag>,
}

/// An event.
#[derive(Debug, Serialize)]
pub struct Log {
    /// In us since 1970.
    pub timestamp: u64,
    pub fields: Vec<Tag>,
}

/// A key and a value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tag {
    pub key: String,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub value: Value,
}

/// What a value is; in the order in which Jaeger sorts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    String,
    Bool,
    Int64,
    Float64,
    Binary,
}

/// What a service does.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    pub name: String,
    pub span_kind: &'static str,
}

/// Who calls whom.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    pub parent: String,
    pub child: String,
    pub call_count: u64,
}
