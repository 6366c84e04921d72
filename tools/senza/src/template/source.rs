//! Text from a file or a URL, bounded in size and time.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use crate::http;

/// The largest definition or parameter file.
const MAXIMUM_SIZE: u64 = 1024 * 1024;
/// How long a URL may take in all.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// There is nothing at that place.
    #[error("\"{0}\" not found")]
    NotFound(String),
    /// There is something, but it could not be read; the reason follows.
    #[error("\"{0}\" can't be read: {1}")]
    Unreadable(String, String),
}

/// The text at `source`: a path, or a URL when there is `://` in it (file, http, https).
pub(crate) async fn read(source: &str) -> Result<String, ReadError> {
    let bytes = match source.split_once("://") {
        None => read_file(source, &PathBuf::from(source))?,
        Some(("http" | "https", _)) => fetch(source).await?,
        Some(("file", _)) => {
            let path = reqwest::Url::parse(source)
                .ok()
                .and_then(|url| url.to_file_path().ok())
                .ok_or_else(|| ReadError::Unreadable(source.to_owned(), "not a valid file URL".to_owned()))?;
            read_file(source, &path)?
        }
        Some((scheme, _)) => {
            return Err(ReadError::Unreadable(
                source.to_owned(),
                format!("\"{scheme}\" is not one of file, http, https"),
            ));
        }
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| ReadError::Unreadable(source.to_owned(), "it is not UTF-8 text".to_owned()))?;
    Ok(text)
}

fn too_large(source: &str) -> ReadError {
    ReadError::Unreadable(source.to_owned(), format!("it is larger than {MAXIMUM_SIZE} bytes"))
}

fn read_file(source: &str, path: &std::path::Path) -> Result<Vec<u8>, ReadError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => ReadError::NotFound(source.to_owned()),
        _ => ReadError::Unreadable(source.to_owned(), error.to_string()),
    };
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .map_err(failed)?
        .take(MAXIMUM_SIZE + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > MAXIMUM_SIZE {
        return Err(too_large(source));
    }
    Ok(bytes)
}

async fn fetch(url: &str) -> Result<Vec<u8>, ReadError> {
    let failed = |error: reqwest::Error| ReadError::Unreadable(url.to_owned(), http::cause(&error));
    let client = http::client(TIMEOUT).map_err(failed)?;
    let mut response = client.get(url).send().await.map_err(failed)?;
    match response.status() {
        reqwest::StatusCode::NOT_FOUND | reqwest::StatusCode::GONE => {
            return Err(ReadError::NotFound(url.to_owned()));
        }
        status if !status.is_success() => {
            return Err(ReadError::Unreadable(
                url.to_owned(),
                format!("the server answered {status}"),
            ));
        }
        _ => {}
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if (bytes.len() + chunk.len()) as u64 > MAXIMUM_SIZE {
            return Err(too_large(url));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
