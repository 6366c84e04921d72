use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use stups_api::identity::{Client, ClientPatch, ClientSecret, Page};
use stups_server::{Authenticated, Error, Json, Path, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;
use crate::model::clients::{Client as Known, change};
use crate::model::entity::client;
use crate::model::passwords;
use crate::model::ssh_keys::format_time;
use crate::model::write::removal;
use crate::routes::common::{
    Failures, Paging, administrator, author, changed, check_version, done, page_of, partial, realm, whole, with_version,
};

pub(super) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list_clients))
        .routes(routes!(get_client, put_client, patch_client, delete_client))
        .routes(routes!(new_secret))
}

type Names = Path<(String, String)>;

/// The clients of a realm.
#[utoipa::path(get, path = "/raw-sync/clients/{realm}", tag = "Clients",
    params(("realm" = String, Path), Paging), responses((status = 200, body = Page<Client>), Failures))]
async fn list_clients(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(name): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<Client>>, Error> {
    let realm = realm(&state, &name)?;
    administrator(&state, &caller, "client.listed", &realm).await?;
    let limit = paging.limit()?;
    let mut query = client::Entity::find()
        .filter(client::Column::Realm.eq(&realm))
        .order_by_asc(client::Column::Id);
    if let Some(after) = &paging.after {
        query = query.filter(client::Column::Id.gt(after));
    }
    let rows = query
        .limit(limit + 1)
        .all(state.store.connection())
        .await
        .map_err(stups_store::Error::from)?;
    let (rows, next) = page_of(rows, limit, |row| &row.id);
    let items = rows.into_iter().map(wire).collect::<Result<_, _>>()?;
    Ok(Json(Page { items, next }))
}

/// A client, without its secret.
#[utoipa::path(get, path = "/raw-sync/clients/{realm}/{id}", tag = "Clients",
    params(("realm" = String, Path), ("id" = String, Path)), responses((status = 200, body = Client), Failures))]
async fn get_client(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((name, id)): Names,
) -> Result<Response, Error> {
    let realm = realm(&state, &name)?;
    administrator(&state, &caller, "client.read", &format!("{realm}/{id}")).await?;
    let row = find(state.store.connection(), &realm, &id).await?.ok_or_else(unknown)?;
    let version = row.version;
    Ok(with_version(wire(row)?, version))
}

/// Makes a client, or replaces all its fields.
#[utoipa::path(put, path = "/raw-sync/clients/{realm}/{id}", tag = "Clients",
    params(("realm" = String, Path), ("id" = String, Path)), request_body = ClientPatch,
    responses((status = 200, description = "It is as wanted"), Failures))]
async fn put_client(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((name, id)): Names,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<StatusCode, Error> {
    let realm = realm(&state, &name)?;
    administrator(&state, &caller, "client.changed", &format!("{realm}/{id}")).await?;
    let patch: ClientPatch = whole(body)?;
    write(&state, &caller, (&realm, &id), &headers, patch.complete(), true).await
}

/// Changes the fields that are given.
#[utoipa::path(patch, path = "/raw-sync/clients/{realm}/{id}", tag = "Clients",
    params(("realm" = String, Path), ("id" = String, Path)),
    request_body(content((ClientPatch = "application/json"), (ClientPatch = "application/merge-patch+json"))),
    responses((status = 200, description = "It is as wanted"), Failures))]
async fn patch_client(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((name, id)): Names,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Result<StatusCode, Error> {
    let realm = realm(&state, &name)?;
    administrator(&state, &caller, "client.changed", &format!("{realm}/{id}")).await?;
    let patch = partial(&headers, body)?;
    write(&state, &caller, (&realm, &id), &headers, patch, false).await
}

async fn write(
    state: &State,
    caller: &Authenticated,
    (realm, id): (&str, &str),
    headers: &HeaderMap,
    patch: ClientPatch,
    may_create: bool,
) -> Result<StatusCode, Error> {
    let write = state.store.write().await?;
    let current = find(write.transaction(), realm, id).await?;
    if current.is_none() && !may_create {
        return Err(unknown());
    }
    check_version(headers, current.as_ref().map(|row| row.version))?;
    let author = author(state, caller);
    let change = change::put(write.transaction(), current.as_ref(), (realm, id), patch, &author).await?;
    if let Some(change) = change {
        write.commit(changed(caller, &change)).await?;
    }
    Ok(StatusCode::OK)
}

/// Removes a client.
#[utoipa::path(delete, path = "/raw-sync/clients/{realm}/{id}", tag = "Clients",
    params(("realm" = String, Path), ("id" = String, Path)), responses((status = 200, description = "It is gone"), Failures))]
