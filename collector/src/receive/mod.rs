//! OTLP receivers: gRPC and HTTP in, [`crate::intake`] behind; profiles and manifests beside them. Everything here takes hostile
//! clients for normal.

mod body;
mod grpc;
mod guard;
mod http;
mod manifests;
mod origins;
mod profiles;
mod rate;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

pub use body::Room;
pub use guard::{Guard, guarded};
use origins::Origins;

use crate::config::{Extensions, Grpc, Http, RemoteStorage};
use crate::intake::Intake;
use crate::manifests::Manifests;
use crate::otlp::Signal;

/// OTLP over gRPC.
pub fn grpc(config: &Grpc, intake: Intake, room: Room, guard: Guard) -> Router {
    let receiver =
        Arc::new(grpc::Receiver { intake, room, bytes_max: config.max_recv_msg_size_mib as usize * (1 << 20) });
    let mut router = Router::new();
    for signal in Signal::ALL {
        let receiver = receiver.clone();
        router = router
            .route(signal.grpc_path(), post(move |request| async move { receiver.export(signal, request).await }));
    }
    guarded(router.fallback(grpc::unimplemented), guard)
}

/// What a Jaeger writes that stores here: traces as OTLP over gRPC.
pub fn storage(config: &RemoteStorage, intake: Intake, room: Room) -> Router {
    let bytes_max = config.max_recv_msg_size_mib as usize * (1 << 20);
    let receiver = Arc::new(grpc::Receiver { intake, room, bytes_max });
    let export = post(move |request| async move { receiver.export(Signal::Traces, request).await });
    Router::new().route(Signal::Traces.grpc_path(), export).fallback(grpc::unimplemented)
}

/// OTLP over HTTP, and profiles: also from pages that a setting names, or a token. And manifests, from no page at all.
pub fn http(
    config: &Http,
    extensions: &Extensions,
    (intake, manifests): (Intake, Manifests),
    room: Room,
    guard: Guard,
) -> Router {
    let bytes_max = usize::try_from(config.max_request_body_size).unwrap_or(usize::MAX);
    let receiver = Arc::new(http::Receiver { intake, room, bytes_max, timeout: config.read_timeout });
    let mut router = Router::new();
    for signal in Signal::ALL {
        let receiver = receiver.clone();
        router = router
            .route(signal.http_path(), post(move |request| async move { receiver.export(signal, request).await }));
    }
    let cors = config.cors.clone().unwrap_or_default();
    let access = config.access();
    let of_tokens = access.extensions(extensions).flat_map(|extension| &extension.allowed_origins);
    let pages = Origins::new(cors.allowed_origins.iter().chain(of_tokens));
    let names = guarded(manifests::routes(receiver.clone(), manifests), guard.clone().without_pages());
    let router = guarded(router.merge(profiles::routes(receiver)), guard.with(pages.clone())).merge(names);
    // Outermost: pages learn from a no, too, when to come back.
    match pages.is_empty() {
        false => router.layer(http::cors(&cors, pages)),
        true => router,
    }
}
