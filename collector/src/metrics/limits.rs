//! What bounds the streams. Senders are strangers: each of these is met by somebody's flood, and then nobody else notices.

/// Attribute sets of one metric; those beyond are one series together.
pub const SETS_MAX: usize = 2_000;

/// Metrics of one service: of each name, scope and resource.
pub const METRICS_MAX: usize = 1_000;

/// Of each service beyond that: metrics whose resource and scope are left out, so that their points are still summed.
pub const SPILLED_METRICS_MAX: usize = 200;

/// Services by name; those beyond are one service together.
pub const SERVICES_MAX: usize = 1_000;

/// Memory for the streams of one service.
pub const SERVICE_BYTES_MAX: usize = 16 << 20;

/// Memory for all streams.
pub const BYTES_MAX: usize = 64 << 20;

/// The same with the series of what is beyond a limit.
pub const SPILLED_BYTES_MAX: usize = 96 << 20;

/// Longest data point, encoded.
pub const POINT_BYTES_MAX: usize = 64 << 10;

/// Longest set of attributes, encoded.
pub const SET_BYTES_MAX: usize = 8 << 10;

/// Longest name, unit, scope and resource of a metric, encoded together.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

/// Buckets of an explicit histogram.
pub const BOUNDS_MAX: usize = 1_000;

/// Buckets of an exponential histogram, on each side of zero: as many as OpenTelemetry's SDKs have.
pub const BUCKETS_MAX: i64 = 160;

/// Examples that a histogram keeps, the latest; a sum keeps one.
pub const EXEMPLARS_MAX: usize = 4;

/// A stream that is not heard of for so long is forgotten; if it comes back, it begins anew.
pub const STALE_MS: u64 = 24 * 60 * 60 * 1000;
