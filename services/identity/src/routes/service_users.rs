//! The service-user API that the Mint worker calls (contract identity 2.14).

use axum::extract::State as Shared;
use serde_json::{Value, json};
use stups_api::identity::{
    ClientRotation, Commit, CommitClient, NewClient, RealmName, ServiceUser, ServiceUserAnswer, ServiceUserId,
    ServiceUserPassword, ServiceUserWrite,
};
use stups_server::{Authenticated, Error, Json, Path};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::common::{Failures, author, changed, done, refused};
use crate::State;
use crate::administration;
use crate::keys::PublicKey;
use crate::model::service_users::{self, Which};
use crate::model::write::removal;

/// Lets a caller read.
const READ: &str = "services_read";
/// Lets a caller read and write.
const WRITE: &str = "services_write";
/// The grace after a commit is never shorter, in seconds.
const MIN_GRACE: i64 = 300;

/// The routes, for callers with a valid token.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(realms))
        .routes(routes!(list))
        .routes(routes!(get, put, delete))
        .routes(routes!(new_password, commit_password))
        .routes(routes!(new_client, commit_client))
}

/// By scope, or by name: the original worker's token has the scope `uid` alone.
async fn authorise(
    state: &State,
    caller: &Authenticated,
    scopes: &[&str],
    action: &str,
    subject: &str,
) -> Result<(), Error> {
    let by_scope = scopes.iter().any(|scope| caller.has_scope(scope));
    let by_name = state.config.service_user_administrators.contains(&caller.name()) && caller.has_scope("uid");
    if by_scope || by_name || administration::is_administrator(state, caller) {
        return Ok(());
    }
    let needed = scopes.join(" or ");
    let error = Error::forbidden(format!(
        "Forbidden: the scope {needed} is needed, or a name among the configured callers."
    ));
    Err(refused(state, caller, action, subject, error).await)
}

fn grace(state: &State) -> i64 {
    state.config.credential_grace_seconds.max(MIN_GRACE) * 1000
}

fn unknown() -> Error {
    Error::not_found("There is no such service user.")
}

fn unknown_transaction() -> Error {
    Error::not_found("There is no such transaction, or it has expired.")
}

fn answer(message: &str, client_id: Option<String>) -> Json<ServiceUserAnswer> {
    Json(ServiceUserAnswer {
        code: 200,
        message: message.to_owned(),
        reason: String::new(),
        client_id,
    })
}

/// The realms that clients can be in.
#[utoipa::path(get, path = "/realms", tag = "Service users",
    responses((status = 200, body = Vec<RealmName>), Failures))]
async fn realms(Shared(state): Shared<State>, caller: Authenticated) -> Result<Json<Vec<RealmName>>, Error> {
    authorise(&state, &caller, &[READ, WRITE], "realm.listed", "realms").await?;
    Ok(Json(
        state
            .realms
            .names()
            .map(|name| RealmName {
                id: name.trim_start_matches('/').to_owned(),
            })
            .collect(),
    ))
}

/// The names of all service users.
#[utoipa::path(get, path = "/services", tag = "Service users",
    responses((status = 200, body = Vec<ServiceUserId>), Failures))]
async fn list(Shared(state): Shared<State>, caller: Authenticated) -> Result<Json<Vec<ServiceUserId>>, Error> {
    authorise(&state, &caller, &[READ, WRITE], "service_user.listed", "services").await?;
    Ok(Json(service_users::list(state.store.connection()).await?))
}

/// A service user.
#[utoipa::path(get, path = "/services/{id}", tag = "Service users", params(("id" = String, Path)),
    responses((status = 200, body = ServiceUser), Failures))]
async fn get(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(id): Path<String>,
) -> Result<Json<ServiceUser>, Error> {
    authorise(&state, &caller, &[READ, WRITE], "service_user.read", &id).await?;
    Ok(Json(
        service_users::find(state.store.connection(), &id)
            .await?
            .ok_or_else(unknown)?,
    ))
}

/// Makes a service user or changes its configuration. A second time it changes nothing; passwords and secrets stay.
#[utoipa::path(put, path = "/services/{id}", tag = "Service users", params(("id" = String, Path)),
    request_body = ServiceUserWrite, responses((status = 200, body = ServiceUserAnswer), Failures))]
async fn put(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(id): Path<String>,
    Json(wanted): Json<ServiceUserWrite>,
) -> Result<Json<ServiceUserAnswer>, Error> {
    authorise(&state, &caller, &[WRITE], "service_user.changed", &id).await?;
    same_id(&id, Some(&wanted.id))?;
    let write = state.store.write().await?;
    let author = author(&state, &caller);
    let (client_id, change) = service_users::put(write.transaction(), &state.realms, &wanted, &author).await?;
    if let Some(change) = change {
        write.commit(changed(&caller, &change)).await?;
    }
    Ok(answer("The service user is as wanted.", Some(client_id)))
}

fn same_id(path: &str, body: Option<&String>) -> Result<(), Error> {
    match body {
        Some(body) if body != path => Err(Error::bad_request(format!(
            "id: is {body:?}, but the path says {path:?}"
        ))),
        _ => Ok(()),
    }
}

/// Removes a service user with its clients in all realms.
#[utoipa::path(delete, path = "/services/{id}", tag = "Service users", params(("id" = String, Path)),
    responses((status = 200, body = ServiceUserAnswer), Failures))]
