//! end-3, end-7, and the answer to deletions.

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION, WARNING};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, Limited};
use stups_server::{Error, Verbatim};

use super::blobs::{DIGEST, known, value};
use super::{Call, not_allowed};
use crate::errors;
use crate::manifest::{LARGEST, Manifest, Means, Put, stored, tag_row};
use crate::names::{Algorithm, Reference, Repository, tag};
use crate::permissions::TRUSTED;
use crate::source;
use crate::status::Compliance;

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const TAGS: HeaderName = HeaderName::from_static("oci-tag");
const SOURCE: HeaderName = HeaderName::from_static("x-scm-source");
const READY: HeaderName = HeaderName::from_static("x-production-ready-taupage");
const TRUSTED_IMAGE: HeaderName = HeaderName::from_static("x-trusted");
const REASON: HeaderName = HeaderName::from_static("x-production-ready-reason");

/// How many tags one manifest gets at once.
const MOST_TAGS: usize = 100;

impl Call<'_> {
    pub(super) async fn manifest(&self, name: &Repository, reference: &str, parts: &Parts) -> Result<Response, Error> {
        let pierone = self.pierone;
        pierone.permissions.pull(self.who, name)?;
        let reference = reference_in_path(reference)?;
        let found = pierone.named(name, &reference).await?;
        if let Means::Tag { row, .. } = &found.means
            && !row.active
            && !pierone.permissions.may_read_withdrawn(self.who)
        {
            let reason = row.reason.clone().unwrap_or_default();
            let error = errors::denied(format!("{name}:{} was withdrawn: {reason}", row.name));
            return Err(error.with_header(REASON, header_text(&reason)));
        }
        let etag = format!("\"{}\"", found.digest);
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Verbatim);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, value(&found.media_type)?);
        headers.insert(DIGEST, value(found.digest.as_str())?);
        headers.insert(ETAG, value(&etag)?);
        match (&found.means, &reference) {
            (Means::Tag { compliance, .. }, Reference::Tag(asked)) => trust(headers, compliance, asked),
            (
                Means::Digest {
                    withdrawn: Some(reason),
                },
                _,
            ) => {
                let text = header_text(&format!("299 - \"{}\"", reason.replace('"', "'")));
                headers.insert(WARNING, text);
            }
            _ => {}
        }
        if known(&parts.headers, &etag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
        headers.insert(CONTENT_LENGTH, HeaderValue::from(found.bytes.len()));
        if parts.method == Method::GET {
            *response.body_mut() = Body::from(found.bytes.clone());
        }
        Ok(response)
    }

    pub(super) async fn put(
        &self,
        name: &Repository,
        reference: &str,
        headers: &HeaderMap,
        sent: Body,
    ) -> Result<Response, Error> {
        let pierone = self.pierone;
        self.may_push(name).await?;
        let reference = reference_in_path(reference)?;
        let stated_source = self.stated_source(headers)?;
        let tags = self.wanted_tags(&reference)?;
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let bytes = body(sent).await?;
        let manifest = Manifest::parse(content_type, &bytes)?;
        let sha512 = match &reference {
            Reference::Digest(digest) => {
                let found = digest.algorithm.digest(&bytes);
                if found != *digest {
                    return Err(errors::digest_mismatch(digest, found.as_str()));
                }
                digest.algorithm == Algorithm::Sha512
            }
            Reference::Tag(_) => false,
        };
        let put = Put {
            repository: name,
            manifest: &manifest,
            bytes: &bytes,
            tags: &tags,
            sha512,
            source: pierone.source_of(name, &manifest).await?,
            stated_source,
            provenance: pierone.provenance_in(name, &manifest).await?,
            past: None,
        };
        let result = pierone.put_manifest(self.who, &put).await?;
        let digest = match reference {
            Reference::Digest(digest) => digest,
            Reference::Tag(_) => result.sha256,
        };
        let mut response = (StatusCode::CREATED, Body::empty()).into_response();
        let headers = response.headers_mut();
        headers.insert(LOCATION, value(&format!("/v2/{name}/manifests/{digest}"))?);
        headers.insert(DIGEST, value(digest.as_str())?);
        if let Some(subject) = &manifest.subject {
            headers.insert(SUBJECT, value(subject.as_str())?);
        }
        if self.query.first("tag").is_some() {
            headers.insert(TAGS, value(&tags.join(", "))?);
        }
        Ok(response)
    }

    /// What a trusted caller says about the source.
    fn stated_source(&self, headers: &HeaderMap) -> Result<Option<stups_api::pierone::ScmSource>, Error> {
        let Some(header) = headers.get(SOURCE) else {
            return Ok(None);
        };
        if !self.who.has_scope(TRUSTED) {
            return Err(errors::denied(format!(
                "User {} does not have required scope: {TRUSTED}",
                self.who.uid()
            )));
        }
        source::stated(header.to_str().unwrap_or_default()).map(Some)
    }

    fn wanted_tags(&self, reference: &Reference) -> Result<Vec<String>, Error> {
        if let Reference::Tag(tag) = reference {
            return Ok(vec![tag.clone()]);
        }
        let mut tags: Vec<String> = Vec::new();
        for name in self.query.all("tag") {
            tag(name)?;
            if !tags.iter().any(|known| known == name) {
                tags.push(name.to_owned());
            }
        }
        if tags.len() > MOST_TAGS {
            return Err(Error::oci(
                StatusCode::URI_TOO_LONG,
                "UNSUPPORTED",
                format!("at most {MOST_TAGS} tags are taken at once"),
            ));
        }
        Ok(tags)
    }

    /// Names and content are never removed by a request (contract pierone 5.6).
    pub(super) async fn delete_manifest(&self, name: &Repository, reference: &str) -> Result<Response, Error> {
        self.known()?;
        self.pierone.permissions.pull(self.who, name)?;
        let reference = reference_in_path(reference)?;
        let connection = self.pierone.store.connection();
        let found = match &reference {
            Reference::Tag(tag) => tag_row(connection, name, tag).await?.is_some(),
            Reference::Digest(digest) => stored(connection, name, digest).await?.is_some(),
        };
        if found {
            Err(not_allowed(&Method::DELETE, "GET, HEAD, PUT"))
        } else {
            Err(errors::manifest_unknown(name, &reference))
        }
    }
}

