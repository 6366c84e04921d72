use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use secrecy::SecretString;
use serde_json::{Value, json};
use stups_api::identity::{NewPassword, Page, Password, User, UserPatch};
use stups_server::{Authenticated, Error, Json, Path, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;
use crate::model::entity::{password, user};
use crate::model::passwords::{self, check_imported};
use crate::model::ssh_keys::format_time;
use crate::model::users::User as Known;
use crate::model::users::change::{self, Replace, fingerprint, new_password};
use crate::model::write::{Invalid, WriteError, removal};
use crate::routes::common::{
    Failures, Paging, administrator, author, changed, check_version, done, managed_realm, page_of, partial, whole,
    with_version,
};

/// The shortest password that somebody may choose, in characters (NIST SP 800-63B).
const MIN_PASSWORD: usize = 8;

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list_users))
        .routes(routes!(get_user, put_user, patch_user, delete_user))
        .routes(routes!(add_password))
        .routes(routes!(delete_password))
}

type Names = Path<(String, String)>;

/// The users of a realm.
#[utoipa::path(get, path = "/raw-sync/users/{realm}", tag = "Users",
    params(("realm" = String, Path), Paging), responses((status = 200, body = Page<User>), Failures))]
async fn list_users(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(realm): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<User>>, Error> {
    let realm = managed_realm(&state, &realm)?;
    administrator(&state, &caller, "user.listed", &realm).await?;
    let limit = paging.limit()?;
    let mut query = user::Entity::find()
        .filter(user::Column::Realm.eq(&realm))
        .order_by_asc(user::Column::Uid);
    if let Some(after) = &paging.after {
        query = query.filter(user::Column::Uid.gt(after));
    }
    let rows = query
        .limit(limit + 1)
        .all(state.store.connection())
        .await
        .map_err(stups_store::Error::from)?;
    let (rows, next) = page_of(rows, limit, |row| &row.uid);
    let items = rows
        .into_iter()
        .map(|row| wire(row, Vec::new()))
        .collect::<Result<_, _>>()?;
    Ok(Json(Page { items, next }))
}

/// A user, without hashes.
#[utoipa::path(get, path = "/raw-sync/users/{realm}/{id}", tag = "Users",
    params(("realm" = String, Path), ("id" = String, Path)), responses((status = 200, body = User), Failures))]
async fn get_user(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, id)): Names,
) -> Result<Response, Error> {
    let realm = managed_realm(&state, &realm)?;
    administrator(&state, &caller, "user.read", &format!("{realm}/{id}")).await?;
    let (row, passwords) = load(state.store.connection(), &realm, &id).await?.ok_or_else(unknown)?;
    let version = row.version;
    Ok(with_version(wire(row, passwords)?, version))
}

/// Makes a user, or replaces all fields and passwords.
#[utoipa::path(put, path = "/raw-sync/users/{realm}/{id}", tag = "Users",
    params(("realm" = String, Path), ("id" = String, Path)), request_body = UserPatch,
    responses((status = 200, description = "It is as wanted"), Failures))]
async fn put_user(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, id)): Names,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<StatusCode, Error> {
    let realm = managed_realm(&state, &realm)?;
    administrator(&state, &caller, "user.changed", &format!("{realm}/{id}")).await?;
    let patch: UserPatch = whole(body)?;
    write(&state, &caller, (&realm, &id), &headers, patch.complete(), true).await
}

/// Changes the fields that are given.
#[utoipa::path(patch, path = "/raw-sync/users/{realm}/{id}", tag = "Users",
    params(("realm" = String, Path), ("id" = String, Path)),
    request_body(content((UserPatch = "application/json"), (UserPatch = "application/merge-patch+json"))),
    responses((status = 200, description = "It is as wanted"), Failures))]
async fn patch_user(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, id)): Names,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<StatusCode, Error> {
    let realm = managed_realm(&state, &realm)?;
    administrator(&state, &caller, "user.changed", &format!("{realm}/{id}")).await?;
    let patch = partial(&headers, body)?;
    write(&state, &caller, (&realm, &id), &headers, patch, false).await
}

