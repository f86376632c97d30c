//! An HTTP receiver that answers as it is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::response::Response;
use bytes::Bytes;
use tokio::net::TcpListener;

use super::SOON;

pub struct HttpServer {
    pub address: String,
    received: mpsc::Receiver<(Parts, Bytes)>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl HttpServer {
    /// `answer` gets the number of the request, from 0.
    pub fn start(answer: impl Fn(usize) -> Response<Body> + Send + Sync + 'static) -> HttpServer {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (sender, received) = mpsc::channel();
        let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
        let handler = move |request: Request| {
            let (answer, sender) = (answer.clone(), sender.clone());
            let index = count.fetch_add(1, Ordering::Relaxed);
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap();
                let _ = sender.send((parts, body));
                answer(index)
            }
        };
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async { axum::serve(listener, Router::new().fallback(handler)).await });
        HttpServer { address, received, runtime: Some(runtime) }
    }

    pub fn next(&self) -> (Parts, Bytes) {
        self.received.recv_timeout(SOON).expect("a request arrives")
    }

    /// How many requests arrived that nobody asked for yet.
    pub fn rest(&self) -> usize {
        self.received.try_iter().count()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// An answer with a status, headers and a body.
pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap()
}
