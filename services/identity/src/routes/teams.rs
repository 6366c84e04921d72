//! The team service (contract identity 2.17, 2.19).

use axum::extract::State as Shared;
use serde::Deserialize;
use stups_api::identity::{Team, TeamOfUser, TeamPatch};
use stups_server::{Authenticated, Error, Json, Path, Query};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::common::{Failures, administrator, author, changed};
use crate::State;
use crate::model::teams;
use crate::model::write::{member_name, removal};

/// The routes, for callers with a valid token.
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list_teams))
        .routes(routes!(get_team, put_team, delete_team))
        .routes(routes!(list_memberships))
        .routes(routes!(teams_of_user))
}

/// Which teams are wanted.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Filter {
    /// Those of this person: a user name of `/employees`, or `/realm/uid`.
    member: Option<String>,
    /// With `user`: those of this user. Without, all.
    realm: Option<String>,
    /// With `realm`: those of this user. Without, all.
    user: Option<String>,
}

/// The teams, or those of one user.
#[utoipa::path(get, path = "/teams", tag = "Teams", params(Filter), responses((status = 200, body = Vec<Team>), Failures))]
async fn list_teams(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Query(filter): Query<Filter>,
) -> Result<Json<Vec<Team>>, Error> {
    caller.require_scope("uid")?;
    let user = match (&filter.member, &filter.realm, &filter.user) {
        (Some(member), _, _) => {
            Some(member_name("member", member).map_err(|invalid| Error::bad_request(invalid.to_string()))?)
        }
        (None, Some(realm), Some(user)) => Some((crate::realms::canonical(realm), user.clone())),
        _ => None,
    };
    let connection = state.store.connection();
    let Some((realm, uid)) = user else {
        return Ok(Json(teams::list(connection, None).await?));
    };
    let ids = teams::of_user(connection, &realm, &robot(&state, &realm, uid)).await?;
    Ok(Json(teams::list(connection, Some(&ids)).await?))
}

/// A service user is also known by its application's id: the prefix is added unless it is there.
fn robot(state: &State, realm: &str, uid: String) -> String {
    let prefix = &state.config.robot_prefix;
    if realm == "/services" && !uid.starts_with(prefix.as_str()) {
        format!("{prefix}{uid}")
    } else {
        uid
    }
}

/// A team, by its id, another name of it, or the name or id of an account of it.
#[utoipa::path(get, path = "/teams/{id}", tag = "Teams", params(("id" = String, Path)),
    responses((status = 200, body = Team), Failures))]
async fn get_team(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(id): Path<String>,
) -> Result<Json<Team>, Error> {
    caller.require_scope("uid")?;
    let team = teams::find(state.store.connection(), &id).await?;
    Ok(Json(team.ok_or_else(|| Error::not_found("There is no such team."))?))
}

/// Makes a team, or changes the fields that are given; for administrators.
#[utoipa::path(put, path = "/teams/{id}", tag = "Teams", params(("id" = String, Path)), request_body = TeamPatch,
    responses((status = 200, body = Team), Failures))]
async fn put_team(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(id): Path<String>,
    Json(patch): Json<TeamPatch>,
) -> Result<Json<Team>, Error> {
    administrator(&state, &caller, "team.changed", &id).await?;
    let write = state.store.write().await?;
    let current = teams::current(write.transaction(), Some(&id)).await?;
    let author = author(&state, &caller);
    let change = teams::put(write.transaction(), current.get(&id), &id, patch, &author).await?;
    let team = teams::list(write.transaction(), Some(std::slice::from_ref(&id)))
        .await?
        .pop();
    if let Some(change) = change {
        write.commit(changed(&caller, &change)).await?;
    }
    Ok(Json(team.ok_or_else(Error::internal)?))
}

/// Removes a team; its accounts have no team then. For administrators.
#[utoipa::path(delete, path = "/teams/{id}", tag = "Teams", params(("id" = String, Path)),
    responses((status = 200, description = "It is gone"), Failures))]
async fn delete_team(Shared(state): Shared<State>, caller: Authenticated, Path(id): Path<String>) -> Result<(), Error> {
    administrator(&state, &caller, "team.removed", &id).await?;
    let write = state.store.write().await?;
    if !teams::delete(write.transaction(), &id).await? {
        return Err(Error::not_found("There is no such team."));
    }
    write.commit(changed(&caller, &removal("team", id))).await?;
    Ok(())
}

/// Who is in which team.
#[utoipa::path(get, path = "/user", tag = "Teams", responses((status = 200, body = Vec<TeamOfUser>), Failures))]
async fn list_memberships(Shared(state): Shared<State>, caller: Authenticated) -> Result<Json<Vec<TeamOfUser>>, Error> {
    caller.require_scope("uid")?;
    Ok(Json(teams::memberships(state.store.connection()).await?))
}

/// The teams of a person.
#[utoipa::path(get, path = "/user/{uid}", tag = "Teams", params(("uid" = String, Path)),
    responses((status = 200, body = Vec<Team>), Failures))]
async fn teams_of_user(
    Shared(state): Shared<State>,
    caller: Authenticated,
    Path(uid): Path<String>,
) -> Result<Json<Vec<Team>>, Error> {
    caller.require_scope("uid")?;
    let ids = teams::of_user(state.store.connection(), "/employees", &uid).await?;
    Ok(Json(teams::list(state.store.connection(), Some(&ids)).await?))
}