async fn delete(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(id): Path<String>,
) -> Result<Json<ServiceUserAnswer>, Error> {
    authorise(&state, &caller, &[WRITE], "service_user.removed", &id).await?;
    let write = state.store.write().await?;
    if !service_users::delete(write.transaction(), &id).await? {
        return Err(unknown());
    }
    write.commit(changed(&caller, &removal("service_user", id))).await?;
    Ok(answer("The service user and its clients are gone.", None))
}

/// Makes a password, valid at once beside the old ones.
#[utoipa::path(post, path = "/services/{id}/password", tag = "Service users", params(("id" = String, Path)),
    request_body = Object, responses((status = 200, body = ServiceUserPassword), Failures))]
async fn new_password(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(id): Path<String>,
) -> Result<Json<ServiceUserPassword>, Error> {
    authorise(&state, &caller, &[WRITE], "service_user.password_added", &id).await?;
    let write = state.store.write().await?;
    let author = author(&state, &caller);
    let made = service_users::new_password(write.transaction(), &state.hasher, &id, &author).await?;
    let (made, changes) = made.ok_or_else(unknown)?;
    let details = json!({ "txid": made.txid });
    let event = done(&caller, "service_user.password_added", id, details);
    write.commit_with(changes, event).await?;
    Ok(Json(made))
}

/// Makes the older passwords expire after the grace.
#[utoipa::path(put, path = "/services/{id}/password", tag = "Service users", params(("id" = String, Path)),
    request_body = Commit, responses((status = 200, body = ServiceUserAnswer), Failures))]
async fn commit_password(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(id): Path<String>,
    Json(commit): Json<Commit>,
) -> Result<Json<ServiceUserAnswer>, Error> {
    authorise(&state, &caller, &[WRITE], "service_user.password_committed", &id).await?;
    let write = state.store.write().await?;
    let author = author(&state, &caller);
    let changes =
        service_users::commit_password(write.transaction(), &id, &commit.txid, grace(&state), &author).await?;
    let changes = changes.ok_or_else(unknown_transaction)?;
    let details = json!({ "txid": commit.txid });
    let event = done(&caller, "service_user.password_committed", id, details);
    write.commit_with(changes, event).await?;
    Ok(answer("The older passwords expire.", None))
}

/// Makes a client id with a secret, valid at once beside the old one, with the same configuration in every realm.
#[utoipa::path(post, path = "/services/{id}/client", tag = "Service users", params(("id" = String, Path)),
    request_body = ClientRotation, responses((status = 200, body = NewClient), Failures))]
async fn new_client(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(id): Path<String>,
    Json(rotation): Json<ClientRotation>,
) -> Result<Json<NewClient>, Error> {
    authorise(&state, &caller, &[WRITE], "service_user.client_added", &id).await?;
    same_id(&id, rotation.id.as_ref())?;
    let write = state.store.write().await?;
    let author = author(&state, &caller);
    let key = rotation.public_key.as_ref().map(usable).transpose()?;
    let made = service_users::new_client(write.transaction(), &state.hasher, &id, key, &author).await?;
    let (made, changes) = made.ok_or_else(unknown)?;
    let details = json!({ "txid": made.txid, "client_id": made.client_id, "key": key.map(|key| &key["kid"]) });
    let event = done(&caller, "service_user.client_added", id, details);
    write.commit_with(changes, event).await?;
    Ok(Json(made))
}

/// The public key, if signatures can be verified by it. A private one is refused: whoever sends it has given it away.
fn usable(key: &Value) -> Result<&Value, Error> {
    if key.get("d").is_some() {
        return Err(Error::bad_request(
            "public_key: is a private key; make another one, this one is known now",
        ));
    }
    match PublicKey::from_jwk(key) {
        Some(_) => Ok(key),
        None => Err(Error::bad_request(
            "public_key: is no JSON Web Key of P-256, P-384, RSA (2048 bits or more) or Ed25519",
        )),
    }
}

/// Makes the older clients expire after the grace.
#[utoipa::path(put, path = "/services/{id}/client", tag = "Service users", params(("id" = String, Path)),
    request_body = CommitClient, responses((status = 200, body = ServiceUserAnswer), Failures))]
async fn commit_client(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(id): Path<String>,
    Json(commit): Json<CommitClient>,
) -> Result<Json<ServiceUserAnswer>, Error> {
    authorise(&state, &caller, &[WRITE], "service_user.client_committed", &id).await?;
    same_id(&id, commit.id.as_ref())?;
    let which = match (&commit.txid, &commit.client_id) {
        (Some(txid), _) => Which::Transaction(txid),
        (None, Some(client_id)) => Which::ClientId(client_id),
        (None, None) => return Err(Error::bad_request("one of txid and client_id is needed")),
    };
    let write = state.store.write().await?;
    let author = author(&state, &caller);
    let current = service_users::commit_client(write.transaction(), &id, which, grace(&state), &author).await?;
    let (current, changes) = current.ok_or_else(unknown_transaction)?;
    let details = json!({ "txid": commit.txid, "client_id": current });
    let event = done(&caller, "service_user.client_committed", id, details);
    write.commit_with(changes, event).await?;
    Ok(answer("The older clients expire.", Some(current)))
}
