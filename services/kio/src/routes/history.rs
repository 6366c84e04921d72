//! `/apps/{application_id}/history`

use std::collections::BTreeMap;

use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use stups_api::kio::HistoryEntry;
use stups_api::strict::{self, Attribute, Kind};
use stups_api::{Problem, Timestamp};
use stups_server::{Authenticated, Error, Failures, Json, Path, Query};
use stups_store::audit::{self, Outcome, Record};

use super::app::not_found;
use super::{State, application_id};
use crate::model::store;
use crate::permissions::Permissions;

const LIMIT: Attribute = Attribute::optional("limit", Kind::Integer(1, 1000));
const CURSOR: Attribute = Attribute::optional("cursor", Kind::Integer(0, i64::MAX));

/// So many entries are answered unless the caller says otherwise.
const DEFAULT_LIMIT: i64 = 100;

/// Lists what was done to an application, its versions and approvals, oldest first. What was refused is for auditors only.
#[utoipa::path(
    get,
    path = "/apps/{application_id}/history",
    tag = "applications",
    params(
        ("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$"),
        ("limit" = Option<u16>, Query, description = "No more than so many, 100 by default", minimum = 1, maximum = 1000),
        ("cursor" = Option<i64>, Query, description = "Where to go on, from a `Link` header", minimum = 0),
    ),
    responses(
        Failures,
        (status = 200, description = "What was done", body = Vec<HistoryEntry>),
        (status = 400, description = "The id or a parameter cannot be used", body = Problem),
        (status = 404, description = "There is no such application", body = Problem),
    )
)]
pub(super) async fn list(
    state: State,
    caller: Authenticated,
    Path(id): Path<String>,
    Query(parameters): Query<BTreeMap<String, String>>,
) -> Result<Response, Error> {
    Permissions::read(&caller)?;
    application_id(&id)?;
    let limit = number(&parameters, &LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    let after = number(&parameters, &CURSOR)?.unwrap_or(0);
    let connection = state.store.connection();
    store::application(connection, &id).await?.ok_or_else(not_found)?;

    let filter = audit::Filter {
        subject: Some(id.clone()),
        ..audit::Filter::default()
    };
    let records = audit::page(connection, after, limit.unsigned_abs(), &filter).await?;
    let full = records.len() as u64 == limit.unsigned_abs();
    let next = records.last().filter(|_| full).map(|last| last.sequence);
    let entries: Vec<HistoryEntry> = records
        .into_iter()
        .filter(|record| record.event.outcome == Outcome::Success)
        .map(entry)
        .collect();
    let mut response = Json(entries).into_response();
    if let Some(next) = next {
        let link = format!("</apps/{id}/history?limit={limit}&cursor={next}>; rel=\"next\"");
        response
            .headers_mut()
            .insert(LINK, HeaderValue::from_str(&link).map_err(|_| Error::internal())?);
    }
    Ok(response)
}

fn number(parameters: &BTreeMap<String, String>, parameter: &Attribute) -> Result<Option<i64>, Error> {
    let text = parameters.get(parameter.name);
    let value = text.map(|text| strict::text("query", parameter, text)).transpose()?;
    Ok(value.as_ref().and_then(Value::as_i64))
}

fn entry(record: Record) -> HistoryEntry {
    HistoryEntry {
        sequence: record.sequence,
        action: record.event.action,
        at: Timestamp(record.recorded_at),
        by: format!("{}/{}", record.event.actor.realm, record.event.actor.uid),
        details: record.event.details,
    }
}
