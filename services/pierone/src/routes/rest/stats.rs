//! `/stats`

use sea_orm::FromQueryResult;
use serde::Serialize;
use stups_api::Problem;
use stups_api::pierone::{Stats, TeamStats};
use stups_server::{Error, Json, Path};

use crate::principal::Principal;
use crate::routes::State;
use crate::sql;

/// A team and how much it has.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct TeamEntry {
    team: String,
    stats: TeamStats,
}

#[derive(FromQueryResult)]
struct Row {
    team: String,
    artifacts: i64,
    tags: i64,
}

const OF_TEAMS: &str = "SELECT r.team, COUNT(DISTINCT r.name) AS artifacts, COUNT(*) AS tags
    FROM repositories r JOIN tags t ON t.repository = r.name WHERE ($1 = '' OR r.team = $1) GROUP BY r.team ORDER BY r.team";

/// Tells how much there is.
#[utoipa::path(
    get,
    path = "/stats",
    tag = "statistics",
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "How much there is", body = Stats),
        (status = 401, description = "There is no valid token", body = Problem),
    )
)]
pub(super) async fn all(state: State, who: Principal) -> Result<Json<Stats>, Error> {
    state.permissions.read(&who, false)?;
    let connection = state.store.connection();
    let teams = sql::number(
        connection,
        "SELECT COUNT(DISTINCT r.team) FROM repositories r JOIN tags t ON t.repository = r.name",
        [],
    )
    .await?;
    let storage = sql::number(
        connection,
        "SELECT CAST(SUM(size) AS BIGINT) FROM blobs WHERE collecting IS NULL",
        [],
    )
    .await?;
    Ok(Json(Stats {
        teams: teams.unwrap_or_default(),
        storage,
    }))
}

/// Tells how much each team has.
#[utoipa::path(
    get,
    path = "/stats/teams",
    tag = "statistics",
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "The teams that have tags", body = Vec<TeamEntry>),
        (status = 401, description = "There is no valid token", body = Problem),
    )
)]
pub(super) async fn teams(state: State, who: Principal) -> Result<Json<Vec<TeamEntry>>, Error> {
    state.permissions.read(&who, false)?;
    let rows: Vec<Row> = sql::rows(state.store.connection(), OF_TEAMS, ["".into()]).await?;
    let entries = rows.into_iter().map(|row| TeamEntry {
        team: row.team,
        stats: TeamStats {
            artifacts: row.artifacts,
            tags: row.tags,
        },
    });
    Ok(Json(entries.collect()))
}

/// Tells how much one team has.
#[utoipa::path(
    get,
    path = "/stats/teams/{team}",
    tag = "statistics",
    params(("team" = String, Path, description = "The team")),
    security(("oauth2" = ["uid"])),
    responses(
        (status = 200, description = "How much it has; nothing, if nobody knows it", body = TeamStats),
        (status = 401, description = "There is no valid token", body = Problem),
    )
)]
pub(super) async fn team(state: State, who: Principal, Path(team): Path<String>) -> Result<Json<TeamStats>, Error> {
    state.permissions.read(&who, false)?;
    let row: Option<Row> = sql::row(state.store.connection(), OF_TEAMS, [team.into()]).await?;
    Ok(Json(row.map_or(TeamStats { artifacts: 0, tags: 0 }, |row| TeamStats {
        artifacts: row.artifacts,
        tags: row.tags,
    })))
}
