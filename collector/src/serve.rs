//! Connections: taken, limited, timed, and let go in good order. Knows HTTP, and nothing of what is served.
//!
//! Why not `axum::serve`? It waits for ever for a request's headers, and takes any number of connections. Why close the idle one
//! and not refuse the new one? Who opens thousands of connections and says nothing would else keep all others out.

mod sending;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::config::Access;
use crate::health::Health;
use crate::tls::Tls;
use sending::Answers;

/// Longest list of headers in bytes.
const HEADERS_BYTES_MAX: u32 = 16 << 10;

/// How often idle connections are looked for.
const SWEEP: Duration = Duration::from_secs(1);

/// What connections may do.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Requests at once on one of them.
    pub streams: u32,
    /// Time for a request's headers.
    pub header: Duration,
    /// Time for a whole request.
    pub request: Duration,
    /// Time between requests.
    pub idle: Duration,
}

impl Limits {
    /// As configured.
    pub fn new(access: &Access, streams: u32) -> Limits {
        Limits {
            connections: access.max_connections as usize,
            streams,
            header: access.read_header_timeout,
            request: access.read_timeout,
            idle: access.idle_timeout,
        }
    }
}

/// Who is at the other end of a connection: an extension of each of its requests.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// A place where we listen.
pub struct Server {
    listener: TcpListener,
    router: Router,
    limits: Limits,
    /// None: plain text.
    tls: Option<Tls>,
    health: Arc<Health>,
    connections: Arc<Connections>,
    answers: Answers,
}

impl Server {
    /// Listens. Nothing is served yet.
    pub async fn bind(
        address: SocketAddr,
        router: Router,
        limits: Limits,
        tls: Option<Tls>,
        health: Arc<Health>,
    ) -> io::Result<Server> {
        let listener = TcpListener::bind(address).await?;
        Ok(Server { listener, router, limits, tls, health, connections: Arc::default(), answers: Answers::default() })
    }

    /// Where: the port is known even if any was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `end`; then connections finish what they have begun, and `tracker` knows when they have.
    pub async fn run(self, end: CancellationToken, tracker: TaskTracker) {
        let server = Arc::new(self);
        loop {
            let accepted = tokio::select! {
                () = end.cancelled() => return,
                accepted = server.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    if server.connections.count() >= server.limits.connections {
                        server.make_room();
                    }
                    tracker.spawn(server.clone().connection(stream, Peer(peer.ip()), end.clone()));
                }
                // Out of descriptors, or a client that is gone already.
                Err(_) => {
                    server.make_room();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    fn make_room(&self) {
        if self.connections.evict() {
            self.health.evicted();
        }
    }

    async fn connection(self: Arc<Server>, stream: TcpStream, peer: Peer, end: CancellationToken) {
        // Answers are small, and somebody waits for them.
        let _ = stream.set_nodelay(true);
        let entry = self.connections.enter();
        self.health.connections(1);
        match &self.tls {
            None => self.serve(stream, peer, &entry, end).await,
            Some(tls) => {
                let shaken = tokio::select! {
                    shaken = tokio::time::timeout(self.limits.header, tls.accept(stream)) => shaken,
                    () = entry.connection.close.notified() => return self.health.connections(-1),
                    () = end.cancelled() => return self.health.connections(-1),
                };
                match shaken {
                    Ok(Ok(stream)) => self.serve(stream, peer, &entry, end).await,
                    // Too slow, not TLS, or without a certificate that is asked for.
                    Ok(Err(_)) | Err(_) => self.health.refused("handshake"),
                }
            }
        }
        self.health.connections(-1);
    }

    async fn serve<S>(&self, stream: S, peer: Peer, entry: &Entry, end: CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = {
            let (connection, router, time) = (entry.connection.clone(), self.router.clone(), self.limits.request);
            let answers = self.answers.clone();
            hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
                request.extensions_mut().insert(peer);
                let (connection, router, answers) = (connection.clone(), router.clone(), answers.clone());
                let busy = Busy::new(connection.clone());
                async move {
                    let response = answer(router, request.map(Body::new), time).await;
                    drop(busy);
                    let response = answers.send(response, move || connection.change());
                    Ok::<_, std::convert::Infallible>(response.unwrap_or_else(unread))
                }
            })
        };
        let builder = self.builder();
        let serving = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(serving);
        let mut ending = false;
        loop {
            tokio::select! {
                // A connection that ends badly has a client that knows it.
                _ = &mut serving => break,
                () = entry.connection.close.notified() => break,
                () = end.cancelled(), if !ending => {
                    ending = true;
                    serving.as_mut().graceful_shutdown();
                }
                () = tokio::time::sleep(SWEEP) => {
                    if entry.connection.is_idle_for(self.limits.idle) {
                        break;
                    }
                }
            }
        }
    }

    fn builder(&self) -> auto::Builder<TokioExecutor> {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header)
            .max_buf_size(HEADERS_BYTES_MAX as usize * 2);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.limits.streams)
            .max_header_list_size(HEADERS_BYTES_MAX)
            .keep_alive_interval(self.limits.idle / 2)
            .keep_alive_timeout(self.limits.header);
        builder
    }
}

