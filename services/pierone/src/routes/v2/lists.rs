//! end-8, end-12, the catalog and the extensions.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use sea_orm::ConnectionTrait;
use serde_json::json;
use stups_server::{Error, Json, Verbatim};
use stups_store::{Error as StoreError, Store};
use url::form_urlencoded;

use super::Call;
use super::blobs::{digest_in_path, value};
use crate::manifest::referrers;
use crate::names::Repository;
use crate::{errors, sql};

/// How many entries a page has at most.
const LARGEST_PAGE: usize = 10_000;

/// How many bytes a page of referrers has at most.
const LARGEST_REFERRERS: usize = 4 << 20;

const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");

/// A page of a repository's tags.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TagPage {
    repository: Repository,
    limit: Option<usize>,
    last: String,
}

/// The same as it is answered, to all who ask at the same moment.
#[derive(Debug)]
pub(crate) struct TagList {
    /// JSON.
    body: Bytes,
    link: Option<HeaderValue>,
}

impl TagPage {
    async fn read(&self, store: &Store) -> Result<TagList, Error> {
        let (connection, name) = (store.connection(), &self.repository);
        if !is_known(connection, name).await? {
            return Err(errors::name_unknown(name));
        }
        let tags = sql::texts(
            connection,
            "SELECT name FROM tags WHERE repository = $1 AND name > $2 ORDER BY name LIMIT $3",
            [
                name.as_str().into(),
                self.last.as_str().into(),
                ask_for(self.limit).into(),
            ],
        );
        let (tags, link) = cut(tags.await?, self.limit, &format!("/v2/{name}/tags/list"))?;
        let body = serde_json::to_vec(&json!({"name": name.as_str(), "tags": tags})).map_err(|_| Error::internal())?;
        Ok(TagList {
            body: body.into(),
            link,
        })
    }
}

/// Whether anybody has ever pushed to the repository.
async fn is_known(connection: &impl ConnectionTrait, name: &Repository) -> Result<bool, StoreError> {
    let question = "SELECT 1 FROM repositories WHERE name = $1";
    sql::exists(connection, question, [name.as_str().into()]).await
}

