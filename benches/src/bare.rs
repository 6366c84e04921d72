//! What `cargo xtask bench identity kio` measures services beside: an axum handler that returns the bytes of a file, and
//! nothing else. Any other request it takes and answers without a word: for `cargo xtask bench mint` an S3 that costs nothing.
//! Prints its URL, ends with its standard input.

use std::io::Read as _;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

fn main() -> std::io::Result<()> {
    let file = std::env::args_os().nth(1).unwrap_or_default();
    let body: &'static [u8] = Box::leak(std::fs::read(file)?.into_boxed_slice());
    let app = Router::new()
        .route("/", get(async move || ([(CONTENT_TYPE, "application/json")], body)))
        .fallback(async |_: Bytes| ());
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("http://{}/", listener.local_addr()?);
        let end = async {
            let wait = || std::io::stdin().read(&mut [0]);
            drop(tokio::task::spawn_blocking(wait).await);
        };
        axum::serve(listener, app).with_graceful_shutdown(end).await
    })
}
