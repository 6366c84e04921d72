//! `/teams` and `/teams/{team}/artifacts`

use stups_api::Problem;
use stups_server::{Error, Json, Path};

use crate::names::Repository;
use crate::principal::Principal;
use crate::routes::State;
use crate::{PierOne, sql};

/// Lists teams that have tags.
#[utoipa::path(
    get,
    path = "/teams",
    tag = "images",
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "Their ids, sorted", body = Vec<String>),
        (status = 401, description = "There is no valid token", body = Problem),
    )
)]
pub(super) async fn list(state: State, who: Principal) -> Result<Json<Vec<String>>, Error> {
    state.permissions.read(&who, true)?;
    let names = visible(&state, &who, "", "").await?;
    let mut teams: Vec<String> = names.iter().map(|name| name.team().to_owned()).collect();
    teams.dedup();
    Ok(Json(teams))
}

/// Lists artifacts of a team that have tags.
#[utoipa::path(
    get,
    path = "/teams/{team}/artifacts",
    tag = "images",
    params(("team" = String, Path, description = "The team")),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "Their names, sorted; none for a team that nobody knows", body = Vec<String>),
        (status = 401, description = "There is no valid token", body = Problem),
    )
)]
pub(super) async fn artifacts(
    state: State,
    who: Principal,
    Path(team): Path<String>,
) -> Result<Json<Vec<String>>, Error> {
    state.permissions.read(&who, true)?;
    let names = visible(&state, &who, &team, "").await?;
    Ok(Json(names.iter().map(|name| name.artifact().to_owned()).collect()))
}

/// Repositories with tags that the caller may pull, of one team or artifact unless they are empty, sorted.
pub(super) async fn visible(
    pierone: &PierOne,
    who: &Principal,
    team: &str,
    artifact: &str,
) -> Result<Vec<Repository>, Error> {
    let names = sql::texts(
        pierone.store.connection(),
        "SELECT name FROM repositories WHERE ($1 = '' OR team = $1) AND ($2 = '' OR artifact = $2)
         AND EXISTS (SELECT 1 FROM tags WHERE tags.repository = repositories.name) ORDER BY team, artifact",
        [team.into(), artifact.into()],
    )
    .await?;
    let names = names.iter().filter_map(|name| Repository::parse(name).ok());
    Ok(names.filter(|name| pierone.permissions.may_pull(who, name)).collect())
}