async fn delete_client(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((name, id)): Names,
    headers: HeaderMap,
) -> Result<StatusCode, Error> {
    let realm = realm(&state, &name)?;
    let subject = format!("{realm}/{id}");
    administrator(&state, &caller, "client.removed", &subject).await?;
    let write = state.store.write().await?;
    let row = find(write.transaction(), &realm, &id).await?.ok_or_else(unknown)?;
    check_version(&headers, Some(row.version))?;
    let deleted = client::Entity::delete_by_id((realm, id))
        .exec(write.transaction())
        .await;
    deleted.map_err(stups_store::Error::from)?;
    write.commit(changed(&caller, &removal("client", subject))).await?;
    Ok(StatusCode::OK)
}

/// Gives a client a new secret, which is said only now. The old one is good no more.
#[utoipa::path(post, path = "/raw-sync/clients/{realm}/{id}/secret", tag = "Clients",
    params(("realm" = String, Path), ("id" = String, Path)), responses((status = 200, body = ClientSecret), Failures))]
async fn new_secret(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((name, id)): Names,
) -> Result<Json<ClientSecret>, Error> {
    let realm = realm(&state, &name)?;
    let subject = format!("{realm}/{id}");
    administrator(&state, &caller, "client.secret_changed", &subject).await?;
    let (secret, hash) = passwords::generate(&state.hasher);
    let write = state.store.write().await?;
    let row = find(write.transaction(), &realm, &id).await?.ok_or_else(unknown)?;
    if !row.confidential {
        return Err(Error::bad_request("The client is not confidential: it has no secret."));
    }
    let author = author(&state, &caller);
    let update = client::Entity::update_many()
        .col_expr(client::Column::SecretHash, Expr::value(hash))
        .col_expr(client::Column::SecretSource, Expr::value(Option::<String>::None))
        .col_expr(client::Column::Version, Expr::value(row.version + 1))
        .col_expr(client::Column::ModifiedAt, Expr::value(author.now))
        .col_expr(client::Column::ModifiedBy, Expr::value(author.name))
        .filter(client::Column::Realm.eq(&realm))
        .filter(client::Column::Id.eq(&id));
    update
        .exec(write.transaction())
        .await
        .map_err(stups_store::Error::from)?;
    write
        .commit(done(&caller, "client.secret_changed", subject, json!({})))
        .await?;
    Ok(Json(ClientSecret {
        client_id: id,
        client_secret: secret.expose_secret().to_owned(),
    }))
}

fn unknown() -> Error {
    Error::oauth(StatusCode::NOT_FOUND, "not_found", "There is no such client.")
}

async fn find(
    connection: &impl ConnectionTrait,
    realm: &str,
    id: &str,
) -> Result<Option<client::Model>, stups_store::Error> {
    Ok(client::Entity::find_by_id((realm.to_owned(), id.to_owned()))
        .one(connection)
        .await?)
}

fn wire(row: client::Model) -> Result<Client, stups_store::Error> {
    let (created_at, last_modified_at) = (format_time(row.created_at), format_time(row.modified_at));
    let (created_by, last_modified_by) = (row.created_by.clone(), row.modified_by.clone());
    let has_secret = row.secret_hash.is_some();
    let known = Known::try_from(row)?;
    Ok(Client {
        realm: known.realm,
        id: known.id,
        name: known.name,
        description: known.description,
        image_uri: known.image_uri,
        homepage_url: known.homepage_url,
        is_confidential: known.confidential,
        has_secret,
        scopes: known.scopes,
        default_scopes: known.default_scopes,
        redirect_uris: known.redirect_uris,
        owner: known.owner,
        grants: known.grants.list(),
        token_profile: known.token_profile,
        extra_claims: known.extra_claims,
        audience: known.audience,
        jwks: known.jwks,
        created_at,
        created_by,
        last_modified_at,
        last_modified_by,
    })
}
