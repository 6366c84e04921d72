//! Objects: in a directory, or in S3.

mod directory;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::ObjectStore;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, Checksum};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::signer::{Method, Signer as _};
use serde::Deserialize;
use url::Url;

pub use object_store;

/// Why there is no place for objects.
#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    /// Neither `file:///directory` nor `s3://bucket/prefix`.
    #[error("{0} names no place for objects: file:///directory and s3://bucket/prefix do")]
    Url(Url),
    /// The directory cannot be made.
    #[error("{}: {source}", path.display())]
    Directory {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The settings for S3 are incomplete or wrong.
    #[error("{0}")]
    Settings(#[from] object_store::Error),
}

/// How parts of files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileWrites {
    /// Through the system's cache.
    Cached,
    /// Those of at least 1 MiB past it, where the file system knows how: that costs less, drives nothing out of the cache that others read, and
    /// leaves the first reading to the disk.
    Direct,
}

/// In the extensions of a put: nobody looks for the object until its writer has told where it is, so that a directory may show it before it
/// is whole. Its bytes are on the disk when the put has returned; its name surely is when it has been renamed.
#[derive(Clone, Copy, Debug)]
pub struct InPlace;

/// The place that the URL names: `file:///directory`, made when it is missing, or `s3://bucket/prefix`.
///
/// An object in a directory is on the disk when its put has returned. For S3, credentials, region and endpoint come from the
/// usual variables: `AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL`, web identities, container and instance roles.
/// Both take conditional puts ([`object_store::PutMode::Create`]). What is put into S3 has its SHA-256 with it, or the checksum that
/// `AWS_CHECKSUM_ALGORITHM` names: buckets whose objects are locked take nothing else.
pub fn open(url: &Url, writes: FileWrites) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
    match url.scheme() {
        "file" => directory(url, writes),
        "s3" => s3(url, AmazonS3Builder::from_env()),
        _ => Err(ObjectsError::Url(url.clone())),
    }
}

fn directory(url: &Url, writes: FileWrites) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
    let path = url.to_file_path().map_err(|()| ObjectsError::Url(url.clone()))?;
    std::fs::create_dir_all(&path).map_err(|source| ObjectsError::Directory {
        path: path.clone(),
        source,
    })?;
    Ok(Arc::new(directory::Directory::new(&path, writes)?))
}

/// As [`open`] for `s3://`, with settings from elsewhere than the environment.
pub fn s3(url: &Url, settings: AmazonS3Builder) -> Result<Arc<dyn ObjectStore>, ObjectsError> {
    let (s3, prefix) = bucket(url, settings)?;
    if prefix.parts().next().is_none() {
        return Ok(Arc::new(s3));
    }
    Ok(Arc::new(PrefixStore::new(s3, prefix)))
}

fn bucket(url: &Url, settings: AmazonS3Builder) -> Result<(AmazonS3, Path), ObjectsError> {
    crate::tls::use_ring();
    let bucket = url
        .host_str()
        .filter(|_| url.scheme() == "s3")
        .ok_or_else(|| ObjectsError::Url(url.clone()))?;
    let prefix = Path::from_url_path(url.path()).map_err(object_store::Error::from)?;
    // Plain HTTP only where an endpoint says so: emulators, a store on the same machine.
    let endpoint = settings.get_config_value(&AmazonS3ConfigKey::Endpoint);
    let plain = endpoint.is_some_and(|endpoint| endpoint.starts_with("http://"));
    // S3 compares the checksum, and demands one where objects are locked. It is made for the signature anyway.
    let settings = match settings.get_config_value(&AmazonS3ConfigKey::Checksum) {
        Some(_) => settings,
        None => settings.with_checksum_algorithm(Checksum::SHA256),
    };
    Ok((
        settings.with_bucket_name(bucket).with_allow_http(plain).build()?,
        prefix,
    ))
}

/// Signs URLs with which anybody may read one object of a bucket for a while.
#[derive(Clone, Debug)]
pub struct Presigner {
    s3: Arc<AmazonS3>,
    prefix: Path,
}

impl Presigner {
    /// For the place that the URL names, with settings from the environment; there is none for a directory.
    pub fn open(url: &Url) -> Result<Option<Self>, ObjectsError> {
        if url.scheme() != "s3" {
            return Ok(None);
        }
        Self::s3(url, AmazonS3Builder::from_env()).map(Some)
    }

    /// For `s3://`, with settings from elsewhere than the environment.
    pub fn s3(url: &Url, settings: AmazonS3Builder) -> Result<Self, ObjectsError> {
        let (s3, prefix) = bucket(url, settings)?;
        Ok(Self {
            s3: Arc::new(s3),
            prefix,
        })
    }

    /// A URL that answers a GET for the object, for as long as it is valid.
    pub async fn url(&self, object: &Path, valid: Duration) -> Result<Url, object_store::Error> {
        let path: Path = self.prefix.parts().chain(object.parts()).collect();
        self.s3.signed_url(Method::GET, &path, valid).await
    }
}
