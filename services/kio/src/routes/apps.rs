//! `/apps`

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::header::LINK;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use stups_api::Problem;
use stups_api::kio::Application;
use stups_server::{Authenticated, Error, Failures, Query, content_tag, json_unless_known};
use stups_store::Store;

use super::State;
use super::query::{Documented, Parameters, cursor};
use crate::model;
use crate::permissions::Permissions;
use crate::search::{self, Place};

/// Lists applications by id, all of them unless there is a `limit`; or those that match a search by descending rank.
#[utoipa::path(
    get,
    path = "/apps",
    tag = "applications",
    params(Documented),
    responses(
        Failures,
        (status = 200, description = "The applications; an empty list if there are none", body = Vec<Application>),
        (status = 304, description = "The list is the one whose tag is in If-None-Match"),
        (status = 400, description = "A parameter cannot be used", body = Problem),
    )
)]
pub(super) async fn list(
    state: State,
    caller: Authenticated,
    headers: HeaderMap,
    Query(parameters): Query<BTreeMap<String, String>>,
) -> Result<Response, Error> {
    Permissions::read(&caller)?;
    let store = state.store.clone();
    let found = state.lists.ask(Parameters(parameters), move |parameters| {
        find(store.clone(), parameters)
    });
    let list = found.await?;
    let mut response = json_unless_known(&headers, list.tag.clone(), list.body.clone());
    if let Some(link) = &list.link {
        response.headers_mut().insert(LINK, link.clone());
    }
    Ok(response)
}

/// A list as it is answered.
#[derive(Debug)]
pub(crate) struct List {
    /// JSON.
    body: Bytes,
    /// Made of the content, so that who reads it again and again is told that nothing has changed.
    tag: HeaderValue,
    /// Where the next page is.
    link: Option<HeaderValue>,
}

async fn find(store: Store, parameters: Parameters) -> Result<Arc<List>, Error> {
    let filter = parameters.filter()?;
    let (applications, more) = match parameters.search()? {
        None => {
            let mut page = parameters.page()?;
            let limit = one_more(&mut page.limit);
            let mut found = model::list::list(&store, &filter, &page).await?;
            let more = truncate(&mut found, limit)
                .then(|| found.last().map(|last| last.id.clone()))
                .flatten();
            (found.into_iter().map(Application::from).collect::<Vec<_>>(), more)
        }
        Some(words) => {
            let mut page = parameters.ranked_page()?;
            let limit = one_more(&mut page.limit);
            let mut found = search::search(&store, &words, &filter, &page).await?;
            let more = truncate(&mut found, limit)
                .then(|| found.last().map(place_of))
                .flatten();
            (found.into_iter().map(matched).collect(), more)
        }
    };
    let link = more.map(|cursor| header(&parameters.next_link(&cursor))).transpose()?;
    let body = serde_json::to_vec(&applications).map_err(|_| Error::internal())?;
    Ok(Arc::new(List {
        tag: content_tag(&body),
        body: body.into(),
        link,
    }))
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

fn header(value: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_str(value).map_err(|_| Error::internal())
}
