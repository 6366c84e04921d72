//! From a listening socket to a router, and back to silence.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;

/// How long requests that are under way when the service stops may take to finish.
pub const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(20);

/// How long a client may take to send a request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How many headers a request may have, and how many bytes its head.
const HEADER_COUNT: usize = 64;
const HEADER_BYTES: usize = 32 << 10;

/// Serves the router on the listener until `shutdown` completes; then accepts no more, and lets what is in flight finish for
/// at most [`SHUTDOWN_PATIENCE`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let handle = Handle::<SocketAddr>::new();
    let mut server = axum_server::from_tcp(listener.into_std()?)?.handle(handle.clone());
    let builder = server.http_builder();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(HEADER_COUNT)
        .max_buf_size(HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADER_BYTES as u32)
        .max_concurrent_streams(128);
    let stopping = tokio::spawn(async move {
        shutdown.await;
        handle.graceful_shutdown(Some(SHUTDOWN_PATIENCE));
    });
    let served = server
        .serve(router.into_make_service_with_connect_info::<SocketAddr>())
        .await;
    stopping.abort();
    served
}
