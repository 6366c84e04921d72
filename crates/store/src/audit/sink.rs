//! Where the trail is shipped to.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Future;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::fs::OpenOptions;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use url::Url;

use super::{Record, ShippingError, canonical};

/// Where an HTTP destination's bearer token comes from, asked before each batch.
pub type TokenSource =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<SecretString, String>> + Send>> + Send + Sync>;

/// What is sent for a record; nothing for a record that the destination does not take.
pub type Format = Arc<dyn Fn(&Record) -> Option<Value> + Send + Sync>;

const TIMEOUT: Duration = Duration::from_secs(10);

/// No record is longer; the last line of a file is looked for within it.
const LONGEST_LINE: u64 = 16 << 20;

/// Somewhere outside the service's database.
#[derive(Clone)]
pub enum Destination {
    /// A file of JSON lines, one record each. `stups audit verify FILE` checks it. It belongs to one instance.
    File(PathBuf),
    /// Objects of JSON lines, some records each, named as contract pierone 2.13 says:
    /// `<year>/<month>/<day>/<directory>/modifying-requests-<hour>-<minute>-<second>-<number of the first record>.log`. One that is
    /// written twice by the same writer is written to the same place.
    Bucket {
        /// What it is called: `s3://bucket/prefix`.
        url: Url,
        /// What is there.
        objects: Arc<dyn ObjectStore>,
        /// What stands between the date and the name: whose trail it is, and who writes it.
        directory: String,
    },
    /// `PUT <url>/<SHA-256 of the body>` per record, as contract kio 2.10 says: sent twice it is the same object.
    Http {
        /// Without a slash at its end.
        url: Url,
        /// Without one no `Authorization` is sent.
        token: Option<TokenSource>,
        /// Without one the record itself is sent.
        format: Option<Format>,
    },
}

impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Destination({})", self.name())
    }
}

impl Destination {
    /// What its position is remembered under: another name starts from the first record. No credentials.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => format!("file:{}", path.display()),
            Self::Bucket { url, .. } | Self::Http { url, .. } => {
                let mut url = url.clone();
                let _ = url.set_password(None);
                url.to_string()
            }
        }
    }

    /// Delivers the records in their order. The error comes with the number of those that are delivered for certain.
    pub(super) async fn deliver(&self, records: &[Record]) -> Result<(), (usize, ShippingError)> {
        match self {
            Self::File(path) => append(path, records).await.map_err(|error| (0, error)),
            Self::Bucket { objects, directory, .. } => put_object(objects.as_ref(), directory, records)
                .await
                .map_err(|error| (0, error.into())),
            Self::Http { url, token, format } => {
                let client = client().map_err(|error| (0, error))?;
                let token = match token {
                    Some(source) => Some(source().await.map_err(|reason| (0, ShippingError::Token(reason)))?),
                    None => None,
                };
                for (index, record) in records.iter().enumerate() {
                    let body = match format {
                        Some(format) => format(record),
                        None => serde_json::to_value(record).ok(),
                    };
                    if let Some(body) = body {
                        put(&client, url, token.as_ref(), body)
                            .await
                            .map_err(|error| (index, error))?;
                    }
                }
                Ok(())
            }
        }
    }
}

/// Appends what the file does not have yet, and returns when it is on the disk.
async fn append(path: &PathBuf, records: &[Record]) -> Result<(), ShippingError> {
    let failed = |source| ShippingError::File {
        path: path.clone(),
        source,
    };
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .await
        .map_err(failed)?;
    let (length, last) = last_record(&mut file).await.map_err(failed)?;
    let lines = lines(records.iter().filter(|record| record.sequence > last));
    file.set_len(length).await.map_err(failed)?;
    file.seek(std::io::SeekFrom::Start(length)).await.map_err(failed)?;
    file.write_all(lines.as_bytes()).await.map_err(failed)?;
    file.flush().await.map_err(failed)?;
    file.sync_all().await.map_err(failed)
}

fn lines<'a>(records: impl Iterator<Item = &'a Record>) -> String {
    let mut lines = String::new();
    for record in records {
        lines.push_str(&canonical::text(serde_json::to_value(record).unwrap_or_default()));
        lines.push('\n');
    }
    lines
}

/// Writes the records as one object, which is named after the first of them.
async fn put_object(objects: &dyn ObjectStore, directory: &str, records: &[Record]) -> Result<(), object_store::Error> {
    let Some(first) = records.first() else { return Ok(()) };
    let time = Timestamp::from_millisecond(first.recorded_at).unwrap_or(Timestamp::UNIX_EPOCH);
    let day = time.strftime("%Y/%m/%d").to_string();
    let name = format!(
        "modifying-requests-{}-{}.log",
        time.strftime("%H-%M-%S"),
        first.sequence
    );
    let parts = day.split('/').chain(directory.split('/')).chain([name.as_str()]);
    let place: Path = parts.filter(|part| !part.is_empty()).collect();
    objects.put(&place, lines(records.iter()).into()).await?;
    Ok(())
}

/// The file's length without a line that was interrupted, and the number of its last record; 0 when there is none.
async fn last_record(file: &mut tokio::fs::File) -> std::io::Result<(u64, i64)> {
    let length = file.metadata().await?.len();
    let start = length.saturating_sub(LONGEST_LINE);
    file.seek(std::io::SeekFrom::Start(start)).await?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).await?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = &tail[..whole];
    let last = lines.strip_suffix(b"\n").unwrap_or_default();
    let last = last.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    if last.is_empty() {
        return Ok((start + whole as u64, 0));
    }
    match serde_json::from_slice::<Record>(last) {
        Ok(record) => Ok((start + whole as u64, record.sequence)),
        Err(error) => Err(std::io::Error::other(format!(
            "its last line is no audit record: {error}"
        ))),
    }
}

fn client() -> Result<reqwest::Client, ShippingError> {
    crate::tls::use_ring();
    // A redirect could lead the token elsewhere.
    let builder = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none());
    builder
        .build()
        .map_err(|error| ShippingError::Http(error.without_url()))
}

async fn put(
    client: &reqwest::Client,
    url: &Url,
    token: Option<&SecretString>,
    body: Value,
) -> Result<(), ShippingError> {
    let body = canonical::text(body);
    let key = canonical::hexadecimal(&Sha256::digest(&body));
    let address = format!("{}/{key}", url.as_str().trim_end_matches('/'));
    let mut request = client.put(address).header(CONTENT_TYPE, "application/json").body(body);
    if let Some(token) = token {
        request = request.bearer_auth(token.expose_secret());
    }
    let answer = request
        .send()
        .await
        .map_err(|error| ShippingError::Http(error.without_url()))?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(ShippingError::Refused(answer.status().as_u16()))
    }
}
