//! From a listening socket to a router, and back to silence.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use axum_server::tls_rustls::RustlsAcceptor;
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;

use crate::connections::Doorkeeper;
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
    let handle = Handle::<SocketAddr>::new();
    let stopping = tokio::spawn({
        let handle = handle.clone();
        async move {
            shutdown.await;
            handle.graceful_shutdown(Some(SHUTDOWN_PATIENCE));
        }
    });
    let app: IntoMakeServiceWithConnectInfo<Router, SocketAddr> = router.into_make_service_with_connect_info();
    let server = axum_server::from_tcp(listener.into_std()?)?
        .handle(handle)
        .acceptor(Doorkeeper::new(limits, tls.is_none()));
    let served = match tls {
        None => bounded(server, limits).serve(app).await,
        Some(tls) => {
            let doors = server.get_ref().clone();
            let acceptor = RustlsAcceptor::new(tls.config())
                .handshake_timeout(HANDSHAKE_TIMEOUT)
                .acceptor(doors);
            let reloading = tokio::spawn(tls.keep());
            let served = bounded(server.acceptor(acceptor), limits).serve(app).await;
            reloading.abort();
            served
        }
    };
    stopping.abort();
    served
}

fn bounded<A>(mut server: Server<SocketAddr, A>, limits: &Limits) -> Server<SocketAddr, A> {
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
