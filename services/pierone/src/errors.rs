//! The refusals of the distribution protocol that several places need (contract pierone 5.4).

use axum::http::StatusCode;
use serde_json::json;
use stups_server::Error;
use stups_store::objects::object_store;

use crate::names::{Digest, Reference, Repository};

pub(crate) fn name_unknown(repository: &Repository) -> Error {
    Error::oci(
        StatusCode::NOT_FOUND,
        "NAME_UNKNOWN",
        "repository name not known to registry",
    )
    .with_details(json!({"name": repository.as_str()}))
}

pub(crate) fn blob_unknown(digest: &Digest) -> Error {
    Error::oci(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry")
        .with_details(json!({"Digest": digest.as_str()}))
}

pub(crate) fn manifest_unknown(repository: &Repository, reference: &Reference) -> Error {
    let name = match reference {
        Reference::Tag(tag) => tag.as_str(),
        Reference::Digest(digest) => digest.as_str(),
    };
    Error::oci(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown").with_details(json!({
        "Parameters": {"team": repository.team(), "artifact": repository.artifact(), "name": name}
    }))
}

pub(crate) fn manifest_invalid(message: impl Into<String>) -> Error {
    Error::oci(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", message)
}

pub(crate) fn upload_unknown() -> Error {
    Error::oci(
        StatusCode::NOT_FOUND,
        "BLOB_UPLOAD_UNKNOWN",
        "blob upload unknown to registry",
    )
}

pub(crate) fn digest_mismatch(stated: &Digest, found: &str) -> Error {
    Error::oci(
        StatusCode::BAD_REQUEST,
        "DIGEST_INVALID",
        "provided digest did not match uploaded content",
    )
    .with_details(json!({"Digest": stated.as_str(), "received": found}))
}

pub(crate) fn denied(message: impl Into<String>) -> Error {
    Error::oci(StatusCode::FORBIDDEN, "DENIED", message)
}

/// The object store failed: full is 507, everything else 503. What it said stays in the log.
pub(crate) fn storage(error: &object_store::Error) -> Error {
    if is_full(error) {
        tracing::error!(%error, "the storage is full");
        return Error::oci(StatusCode::INSUFFICIENT_STORAGE, "UNAVAILABLE", "the storage is full");
    }
    tracing::warn!(%error, "the storage failed");
    Error::unavailable("the storage does not answer as it should.")
}

fn is_full(error: &object_store::Error) -> bool {
    std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| {
        error.source()
    })
    .any(|error| {
        error.downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(
                error.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge
            )
        })
    })
}
