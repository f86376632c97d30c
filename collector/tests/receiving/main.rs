//! Clients of every kind against a collector of this process: polite ones, broken ones, hostile ones.

mod access;
mod connections;
mod http;
mod refusals;
mod repeats;
mod storing;
mod support;
mod tls;
