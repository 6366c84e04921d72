//! `/apps`

use axum::http::header::{CONTENT_TYPE, ETAG, LINK};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};
use stups_api::Problem;
use stups_api::kio::Application;
use stups_server::{Authenticated, Error, Query};

use super::State;
use super::preconditions::is_known;
use super::query::{Documented, Parameters, cursor};
use crate::model;
use crate::permissions::Permissions;
use crate::search::{self, Place};

/// Lists applications by id, or those that match a search by descending rank. Without `limit` it is all of them.
#[utoipa::path(
    get,
    path = "/apps",
    tag = "applications",
    params(Documented),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "The applications; an empty list if there are none", body = Vec<Application>),
        (status = 304, description = "The list is the one whose tag is in If-None-Match"),
        (status = 400, description = "A parameter cannot be used", body = Problem),
        (status = 401, description = "There is no valid token", body = Problem),
        (status = 403, description = "The caller is neither an employee nor a service", body = Problem),
        (status = 503, description = "Something that is needed is not available now", body = Problem),
    )
)]
pub(super) async fn list(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Query(parameters): Query<std::collections::BTreeMap<String, String>>,
) -> Result<Response, Error> {
    Permissions::read(&caller)?;
    let parameters = Parameters(parameters);
    let filter = parameters.filter()?;
    let (applications, more) = match parameters.search()? {
        None => {
            let mut page = parameters.page()?;
            let limit = one_more(&mut page.limit);
            let mut found = model::list::list(&state.store, &filter, &page).await?;
            let more = truncate(&mut found, limit)
                .then(|| found.last().map(|last| last.id.clone()))
                .flatten();
            (found.into_iter().map(Application::from).collect::<Vec<_>>(), more)
        }
        Some(words) => {
            let mut page = parameters.ranked_page()?;
            let limit = one_more(&mut page.limit);
            let mut found = search::search(&state.store, &words, &filter, &page).await?;
            let more = truncate(&mut found, limit)
                .then(|| found.last().map(place_of))
                .flatten();
            (found.into_iter().map(matched).collect(), more)
        }
    };
    let link = more.map(|cursor| parameters.next_link(&cursor));
    answer(&headers, &applications, link.as_deref())
}

/// Asks for one more than the limit, to know whether something follows.
fn one_more(limit: &mut Option<u64>) -> Option<usize> {
    let wanted = limit.and_then(|limit| usize::try_from(limit).ok());
    *limit = limit.map(|limit| limit + 1);
    wanted
}

fn truncate<T>(found: &mut Vec<T>, limit: Option<usize>) -> bool {
    let more = limit.is_some_and(|limit| found.len() > limit);
    found.truncate(limit.unwrap_or(usize::MAX));
    more
}

fn place_of(found: &search::Match) -> String {
    cursor(&Place {
        rank: found.rank,
        id: found.application.id.clone(),
    })
}

fn matched(found: search::Match) -> Application {
    Application {
        matched_rank: Some(found.rank),
        matched_description: Some(found.headline),
        ..found.application.into()
    }
}

/// The list with a tag made of its content, so that who reads it again and again is told that nothing has changed.
fn answer(headers: &HeaderMap, applications: &[Application], link: Option<&str>) -> Result<Response, Error> {
    let body = serde_json::to_vec(applications).map_err(|_| Error::internal())?;
    let digest = Sha256::digest(&body);
    let tag = digest
        .iter()
        .take(12)
        .fold("\"".to_owned(), |tag, byte| format!("{tag}{byte:02x}"))
        + "\"";
    let tag_header = (ETAG, header(&tag)?);
    if is_known(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, [tag_header]).into_response());
    }
    let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut response = ([json, tag_header], body).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(LINK, header(link)?);
    }
    Ok(response)
}

fn header(value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value).map_err(|_| Error::internal())
}
