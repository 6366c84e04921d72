//! `/apps/{application_id}`

use std::collections::BTreeSet;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures::future::try_join_all;
use serde_json::{Map, Value, json};
use stups_api::Problem;
use stups_api::mint::{Application, CONFIGURATION, ConfigurationWrite, ScopeName};
use stups_api::strict::Invalid;
use stups_aws::SecretLocation;
use stups_server::{Authenticated, Error, Failures, Json, Path, WriteFailures, content_tag, json_unless_known};

use super::{Shared, State, application_id, attributes, away, no_application, not_found};
use crate::audit;
use crate::model::application::Model;
use crate::model::{departed, store};
use crate::permissions::Permissions;

/// Nobody has more buckets, clusters or scopes.
const MOST: usize = 200;

/// Reads an application's configuration and how its secrets are.
#[utoipa::path(
    get,
    path = "/apps/{application_id}",
    tag = "applications",
    params(("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$")),
    responses(
        Failures,
        (status = 200, description = "The configuration", body = Application),
        (status = 304, description = "It is the one whose tag is in If-None-Match"),
        (status = 400, description = "The id cannot be one", body = Problem),
        (status = 404, description = "The application is not configured", body = Problem),
    )
)]
pub(super) async fn read(
    state: Shared,
    caller: Authenticated,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    Permissions::read(&caller)?;
    application_id(&id)?;
    let connection = state.store.connection();
    let found = store::application(connection, &id).await?.ok_or_else(not_found)?;
    let scopes = store::scopes(connection, &id).await?;
    let json = serde_json::to_vec(&found.detail(scopes)).map_err(|_| Error::internal())?;
    Ok(json_unless_known(&headers, content_tag(&json), json.into()))
}

/// Configures an application: what is not in the body becomes empty. The worker then makes it so.
#[utoipa::path(
    put,
    path = "/apps/{application_id}",
    tag = "applications",
    params(("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$")),
    request_body = ConfigurationWrite,
    responses(
        WriteFailures,
        (status = 200, description = "It is written"),
        (status = 400, description = "The application is not in Kio, a scope is not in essentials, or an attribute cannot be used", body = Problem),
    )
)]
pub(super) async fn put(
    state: Shared,
    caller: Authenticated,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<StatusCode, Error> {
    application_id(&id)?;
    let wanted = Wanted::of(&attributes("application", &body, CONFIGURATION)?)?;
    if !state.everything_is_allowed {
        let team = state.permissions.team_of(&caller, &id).await?;
        let team = team.ok_or_else(|| no_application(&id))?;
        let decision = state.permissions.write(&caller, Some(&team)).await?;
        state.enforce(decision, "application.configured", &id, &caller).await?;
        check_scopes(&state, &caller, &wanted.scopes).await?;
    }
    write(&state, &caller, &id, &wanted).await?;
    Ok(StatusCode::OK)
}

/// Removes an application's configuration. The next cycle removes its service user, if no worker of old has done so.
#[utoipa::path(
    delete,
    path = "/apps/{application_id}",
    tag = "applications",
    params(("application_id" = String, Path, description = "The application", pattern = "^[a-z][a-z0-9-]*[a-z0-9]$")),
    responses(
        Failures,
        (status = 200, description = "It is removed"),
        (status = 400, description = "The id cannot be one", body = Problem),
        (status = 404, description = "The application is not configured", body = Problem),
    )
)]
pub(super) async fn delete(state: Shared, caller: Authenticated, Path(id): Path<String>) -> Result<StatusCode, Error> {
    application_id(&id)?;
    state.authorise(&caller, &id, "application.removed").await?;
    let write = state.store.write().await?;
    let stored = store::locked(state.store.dialect(), write.transaction(), &id).await?;
    let stored = stored.ok_or_else(not_found)?;
    store::delete(write.transaction(), &id).await?;
    departed::add(write.transaction(), &stored.username, state.clock.milliseconds()).await?;
    write
        .commit(audit::done("application.removed", &id, caller.actor(), json!({})))
        .await?;
    Ok(StatusCode::OK)
}

/// A configuration as it is kept: lists are sets.
struct Wanted {
    is_client_confidential: bool,
    /// Nothing when the body says nothing: the originals do not know it, and change it by no write of theirs.
    is_client_key: Option<bool>,
    redirect_url: Option<String>,
    buckets: BTreeSet<String>,
    clusters: BTreeSet<String>,
    scopes: BTreeSet<ScopeName>,
}

