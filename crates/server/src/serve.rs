//! From a listening socket to a router, and back to silence.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::connections::Doorkeeper;
use crate::entrances::{Entrance, Peer, entrances};
use crate::head_deadline::HeadTimer;
use crate::{Limits, Tls};

/// How long requests that are under way when the service stops may take to finish.
pub const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(20);

/// How long a client may take to agree on TLS.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many headers a request may have, and how many bytes its head.
const HEADER_COUNT: usize = 64;
const HEADER_BYTES: usize = 32 << 10;

/// Serves the router on the listener, within the default limits of connections, until `shutdown` completes; then accepts no
/// more, and lets what is in flight finish for at most [`SHUTDOWN_PATIENCE`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    serve_within(&Limits::default(), listener, router, tls, shutdown).await
}

/// As [`serve`], within these limits of connections.
pub async fn serve_within(
    limits: &Limits,
    listener: TcpListener,
    router: Router,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let mut all = Serving::all(limits, listener, &router, tls.as_ref(), 1)?;
    let only = all.pop().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let _beside = beside(vec![only.handle.clone()], tls, shutdown);
    only.run().await
}

/// What accepts connections, with what it takes to serve them.
pub(crate) struct Serving {
    limits: Limits,
    entrance: Entrance,
    app: IntoMakeServiceWithConnectInfo<Router, SocketAddr>,
    doors: Doorkeeper,
    tls: Option<RustlsConfig>,
    pub(crate) handle: Handle<Peer>,
}

impl Serving {
    /// So many that share a socket and the limits. Each ends by a handle of its own: one that has no connections any more must not end
    /// the others.
    pub(crate) fn all(
        limits: &Limits,
        listener: TcpListener,
        router: &Router,
        tls: Option<&Tls>,
        count: usize,
    ) -> io::Result<Vec<Self>> {
        let doors = Doorkeeper::new(limits, tls.is_none());
        let entrances = entrances(&listener.into_std()?, count)?;
        let one = |entrance| Self {
            limits: limits.clone(),
            entrance,
            app: router.clone().into_make_service_with_connect_info(),
            doors: doors.clone(),
            tls: tls.map(Tls::config),
            handle: Handle::new(),
        };
        Ok(entrances.into_iter().map(one).collect())
    }

    /// Serves on the runtime that this is called on, until the handle says that it is over and what was in flight has finished.
    pub(crate) async fn run(self) -> io::Result<()> {
        let server = Server::from_listener(self.entrance.open()?).handle(self.handle);
        let Some(config) = self.tls else {
            return bounded(server.acceptor(self.doors), &self.limits).serve(self.app).await;
        };
        let acceptor = RustlsAcceptor::new(config)
            .handshake_timeout(HANDSHAKE_TIMEOUT)
            .acceptor(self.doors);
        bounded(server.acceptor(acceptor), &self.limits).serve(self.app).await
    }
}

/// What goes on beside serving: the certificate is kept up to date, and at `shutdown` all is told to end. Dropped it stops.
pub(crate) fn beside(
    handles: Vec<Handle<Peer>>,
    tls: Option<Tls>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> JoinSet<()> {
    let mut beside = JoinSet::new();
    beside.spawn(async move {
        shutdown.await;
        for handle in handles {
            handle.graceful_shutdown(Some(SHUTDOWN_PATIENCE));
        }
    });
    if let Some(tls) = tls {
        beside.spawn(tls.keep());
    }
    beside
}

fn bounded<A>(mut server: Server<Peer, A>, limits: &Limits) -> Server<Peer, A> {
    let builder = server.http_builder();
    builder
        .http1()
        .timer(HeadTimer)
        .header_read_timeout(limits.keep_alive)
        .max_headers(HEADER_COUNT)
        .max_buf_size(HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES as u32)
        .max_concurrent_streams(128);
    server
}
