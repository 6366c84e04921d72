//! `GET /audit`: the audit trail, for auditors.

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE, LINK};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use stups_store::Store;
use stups_store::audit::{self, Filter, Record};
use utoipa::{IntoParams, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::Error;
use crate::extract::{Authenticated, Json, Query};

/// How many records a page has, unless the auditor says otherwise, and at most.
const PAGE: u64 = 100;
const LARGEST_PAGE: u64 = 1000;

#[derive(OpenApi)]
#[openapi(components(schemas()))]
struct Empty;

pub(crate) fn routes(store: Store) -> OpenApiRouter {
    OpenApiRouter::with_openapi(Empty::openapi())
        .routes(routes!(records))
        .with_state(store)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only records behind this sequence number. 0, or none: from the beginning.
    #[serde(default)]
    #[param(minimum = 0)]
    after: i64,
    /// How many records at most: 1 to 1000, 100 by default.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
    /// Only what was done to this: an application's id, a user's realm/uid.
    subject: Option<String>,
    /// Only what this caller did: /employees/jdoe.
    actor: Option<String>,
    /// Not recorded before: milliseconds since 1970 UTC.
    since: Option<i64>,
    /// Recorded before: milliseconds since 1970 UTC.
    until: Option<i64>,
}

/// The audit trail, oldest first.
///
/// For callers with the scope `audit.read`. Records form a chain of hashes that `stups audit verify` checks. As JSON, or one
/// record per line when `Accept` asks for `application/x-ndjson`. `Link` names the next page while there may be one.
#[utoipa::path(
    get,
    path = "/audit",
    tag = "audit",
    params(Which),
    responses(
        (status = 200, description = "A page of records.", content(
            (Vec<serde_json::Value> = "application/json"), (String = "application/x-ndjson")
        ))
    )
)]
async fn records(
    State(store): State<Store>,
    caller: Authenticated,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    crate::floor_routes::auditor(&caller)?;
    let limit = which.limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) || which.after < 0 {
        return Err(Error::bad_request(format!(
            "Value in query->limit must be 1 to {LARGEST_PAGE}, and query->after not negative."
        )));
    }
    let link = next(&which, limit);
    let filter = Filter {
        subject: which.subject,
        actor: which.actor,
        since: which.since,
        until: which.until,
    };
    let records = audit::page(store.connection(), which.after, limit, &filter).await?;
    let mut response = match headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()) {
        Some(accept) if accept.contains("ndjson") || accept.contains("jsonl") => lines(&records)?,
        _ => Json(&records).into_response(),
    };
    if let Some(last) = records.last().filter(|_| records.len() as u64 == limit) {
        let link = format!("<{}&after={}>; rel=\"next\"", link, last.sequence);
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(LINK, link);
        }
    }
    Ok(response)
}

/// The address of the next page, without `after`.
fn next(which: &Which, limit: u64) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &limit.to_string());
    for (name, value) in [("subject", &which.subject), ("actor", &which.actor)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    for (name, value) in [("since", which.since), ("until", which.until)] {
        if let Some(value) = value {
            query.append_pair(name, &value.to_string());
        }
    }
    format!("/audit?{}", query.finish())
}

fn lines(records: &[Record]) -> Result<Response, Error> {
    let mut text = Vec::new();
    for record in records {
        serde_json::to_writer(&mut text, record).map_err(|_| Error::internal())?;
        text.push(b'\n');
    }
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], text).into_response())
}
