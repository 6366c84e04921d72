use axum::extract::State as Shared;
use serde_json::{Value, json};
use stups_server::{Authenticated, Error};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::State;
use crate::model::{teams, users};

/// User info (OpenID Connect Core 5.3).
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(userinfo, userinfo_by_post))
}

/// Says who the user of the token is; the token needs the scope `openid`.
#[utoipa::path(
    get,
    path = "/oauth2/userinfo",
    tag = "OpenID Connect",
    responses(
        (status = 200, description = "Claims about the user", body = Object),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The token does not have the scope `openid`"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn userinfo(Shared(state): Shared<State>, caller: Authenticated) -> Result<axum::Json<Value>, Error> {
    answer(&state, &caller).await
}

/// The same by POST.
#[utoipa::path(
    post,
    path = "/oauth2/userinfo",
    tag = "OpenID Connect",
    responses(
        (status = 200, description = "Claims about the user", body = Object),
        (status = 401, description = "The token is missing or not valid"),
        (status = 403, description = "The token does not have the scope `openid`"),
        (status = 503, description = "The database is unavailable"),
    )
)]
async fn userinfo_by_post(Shared(state): Shared<State>, caller: Authenticated) -> Result<axum::Json<Value>, Error> {
    answer(&state, &caller).await
}

async fn answer(state: &State, caller: &Authenticated) -> Result<axum::Json<Value>, Error> {
    caller.require_scope("openid")?;
    let mut claims = json!({ "sub": caller.uid, "preferred_username": caller.uid, "realm": caller.realm });
    let connection = state.store.connection();
    claims["groups"] = json!(teams::of_user(connection, &caller.realm, &caller.uid).await?);
    if let Some(user) = users::find(connection, &caller.realm, &caller.uid).await? {
        if let Some(name) = user.name {
            claims["name"] = json!(name);
        }
        if let Some(email) = user.email {
            claims["email"] = json!(email);
        }
    }
    Ok(axum::Json(claims))
}
