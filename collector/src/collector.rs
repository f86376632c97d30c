//! The whole: a configuration in, a running collector out.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::admin;
use crate::batches::Batches;
use crate::config::{self, Access, Config, Exporter};
use crate::forward::{ConnectError, Forwarded, Forwarder, Sums};
use crate::health::Health;
use crate::index::{Follower, Index};
use crate::intake::Intake;
use crate::log::{self, Directory, Disk, Log, OpenError, Opened, Options, Store};
use crate::manifests::Manifests;
use crate::metrics;
use crate::page;
use crate::query::{self, Ask};
use crate::receive::{self, Guard, Room, guarded};
use crate::serve::{Limits, Server};
use crate::tls::{Tls, TlsError};

/// Bytes of requests that are being received, or wait for the disk: each.
const ROOM_BYTES: usize = 64 << 20;

/// The index's file in the store's directory.
const INDEX: &str = "index.redb";

/// What is kept of the streams there.
const STREAMS: &str = "streams.redb";

/// How often the log lets go of what is too old, though nothing comes in.
const EXPIRE: Duration = Duration::from_secs(30);

/// Why a collector cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The directory is not to be had.
    #[error("storage.directory: `{path}` {error}")]
    Directory {
        /// Which.
        path: String,
        /// Why.
        error: DirectoryError,
    },
    /// What is in it cannot be read.
    #[error("storage.directory: {0}")]
    Log(#[from] OpenError),
    /// The manifests in it cannot.
    #[error("storage.directory: its manifests cannot be read: {0}")]
    Manifests(#[source] io::Error),
    /// An address is not to be had.
    #[error("{place}.endpoint: cannot listen on {address}: {error}; name another address, or end who has it")]
    Listen {
        /// The setting.
        place: &'static str,
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// An exporter cannot be prepared.
    #[error(transparent)]
    Exporter(#[from] ConnectError),
    /// What TLS needs is not there.
    #[error("{place}.tls.{error}")]
    Tls {
        /// The setting.
        place: &'static str,
        /// Why.
        error: TlsError,
    },
    /// A thread cannot start.
    #[error("cannot start: {0}")]
    Thread(#[source] io::Error),
}

/// Why a directory is not to be had.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// Another collector has it.
    #[error("belongs to another collector; end that one, or name another directory")]
    Taken,
    /// The system says no.
    #[error("cannot be used: {0}; name another directory")]
    System(io::Error),
}

/// A running collector.
pub struct Collector {
    /// What was found in the store.
    pub opened: Opened,
    /// Where it listens: the setting, and the address.
    pub addresses: Vec<(&'static str, SocketAddr)>,
    log: Log,
    health: Arc<Health>,
    phases: Phases,
}

/// How a collector ends: step by step, each with its tasks.
#[derive(Clone, Default)]
struct Phases {
    /// Nothing new is taken.
    end: CancellationToken,
    /// What is stored is sent, as far as endpoints take it.
    drain: CancellationToken,
    /// Whatever goes on ends.
    stop: CancellationToken,
    receiving: TaskTracker,
    forwarding: TaskTracker,
}

impl Collector {
    /// Opens the store and listens.
    pub async fn start(config: &Config) -> Result<Collector, StartError> {
        Collector::start_on(config, open_directory(config)?).await
    }

    /// The same with a store on any disk. The index is in the directory of the configuration all the same.
    pub async fn start_on(config: &Config, disk: Arc<dyn Disk>) -> Result<Collector, StartError> {
        let (store, opened) = Store::open(disk.clone(), options(config))?;
        let (manifests, damaged) = Manifests::open(disk).map_err(StartError::Manifests)?;
        if damaged > 0 {
            warn!(damaged, "manifests in the store are damaged, their functions have no names; push them again");
        }
        let log = Log::start(store, ROOM_BYTES).map_err(StartError::Thread)?;
        let health = Arc::new(Health::new(&log));
        let phases = Phases::default();
        let index = Index::new(&config.storage.directory.join(INDEX));
        let batches = Batches::default();
        // Before anybody sends: a batch that is in the log must not be stored once more.
        let summing = {
            let (path, log, health) = (config.storage.directory.join(STREAMS), log.clone(), health.clone());
            let (batches, phases) = (batches.clone(), phases.clone());
            let open = move || metrics::Follower::open(&path, &log, &health, &batches, &phases.drain, &phases.stop);
            tokio::task::spawn_blocking(open).await.map_err(|panic| StartError::Thread(panic.into()))?
        };

        let forwarded = Forwarded::default();
        let forwarder = |name: &String| {
            let (known, ends) = ((&forwarded, &manifests), (&phases.drain, &phases.stop));
            Forwarder::new(name, config, &log, &health, known, ends)
        };
        let intake = Intake::new(log.clone(), health.clone(), batches);
        let forwarders: Vec<_> = config.exporters.keys().map(forwarder).collect::<Result<_, _>>()?;
        let sums = |name: &String| {
            let (metrics, phases) = (summing.metrics(), &phases);
            Sums::new(name, config, (&metrics, &manifests, &log, &health), (&phases.drain, &phases.stop))
        };
        let sums: Vec<_> = config.exporters.keys().map(sums).collect::<Result<_, _>>()?;
        let mut addresses = Vec::new();
        let admin =
            admin::routes(log.clone(), health.clone(), summing.metrics(), manifests.clone(), phases.end.clone());
        let ask = Ask::new(log.clone(), index.clone(), manifests.clone());
        let stores = Stores { intake, manifests: manifests.clone() };
        for (place, server) in servers(config, &health, stores, &forwarded, admin, ask)? {
            let server = server.await.map_err(|(address, error)| StartError::Listen { place, address, error })?;
            addresses.push((place, server.address().map_err(StartError::Thread)?));
            phases.receiving.spawn(server.run(phases.end.clone(), phases.receiving.clone()));
        }
        phases.receiving.spawn(expire(log.clone(), manifests.clone(), phases.end.clone()));
        for forwarder in forwarders {
            phases.forwarding.spawn(forwarder.run());
        }
        let follower = Follower::new(index, &log, &health, &manifests, &phases.drain);
        phases.forwarding.spawn(follower.run());
        phases.forwarding.spawn(summing.run());
        for sums in sums.into_iter().flatten() {
            phases.forwarding.spawn(sums.run());
        }
        Ok(Collector { opened, addresses, log, health, phases })
    }

    /// What it counts.
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Takes nothing new, finishes what is under way, sends what is stored as far as endpoints take it, and closes the store.
    /// False: it had to be cut short. What is not sent is sent after the next start.
    pub async fn shutdown(self, deadline: Duration) -> io::Result<bool> {
        let phases = self.phases;
        let drained = tokio::time::timeout(deadline, async {
            phases.end.cancel();
            phases.receiving.close();
            phases.receiving.wait().await;
            phases.drain.cancel();
            phases.forwarding.close();
            phases.forwarding.wait().await;
        });
        let drained = drained.await.is_ok();
        phases.drain.cancel();
        phases.stop.cancel();
        phases.forwarding.close();
        phases.forwarding.wait().await;
        self.log.close().await?;
        Ok(drained)
    }
}

/// Opens the directory of a configuration.
pub fn open_directory(config: &Config) -> Result<Arc<Directory>, StartError> {
    let path = &config.storage.directory;
    Directory::open(path).map(Arc::new).map_err(|error| StartError::Directory {
        path: path.display().to_string(),
        error: match error.kind() {
            io::ErrorKind::WouldBlock => DirectoryError::Taken,
            _ => DirectoryError::System(error),
        },
    })
}

fn options(config: &Config) -> Options {
    let storage = &config.storage;
    Options {
        segment_bytes: storage.segment_size_mib << 20,
        bytes_max: storage.max_size_mib << 20,
        age_max: storage.max_age,
        readers: config.exporters.iter().map(|(name, exporter)| (name.clone(), on_full(exporter))).collect(),
    }
}

fn on_full(exporter: &Exporter) -> log::OnFull {
    match exporter.on_full {
        config::OnFull::DropOldest => log::OnFull::DropOldest,
        config::OnFull::Refuse => log::OnFull::Refuse,
    }
}

type Binding = std::pin::Pin<Box<dyn Future<Output = Result<Server, (SocketAddr, io::Error)>> + Send>>;

/// Where it listens.
fn servers(
    config: &Config,
    health: &Arc<Health>,
    Stores { intake, manifests }: Stores,
    forwarded: &Forwarded,
    admin: Router,
    ask: Ask,
) -> Result<Vec<(&'static str, Binding)>, StartError> {
    let room = Room::new(ROOM_BYTES);
    let guard = |access: &Access| Guard::new(access, &config.extensions, health);
    let mut servers = Vec::new();
    let mut add = |place, address, access: Access, streams, router| {
        let tls = access.tls.as_ref().map(|tls| Tls::read(place, tls)).transpose();
        let tls = tls.map_err(|error| StartError::Tls { place, error })?;
        let health = health.clone();
        let binding: Binding = Box::pin(async move {
            let server = Server::bind(address, router, Limits::new(&access, streams), tls, health);
            server.await.map_err(|error| (address, error))
        });
        servers.push((place, binding));
        Ok::<_, StartError>(())
    };
    if let Some(grpc) = &config.receivers.otlp.protocols.grpc {
        let (place, access) = ("receivers.otlp.protocols.grpc", grpc.access());
        let router = receive::grpc(grpc, intake.clone(), room.clone(), guard(&access));
        add(place, grpc.endpoint, access, grpc.max_concurrent_streams, router)?;
    }
    if let Some(http) = &config.receivers.otlp.protocols.http {
        let (place, access) = ("receivers.otlp.protocols.http", http.access());
        let stores = (intake.clone(), manifests);
        let router = receive::http(http, &config.extensions, stores, room.clone(), guard(&access));
        add(place, http.endpoint, access, 100, router)?;
    }
    let access = config.query.access();
    let router = guarded(admin.merge(query::routes(ask.clone())), guard(&access)).merge(page::routes());
    add("query", config.query.endpoint, access, 100, router)?;
    let (storage, access) = (&config.remote_storage, config.remote_storage.access());
    let router = receive::storage(storage, intake.without(forwarded.clone()), room).merge(query::storage::routes(ask));
    let router = guarded(router, guard(&access));
    add("remote_storage", storage.endpoint, access, storage.max_concurrent_streams, router)?;
    Ok(servers)
}

/// Where what is sent goes.
struct Stores {
    intake: Intake,
    manifests: Manifests,
}

async fn expire(log: Log, manifests: Manifests, end: CancellationToken) {
    loop {
        let ending = tokio::select! {
            () = end.cancelled() => true,
            () = tokio::time::sleep(EXPIRE) => false,
        };
        let manifests = manifests.clone();
        // If it fails, the order is lost in which they go when there is no room: the next time, or with the next use, it is written.
        let _ = tokio::task::spawn_blocking(move || manifests.keep_uses()).await;
        if ending {
            return;
        }
        log.expire().await;
    }
}