fn reference_in_path(text: &str) -> Result<Reference, Error> {
    Reference::parse(&text.replace("%3A", ":").replace("%3a", ":"))
}

async fn body(sent: Body) -> Result<Bytes, Error> {
    let collected = tokio::time::timeout(std::time::Duration::from_mins(2), Limited::new(sent, LARGEST).collect());
    match collected.await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Error::oci(
            StatusCode::PAYLOAD_TOO_LARGE,
            "MANIFEST_INVALID",
            format!("a manifest has at most {LARGEST} bytes"),
        )),
        _ => Err(errors::manifest_invalid("the body broke off")),
    }
}

/// What Taupage decides by (contract pierone 2.7).
fn trust(headers: &mut HeaderMap, compliance: &Compliance, asked: &str) {
    let named = asked != "latest";
    if named && compliance.is_production_ready() {
        headers.insert(READY, HeaderValue::from_static("true"));
    } else {
        let reason = if named {
            compliance.reason()
        } else {
            "latest is never ready for production".to_owned()
        };
        headers.insert(REASON, header_text(&reason));
    }
    if named && compliance.trusted {
        headers.insert(TRUSTED_IMAGE, HeaderValue::from_static("true"));
    }
}

/// A text that people wrote, without what headers cannot have.
fn header_text(text: &str) -> HeaderValue {
    let clean: String = text
        .chars()
        .map(|character| {
            if character.is_ascii_graphic() || character == ' ' {
                character
            } else {
                '?'
            }
        })
        .take(500)
        .collect();
    HeaderValue::from_str(&clean).unwrap_or(HeaderValue::from_static(""))
}