async fn write(
    state: &State,
    caller: &Authenticated,
    (realm, id): (&str, &str),
    headers: &HeaderMap,
    patch: UserPatch,
    may_create: bool,
) -> Result<StatusCode, Error> {
    let write = state.store.write().await?;
    let current = load(write.transaction(), realm, id).await?;
    if current.is_none() && !may_create {
        return Err(unknown());
    }
    check_version(headers, current.as_ref().map(|(row, _)| row.version))?;
    let passwords: Vec<&password::Model> = current.iter().flat_map(|(_, passwords)| passwords).collect();
    let current = current.as_ref().map(|(row, _)| (row, passwords.as_slice()));
    let author = author(state, caller);
    let change = change::put(write.transaction(), current, (realm, id), patch, Replace::All, &author).await?;
    if let Some(change) = change {
        write.commit(changed(caller, &change)).await?;
    }
    Ok(StatusCode::OK)
}

/// Removes a user with its passwords and keys.
#[utoipa::path(delete, path = "/raw-sync/users/{realm}/{id}", tag = "Users",
    params(("realm" = String, Path), ("id" = String, Path)), responses((status = 200, description = "It is gone"), Failures))]
async fn delete_user(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, id)): Names,
    headers: HeaderMap,
) -> Result<StatusCode, Error> {
    let realm = managed_realm(&state, &realm)?;
    let subject = format!("{realm}/{id}");
    administrator(&state, &caller, "user.removed", &subject).await?;
    let write = state.store.write().await?;
    let row = find(write.transaction(), &realm, &id).await?.ok_or_else(unknown)?;
    check_version(&headers, Some(row.version))?;
    let deleted = user::Entity::delete_by_id((realm, id)).exec(write.transaction()).await;
    deleted.map_err(stups_store::Error::from)?;
    write.commit(changed(&caller, &removal("user", subject))).await?;
    Ok(StatusCode::OK)
}

/// Adds a password; the earlier ones stay unless they are to be replaced.
#[utoipa::path(post, path = "/raw-sync/users/{realm}/{id}/password", tag = "Users",
    params(("realm" = String, Path), ("id" = String, Path)), request_body = NewPassword,
    responses((status = 201, description = "It is good now"), Failures))]
async fn add_password(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, id)): Names,
    Json(body): Json<NewPassword>,
) -> Result<Response, Error> {
    let realm = managed_realm(&state, &realm)?;
    let subject = format!("{realm}/{id}");
    administrator(&state, &caller, "password.added", &subject).await?;
    // The hash is made before the write begins: it takes longer than anybody should hold the database.
    let (hash, source) = hash(&state, &body).await?;
    let write = state.store.write().await?;
    find(write.transaction(), &realm, &id).await?.ok_or_else(unknown)?;
    if body.replace {
        let delete = password::Entity::delete_many()
            .filter(password::Column::Realm.eq(&realm))
            .filter(password::Column::Uid.eq(&id));
        delete
            .exec(write.transaction())
            .await
            .map_err(stups_store::Error::from)?;
    }
    let row = new_password(&realm, &id, source, hash, &author(&state, &caller));
    let details = json!({ "id": row.id, "replaced": body.replace });
    change::insert_passwords(write.transaction(), vec![row]).await?;
    write.commit(done(&caller, "password.added", subject, details)).await?;
    Ok(StatusCode::CREATED.into_response())
}