impl Wanted {
    /// From attributes that have passed the schema.
    fn of(attributes: &Map<String, Value>) -> Result<Self, Error> {
        let flag = |name: &str| attributes.get(name).and_then(Value::as_bool);
        let texts = |name: &str| -> BTreeSet<String> {
            let list = attributes.get(name).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let redirect_url = attributes.get("redirect_url").and_then(Value::as_str);
        let scopes = attributes.get("scopes").cloned().unwrap_or_else(|| json!([]));
        let wanted = Self {
            is_client_confidential: flag("is_client_confidential").ok_or_else(|| no_value("is_client_confidential"))?,
            is_client_key: flag("is_client_key"),
            redirect_url: redirect_url.filter(|url| !url.is_empty()).map(str::to_owned),
            buckets: texts("s3_buckets")
                .iter()
                .map(|bucket| place(bucket))
                .collect::<Result<_, _>>()?,
            clusters: texts("kubernetes_clusters"),
            scopes: serde_json::from_value(scopes).map_err(|_| no_value("scopes"))?,
        };
        if wanted.is_client_key == Some(true) && !wanted.is_client_confidential {
            return Err(refused("is_client_key", "only a confidential client has a key"));
        }
        for (name, count) in [
            ("s3_buckets", wanted.buckets.len()),
            ("kubernetes_clusters", wanted.clusters.len()),
            ("scopes", wanted.scopes.len()),
        ] {
            if count > MOST {
                return Err(refused(name, &format!("there are more than {MOST}")));
            }
        }
        Ok(wanted)
    }

    fn buckets_json(&self) -> String {
        json!(self.buckets).to_string()
    }

    fn clusters_json(&self) -> String {
        json!(self.clusters).to_string()
    }
}

/// The place for secrets in its one spelling.
fn place(bucket: &str) -> Result<String, Error> {
    if bucket.starts_with("gs://") {
        return Ok(bucket.to_owned());
    }
    let location: SecretLocation = bucket
        .parse()
        .map_err(|error: stups_aws::SecretLocationError| refused("s3_buckets", &error.to_string()))?;
    Ok(location.to_string())
}

fn no_value(name: &str) -> Error {
    refused(name, "it has to have a value")
}

fn refused(name: &str, reason: &str) -> Error {
    Invalid::new(
        &Value::Null,
        format!("body->application->{name}"),
        true,
        "object",
        reason,
    )
    .into()
}

/// Every scope has to be in essentials. They are asked for all at once, with the caller's token.
async fn check_scopes(state: &State, caller: &Authenticated, scopes: &BTreeSet<ScopeName>) -> Result<(), Error> {
    if scopes.is_empty() {
        return Ok(());
    }
    let essentials = state
        .essentials
        .as_ref()
        .ok_or_else(|| Error::unavailable("essentials_url is not set."))?;
    let essentials = &essentials.on_behalf_of(&caller.token);
    let asked = scopes.iter().map(async |scope| {
        let found = essentials.scope(&scope.resource_type_id, &scope.scope_id).await;
        found.map(|found| (scope, found.is_some()))
    });
    let found = try_join_all(asked).await.map_err(|error| away("essentials", &error))?;
    match found.into_iter().find(|(_, exists)| !exists) {
        None => Ok(()),
        Some((scope, _)) => {
            let message = format!("Scope {scope} does not exist in essentials");
            Err(Error::bad_request(message).with_details(json!({"invalid_scope": scope})))
        }
    }
}

/// Writes the configuration if it is new or anything changed (contract mint-berry 2.3, step 4). What a bucket that is new to it
/// has to get, it gets with the next cycle.
async fn write(state: &State, caller: &Authenticated, id: &str, wanted: &Wanted) -> Result<(), Error> {
    let write = state.store.write().await?;
    let stored = store::locked(state.store.dialect(), write.transaction(), id).await?;
    let known_scopes = store::scopes(write.transaction(), id).await?;
    let base = stored.clone().unwrap_or_else(|| blank(state, id));
    let known_buckets: BTreeSet<String> = base.buckets().into_iter().collect();
    let mut changed = Model {
        redirect_url: wanted.redirect_url.clone(),
        is_client_confidential: wanted.is_client_confidential,
        is_client_key: wanted.is_client_confidential && wanted.is_client_key.unwrap_or(base.is_client_key),
        s3_buckets: wanted.buckets_json(),
        kubernetes_clusters: wanted.clusters_json(),
        ..base.clone()
    };
    let same_scopes = known_scopes.iter().eq(&wanted.scopes);
    if stored.as_ref() == Some(&changed) && same_scopes {
        return Ok(());
    }
    changed.last_modified = later_than(&base, state.clock.milliseconds());
    if !wanted.buckets.is_subset(&known_buckets) {
        changed.last_password_rotation = None;
    }
    let another_client =
        base.is_client_key != changed.is_client_key || base.is_client_confidential != wanted.is_client_confidential;
    if another_client || !wanted.buckets.is_subset(&known_buckets) {
        changed.last_client_rotation = None;
    }
    if stored.is_some() {
        store::update(write.transaction(), &changed).await?;
    } else if !store::insert(write.transaction(), &changed).await? {
        return Err(Error::conflict(
            "The application was configured by somebody else at the same moment. Please try again.",
        ));
    }
    departed::forget(write.transaction(), &changed.username).await?;
    store::replace_scopes(write.transaction(), id, &wanted.scopes).await?;
    let details = json!({
        "is_client_confidential": wanted.is_client_confidential, "is_client_key": changed.is_client_key,
        "redirect_url": wanted.redirect_url, "s3_buckets": wanted.buckets, "kubernetes_clusters": wanted.clusters,
        "scopes": wanted.scopes,
        "before": stored.map(|stored| json!(stored.detail(known_scopes))),
    });
    write
        .commit(audit::done("application.configured", id, caller.actor(), details))
        .await?;
    Ok(())
}

/// A moment that no worker has brought the service user in line with yet.
pub(super) fn later_than(model: &Model, now: i64) -> i64 {
    now.max(model.last_modified + 1)
        .max(model.last_synced.unwrap_or_default() + 1)
}

/// One that is not stored yet. The name of its service user is for good.
fn blank(state: &State, id: &str) -> Model {
    Model {
        id: id.to_owned(),
        username: format!("{}{id}", state.username_prefix),
        client_id: None,
        redirect_url: None,
        is_client_confidential: true,
        is_client_key: false,
        s3_buckets: "[]".to_owned(),
        kubernetes_clusters: "[]".to_owned(),
        last_modified: 0,
        last_synced: None,
        last_password_rotation: None,
        last_client_rotation: None,
        has_problems: false,
        message: String::new(),
        s3_errors: 0,
        next_attempt: None,
        pending_password: None,
        pending_client: None,
        pending_client_id: None,
        missing_since: None,
        removal_released: false,
        lease_owner: None,
        lease_until: None,
    }
}
