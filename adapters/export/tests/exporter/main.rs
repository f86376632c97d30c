//! The exporter against real sockets on loopback: good receivers, and every kind of bad one that we could think of.
//!
//! No test sleeps or measures time. The one time in them is [`support::SOON`], after which a test gives up on a hang.

mod support;

mod environment;
mod grpc;
mod hostile;
mod http;
mod json;
mod ledger;
mod provider;
mod telemetry;
mod tls;
