//! Cloud accounts (contract identity 2.17, 2.19).

use axum::extract::State as Shared;
use serde::Deserialize;
use stups_api::identity::{Account, AccountPatch};
use stups_server::{Authenticated, Error, Json, Path, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::common::{Failures, administrator, author, changed};
use crate::State;
use crate::model::accounts;
use crate::model::write::{member_name, removal};

/// The routes, for callers with a valid token.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list_accounts))
        .routes(routes!(get_account, put_account, delete_account))
}

/// Which accounts are wanted.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Those of this person: a user name of `/employees`, or `/realm/uid`.
    member: Option<String>,
    /// The same.
    user: Option<String>,
    /// Where the member has this role.
    role: Option<String>,
}

/// The accounts of a kind, or those of one person. The services of old take their names for the person's teams.
#[utoipa::path(get, path = "/accounts/{type}", tag = "Accounts", params(("type" = String, Path), Filter),
    responses((status = 200, body = Vec<Account>), Failures))]
async fn list_accounts(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(kind): Path<String>,
    Query(filter): Query<Filter>,
) -> Result<Json<Vec<Account>>, Error> {
    caller.require_scope("uid")?;
    let member = filter
        .member
        .as_deref()
        .or(filter.user.as_deref())
        .map(|member| member_name("member", member));
    let member = member
        .transpose()
        .map_err(|invalid| Error::bad_request(invalid.to_string()))?;
    let wanted = accounts::Filter {
        id: None,
        member: member.as_ref().map(|(realm, uid)| (realm.as_str(), uid.as_str())),
        role: filter.role.as_deref(),
        synthetic: state.config.synthetic_team_accounts && kind == "aws",
    };
    Ok(Json(accounts::list(state.store.connection(), &kind, &wanted).await?))
}

/// An account.
#[utoipa::path(get, path = "/accounts/{type}/{id}", tag = "Accounts", params(("type" = String, Path), ("id" = String, Path)),
    responses((status = 200, body = Account), Failures))]
async fn get_account(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Json<Account>, Error> {
    caller.require_scope("uid")?;
    let wanted = accounts::Filter {
        id: Some(&id),
        ..accounts::Filter::default()
    };
    let account = accounts::list(state.store.connection(), &kind, &wanted).await?.pop();
    Ok(Json(account.ok_or_else(unknown)?))
}

/// Makes an account, or changes the fields that are given; for administrators.
#[utoipa::path(put, path = "/accounts/{type}/{id}", tag = "Accounts", params(("type" = String, Path), ("id" = String, Path)),
    request_body = AccountPatch, responses((status = 200, body = Account), Failures))]
async fn put_account(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((kind, id)): Path<(String, String)>,
    Json(patch): Json<AccountPatch>,
) -> Result<Json<Account>, Error> {
    administrator(&state, &caller, "account.changed", &format!("{kind}/{id}")).await?;
    let write = state.store.write().await?;
    let current = accounts::current(write.transaction(), Some((&kind, &id))).await?;
    let current = current.into_values().next();
    let author = author(&state, &caller);
    let change = accounts::put(write.transaction(), current.as_ref(), (&kind, &id), patch, &author).await?;
    let wanted = accounts::Filter {
        id: Some(&id),
        ..accounts::Filter::default()
    };
    let account = accounts::list(write.transaction(), &kind, &wanted).await?.pop();
    if let Some(change) = change {
        write.commit(changed(&caller, &change)).await?;
    }
    Ok(Json(account.ok_or_else(Error::internal)?))
}

/// Removes an account; for administrators.
#[utoipa::path(delete, path = "/accounts/{type}/{id}", tag = "Accounts",
    params(("type" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "It is gone"), Failures))]
async fn delete_account(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path((kind, id)): Path<(String, String)>,
) -> Result<(), Error> {
    let subject = format!("{kind}/{id}");
    administrator(&state, &caller, "account.removed", &subject).await?;
    let write = state.store.write().await?;
    if !accounts::delete(write.transaction(), &kind, &id).await? {
        return Err(unknown());
    }
    write.commit(changed(&caller, &removal("account", subject))).await?;
    Ok(())
}

fn unknown() -> Error {
    Error::not_found("There is no such account.")
}