impl Call<'_> {
    pub(super) async fn tags(&self, name: &Repository) -> Result<Response, Error> {
        let pierone = self.pierone;
        pierone.permissions.pull(self.who, name)?;
        let page = TagPage {
            repository: name.clone(),
            limit: self.page()?,
            last: self.query.first("last").unwrap_or_default().to_owned(),
        };
        let store = pierone.store.clone();
        let list = pierone.tag_lists.ask(page, move |page| {
            let store = store.clone();
            async move { page.read(&store).await.map(Arc::new) }
        });
        let list = list.await?;
        let json = (
            [(CONTENT_TYPE, HeaderValue::from_static("application/json"))],
            list.body.clone(),
        );
        Ok(with_link(json.into_response(), list.link.clone()))
    }

    /// Only what the caller may pull.
    pub(super) async fn catalog(&self) -> Result<Response, Error> {
        let pierone = self.pierone;
        pierone.permissions.read(self.who, true)?;
        let limit = self.page()?;
        let wanted = limit.unwrap_or(LARGEST_PAGE) + 1;
        let mut last = self.query.first("last").unwrap_or_default().to_owned();
        let mut found = Vec::new();
        loop {
            let names = sql::texts(
                pierone.store.connection(),
                "SELECT name FROM repositories WHERE name > $1
                 AND EXISTS (SELECT 1 FROM manifests WHERE manifests.repository = repositories.name)
                 ORDER BY name LIMIT 1000",
                [last.clone().into()],
            )
            .await?;
            let Some(end) = names.last().cloned() else { break };
            found.extend(names.into_iter().filter(|name| {
                Repository::parse(name).is_ok_and(|name| match &self.who.identity {
                    // A token for one repository is no reason to hide the others from who may read them.
                    crate::principal::Identity::Registry(claims) if !claims.uid.is_empty() => true,
                    _ => pierone.permissions.may_pull(self.who, &name),
                })
            }));
            if found.len() >= wanted {
                break;
            }
            last = end;
        }
        found.truncate(wanted);
        let (names, link) = cut(found, limit, "/v2/_catalog")?;
        Ok(with_link(Json(json!({"repositories": names})).into_response(), link))
    }

    /// Of the extensions there is the one that lists them. The catalog, which is older, is none by the specification.
    pub(super) fn extensions(&self) -> Result<Response, Error> {
        self.known()?;
        let own = json!({
            "name": "_oci",
            "url": "https://github.com/opencontainers/distribution-spec/blob/main/extensions/_oci.md",
            "description": "Lists the extensions that are here",
            "endpoints": ["_oci/ext/discover"],
        });
        Ok(Json(json!({"extensions": [own]})).into_response())
    }

    /// Those of one repository: the same.
    pub(super) async fn extensions_of(&self, name: &Repository) -> Result<Response, Error> {
        self.pierone.permissions.pull(self.who, name)?;
        if !is_known(self.pierone.store.connection(), name).await? {
            return Err(errors::name_unknown(name));
        }
        self.extensions()
    }

    /// Always an index, also where there is nothing.
    pub(super) async fn referrers(&self, name: &Repository, digest: &str) -> Result<Response, Error> {
        let pierone = self.pierone;
        pierone.permissions.pull(self.who, name)?;
        let digest = digest_in_path(digest)?;
        let kind = self.query.first("artifactType").filter(|kind| !kind.is_empty());
        let last = self.query.first("last").unwrap_or_default();
        let (manifests, more) =
            referrers(pierone.store.connection(), name, &digest, kind, last, LARGEST_REFERRERS).await?;
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": manifests,
        });
        let link = more.map(|last| {
            let mut parameters = vec![("last", last)];
            if let Some(kind) = kind {
                parameters.push(("artifactType", kind.to_owned()));
            }
            link(&format!("/v2/{name}/referrers/{digest}"), &parameters)
        });
        let mut response = with_link(Json(index).into_response(), link.transpose()?);
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/vnd.oci.image.index.v1+json"),
        );
        if kind.is_some() {
            headers.insert(FILTERS, HeaderValue::from_static("artifactType"));
        }
        Ok(response)
    }

    /// How many entries the caller wants; all when he does not say.
    fn page(&self) -> Result<Option<usize>, Error> {
        let Some(text) = self.query.first("n") else {
            return Ok(None);
        };
        match text.parse::<usize>() {
            Ok(count) => Ok(Some(count.min(LARGEST_PAGE))),
            Err(_) => Err(Error::oci(
                StatusCode::BAD_REQUEST,
                "UNSUPPORTED",
                format!("n is a number of entries, not {text:?}"),
            )),
        }
    }
}

/// The page, and where the next one is, if there is one. Without `n` it is everything, page by page of the largest size.
fn cut(
    mut entries: Vec<String>,
    limit: Option<usize>,
    path: &str,
) -> Result<(Vec<String>, Option<HeaderValue>), Error> {
    let limit = limit.unwrap_or(LARGEST_PAGE);
    if entries.len() <= limit {
        return Ok((entries, None));
    }
    entries.truncate(limit);
    let link = entries
        .last()
        .map(|last| link(path, &[("n", limit.to_string()), ("last", last.clone())]));
    Ok((entries, link.transpose()?))
}

/// One more than wanted shows whether something follows.
fn ask_for(limit: Option<usize>) -> i64 {
    i64::try_from(limit.unwrap_or(LARGEST_PAGE)).unwrap_or(i64::MAX - 1) + 1
}

fn link(path: &str, parameters: &[(&str, String)]) -> Result<HeaderValue, Error> {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    value(&format!("<{path}?{query}>; rel=\"next\""))
}

fn with_link(mut response: Response, link: Option<HeaderValue>) -> Response {
    response.extensions_mut().insert(Verbatim);
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    response
}
