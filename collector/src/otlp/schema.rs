//! The messages of OTLP, as far as telling a whole request from a broken one needs them: opentelemetry-proto 1.9.

/// A message: its fields by number, and what makes it more than a container.
#[derive(Debug)]
pub(super) struct Message {
    /// What each field is.
    pub fields: &'static [(u32, Type)],
    /// What it counts as.
    pub role: Role,
}

/// What a field is written as.
#[derive(Clone, Copy, Debug)]
pub(super) enum Type {
    /// A message of its own.
    Message(&'static Message),
    /// UTF-8.
    Text,
    /// Any bytes.
    Bytes,
    /// Integers, booleans, enumerations.
    Varint,
    /// Eight bytes.
    Fixed64,
    /// Four bytes.
    Fixed32,
    /// Many of eight bytes, packed or not.
    Fixed64s,
    /// Many integers, packed or not.
    Varints,
}

/// What a message counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Nothing.
    Part,
    /// A span: its first two fields are the ids that it must have.
    Span,
    /// A data point or a log record.
    Item,
}

use Type::{Bytes, Fixed32, Fixed64, Fixed64s, Text, Varint, Varints};

const fn part(fields: &'static [(u32, Type)]) -> Message {
    Message { fields, role: Role::Part }
}

const fn item(fields: &'static [(u32, Type)]) -> Message {
    Message { fields, role: Role::Item }
}

pub(super) static TRACES: Message = part(&[(1, Type::Message(&RESOURCE_SPANS))]);
pub(super) static METRICS: Message = part(&[(1, Type::Message(&RESOURCE_METRICS))]);
pub(super) static LOGS: Message = part(&[(1, Type::Message(&RESOURCE_LOGS))]);

/// pprof's: checked like a request, though it is none.
pub(super) static PROFILE: Message = part(&[
    (1, Type::Message(&VALUE_TYPE)),
    (2, Type::Message(&SAMPLE)),
    (3, Type::Message(&MAPPING)),
    (4, Type::Message(&LOCATION)),
    (5, Type::Message(&FUNCTION)),
    (6, Text),
    (7, Varint),
    (8, Varint),
    (9, Varint),
    (10, Varint),
    (11, Type::Message(&VALUE_TYPE)),
    (12, Varint),
    (13, Varints),
    (14, Varint),
]);
static VALUE_TYPE: Message = part(&[(1, Varint), (2, Varint)]);
static SAMPLE: Message = part(&[(1, Varints), (2, Varints), (3, Type::Message(&LABEL))]);
static LABEL: Message = part(&[(1, Varint), (2, Varint), (3, Varint), (4, Varint)]);
static MAPPING: Message = part(&[
    (1, Varint),
    (2, Varint),
    (3, Varint),
    (4, Varint),
    (5, Varint),
    (6, Varint),
    (7, Varint),
    (8, Varint),
    (9, Varint),
    (10, Varint),
]);
static LOCATION: Message = part(&[(1, Varint), (2, Varint), (3, Varint), (4, Type::Message(&LINE)), (5, Varint)]);
static LINE: Message = part(&[(1, Varint), (2, Varint), (3, Varint)]);
static FUNCTION: Message = part(&[(1, Varint), (2, Varint), (3, Varint), (4, Varint), (5, Varint)]);

static RESOURCE_SPANS: Message = part(&[(1, Type::Message(&RESOURCE)), (2, Type::Message(&SCOPE_SPANS)), (3, Text)]);
static SCOPE_SPANS: Message = part(&[(1, Type::Message(&SCOPE)), (2, Type::Message(&SPAN)), (3, Text)]);
pub(super) static SPAN: Message = Message {
    fields: &[
        (1, Bytes),
        (2, Bytes),
        (3, Text),
        (4, Bytes),
        (5, Text),
        (6, Varint),
        (7, Fixed64),
        (8, Fixed64),
        (9, Type::Message(&KEY_VALUE)),
        (10, Varint),
        (11, Type::Message(&EVENT)),
        (12, Varint),
        (13, Type::Message(&LINK)),
        (14, Varint),
        (15, Type::Message(&STATUS)),
        (16, Fixed32),
    ],
    role: Role::Span,
};
static EVENT: Message = part(&[(1, Fixed64), (2, Text), (3, Type::Message(&KEY_VALUE)), (4, Varint)]);
static LINK: Message =
    part(&[(1, Bytes), (2, Bytes), (3, Text), (4, Type::Message(&KEY_VALUE)), (5, Varint), (6, Fixed32)]);
static STATUS: Message = part(&[(2, Text), (3, Varint)]);

static RESOURCE_METRICS: Message =
    part(&[(1, Type::Message(&RESOURCE)), (2, Type::Message(&SCOPE_METRICS)), (3, Text)]);