async fn answer(router: Router, request: Request, time: Duration) -> Response {
    // The body's own time limit answers better, and comes first.
    match tokio::time::timeout(time + Duration::from_secs(1), router.oneshot(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(_) => (StatusCode::REQUEST_TIMEOUT, "the request took too long\n").into_response(),
    }
}

/// Instead of an answer that would be one too many.
fn unread() -> Response {
    let message = "too many answers are not read yet; read them, or come back later\n";
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], message).into_response()
}

/// The connections that are open.
#[derive(Default)]
struct Connections {
    open: Mutex<HashMap<u64, Arc<Connection>>>,
    next: AtomicU64,
}

/// One of them.
struct Connection {
    made: Instant,
    /// Requests that are being received or answered.
    busy: AtomicU32,
    /// When the last one began or ended, or some of its answer went, in ms after `made`.
    changed_ms: AtomicU64,
    close: Notify,
}

/// A connection's place among the open ones, for as long as this lives.
struct Entry {
    connections: Arc<Connections>,
    number: u64,
    connection: Arc<Connection>,
}

impl Connections {
    fn enter(self: &Arc<Connections>) -> Entry {
        let number = self.next.fetch_add(1, Relaxed);
        let connection = Arc::new(Connection {
            made: Instant::now(),
            busy: AtomicU32::new(0),
            changed_ms: AtomicU64::new(0),
            close: Notify::new(),
        });
        self.lock().insert(number, connection.clone());
        Entry { connections: self.clone(), number, connection }
    }

    fn count(&self) -> usize {
        self.lock().len()
    }

    /// Closes the connection that is idle longest; if none is, the one whose request takes longest. False: there is none.
    fn evict(&self) -> bool {
        let mut open = self.lock();
        let oldest = open.iter().max_by_key(|(_, connection)| (connection.is_idle(), connection.unchanged()));
        let Some(number) = oldest.map(|(number, _)| *number) else { return false };
        let connection = open.remove(&number).expect("it was just seen");
        connection.close.notify_one();
        true
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    fn is_idle(&self) -> bool {
        self.busy.load(Relaxed) == 0
    }

    fn is_idle_for(&self, time: Duration) -> bool {
        self.is_idle() && self.unchanged() >= time
    }

    fn unchanged(&self) -> Duration {
        self.made.elapsed().saturating_sub(Duration::from_millis(self.changed_ms.load(Relaxed)))
    }

    fn change(&self) {
        let now = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.changed_ms.store(now, Relaxed);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.number);
    }
}

/// A request that is under way.
struct Busy(Arc<Connection>);

impl Busy {
    fn new(connection: Arc<Connection>) -> Busy {
        connection.busy.fetch_add(1, Relaxed);
        connection.change();
        Busy(connection)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change();
        self.0.busy.fetch_sub(1, Relaxed);
    }
}
