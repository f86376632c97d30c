//! OTLP receivers: gRPC and HTTP in, [`crate::intake`] behind; profiles beside them. Everything here takes hostile clients for normal.

mod body;
mod grpc;
mod guard;
mod http;
mod profiles;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

pub use body::Room;
pub use guard::{Guard, guarded};

use crate::config::{Grpc, Http, RemoteStorage};
use crate::intake::Intake;
use crate::otlp::Signal;

/// OTLP over gRPC.
pub fn grpc(config: &Grpc, intake: Intake, room: Room) -> Router {
    let receiver =
        Arc::new(grpc::Receiver { intake, room, bytes_max: config.max_recv_msg_size_mib as usize * (1 << 20) });
    let mut router = Router::new();
    for signal in Signal::ALL {
        let receiver = receiver.clone();
        router = router
            .route(signal.grpc_path(), post(move |request| async move { receiver.export(signal, request).await }));
    }
    router.fallback(grpc::unimplemented)
}

/// What a Jaeger writes that stores here: traces as OTLP over gRPC.
pub fn storage(config: &RemoteStorage, intake: Intake, room: Room) -> Router {
    let bytes_max = config.max_recv_msg_size_mib as usize * (1 << 20);
    let receiver = Arc::new(grpc::Receiver { intake, room, bytes_max });
    let export = post(move |request| async move { receiver.export(Signal::Traces, request).await });
    Router::new().route(Signal::Traces.grpc_path(), export).fallback(grpc::unimplemented)
}

/// OTLP over HTTP.
pub fn http(config: &Http, intake: Intake, room: Room) -> Router {
    let bytes_max = usize::try_from(config.max_request_body_size).unwrap_or(usize::MAX);
    let receiver = Arc::new(http::Receiver { intake, room, bytes_max, timeout: config.read_timeout });
    let mut router = Router::new();
    for signal in Signal::ALL {
        let receiver = receiver.clone();
        router = router
            .route(signal.http_path(), post(move |request| async move { receiver.export(signal, request).await }));
    }
    let router = router.merge(profiles::routes(receiver));
    match &config.cors {
        Some(cors) => router.layer(http::cors(cors)),
        None => router,
    }
}