static SCOPE_METRICS: Message = part(&[(1, Type::Message(&SCOPE)), (2, Type::Message(&METRIC)), (3, Text)]);
static METRIC: Message = part(&[
    (1, Text),
    (2, Text),
    (3, Text),
    (5, Type::Message(&GAUGE)),
    (7, Type::Message(&SUM)),
    (9, Type::Message(&HISTOGRAM)),
    (10, Type::Message(&EXPONENTIAL_HISTOGRAM)),
    (11, Type::Message(&SUMMARY)),
    (12, Type::Message(&KEY_VALUE)),
]);
static GAUGE: Message = part(&[(1, Type::Message(&NUMBER))]);
static SUM: Message = part(&[(1, Type::Message(&NUMBER)), (2, Varint), (3, Varint)]);
static HISTOGRAM: Message = part(&[(1, Type::Message(&BUCKETED)), (2, Varint)]);
static EXPONENTIAL_HISTOGRAM: Message = part(&[(1, Type::Message(&EXPONENTIAL)), (2, Varint)]);
static SUMMARY: Message = part(&[(1, Type::Message(&QUANTILES))]);
static NUMBER: Message = item(&[
    (2, Fixed64),
    (3, Fixed64),
    (4, Fixed64),
    (5, Type::Message(&EXEMPLAR)),
    (6, Fixed64),
    (7, Type::Message(&KEY_VALUE)),
    (8, Varint),
]);
static BUCKETED: Message = item(&[
    (2, Fixed64),
    (3, Fixed64),
    (4, Fixed64),
    (5, Fixed64),
    (6, Fixed64s),
    (7, Fixed64s),
    (8, Type::Message(&EXEMPLAR)),
    (9, Type::Message(&KEY_VALUE)),
    (10, Varint),
    (11, Fixed64),
    (12, Fixed64),
]);
static EXPONENTIAL: Message = item(&[
    (1, Type::Message(&KEY_VALUE)),
    (2, Fixed64),
    (3, Fixed64),
    (4, Fixed64),
    (5, Fixed64),
    (6, Varint),
    (7, Fixed64),
    (8, Type::Message(&BUCKETS)),
    (9, Type::Message(&BUCKETS)),
    (10, Varint),
    (11, Type::Message(&EXEMPLAR)),
    (12, Fixed64),
    (13, Fixed64),
    (14, Fixed64),
]);
static BUCKETS: Message = part(&[(1, Varint), (2, Varints)]);
static QUANTILES: Message = item(&[
    (2, Fixed64),
    (3, Fixed64),
    (4, Fixed64),
    (5, Fixed64),
    (6, Type::Message(&QUANTILE)),
    (7, Type::Message(&KEY_VALUE)),
    (8, Varint),
]);
static QUANTILE: Message = part(&[(1, Fixed64), (2, Fixed64)]);
static EXEMPLAR: Message =
    part(&[(2, Fixed64), (3, Fixed64), (4, Bytes), (5, Bytes), (6, Fixed64), (7, Type::Message(&KEY_VALUE))]);

static RESOURCE_LOGS: Message = part(&[(1, Type::Message(&RESOURCE)), (2, Type::Message(&SCOPE_LOGS)), (3, Text)]);
static SCOPE_LOGS: Message = part(&[(1, Type::Message(&SCOPE)), (2, Type::Message(&LOG_RECORD)), (3, Text)]);
static LOG_RECORD: Message = item(&[
    (1, Fixed64),
    (2, Varint),
    (3, Text),
    (5, Type::Message(&ANY_VALUE)),
    (6, Type::Message(&KEY_VALUE)),
    (7, Varint),
    (8, Fixed32),
    (9, Bytes),
    (10, Bytes),
    (11, Fixed64),
    (12, Text),
]);

static RESOURCE: Message = part(&[(1, Type::Message(&KEY_VALUE)), (2, Varint), (3, Type::Message(&ENTITY))]);
static ENTITY: Message = part(&[(1, Text), (2, Text), (3, Text), (4, Text)]);
static SCOPE: Message = part(&[(1, Text), (2, Text), (3, Type::Message(&KEY_VALUE)), (4, Varint)]);
static KEY_VALUE: Message = part(&[(1, Text), (2, Type::Message(&ANY_VALUE)), (3, Varint)]);
static ANY_VALUE: Message = part(&[
    (1, Text),
    (2, Varint),
    (3, Varint),
    (4, Fixed64),
    (5, Type::Message(&ARRAY)),
    (6, Type::Message(&LIST)),
    (7, Bytes),
    (8, Varint),
]);
static ARRAY: Message = part(&[(1, Type::Message(&ANY_VALUE))]);
static LIST: Message = part(&[(1, Type::Message(&KEY_VALUE))]);