async fn hash(state: &State, body: &NewPassword) -> Result<(String, Option<String>), Error> {
    match (&body.password_hash, &body.password) {
        (Some(hash), None) => {
            let checked = check_imported(hash).map_err(|error| Invalid::new("password_hash", error.to_string()));
            checked.map_err(WriteError::from)?;
            Ok((hash.clone(), Some(fingerprint(hash))))
        }
        (None, Some(password)) => {
            let length = password.chars().count();
            if length < MIN_PASSWORD || password.len() > passwords::MAX_PASSWORD_BYTES {
                let bound = passwords::MAX_PASSWORD_BYTES;
                return Err(Error::bad_request(format!(
                    "password: has {length} characters; at least {MIN_PASSWORD} characters and at most {bound} bytes are allowed"
                )));
            }
            Ok((
                passwords::hash(&state.hasher, &SecretString::from(password.as_str())).await?,
                None,
            ))
        }
        _ => Err(Error::bad_request("one of password_hash and password is needed")),
    }
}

/// Removes one password.
#[utoipa::path(delete, path = "/raw-sync/users/{realm}/{id}/password/{password}", tag = "Users",
    params(("realm" = String, Path), ("id" = String, Path), ("password" = String, Path)),
    responses((status = 200, description = "It is good no more"), Failures))]
async fn delete_password(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((realm, id, password)): Path<(String, String, String)>,
) -> Result<StatusCode, Error> {
    let realm = managed_realm(&state, &realm)?;
    let subject = format!("{realm}/{id}");
    administrator(&state, &caller, "password.removed", &subject).await?;
    let write = state.store.write().await?;
    let delete = password::Entity::delete_many()
        .filter(password::Column::Id.eq(&password))
        .filter(password::Column::Realm.eq(&realm))
        .filter(password::Column::Uid.eq(&id));
    let deleted = delete
        .exec(write.transaction())
        .await
        .map_err(stups_store::Error::from)?;
    if deleted.rows_affected == 0 {
        return Err(Error::not_found("There is no such password."));
    }
    write
        .commit(done(&caller, "password.removed", subject, json!({ "id": password })))
        .await?;
    Ok(StatusCode::OK)
}

pub(super) fn unknown() -> Error {
    Error::oauth(StatusCode::NOT_FOUND, "not_found", "There is no such user.")
}

pub(super) async fn find(
    connection: &impl ConnectionTrait,
    realm: &str,
    id: &str,
) -> Result<Option<user::Model>, stups_store::Error> {
    Ok(user::Entity::find_by_id((realm.to_owned(), id.to_owned()))
        .one(connection)
        .await?)
}

async fn load(
    connection: &impl ConnectionTrait,
    realm: &str,
    id: &str,
) -> Result<Option<(user::Model, Vec<password::Model>)>, stups_store::Error> {
    let Some(row) = find(connection, realm, id).await? else {
        return Ok(None);
    };
    let passwords = password::Entity::find()
        .filter(password::Column::Realm.eq(realm))
        .filter(password::Column::Uid.eq(id))
        .order_by_asc(password::Column::CreatedAt)
        .all(connection)
        .await?;
    Ok(Some((row, passwords)))
}

fn wire(row: user::Model, passwords: Vec<password::Model>) -> Result<User, stups_store::Error> {
    let (created_at, modified_at) = (format_time(row.created_at), format_time(row.modified_at));
    let (created_by, last_modified_by) = (row.created_by.clone(), row.modified_by.clone());
    let known = Known::try_from(row)?;
    Ok(User {
        realm: known.realm,
        id: known.uid,
        name: known.name,
        email: known.email,
        disabled: known.disabled,
        scopes: known.scopes,
        passwords: passwords.into_iter().map(wire_password).collect(),
        created_at,
        created_by,
        last_modified_at: modified_at,
        last_modified_by,
    })
}

fn wire_password(row: password::Model) -> Password {
    let algorithm = row.hash.trim_start_matches('$').split('$').next().unwrap_or_default();
    Password {
        algorithm: if algorithm.starts_with('2') {
            "bcrypt".to_owned()
        } else {
            algorithm.to_owned()
        },
        id: row.id,
        created_at: format_time(row.created_at),
        created_by: row.created_by,
        last_used_at: row.last_used_at.map(format_time),
        expires_at: row.expires_at.map(format_time),
    }
}
